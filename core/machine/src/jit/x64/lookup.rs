//! The look at the TLB in front of accesses, and what is done when it finds nothing.

use dynasm::dynasm;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};

use super::emitter::Emitter;
use super::registers::{field, Place, RAX};
use crate::hart::layout;
use crate::jit::Span;
use crate::vpagetable::{Entry, LOAD_ENTRIES};

/// log2 of the size of a TLB entry.
const ENTRY_SHIFT: u32 = size_of::<Entry>().trailing_zeros();
const _: () = assert!(size_of::<Entry>().is_power_of_two() && LOAD_ENTRIES.is_power_of_two());
/// Takes the place of an entry, in bytes, out of an address that was shifted right by 12 less [`ENTRY_SHIFT`].
const PLACE_MASK: i32 = ((LOAD_ENTRIES - 1) << ENTRY_SHIFT) as i32;
/// The bytes that are translated by one look.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    /// They lie at this integer register plus `offset`.
    pub register: u8,
    pub offset: i32,
    pub size: i32,
    pub store: bool,
}

/// Where to go on when bytes cannot be translated.
#[derive(Clone, Copy)]
pub(super) struct Otherwise {
    pub left: DynamicLabel,
    /// If the access at the byte that follows traps for that, which has to be the next instruction's.
    pub trap: Option<(DynamicLabel, u16)>,
}

impl Emitter<'_> {
    /// `rax` = host address of the `size` bytes at integer register `register` plus `offset`.
    pub fn translate_address(&mut self, register: u8, offset: i32, size: i32, store: bool) {
        let fail = self.side_exit();
        self.translate_or(Reach { register, offset, size, store }, Otherwise { left: fail, trap: Some((fail, 0)) });
    }

    /// The same for all that is reached; what cannot be translated goes on otherwise.
    pub fn translate_or(&mut self, reach: Reach, otherwise: Otherwise) {
        let (retry, cold) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        let array = field(if reach.store { layout::STORE } else { layout::LOAD });
        self.virtual_address(reach.register, reach.offset);
        dynasm!(self.asm
            ; .arch x64
            ; =>retry
            ; rorx ecx, eax, (12 - ENTRY_SHIFT) as i8
            ; and ecx, PLACE_MASK
            ; add rcx, [rbp + array]
            ; sub rax, [rcx]
            ; cmp rax, 4096 - reach.size
            ; ja =>cold
            ; add rax, [rcx + 8]
        );
        self.cold(move |e| e.miss(cold, retry, reach, otherwise));
    }

    /// `rax` = integer register `register` plus `offset`.
    pub fn virtual_address(&mut self, register: u8, offset: i32) {
        match self.place(register) {
            Place::Host(host) if offset != 0 => match i8::try_from(offset) {
                Ok(short) => dynasm!(self.asm; .arch x64; lea rax, [BYTE Rq(host) + short]),
                Err(_) => dynasm!(self.asm; .arch x64; lea rax, [Rq(host) + offset]),
            },
            _ => {
                self.load(register, RAX);
                if offset != 0 {
                    dynasm!(self.asm; .arch x64; add rax, offset);
                }
            }
        }
    }

    /// What is done when the TLB does not know: have it filled, and try again.
    fn miss(&mut self, cold: DynamicLabel, retry: DynamicLabel, reach: Reach, otherwise: Otherwise) {
        let stub = if reach.store { self.stubs.fill_store } else { self.stubs.fill_load };
        let span = Span::new(reach.size as u16, otherwise.trap.map(|(_, first)| first)).to_bits() as i32;
        dynasm!(self.asm; .arch x64; =>cold);
        self.virtual_address(reach.register, reach.offset);
        dynasm!(self.asm; .arch x64; mov edx, span; call extern stub; jz =>otherwise.left);
        if let Some((trap, _)) = otherwise.trap {
            dynasm!(self.asm; .arch x64; js =>trap);
        }
        self.load_window();
        self.virtual_address(reach.register, reach.offset);
        dynasm!(self.asm; .arch x64; jmp =>retry);
    }
}
