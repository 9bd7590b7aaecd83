//! Loads and stores by the host's MMU: a site of one instruction, and what is done when it faults.
//!
//! The host's `gs` lies at virtual address 0 of the window ([`crate::vpagetable`]). No address outside of it is accessed: the
//! slack of a register ([`crate::jit::bases`]) is 512 KiB at most, with the immediate and the size it is less than a
//! megabyte, and that much lies at either end of the window, where nothing is mapped. To come to its end an access, or what
//! is done instead of it, must be by an Sv39 address.

use dynasm::dynasm;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};

use super::emitter::Emitter;
use super::lookup::{Otherwise, Reach};
use super::memory::Access;
use super::registers::{field, RAX};
use crate::hart::layout;
use crate::isa::Op;
use crate::jit::arena::Offset;
use crate::jit::bases::Bases;
use crate::jit::sites::Site;
use crate::jit::Span;

/// Prefix of an instruction that accesses memory at `gs`.
const GS: u8 = 0x65;
/// A jump, and no site is shorter.
const JUMP: u8 = 0xe9;
const JUMP_SIZE: usize = 5;

/// What a region that uses windows knows.
pub(super) struct Window {
    /// Whether most addresses are negative. All are allowed, but some are checked quicker.
    pub negative: bool,
    /// Registers that hold addresses there, and at the current operation.
    pub at_start: Vec<Bases>,
    pub now: Bases,
    /// By rising address; offsets into the code.
    pub sites: Vec<Site>,
}

impl Emitter<'_> {
    /// Write `op`, which is `access`, if the region uses windows.
    pub fn windowed(&mut self, op: &Op, access: Access) -> bool {
        let Some(window) = &mut self.window else { return false };
        let (index, known) = (window.sites.len(), window.now.know(op.rs1));
        let (fail, back) = (self.side_exit(), self.asm.new_dynamic_label());
        let base = self.read(op.rs1, RAX);
        if !known {
            self.check(base, fail);
        }
        let value = self.before_access(op, access);
        let at = self.asm.offset().0;
        self.asm.push(GS);
        self.move_at(op, value, base, op.imm);
        while self.asm.offset().0 < at + JUMP_SIZE {
            dynasm!(self.asm; .arch x64; nop);
        }
        self.after_access(op, access, value);
        dynasm!(self.asm; .arch x64; =>back);
        let site = Site { at: at as Offset, fault: 0, lookup: 0, faults: 0 };
        self.sites().push(site);
        let op = *op;
        self.cold(move |e| {
            let stub = if access.store { e.stubs.fault_store } else { e.stubs.fault_load };
            e.sites()[index].fault = e.asm.offset().0 as Offset;
            e.virtual_address(op.rs1, op.imm);
            let span = Span::new(access.size as u16, Some(0)).to_bits() as i32;
            dynasm!(e.asm; .arch x64; mov edx, span; call extern stub; jle =>fail);
            e.load_window();
            e.sites()[index].lookup = e.asm.offset().0 as Offset;
            e.virtual_address(op.rs1, op.imm);
            e.check_in_full(RAX, fail);
            let whole = Reach { register: op.rs1, offset: op.imm, size: access.size, store: access.store };
            e.translate_or(whole, Otherwise { left: fail, trap: Some((fail, 0)) });
            e.access(&op, access, RAX, 0);
            dynasm!(e.asm; .arch x64; jmp =>back);
        });
        true
    }

    /// Let `gs` be the window that is selected, if the region uses it: on its ways in, and behind everything that may select
    /// another one. `rcx` is gone.
    pub fn load_window(&mut self) {
        if self.window.is_none() {
            return;
        }
        let (cold, back) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        dynasm!(self.asm
            ; .arch x64
            ; mov rcx, [rbp + field(layout::WINDOW)]
            ; cmp rcx, [rbp + field(layout::IN_USE)]
            ; jne =>cold
            ; =>back
        );
        self.cold(move |e| {
            dynasm!(e.asm; .arch x64; =>cold; mov [rbp + field(layout::IN_USE)], rcx; wrgsbase rcx; jmp =>back);
        });
    }

    /// Go on only if host register `base` holds an Sv39 address, else at `fail`. `rcx` is gone.
    fn check(&mut self, base: u8, fail: DynamicLabel) {
        let (cold, back) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        if self.window.as_ref().is_some_and(|window| window.negative) {
            dynasm!(self.asm; .arch x64; mov rcx, Rq(base); sar rcx, 38; cmp ecx, BYTE -1; jne =>cold; =>back);
        } else {
            dynasm!(self.asm; .arch x64; rorx rcx, Rq(base), 38; test ecx, 0x03ff_ffff; jnz =>cold; =>back);
        }
        self.cold(move |e| {
            dynasm!(e.asm; .arch x64; =>cold);
            e.check_in_full(base, fail);
            dynasm!(e.asm; .arch x64; jmp =>back);
        });
    }

    /// The same for addresses of any sign.
    fn check_in_full(&mut self, base: u8, fail: DynamicLabel) {
        // Bits 38 to 63 are all alike: -1 or 0.
        dynasm!(self.asm; .arch x64; mov rcx, Rq(base); sar rcx, 38; inc ecx; cmp ecx, BYTE 1; ja =>fail);
    }

    /// The registers that block `index` expects addresses in.
    pub fn expected(&self, index: usize) -> Vec<u8> {
        self.window.as_ref().map_or(Vec::new(), |window| window.at_start[index].known().collect())
    }

    /// Of those, what is not known at the current operation.
    pub fn lacking(&self, index: usize) -> Vec<u8> {
        self.window.as_ref().map_or(Vec::new(), |window| window.now.lack(&window.at_start[index]))
    }

    /// Go on only if integer register `guest` holds an address, else at `fail`. `rax` and `rcx` may be gone.
    pub fn check_address(&mut self, guest: u8, fail: DynamicLabel) {
        let base = self.read(guest, RAX);
        self.check(base, fail);
    }

    fn sites(&mut self) -> &mut Vec<Site> {
        &mut self.window.as_mut().expect("sites are written for windows").sites
    }
}

/// What a demoted site is overwritten with: a jump from `at` to `to`.
pub(in crate::jit) fn jump(at: Offset, to: Offset) -> [u8; JUMP_SIZE] {
    let displacement = to.wrapping_sub(at.wrapping_add(JUMP_SIZE as Offset)).to_le_bytes();
    [JUMP, displacement[0], displacement[1], displacement[2], displacement[3]]
}
