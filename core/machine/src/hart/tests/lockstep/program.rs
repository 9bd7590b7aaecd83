//! A program: steps in an endless loop, subroutines, and what they find when they start.

use super::assemble::{csr, i, r, s, Code, Label};
use super::case::{Case, Kind, Step};
use super::float;
use super::flow;
use super::map::{Paging, CODE};
use super::random::Random;
use super::steps::{self, COUNTERS, POINTERS, TURNS};
use super::words;
use crate::hart::csr::{number as n, status};
use crate::isa::privileged::CSRRS;
use crate::isa::rv64i::{ADDI, BLT, JALR, LD, SD};
use crate::isa::Id;

/// Where a program lies and begins.
pub struct Program {
    pub bytes: Vec<u8>,
    pub base: u64,
    pub start: u64,
}

/// A loop that is open: its counter is given by its depth.
struct Open {
    top: Label,
    ends: usize,
}

struct Builder<'a> {
    case: &'a Case,
    code: Code,
    /// Where each step begins, and where the last one ends.
    labels: Vec<Label>,
    routines: Vec<(Label, u8)>,
    tables: Vec<(Label, [Label; 4])>,
    open: Vec<Open>,
}

impl Case {
    /// Assemble it.
    pub fn program(&self) -> Program {
        let mut random = Random::new(self.seed);
        // Somewhere before the end of a page, so that a page ends within.
        let base = CODE + 0x1000 - 2 * random.below(300);
        let mut b = Builder {
            case: self,
            code: Code::new(base),
            labels: Vec::new(),
            routines: Vec::new(),
            tables: Vec::new(),
            open: Vec::new(),
        };
        for _ in &self.routines {
            let label = b.code.label();
            b.routines.push((label, random.pick(&[1, 1, 5])));
        }
        let start = b.code.label();
        b.code.bind(start);
        b.prologue(&mut random);
        b.block(&self.steps, 0);
        b.code.jump(0, start);
        for (number, steps) in self.routines.iter().enumerate() {
            b.routine(&mut random, number, steps);
        }
        for (table, entries) in std::mem::take(&mut b.tables) {
            b.code.bind(table);
            entries.into_iter().for_each(|entry| b.code.distance(entry));
        }
        Program { base, start: base, bytes: b.code.finish() }
    }
}

impl Builder<'_> {
    /// Pointers point again, and mostly the floating-point unit is on again.
    fn prologue(&mut self, random: &mut Random) {
        self.code.words(&[i(ADDI, TURNS, TURNS, 1), i(ADDI, 6, 0, 0)]);
        for pointer in POINTERS {
            if !random.one_in(4) {
                steps::point(random, &mut self.code, pointer);
            }
        }
        if !random.one_in(4) {
            self.code.li(7, status::FS);
            self.code.word(csr(CSRRS, 0, n::SSTATUS, 7));
        }
    }

    fn routine(&mut self, random: &mut Random, number: usize, steps: &[Step]) {
        let (label, link) = self.routines[number];
        self.code.bind(label);
        let saved = [link, 8, 9, 18, 19];
        let frame = random.one_in(2);
        let save = |at: usize| 8 * at as i64;
        if frame {
            self.code.word(i(ADDI, 2, 2, -48));
            saved.iter().enumerate().for_each(|(at, register)| self.code.word(s(SD, *register, 2, save(at))));
        }
        self.block(steps, number + 1);
        if frame {
            saved.iter().enumerate().for_each(|(at, register)| self.code.word(i(LD, *register, 2, save(at))));
            self.code.word(i(ADDI, 2, 2, 48));
        }
        if link == 1 && random.one_in(2) {
            self.code.half(0x8082);
        } else {
            self.code.word(r(JALR, 0, link, 0));
        }
    }

    /// Steps one behind the other; they may call the routines from `callable` on.
    fn block(&mut self, steps: &[Step], callable: usize) {
        self.labels = (0..=steps.len()).map(|_| self.code.label()).collect();
        for (at, step) in steps.iter().enumerate() {
            self.code.bind(self.labels[at]);
            self.close(at);
            self.step(at, *step, callable);
        }
        self.code.bind(self.labels[steps.len()]);
        self.close(steps.len());
    }

    /// End the loops that end before step `at`.
    fn close(&mut self, at: usize) {
        while self.open.last().is_some_and(|open| open.ends <= at) {
            let counter = COUNTERS[self.open.len() - 1];
            let top = self.open.pop().expect("there is one").top;
            self.code.word(i(ADDI, counter, counter, -1));
            self.code.branch(BLT, 0, counter, top);
        }
    }

    /// The start of one of the steps behind step `at`.
    fn ahead(&self, random: &mut Random, at: usize) -> Label {
        self.labels[(at + 1 + random.below(4) as usize).min(self.labels.len() - 1)]
    }

    fn step(&mut self, at: usize, step: Step, callable: usize) {
        let mut source = Random::new(step.1);
        let random = &mut source;
        let paging = self.case.paging;
        let to = self.ahead(random, at);
        let code = &mut self.code;
        match step.0 {
            Kind::Any => {
                let id = random.pick(&steps::rows());
                code.word(steps::instruction(random, id));
            }
            Kind::Row(id) => code.word(steps::instruction(random, Id(id))),
            Kind::Compressed => code.half(steps::compressed(random)),
            Kind::Constant => code.li(steps::destination(random), random.integer()),
            Kind::Point => {
                let pointer = random.pick(&POINTERS);
                steps::point(random, code, pointer);
            }
            Kind::MemoryRun => steps::memory_run(random, code),
            Kind::ReservedLoop => steps::reserved_loop(random, code),
            Kind::WordLoop => words::word_loop(random, code, to),
            Kind::Atomics => steps::atomics(random, code),
            Kind::FloatState => float::state(random, code),
            Kind::FloatRun => float::run(random, code),
            Kind::Counter => steps::counter(random, code),
            Kind::Branch => flow::branch(random, code, to),
            Kind::Jump => flow::jump(random, code, to),
            Kind::Loop => self.open(random, at),
            Kind::Call if callable == self.routines.len() => {}
            Kind::Call => {
                // By the wrong link register now and then, which leads astray.
                let (label, link) = random.pick(&self.routines[callable..]);
                let link = if random.one_in(16) { 6 - link } else { link };
                flow::call(random, code, link, label);
            }
            Kind::Table => {
                let table = code.label();
                flow::table_jump(random, code, table);
                let entries = std::array::from_fn(|_| self.ahead(random, at));
                self.tables.push((table, entries));
            }
            Kind::Overlap => {
                let inside = code.label();
                flow::branch(random, code, inside);
                flow::overlap(random, code, inside);
            }
            Kind::Lost => flow::lost(random, code),
            Kind::Patch => flow::patch(random, code),
            Kind::Trap => flow::trap(random, code),
            Kind::Return => flow::mode_return(random, code, paging, to),
            Kind::Status => flow::status_bits(random, code),
            Kind::Interrupt => flow::interrupt(random, code),
            Kind::Entry | Kind::Space if paging == Paging::Bare => {}
            Kind::Entry => flow::entry_change(random, code),
            Kind::Space => flow::space_change(random, code, paging),
        }
    }

    fn open(&mut self, random: &mut Random, at: usize) {
        let Some(counter) = COUNTERS.get(self.open.len()) else { return };
        let ends = at + 2 + random.below(8) as usize;
        let ends = self.open.last().map_or(ends, |outer| ends.min(outer.ends));
        self.code.word(i(ADDI, *counter, 0, random.pick(&[1, 2, 5, 20, 40])));
        let top = self.code.label();
        self.code.bind(top);
        self.open.push(Open { top, ends });
    }
}
