//! Platform-level interrupt controller.
//!
//! Source: RISC-V Platform-Level Interrupt Controller Specification 1.0; contexts as on QEMU's `virt`: context `2 * hart`
//! is the hart's M-mode, `2 * hart + 1` its S-mode.
//!
//! The gateways are QEMU's as far as guests can tell: a source becomes pending whenever its device drives the wire high,
//! even if it was high before, and stays so until a context claims it or the device lets the wire fall. A claim that is
//! completed while the wire is still high does not make it pending again. So a handler that never quiets its device, as
//! xv6's for the transmitter of the UART, is not called for ever; and a device has to drive its wire at each new event.

use std::sync::{Arc, Mutex};

use vm_fdt::FdtWriter;

use super::lock;
use crate::bus::Device;
use crate::fdt::phandle;
use crate::irq::{interrupt, HartWires, IrqLine};
use crate::layout::{Window, PLIC_SOURCES};

const PENDING: u64 = 0x1000;
const ENABLE: u64 = 0x2000;
const ENABLE_STRIDE: u64 = 0x80;
const CONTEXT: u64 = 0x20_0000;
const CONTEXT_STRIDE: u64 = 0x1000;
const THRESHOLD: u64 = 0;
const CLAIM: u64 = 4;

/// Priorities are 0 (never interrupts) to 7, as on the boards that guests know.
const MAX_PRIORITY: u32 = 7;
const SOURCES: usize = PLIC_SOURCES as usize;
const WORDS: usize = SOURCES.div_ceil(32);

/// One bit per source.
type Bits = [u32; WORDS];

#[derive(Clone, Copy, Default)]
struct Context {
    enabled: Bits,
    threshold: u32,
}

struct State {
    priority: [u32; SOURCES],
    /// Sources whose wire was driven high and has neither fallen nor been claimed since.
    raised: Bits,
    /// Sources that were claimed and not completed.
    claimed: Bits,
    contexts: Vec<Context>,
}

/// The controller; drives MEI and SEI of every hart.
pub struct Plic {
    state: Mutex<State>,
    harts: Vec<Arc<HartWires>>,
}

struct Line {
    plic: Arc<Plic>,
    source: u32,
}

impl IrqLine for Line {
    fn set(&self, level: bool) {
        self.plic.drive(self.source, level);
    }
}

impl Plic {
    /// A controller for `harts`, all sources masked.
    #[must_use]
    pub fn new(harts: &[Arc<HartWires>]) -> Arc<Self> {
        let state = State {
            priority: [0; SOURCES],
            raised: Bits::default(),
            claimed: Bits::default(),
            contexts: vec![Context::default(); harts.len() * 2],
        };
        Arc::new(Self { state: Mutex::new(state), harts: harts.to_vec() })
    }

    /// The wire into `source`.
    ///
    /// # Panics
    /// When there is no such source: the board's wiring is ours, not the guest's.
    #[must_use]
    pub fn line(self: &Arc<Self>, source: u32) -> Arc<dyn IrqLine> {
        assert!(source > 0 && source < PLIC_SOURCES, "no interrupt source {source}");
        Arc::new(Line { plic: Arc::clone(self), source })
    }

    fn drive(&self, source: u32, level: bool) {
        let mut state = lock(&self.state);
        let (word, mask) = ((source / 32) as usize, 1 << (source % 32));
        if (state.raised[word] & mask != 0) != level {
            state.raised[word] ^= mask;
            self.propagate(&state);
        }
    }

    /// Drive the harts' wires from `state`. The lock is held, so that no older view can overwrite a newer one.
    fn propagate(&self, state: &State) {
        for (index, context) in state.contexts.iter().enumerate() {
            let bit = if index % 2 == 0 { interrupt::MEI } else { interrupt::SEI };
            let wires = &self.harts[index / 2];
            let high = state.best(context).is_some();
            if high != (wires.pending() >> bit & 1 != 0) {
                wires.set(bit, high);
            }
        }
    }
}

impl State {
    fn pending(&self, word: usize) -> u32 {
        self.raised[word] & !self.claimed[word]
    }

    /// The pending source of highest priority above the context's threshold; the lowest number among equals.
    fn best(&self, context: &Context) -> Option<u32> {
        let mut best = None;
        let mut above = context.threshold;
        for word in 0..WORDS {
            let mut bits = self.pending(word) & context.enabled[word];
            while bits != 0 {
                let source = word * 32 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if self.priority[source] > above {
                    above = self.priority[source];
                    best = Some(source as u32);
                }
            }
        }
        best
    }

    /// Claim for context `index`: the specification lets a claim ignore the threshold, QEMU and SiFive heed it.
    fn claim(&mut self, index: usize) -> u32 {
        let Some(source) = self.best(&self.contexts[index]) else { return 0 };
        let (word, mask) = ((source / 32) as usize, 1 << (source % 32));
        self.claimed[word] |= mask;
        self.raised[word] &= !mask;
        source
    }

    /// Complete `source` for context `index`; ignored unless the source is enabled there (section "Interrupt Completion").
    fn complete(&mut self, index: usize, source: u32) {
        let (word, mask) = ((source / 32) as usize, 1 << (source % 32));
        if source < PLIC_SOURCES && self.contexts[index].enabled[word] & mask != 0 {
            self.claimed[word] &= !mask;
        }
    }
}

/// What a 32-bit register offset means.
enum Register {
    Priority(usize),
    Pending(usize),
    Enable(usize, usize),
    Threshold(usize),
    Claim(usize),
    Reserved,
}

fn decode(offset: u64, contexts: usize) -> Register {
    let split = |from: u64, stride: u64| (((offset - from) / stride) as usize, (offset - from) % stride);
    if offset < PENDING {
        let source = (offset / 4) as usize;
        return if (1..SOURCES).contains(&source) { Register::Priority(source) } else { Register::Reserved };
    }
    if offset < ENABLE {
        let word = ((offset - PENDING) / 4) as usize;
        return if word < WORDS { Register::Pending(word) } else { Register::Reserved };
    }
    if offset < CONTEXT {
        let (context, rest) = split(ENABLE, ENABLE_STRIDE);
        let word = (rest / 4) as usize;
        return if context < contexts && word < WORDS { Register::Enable(context, word) } else { Register::Reserved };
    }
    match split(CONTEXT, CONTEXT_STRIDE) {
        (context, THRESHOLD) if context < contexts => Register::Threshold(context),
        (context, CLAIM) if context < contexts => Register::Claim(context),
        _ => Register::Reserved,
    }
}

impl Device for Plic {
    fn read(&self, offset: u64, size: u8) -> Option<u64> {
        if size != 4 || !offset.is_multiple_of(4) {
            return None;
        }
        let mut state = lock(&self.state);
        let value = match decode(offset, state.contexts.len()) {
            Register::Priority(source) => state.priority[source],
            Register::Pending(word) => state.pending(word),
            Register::Enable(context, word) => state.contexts[context].enabled[word],
            Register::Threshold(context) => state.contexts[context].threshold,
            Register::Claim(context) => {
                let source = state.claim(context);
                self.propagate(&state);
                source
            }
            Register::Reserved => 0,
        };
        Some(u64::from(value))
    }

    fn write(&self, offset: u64, size: u8, value: u64) -> Option<()> {
        if size != 4 || !offset.is_multiple_of(4) {
            return None;
        }
        let value = value as u32;
        let mut state = lock(&self.state);
        match decode(offset, state.contexts.len()) {
            Register::Priority(source) => state.priority[source] = value & MAX_PRIORITY,
            // Source 0 does not exist.
            Register::Enable(context, word) => {
                state.contexts[context].enabled[word] = if word == 0 { value & !1 } else { value };
            }
            Register::Threshold(context) => state.contexts[context].threshold = value & MAX_PRIORITY,
            Register::Claim(context) => state.complete(context, value),
            Register::Pending(_) | Register::Reserved => return Some(()),
        }
        self.propagate(&state);
        Some(())
    }

    fn describe(&self, fdt: &mut FdtWriter, window: Window) -> Result<(), vm_fdt::Error> {
        let node = fdt.begin_node(&format!("plic@{:x}", window.base))?;
        fdt.property_string_list("compatible", vec!["sifive,plic-1.0.0".into(), "riscv,plic0".into()])?;
        fdt.property_array_u64("reg", &[window.base, window.size])?;
        fdt.property_u32("#address-cells", 0)?;
        fdt.property_u32("#interrupt-cells", 1)?;
        fdt.property_null("interrupt-controller")?;
        let wires: Vec<u32> = (0..self.harts.len())
            .flat_map(|hart| {
                let intc = phandle::cpu_intc(hart);
                [intc, interrupt::MEI as u32, intc, interrupt::SEI as u32]
            })
            .collect();
        fdt.property_array_u32("interrupts-extended", &wires)?;
        fdt.property_u32("riscv,ndev", PLIC_SOURCES - 1)?;
        fdt.property_phandle(phandle::PLIC)?;
        fdt.end_node(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEI: u64 = 1 << interrupt::SEI;
    const CLAIM_S0: u64 = CONTEXT + CONTEXT_STRIDE + CLAIM;

    fn board(harts: usize) -> (Arc<Plic>, Vec<Arc<HartWires>>) {
        let wires: Vec<_> = (0..harts).map(|_| Arc::new(HartWires::new())).collect();
        (Plic::new(&wires), wires)
    }

    fn enable(plic: &Plic, context: u64, source: u32, priority: u64) {
        plic.write(u64::from(source) * 4, 4, priority).unwrap();
        plic.write(ENABLE + context * ENABLE_STRIDE + u64::from(source / 32) * 4, 4, 1 << (source % 32)).unwrap();
    }

    #[test]
    fn a_source_is_claimed_once_each_time_its_wire_is_driven() {
        let (plic, wires) = board(1);
        enable(&plic, 1, 10, 1);
        let line = plic.line(10);
        line.set(true);
        assert_eq!(wires[0].pending(), SEI);
        assert_eq!(plic.read(CLAIM_S0, 4), Some(10));
        assert_eq!(wires[0].pending(), 0);
        assert_eq!(plic.read(CLAIM_S0, 4), Some(0));
        plic.write(CLAIM_S0, 4, 10).unwrap();
        assert_eq!(wires[0].pending(), 0, "the wire is still high, but nothing new happened");
        line.set(true);
        assert_eq!(wires[0].pending(), SEI);
        line.set(false);
        assert_eq!(wires[0].pending(), 0);
    }

    #[test]
    fn an_event_between_claim_and_completion_is_kept() {
        let (plic, wires) = board(1);
        enable(&plic, 1, 10, 1);
        let line = plic.line(10);
        line.set(true);
        assert_eq!(plic.read(CLAIM_S0, 4), Some(10));
        line.set(true);
        assert_eq!(wires[0].pending(), 0, "one handler at a time");
        plic.write(CLAIM_S0, 4, 10).unwrap();
        assert_eq!(wires[0].pending(), SEI);
    }

    #[test]
    fn the_highest_priority_wins_then_the_lowest_number() {
        let (plic, _) = board(1);
        for (source, priority) in [(3, 2), (40, 5), (41, 5)] {
            plic.write(source * 4, 4, priority).unwrap();
            plic.line(source as u32).set(true);
        }
        plic.write(ENABLE + ENABLE_STRIDE, 4, 1 << 3).unwrap();
        plic.write(ENABLE + ENABLE_STRIDE + 4, 4, 0b11 << 8).unwrap();
        let order: Vec<_> = (0..4).map(|_| plic.read(CLAIM_S0, 4).unwrap()).collect();
        assert_eq!(order, [40, 41, 3, 0]);
    }

    #[test]
    fn threshold_masks_priorities_up_to_it() {
        let (plic, wires) = board(1);
        enable(&plic, 1, 5, 3);
        plic.line(5).set(true);
        plic.write(CONTEXT + CONTEXT_STRIDE, 4, 3).unwrap();
        assert_eq!(wires[0].pending(), 0);
        plic.write(CONTEXT + CONTEXT_STRIDE, 4, 2).unwrap();
        assert_eq!(wires[0].pending(), SEI);
    }

    #[test]
    fn contexts_belong_to_harts_and_modes() {
        let (plic, wires) = board(64);
        enable(&plic, 2 * 63, 7, 1);
        plic.line(7).set(true);
        assert_eq!(wires[63].pending(), 1 << interrupt::MEI);
        assert!(wires[..63].iter().all(|w| w.pending() == 0));
    }

    #[test]
    fn completion_of_a_source_that_is_not_enabled_is_ignored() {
        let (plic, wires) = board(2);
        enable(&plic, 1, 9, 1);
        plic.line(9).set(true);
        assert_eq!(plic.read(CLAIM_S0, 4), Some(9));
        plic.write(CONTEXT + 3 * CONTEXT_STRIDE + CLAIM, 4, 9).unwrap();
        assert_eq!(wires[0].pending(), 0);
    }

    #[test]
    fn any_access_is_answered_or_a_fault() {
        let (plic, _) = board(2);
        for offset in (0..0x60_0000).step_by(4).chain([1, 2, 0x1001, 0x20_0006]) {
            for size in [1, 2, 4, 8] {
                let aligned = size == 4 && offset % 4 == 0;
                assert_eq!(plic.read(offset, size).is_some(), aligned);
                assert_eq!(plic.write(offset, size, u64::MAX).is_some(), aligned);
            }
        }
    }
}
