//! Access to the guest's integer registers, wherever the region has them.

use dynasm::dynasm;
use dynasmrt::DynasmApi;

use super::emitter::Emitter;
use super::registers::{memory, Place, RAX};
use crate::isa::{Op, SINK};

impl Emitter<'_> {
    pub fn exchanges(&self) -> bool {
        !self.allocation.exchanges.is_empty()
    }

    /// Let the pinned registers hold what they hold in this region. Leaves flags and scratch registers alone.
    pub fn exchange(&mut self) {
        for exchange in &self.allocation.exchanges {
            let (usual, own) = (memory(exchange.usual), memory(exchange.own));
            dynasm!(self.asm
                ; .arch x64
                ; mov [BYTE rbp + usual], Rq(exchange.host)
                ; mov Rq(exchange.host), [BYTE rbp + own]
            );
        }
    }

    /// Let the pinned registers hold what they hold elsewhere: in front of every way out. Leaves flags and scratch registers alone.
    pub fn restore(&mut self) {
        for exchange in &self.allocation.exchanges {
            let (usual, own) = (memory(exchange.usual), memory(exchange.own));
            dynasm!(self.asm
                ; .arch x64
                ; mov [BYTE rbp + own], Rq(exchange.host)
                ; mov Rq(exchange.host), [BYTE rbp + usual]
            );
        }
    }

    /// Extend those of `registers`, one bit each, that are narrow. Leaves flags and scratch registers alone.
    pub fn widen(&mut self, registers: u32) {
        let registers = self.known.narrow & registers;
        for guest in (1..32).filter(|guest| registers >> guest & 1 != 0) {
            let Place::Host(host) = self.place(guest) else { continue };
            dynasm!(self.asm; .arch x64; movsxd Rq(host), Rd(host));
        }
        self.known.narrow &= !registers;
    }

    pub fn widen_all(&mut self) {
        self.widen(u32::MAX);
    }

    /// `target` has the word that is the result of `op` in its lower half: extend it if need be.
    pub fn word_result(&mut self, op: &Op, target: u8) -> u8 {
        self.left_narrow = self.may_leave_narrow(op);
        if !self.left_narrow {
            dynasm!(self.asm; .arch x64; movsxd Rq(target), Rd(target));
        }
        target
    }

    /// Integer register `rd` of `op` is to become the word in `guest`; where that is to be written.
    pub fn copy_word(&mut self, op: &Op, guest: u8) -> u8 {
        let target = self.target(op.rd);
        if self.known.is_word(guest) && !self.known.is_narrow(guest) {
            self.load(guest, target);
            return target;
        }
        self.left_narrow = self.may_leave_narrow(op);
        match (self.place(guest), self.left_narrow) {
            (Place::Host(host), true) => dynasm!(self.asm; .arch x64; mov Rd(target), Rd(host)),
            (Place::Memory(at), true) => dynasm!(self.asm; .arch x64; mov Rd(target), [BYTE rbp + at]),
            (Place::Host(host), false) => dynasm!(self.asm; .arch x64; movsxd Rq(target), Rd(host)),
            (Place::Memory(at), false) => dynasm!(self.asm; .arch x64; movsxd Rq(target), DWORD [BYTE rbp + at]),
        }
        target
    }

    /// Whether the result of `op`, which is at hand, need not be extended.
    fn may_leave_narrow(&self, op: &Op) -> bool {
        matches!(self.place(op.rd), Place::Host(_)) && self.words.may_be_narrow(self.here.offset as usize / 2)
    }

    /// Where integer register `guest`, below 32, is.
    pub fn place(&self, guest: u8) -> Place {
        self.allocation.place(guest)
    }

    /// A host register that holds integer register `guest`: its own, or `scratch`, loaded.
    pub fn read(&mut self, guest: u8, scratch: u8) -> u8 {
        match self.place(guest) {
            Place::Host(host) => host,
            Place::Memory(_) => {
                self.load(guest, scratch);
                scratch
            }
        }
    }

    /// Load integer register `guest` into host register `into`.
    pub fn load(&mut self, guest: u8, into: u8) {
        match self.place(guest) {
            Place::Host(host) if host == into => {}
            Place::Host(host) => dynasm!(self.asm; .arch x64; mov Rq(into), Rq(host)),
            Place::Memory(_) if guest == 0 => dynasm!(self.asm; .arch x64; xor Rd(into), Rd(into)),
            Place::Memory(at) => dynasm!(self.asm; .arch x64; mov Rq(into), [BYTE rbp + at]),
        }
    }

    /// The host register in which to compute what integer register `rd` is to become; call [`Emitter::write`] then.
    pub fn target(&self, rd: u8) -> u8 {
        match self.place(rd) {
            Place::Host(host) => host,
            Place::Memory(_) => RAX,
        }
    }

    /// Make host register `from` the value of integer register `rd`.
    pub fn write(&mut self, rd: u8, from: u8) {
        match self.place(rd) {
            Place::Host(host) if host == from => {}
            Place::Host(host) => dynasm!(self.asm; .arch x64; mov Rq(host), Rq(from)),
            Place::Memory(at) if rd != SINK => dynasm!(self.asm; .arch x64; mov [BYTE rbp + at], Rq(from)),
            Place::Memory(_) => {}
        }
    }
}
