//! The run loop.
//!
//! Within a page of decoded code the loop steps from operation to operation; the pc is carried along in a local and never
//! stored. It leaves that inner loop when another page is reached, when an operation needs the exact state
//! ([`Flow::System`]) or traps, and at taken jumps when the budget is used up or somebody asks for attention.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

use super::code::{CodeCache, Page};
use super::translated::Enter;
use super::trap::{Cause, Exception};
use super::{Flow, Hart};
use crate::irq::HartWires;
use crate::isa::privileged::pseudo;
use crate::isa::row::Exec;
use crate::isa::{self, decode, Op};
use crate::jit::{self, Translator};
use crate::platform::Platform;
use crate::power::Exit;

/// Instructions between two looks at mail, timers and interrupt wires, give or take a block of code: some twenty microseconds.
/// What becomes pending meanwhile is taken no later.
const BUDGET: u64 = 16384;
/// The same for one of several harts, which wait for each other's fences.
const SHARED_BUDGET: u64 = 4096;
/// Traps and page changes do not end a budget by themselves; this many do.
const MAX_TURNS: u32 = 1024;
/// How often a jump leads to what could not be translated before that is tried again.
const RETRY: u8 = 8;
/// Size of the dispatch table: a power of two, so that an index needs a mask and no check.
const DISPATCH: usize = 512;

/// The stack pointer.
const SP: usize = 2;

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

/// A hart's code in the forms that it executes.
pub(super) struct Code {
    pub decoded: CodeCache,
    pub translator: Option<Translator>,
}

impl Code {
    /// Nothing yet.
    pub fn new(platform: &Platform) -> Self {
        let (ram, harts) = (&platform.ram, platform.wires.len());
        let mut translator = if platform.translate { Translator::new(ram, harts) } else { None };
        if let Some(translator) = translator.as_mut().filter(|_| !platform.windows) {
            translator.use_windows(None);
        }
        Self { decoded: CodeCache::new(ram, harts), translator }
    }
}

impl Hart {
    /// Execute until the machine is off. A panic in here ends the machine with [`Exit::Fault`].
    pub fn run(&mut self) {
        let platform = Arc::clone(&self.platform);
        let id = self.id;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.run_until_off())) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("unknown panic");
            platform.end(Exit::Fault(format!("hart {id}: {text}")));
        }
        self.wires.retired.store(self.retired, std::sync::atomic::Ordering::Relaxed);
    }

    fn run_until_off(&mut self) {
        let mut code = Code::new(&self.platform);
        let wires = Arc::clone(&self.wires);
        let budget = if self.platform.wires.len() == 1 { BUDGET } else { SHARED_BUDGET };
        while self.await_start() {
            self.end_rest();
            if !self.platform.builtin_sbi && !self.leave_reset(&mut code, &wires) {
                return;
            }
            while !self.wires.mailbox.is_stopped() {
                if !self.attend() {
                    return;
                }
                self.execute(&mut code, &wires, budget);
            }
        }
    }

    /// Execute about `budget` instructions, fewer when somebody asks for attention.
    pub(super) fn execute(&mut self, code: &mut Code, wires: &HartWires, budget: u64) {
        self.progress.limit = self.retired + budget;
        let _watch = code.translator.as_mut().map(|translator| translator.watch(budget));
        // Another hart may have run on this thread.
        self.progress.window = 0;
        let mut interpret = false;
        for turn in 0..MAX_TURNS {
            self.refetch = false;
            let number = match self.fetch_page(self.pc) {
                Ok(number) => number,
                Err(exception) => {
                    self.take_exception(self.pc, exception);
                    continue;
                }
            };
            if let Some(translator) = code.translator.as_mut().filter(|_| turn == 0) {
                translator.find(&mut self.tlb, number, &self.data_view, self.x[SP]);
            }
            // Behind it the translation may go on.
            let alone = std::mem::take(&mut interpret);
            if let Some(translator) = code.translator.as_mut().filter(|_| alone) {
                translator.demote(&mut self.tlb, number);
            }
            if !alone {
                if let Some((enter, address)) = self.translation(code, number) {
                    match self.enter_translated(enter, address) {
                        jit::Exit::Go => {}
                        jit::Exit::Interpret => interpret = true,
                        jit::Exit::Attend => return,
                    }
                    continue;
                }
            }
            let page = code.decoded.enter(&self.platform.ram, number, self.code_generation);
            let limit = self.progress.limit;
            let over = if alone { self.execute_one(page, wires, limit) } else { self.execute_page(page, wires, limit) };
            if over {
                return;
            }
        }
    }

    /// The translation of what is at the pc, which lies in page `number` of RAM, made now if it is hot.
    fn translation(&mut self, code: &mut Code, number: usize) -> Option<(Enter, u64)> {
        let translator = code.translator.as_mut()?;
        let (ram, slot) = (&self.platform.ram, slot(self.pc));
        let mut entry = translator.entry(ram, number, slot, self.code_generation);
        if entry.is_none() {
            let page = code.decoded.enter(ram, number, self.code_generation);
            if page.heat[slot] == 0 {
                entry = translator.translate(&mut self.tlb, &page.decoded(), slot);
                self.wires.counters.translations.set(translator.translations());
                self.wires.counters.code_bytes.set(translator.code_bytes() as u64);
            }
            if entry.is_none() {
                // Where there is nothing to translate, be it that it has just been changed, look again soon.
                page.heat[slot] = page.heat[slot].checked_sub(1).unwrap_or(RETRY);
            }
        }
        let entry = entry?;
        self.tlb.jump_insert(self.pc, entry);
        Some((translator.enter(), entry))
    }

    /// Execute from `self.pc`, which lies in `page`, until another page or a translation has to be entered (`false`) or the
    /// budget is used up (`true`).
    fn execute_page(&mut self, page: &mut Page, wires: &HartWires, limit: u64) -> bool {
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
            // Whoever attends looks at interrupts as well, and after timers that have moved: not before it.
            if self.retired >= limit || wires.attention() {
                return true;
            }
            if self.recheck {
                self.accept_interrupt();
            }
            // A handler that traps itself uses up no budget, but turns.
            if self.refetch || self.pc & !0xfff != base || self.retired == before {
                return false;
            }
        }
    }

    /// Execute the one instruction at `self.pc`, which lies in `page`. Whether it is time to attend.
    fn execute_one(&mut self, page: &mut Page, wires: &HartWires, limit: u64) -> bool {
        let slot = slot(self.pc);
        if page.ops[slot].id == pseudo::UNDECODED {
            page.decode(slot);
        }
        match page.ops[slot].id {
            pseudo::CROSSING => self.cross(page.half(slot)),
            _ => self.step(&page.ops[slot], page.word(slot)),
        }
        let attend = self.retired >= limit || wires.attention();
        if !attend && self.recheck {
            self.accept_interrupt();
        }
        attend
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
                self.step(&decode(word), word);
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

/// The slot of `pc` in its page.
#[inline(always)]
fn slot(pc: u64) -> usize {
    (pc & 0xfff) as usize >> 1
}
