//! A hart on a board of its own: how it starts, and everything that a program can see of it.
//!
//! `unsafe` is a look at all of its RAM while it does not run.

#![expect(unsafe_code)]

use std::sync::Arc;

use super::case::Case;
use super::handlers::{areas, handlers, M_HANDLER, S_HANDLER};
use super::map::{protection, satp, tables, Meter, Paging, ALIAS, DATA, METER, RAM_SIZE, SAVE_M, SAVE_S};
use super::program::Program;
use super::random::Random;
use super::{flow, steps};
use crate::bus::Bus;
use crate::hart::csr::{envcfg, status};
use crate::hart::tests::{board_of, Recorder};
use crate::hart::{Hart, Privilege};
use crate::irq::HartWires;

/// A hart on a board of its own.
pub struct Side {
    pub hart: Hart,
    pub wires: Arc<HartWires>,
    meter: Arc<Meter>,
    console: Arc<Recorder>,
}

impl Side {
    /// Ready to execute the program of `case`. The run loop may translate if `translate`.
    pub fn new(case: &Case, program: &Program, translate: bool) -> Self {
        let meter = Arc::new(Meter::default());
        let mut bus = Bus::new();
        bus.attach(METER, meter.clone());
        let (platform, console) = board_of(1, case.firmware, RAM_SIZE, bus, translate);
        let ram = &platform.ram;
        let put = |at: u64, bytes: &[u8]| ram.write(at, bytes).unwrap();
        let mut random = Random::new(case.seed ^ 1);
        tables(ram, &mut random);
        put(program.base, &program.bytes);
        flow::routines().iter().chain(&handlers()).for_each(|(at, bytes)| put(*at, bytes));
        let alias = if case.paging == Paging::Bare { 0 } else { ALIAS };
        areas(alias, program.start).iter().for_each(|(at, value)| put(*at, &value.to_le_bytes()));
        for at in 0..0x800 {
            put(DATA + 8 * at, &random.integer().to_le_bytes());
        }

        let wires = Arc::clone(&platform.wires[0]);
        let mut hart = Hart::new(platform, 0).expect("a hart");
        let user = case.mode == Privilege::User;
        hart.reset_to(program.start | if user { alias } else { 0 }, 0, 0, case.mode);
        hart.end_rest();
        hart.pmp = protection();
        (hart.csr.mtvec, hart.csr.mscratch) = (M_HANDLER, SAVE_M);
        (hart.csr.stvec, hart.csr.sscratch) = (S_HANDLER, SAVE_S);
        if !case.firmware {
            let some = random.next();
            hart.csr.medeleg = random.pick(&[0, 0, 0xb1ff, some & 0xb3ff]);
            hart.csr.mideleg = random.pick(&[0, 0x222, some >> 32 & 0x222]);
            hart.csr.menvcfg = random.next() & (envcfg::MACHINE & !envcfg::CBIE);
            hart.csr.mcounteren = random.pick(&[0, 7, 5]);
        }
        hart.csr.mie = random.pick(&[0, 0x2a, 0xaa, 0xaa]);
        hart.csr.scounteren = random.pick(&[0, 7, 5]);
        hart.csr.senvcfg = random.pick(&[0, envcfg::CBZE, envcfg::CBCFE | envcfg::CBZE]);
        hart.csr.mstatus |= random.next() & (status::SUM | status::MXR | status::SIE | status::MIE) | status::FS;
        hart.csr.frm = random.pick(&[0, 0, 1, 2, 3, 4]);
        for r in 0..32 {
            hart.x[r] = if r == 0 { 0 } else { random.integer() };
            hart.f[r] = random.float();
        }
        for pointer in steps::POINTERS {
            hart.x[usize::from(pointer)] = DATA + 0x800;
        }
        hart.translate_by(satp(case.paging, 0));
        Self { hart, wires, meter, console }
    }

    /// Every value that a program can see, by name.
    pub fn values(&self) -> Vec<(String, u64)> {
        let h = &self.hart;
        let mut values = vec![
            ("pc".to_owned(), h.pc),
            ("privilege".to_owned(), h.privilege as u64),
            ("retired".to_owned(), h.retired),
            ("timers".to_owned(), h.timer_pending),
            ("meter".to_owned(), self.meter.state()),
            ("printed".to_owned(), self.console.0.lock().unwrap().len() as u64),
        ];
        values.extend((0..32).map(|r| (format!("x{r}"), h.x[r])));
        values.extend((0..32).map(|r| (format!("f{r}"), h.f[r])));
        values.extend(csrs(h).map(|(name, value)| (name.to_owned(), value)));
        values
    }

    pub fn memory(&self) -> &[u64] {
        // SAFETY: all of RAM, which is aligned and which nobody writes meanwhile: its only hart is borrowed.
        unsafe { std::slice::from_raw_parts(self.hart.platform.ram.host().cast(), RAM_SIZE as usize / 8) }
    }
}

/// Every CSR, by name.
fn csrs(hart: &Hart) -> impl Iterator<Item = (&'static str, u64)> {
    let c = &hart.csr;
    [
        ("mstatus", c.mstatus),
        ("medeleg", c.medeleg),
        ("mideleg", c.mideleg),
        ("mie", c.mie),
        ("mip", c.mip),
        ("mtvec", c.mtvec),
        ("mcounteren", c.mcounteren),
        ("mcountinhibit", c.mcountinhibit),
        ("menvcfg", c.menvcfg),
        ("mscratch", c.mscratch),
        ("mepc", c.mepc),
        ("mcause", c.mcause),
        ("mtval", c.mtval),
        ("stvec", c.stvec),
        ("scounteren", c.scounteren),
        ("senvcfg", c.senvcfg),
        ("sscratch", c.sscratch),
        ("sepc", c.sepc),
        ("scause", c.scause),
        ("stval", c.stval),
        ("stimecmp", c.stimecmp),
        ("satp", c.satp),
        ("fflags", u64::from(c.fflags)),
        ("frm", u64::from(c.frm)),
        ("cycle", c.cycle.read(hart.retired)),
        ("instret", c.instret.read(hart.retired)),
    ]
    .into_iter()
}
