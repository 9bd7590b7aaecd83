//! The emitter: regions in, code out. One file per kind of instruction beside this one.
//!
//! `unsafe` is the bytes of a structure that are put behind the code.

#![expect(unsafe_code)]

use std::collections::HashMap;

use dynasm::dynasm;
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler};

use super::allocation::Allocation;
use super::float::Known;
use super::registers::field;
use super::stubs::Stubs;
use super::window::Window;
use crate::hart::{layout, Decoded};
use crate::isa::privileged::pseudo;
use crate::isa::{Op, Row};
use crate::jit::arena::Offset;
use crate::jit::bases::{self, Bases};
use crate::jit::piece::{Entry, Link, Piece};
use crate::jit::region::{Block, Region};
use crate::jit::usage::Windows;
use crate::jit::words::{self, Words};
use crate::jit::Embedded;

/// Where an operation is.
#[derive(Clone, Copy)]
pub(super) struct Site {
    /// Offset into the page, bytes.
    pub offset: i32,
    /// Instructions of the block that have been counted but not executed in front of it, itself included.
    pub ahead: i32,
}

/// Code that is seldom reached, written behind all the rest.
type Cold = Box<dyn FnOnce(&mut Emitter<'_>)>;

/// Writes the code of one region.
pub(super) struct Emitter<'a> {
    pub asm: VecAssembler<X64Relocation>,
    pub stubs: &'a Stubs,
    decoded: &'a Decoded<'a>,
    /// Labels of the blocks' inner entries, by halfword of the page.
    pub blocks: HashMap<usize, DynamicLabel>,
    /// Halfword at which each block begins, rising.
    pub starts: Vec<usize>,
    cold: Vec<Cold>,
    /// Slots of the page that the region leads to without having them, and the ends of the jumps.
    pub links: Vec<(usize, usize)>,
    pub exits: HashMap<usize, DynamicLabel>,
    /// What exits have in common, by the stub that they leave through.
    pub tails: HashMap<usize, DynamicLabel>,
    pub allocation: Allocation,
    pub here: Site,
    /// Integer register whose value the zero and sign flags tell of.
    pub flags: Option<u8>,
    /// The run of accesses that the current operation belongs to.
    pub run: Option<super::memory::Run>,
    pub float: Known,
    /// What is known for windows, if they are used.
    pub window: Option<Window>,
    /// Where results need not be extended, and what is known of words at the current operation.
    pub words: Words,
    pub known: words::Known,
    /// Whether the current operation has not extended its result.
    pub left_narrow: bool,
}

/// Translate `region` of `decoded`; the code will lie at `address`, which is `base` in the arena.
pub(in crate::jit) fn emit(
    region: &Region,
    decoded: &Decoded<'_>,
    stubs: &Stubs,
    windows: Windows,
    address: u64,
    base: Offset,
) -> Piece {
    let (depths, edges) = (region.depths(), region.edges());
    let window = match windows {
        Windows::Unused => None,
        Windows::Used { negative } => {
            let at_start = bases::analyse(region, &edges);
            Some(Window { negative, at_start, now: Bases::unknown(), sites: Vec::new() })
        }
    };
    let allocation = Allocation::of(region, &depths);
    let mut e = Emitter {
        asm: VecAssembler::new(address as usize),
        stubs,
        decoded,
        blocks: HashMap::new(),
        starts: Vec::new(),
        cold: Vec::new(),
        links: Vec::new(),
        exits: HashMap::new(),
        tails: HashMap::new(),
        words: words::analyse(region, &depths, &edges, allocation.held()),
        allocation,
        here: Site { offset: 0, ahead: 0 },
        flags: None,
        run: None,
        float: Known::default(),
        window,
        known: words::Known::expected(0),
        left_narrow: false,
    };
    for block in &region.blocks {
        let label = e.asm.new_dynamic_label();
        e.blocks.insert(block.start, label);
        e.starts.push(block.start);
    }
    let mut entries = Vec::new();
    for (i, block) in region.blocks.iter().enumerate() {
        let next = region.blocks.get(i + 1).map(|block| block.start);
        let at = e.block(i, block, next);
        if block.target {
            entries.push((i, block, at));
        }
    }
    let mut outer = Vec::new();
    for (i, block, at) in entries {
        outer.push(Entry {
            slot: block.start as u16,
            outer: base + e.outer_entry(i, block) as Offset,
            inner: base + e.inner_entry(i, block).unwrap_or(at) as Offset,
        });
    }
    while let Some(cold) = e.cold.pop() {
        cold(&mut e);
    }
    let links = e.links.iter().map(|(slot, at)| Link { slot: *slot as u16, at: base + *at as Offset - 4 }).collect();
    let mut sites = e.window.map_or(Vec::new(), |window| window.sites);
    for site in &mut sites {
        (site.at, site.fault, site.lookup) = (base + site.at, base + site.fault, base + site.lookup);
    }
    let code = e.asm.finalize().expect("labels are all defined and near");
    Piece { code, entries: outer, links, sites }
}

impl Emitter<'_> {
    /// Write `block`, which `next` is written behind. Returns where.
    fn block(&mut self, index: usize, block: &Block, next: Option<usize>) -> usize {
        let count = block.ops.len() as i32;
        let label = self.blocks[&block.start];
        let at = self.asm.offset().0;
        dynasm!(self.asm; .arch x64; =>label);
        self.count(count);
        self.flags = None;
        self.known = words::Known::expected(self.words.at_start(index));
        if block.target {
            self.float = Known::default();
        }
        if block.looped {
            let late = self.asm.new_dynamic_label();
            dynasm!(self.asm; .arch x64; jl =>late);
            self.attend(late, block.start, count);
        }
        if let Some(window) = &mut self.window {
            window.now = window.at_start[index].clone();
        }
        let mut jumped = false;
        let mut paired = false;
        for (i, (slot, op)) in block.ops.iter().enumerate() {
            if std::mem::take(&mut paired) {
                self.pass(op, true);
                continue;
            }
            self.here = Site { offset: *slot as i32 * 2, ahead: count - i as i32 };
            self.plan_run(&block.ops[i..]);
            // An access is by what is known in front of it, a jump is behind all else that it does.
            let access = bases::is_access(op);
            self.pass(op, !access);
            paired = block.ops.get(i + 1).is_some_and(|(_, next)| self.pair(op, next));
            if paired {
                continue;
            }
            jumped = self.operation(op, *slot, next);
            self.pass(op, access);
        }
        self.run = None;
        if !jumped && next != Some(block.end) {
            self.jump_to(block.end);
        }
        if next.is_some_and(|next| block.successors().contains(&Some(next))) {
            // That is where it falls through to.
            self.pass_to(index + 1);
        }
        at
    }

    /// Know what holds behind `op`, if it is `time`.
    fn pass(&mut self, op: &Op, time: bool) {
        if let Some(window) = self.window.as_mut().filter(|_| time) {
            window.now.pass(op);
        }
    }

    /// Count `count` instructions down; "less" tells that it was too much.
    fn count(&mut self, count: i32) {
        match i8::try_from(count) {
            Ok(count) => dynasm!(self.asm; .arch x64; sub r15, BYTE count),
            Err(_) => dynasm!(self.asm; .arch x64; sub r15, count),
        }
    }

    /// Write `op`. Whether nothing behind it is reached from it.
    pub fn operation(&mut self, op: &Op, slot: usize, next: Option<usize>) -> bool {
        // What calls the hart, or may let an interrupt through, needs the exact state.
        let exact = crate::isa::row(op.id).system;
        self.widen(if exact { u32::MAX } else { self.known.read_in_full(op) });
        if let Some(jumped) = self.control(op, slot, next) {
            return jumped;
        }
        self.flags = None;
        self.left_narrow = false;
        let jumped = self.plain_operation(op, slot);
        self.known.pass(op, self.left_narrow);
        jumped
    }

    /// Write `op`, which is no branch, jump, call or return.
    fn plain_operation(&mut self, op: &Op, slot: usize) -> bool {
        if self.integer(op)
            || self.multiply(op)
            || self.bits(op)
            || self.memory(op)
            || self.atomic(op, slot)
            || self.float(op, slot)
            || self.csr(op, slot)
            || self.zero_block(op, slot)
        {
            return false;
        }
        if op.id == pseudo::CROSSING {
            // The hart fetches the other half and executes the whole.
            self.system(op, slot);
            self.jump_out(self.here.offset + i32::from(op.len));
            return true;
        }
        let row: &Row = crate::isa::row(op.id);
        if row.system {
            self.system(op, slot)
        } else {
            self.execute(op, slot);
            false
        }
    }

    /// Let the hart execute `op`, which needs only registers and memory.
    pub fn execute(&mut self, op: &Op, slot: usize) {
        self.widen_all();
        let (data, failed) = (self.embed(op, slot), self.side_exit());
        let stub = self.stubs.execute;
        self.restore();
        dynasm!(self.asm; .arch x64; lea rcx, [=>data]; call extern stub);
        self.exchange();
        dynasm!(self.asm; .arch x64; jnz =>failed);
        self.float = Known::default();
        self.load_window();
    }

    /// Let the hart execute `op`, which needs the exact state.
    pub fn system(&mut self, op: &Op, slot: usize) -> bool {
        self.widen_all();
        let data = self.embed(op, slot);
        let stub = self.stubs.system;
        self.restore();
        dynasm!(self.asm; .arch x64; lea rcx, [=>data]; call extern stub);
        self.exchange();
        self.float = Known::default();
        self.load_window();
        false
    }

    /// Put `op` where the hart finds it.
    pub fn embed(&mut self, op: &Op, slot: usize) -> DynamicLabel {
        let data = self.asm.new_dynamic_label();
        let embedded = Embedded {
            exec: crate::isa::row(op.id).exec,
            op: *op,
            word: self.decoded.word(slot),
            offset: self.here.offset as u32,
            ahead: self.here.ahead as u32,
        };
        self.cold(move |e| {
            e.asm.align(align_of::<Embedded>(), 0xcc);
            dynasm!(e.asm; .arch x64; =>data);
            // SAFETY: `Embedded` is plain data, all of whose bytes are initialised: a copy of its memory is what the helper reads.
            let bytes =
                unsafe { std::slice::from_raw_parts((&raw const embedded).cast::<u8>(), size_of::<Embedded>()) };
            e.asm.extend(bytes);
        });
        data
    }

    /// The bits of the instruction at halfword `slot`.
    pub fn word(&self, slot: usize) -> u32 {
        self.decoded.word(slot)
    }

    /// Keep `cold` for behind the hot code. What is known of words here is what it begins with.
    pub fn cold(&mut self, cold: impl FnOnce(&mut Emitter<'_>) + 'static) {
        let known = self.known;
        self.cold.push(Box::new(move |e| {
            e.known = known;
            cold(e);
        }));
    }

    /// Host register `into` = the virtual address `offset` bytes from the start of the page.
    pub fn page_plus(&mut self, offset: i32, into: u8) {
        dynasm!(self.asm; .arch x64; mov Rq(into), [rbp + field(layout::PAGE)]);
        if offset != 0 {
            dynasm!(self.asm; .arch x64; add Rq(into), offset);
        }
    }
}
