//! The interpreter: it executes decoded pages.
//!
//! Within a page the loop steps from operation to operation; the pc is carried along in a local and never stored. It leaves
//! that inner loop when another page is reached, when an operation needs the exact state ([`Flow::System`]) or traps, and at
//! taken jumps when the budget is used up or somebody asks for attention.

use super::code::Page;
use super::run::slot;
use super::trap::{Cause, Exception};
use super::{Flow, Hart};
use crate::irq::HartWires;
use crate::isa::privileged::pseudo;
use crate::isa::row::Exec;
use crate::isa::{self, Op};

/// Size of the dispatch table: a power of two, so that an index needs a mask and no check.
const DISPATCH: usize = 512;

const _: () = assert!(isa::COUNT <= DISPATCH);

/// What the inner loop calls for each row.
static HANDLERS: [Exec; DISPATCH] = {
    let mut table: [Exec; DISPATCH] = [|_, _, _| Flow::System; DISPATCH];
    let mut i = 0;
    while i < isa::COUNT {
        let row = isa::ALL.get(isa::Id(i as u16));
        if !row.system {
            table[i] = row.exec;
        }
        i += 1;
    }
    table
};

impl Hart {
    /// Execute from `self.pc`, which lies in `page`, until another page or a translation has to be entered (`false`) or the
    /// budget is used up (`true`).
    pub(super) fn execute_page(&mut self, page: &mut Page, wires: &HartWires, limit: u64) -> bool {
        let base = self.pc & !0xfff;
        loop {
            let before = self.retired;
            let flow = self.stretch(page, wires, limit);
            let slot = slot(self.pc);
            match flow {
                Flow::Next => return true,
                Flow::Jump | Flow::Hot => return false,
                Flow::PageEnd => {}
                Flow::Trap => self.take_raised(page.word(slot)),
                Flow::System => self.step(&page.ops[slot], page.word(slot)),
                Flow::Decode => {
                    page.decode(slot);
                    continue;
                }
                Flow::Crossing => self.cross(page.half(slot)),
            }
            if self.look_up(limit) {
                return true;
            }
            // A handler that traps itself uses up no budget, but turns.
            if self.refetch || self.pc & !0xfff != base || self.retired == before {
                return false;
            }
        }
    }

    /// Execute the one instruction at `self.pc`, which lies in `page`. Whether it is time to attend.
    pub(super) fn execute_one(&mut self, page: &mut Page, limit: u64) -> bool {
        let slot = slot(self.pc);
        if page.ops[slot].id == pseudo::UNDECODED {
            page.decode(slot);
        }
        match page.ops[slot].id {
            pseudo::CROSSING => self.cross(page.half(slot)),
            _ => self.step(&page.ops[slot], page.word(slot)),
        }
        self.look_up(limit)
    }

    /// The inner loop: execute from `self.pc`, which lies in `page`. Returns with the state exact, in front of the operation
    /// that asked for something; after a jump out of the page ([`Flow::Jump`]); or because it is time to attend ([`Flow::Next`]).
    #[inline(never)]
    fn stretch(&mut self, page: &mut Page, wires: &HartWires, limit: u64) -> Flow {
        let (mut pc, mut retired) = (self.pc, self.retired);
        let base = pc & !0xfff;
        let mut slot = slot(pc);
        let flow = loop {
            let op = &page.ops[slot];
            let flow = HANDLERS[usize::from(op.id.0) % DISPATCH](self, op, pc);
            if flow == Flow::Next {
                retired += 1;
                pc = pc.wrapping_add(u64::from(op.len));
                slot += usize::from(op.len) >> 1;
            } else if flow == Flow::Jump {
                retired += 1;
                pc = self.next_pc;
                if retired >= limit || wires.attention() {
                    break Flow::Next;
                }
                if pc & !0xfff != base {
                    break Flow::Jump;
                }
                slot = self::slot(pc);
                if page.heat[slot] == 0 {
                    break Flow::Hot;
                }
                page.heat[slot] -= 1;
            } else {
                break flow;
            }
        };
        self.pc = pc;
        self.retired = retired;
        flow
    }

    /// Execute `op`, of the bits `word`, at `self.pc` with the state exact before and after.
    pub(super) fn step(&mut self, op: &Op, word: u32) {
        self.step_by(isa::row(op.id).exec, op, word);
    }

    /// [`Hart::step`] of an operation whose row says `exec`.
    #[inline]
    pub(super) fn step_by(&mut self, exec: Exec, op: &Op, word: u32) {
        match exec(self, op, self.pc) {
            Flow::Jump => {
                self.retired += 1;
                self.pc = self.next_pc;
            }
            Flow::Trap => self.take_raised(word),
            Flow::Crossing => self.cross(word as u16),
            _ => {
                self.retired += 1;
                self.pc = self.pc.wrapping_add(u64::from(op.len));
            }
        }
    }

    /// Execute the instruction at `self.pc`, of which the page holds only the first half.
    fn cross(&mut self, low: u16) {
        match self.fetch_half(self.pc.wrapping_add(2)) {
            Ok(high) => {
                let word = u32::from(high) << 16 | u32::from(low);
                let op = self.crossings.decode(word);
                self.step(&op, word);
            }
            Err(exception) => self.take_exception(self.pc, exception),
        }
    }

    /// Enter the handler of the exception that the instruction `word` at `self.pc` raised.
    fn take_raised(&mut self, word: u32) {
        let exception = match self.exception {
            Exception { cause: Cause::Illegal, .. } => {
                let bits = if isa::decode::length(word as u16) == 4 { word } else { word & 0xffff };
                Exception::new(Cause::Illegal, u64::from(bits))
            }
            other => other,
        };
        self.take_exception(self.pc, exception);
    }
}
