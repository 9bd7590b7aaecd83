//! The same program on two boards: on one the run loop executes it, on the other the rows do, one instruction at a time.

use std::collections::{BTreeSet, VecDeque};

use super::case::Case;
use super::map::{ALIAS, CODE};
use super::random::Random;
use super::side::Side;
use crate::hart::csr::status;
use crate::hart::run::{Code, MAX_TURNS};
use crate::hart::{Hart, Privilege};
use crate::irq::interrupt;
use crate::isa::decode::length;
use crate::isa::{decode, disassemble, Id};
use crate::jit::Translator;
use crate::layout::RAM_BASE;
use crate::vpagetable::WindowLimits;

/// How many of the last instructions a report shows.
const SHOWN: usize = 40;

/// The two of them.
pub struct Pair {
    fast: Side,
    code: Code,
    exact: Side,
    firmware: bool,
    /// How often [`Pair::interrupt`] led to a handler, on both sides.
    pub interrupts: u64,
    /// What was executed last: address, instruction, mode.
    trail: VecDeque<(u64, u32, Privilege)>,
    /// What has been executed, and the causes of traps that were taken.
    pub seen: Seen,
}

/// Rows that retired, and causes of traps.
#[derive(Default)]
pub struct Seen {
    pub rows: BTreeSet<Id>,
    pub causes: BTreeSet<u64>,
}

impl Pair {
    pub fn new(case: &Case, translate: bool) -> Self {
        let program = case.program();
        let (mut fast, exact) = (Side::new(case, &program, translate), Side::new(case, &program, false));
        let mut code = Code::new(&fast.hart.platform);
        let mut random = Random::new(case.seed ^ 3);
        code.decoded.threshold = random.pick(&[0, 1, 5, 24]);
        code.turns = random.pick(&[2, 3, 7, MAX_TURNS, MAX_TURNS]);
        if translate {
            // The code of one hart among others locks what it changes.
            let (ram, harts) = (&fast.hart.platform.ram, random.pick(&[1, 2]));
            // Or so small that code is evicted all the time; what all code shares takes less than two kilobytes of it.
            let chunk = 1 << (12 + random.below(3));
            let small = random.one_in(3);
            code.translator = if small {
                Translator::sized(ram, harts, 8 * chunk, chunk - 2048)
            } else {
                Translator::new(ram, harts)
            };
        }
        if let Some(translator) = &mut code.translator {
            translator.use_windows(random.pick(&[None, Some(0), Some(0), Some(2)]));
            if random.one_in(2) {
                // Or so few that each is evicted soon.
                let (windows, mappings) = random.pick(&[(1, 1), (1, 3), (3, 2)]);
                fast.hart.tlb.allow_windows(WindowLimits { windows, mappings });
            }
        }
        let firmware = case.firmware;
        Self { fast, code, exact, firmware, interrupts: 0, trail: VecDeque::new(), seen: Seen::default() }
    }

    /// Let the run loop execute about `budget` instructions, and the rows as many; then they must agree.
    ///
    /// # Errors
    /// With a report.
    pub fn advance(&mut self, budget: u64) -> Result<(), String> {
        self.fast.hart.execute(&mut self.code, &self.fast.wires, budget);
        let target = self.fast.hart.retired;
        while self.exact.hart.retired < target {
            self.step();
        }
        // Traps retire nothing: the run loop may have taken some more.
        let mut differences = self.differences();
        for _ in 0..4 {
            if differences.is_empty() || self.exact.hart.retired > target {
                break;
            }
            self.step();
            let again = self.differences();
            if self.exact.hart.retired == target {
                differences = again;
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(format!("{}\nexecuted last:\n{}", differences.join("\n"), self.trail()))
    }

    /// Do the same to both from outside: drive an interrupt, move the machine timer, and have them look. `false` when the
    /// machine is off.
    pub fn disturb(&mut self, random: &mut Random) -> bool {
        let what = random.below(8);
        let mut on = true;
        for side in [&mut self.fast, &mut self.exact] {
            match what {
                0 => side.wires.set(interrupt::MSI, true),
                1 | 2 => side.wires.set(interrupt::MSI, false),
                3 => side.wires.set_mtimecmp(0),
                4 => side.wires.set_mtimecmp(u64::MAX),
                5 => side.wires.set(interrupt::SSI, true),
                _ => {}
            }
            on &= side.hart.attend();
        }
        on
    }

    /// Interrupt both here, unless they are in a handler. `false` when the machine is off.
    pub fn interrupt(&mut self, random: &mut Random) -> bool {
        if self.exact.hart.pc & !ALIAS < CODE {
            return true;
        }
        let what = random.below(3);
        let (enabled, status) = if self.firmware { (0x22, status::SIE) } else { (0xaa, status::SIE | status::MIE) };
        let mut on = true;
        for side in [&mut self.fast, &mut self.exact] {
            side.hart.csr.mie |= enabled;
            side.hart.csr.mstatus |= status;
            side.wires.set_mtimecmp(if what == 0 { 0 } else { u64::MAX });
            side.wires.set(interrupt::MSI, what == 1);
            side.wires.set(interrupt::SSI, what == 2);
            let before = side.hart.pc;
            on &= side.hart.attend();
            self.interrupts += u64::from(side.hart.pc != before);
        }
        on
    }

    /// Regions that have been translated.
    pub fn translations(&self) -> u64 {
        self.code.translator.as_ref().map_or(0, Translator::translations)
    }

    pub fn retired(&self) -> u64 {
        self.exact.hart.retired
    }

    /// Where the rows execute: take an interrupt that has become enabled, or else execute one instruction.
    fn step(&mut self) {
        let hart = &mut self.exact.hart;
        if hart.recheck {
            let before = (hart.pc, hart.privilege);
            hart.accept_interrupt();
            if before != (hart.pc, hart.privilege) {
                self.seen.causes.insert(hart.last_cause());
                return;
            }
        }
        let pc = hart.pc;
        let fetched = hart.fetch_half(pc).and_then(|low| {
            let high = if length(low) == 4 { hart.fetch_half(pc.wrapping_add(2))? } else { 0 };
            Ok(u32::from(high) << 16 | u32::from(low))
        });
        match fetched {
            Ok(word) => {
                if self.trail.len() == SHOWN {
                    self.trail.pop_front();
                }
                self.trail.push_back((pc, word, hart.privilege));
                let op = decode(word);
                let retired = hart.retired;
                hart.step(&op, word);
                if hart.retired == retired {
                    self.seen.causes.insert(hart.last_cause());
                } else {
                    self.seen.rows.insert(op.id);
                }
            }
            Err(exception) => {
                self.seen.causes.insert(exception.cause as u64);
                hart.take_exception(pc, exception);
            }
        }
    }

    /// What differs, the run loop's first.
    fn differences(&mut self) -> Vec<String> {
        let (fast, exact) = (self.fast.values(), self.exact.values());
        let line = |name: &str, fast: u64, exact: u64| format!("{name}: {fast:#x}, want {exact:#x}");
        let differs = fast.iter().zip(&exact).filter(|(fast, exact)| fast != exact);
        let lines: Vec<_> = differs.map(|((name, fast), (_, exact))| line(name, *fast, *exact)).collect();
        if !lines.is_empty() {
            return lines;
        }
        // Whether the next instruction has been fetched already shows in the page tables.
        for side in [&mut self.fast, &mut self.exact] {
            let _ = side.hart.fetch_page(side.hart.pc);
        }
        let words = self.fast.memory().iter().zip(self.exact.memory()).enumerate();
        let differs = words.filter(|(_, (fast, exact))| fast != exact).take(8);
        differs.map(|(n, (fast, exact))| line(&format!("{:#x}", RAM_BASE + 8 * n as u64), *fast, *exact)).collect()
    }

    fn trail(&self) -> String {
        let lines = self.trail.iter().map(|(pc, word, mode)| {
            let letter = format!("{mode:?}").chars().next().unwrap_or_default();
            format!("  {letter} {pc:#x}: {}", disassemble(*word))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Hart {
    /// Cause of the trap that was just taken.
    fn last_cause(&self) -> u64 {
        if self.privilege == Privilege::Machine {
            self.csr.mcause
        } else {
            self.csr.scause
        }
    }
}
