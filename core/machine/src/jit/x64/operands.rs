//! Access to the guest's integer registers, wherever the region has them.

use dynasm::dynasm;
use dynasmrt::DynasmApi;

use super::emitter::Emitter;
use super::registers::{memory, Place, RAX};
use crate::isa::SINK;

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
