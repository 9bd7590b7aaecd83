//! The run loop: looks at the outside and stretches of execution, translated ([`super::translated`]) or interpreted
//! ([`super::interpret`]), by turns.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

use super::code::CodeCache;
use super::translated::Enter;
use super::Hart;
use crate::irq::HartWires;
use crate::jit::{self, Translator};
use crate::platform::Platform;
use crate::power::Exit;

/// Instructions between two looks at mail, timers and interrupt wires, give or take a block of code: some twenty microseconds.
/// What becomes pending meanwhile is taken no later.
const BUDGET: u64 = 16384;
/// The same for one of several harts, which wait for each other's fences.
const SHARED_BUDGET: u64 = 4096;
/// Traps and page changes do not end a budget by themselves; this many do.
pub(super) const MAX_TURNS: u32 = 1024;
/// How often a jump leads to what could not be translated before that is tried again.
const RETRY: u8 = 8;
/// The stack pointer.
const SP: usize = 2;

/// A hart's code in the forms that it executes.
pub(super) struct Code {
    pub decoded: CodeCache,
    pub translator: Option<Translator>,
    /// [`MAX_TURNS`]; tests have fewer, two at the least.
    pub turns: u32,
}

impl Code {
    /// Nothing yet.
    pub fn new(platform: &Platform) -> Self {
        let (ram, harts) = (&platform.ram, platform.wires.len());
        let mut translator = if platform.translate { Translator::new(ram, harts) } else { None };
        if let Some(translator) = translator.as_mut().filter(|_| !platform.windows) {
            translator.use_windows(None);
        }
        Self { decoded: CodeCache::new(ram, harts), translator, turns: MAX_TURNS }
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
        let before = self.retired;
        self.progress.limit = before + budget;
        // Another hart may have run on this thread.
        self.progress.window = 0;
        let watch = code.translator.as_mut().map(Translator::watch);
        self.take_turns(code, wires);
        drop(watch);
        if let Some(translator) = &mut code.translator {
            translator.earn(self.retired - before);
        }
    }

    fn take_turns(&mut self, code: &mut Code, wires: &HartWires) {
        let mut interpret = false;
        for turn in 0..code.turns {
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
                        jit::Exit::Interpret => match self.progress.trap.take() {
                            Some(exception) => {
                                self.take_exception(self.pc, exception);
                                if self.look_up(self.progress.limit) {
                                    return;
                                }
                            }
                            None => interpret = true,
                        },
                        jit::Exit::Attend => return,
                    }
                    continue;
                }
            }
            let page = code.decoded.enter(&self.platform.ram, number, self.code_generation);
            let limit = self.progress.limit;
            let over = if alone { self.execute_one(page, limit) } else { self.execute_page(page, wires, limit) };
            if over {
                return;
            }
        }
    }

    /// Behind what may have changed anything: whether it is time to attend. If not, interrupts may have become enabled. Whoever
    /// attends looks at them as well, and after timers that have moved: not before it.
    #[inline]
    pub(super) fn look_up(&mut self, limit: u64) -> bool {
        let attend = self.retired >= limit || self.wires.attention();
        if !attend && self.recheck {
            self.accept_interrupt();
        }
        attend
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
}

/// The slot of `pc` in its page.
#[inline(always)]
pub(super) fn slot(pc: u64) -> usize {
    (pc & 0xfff) as usize >> 1
}
