//! The emitter: regions in, code out. One file per kind of instruction beside this one.

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
use crate::jit::cache::{Entry, Link, Piece, Windows};
use crate::jit::region::{Block, Region};
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
    cold: Vec<Cold>,
    /// Slots of the page that the region leads to without having them, and the ends of the jumps.
    pub links: Vec<(usize, usize)>,
    pub exits: HashMap<usize, DynamicLabel>,
    pub allocation: Allocation,
    pub here: Site,
    /// Integer register whose value the zero and sign flags tell of.
    pub flags: Option<u8>,
    /// The run of accesses that the current operation belongs to.
    pub run: Option<super::memory::Run>,
    pub float: Known,
    /// What is known for windows, if they are used.
    pub window: Option<Window>,
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
    let window = match windows {
        Windows::Unused => None,
        Windows::Used { negative } => Some(Window {
            negative,
            starts: region.blocks.iter().map(|block| block.start).collect(),
            at_start: bases::analyse(region),
            now: Bases::unknown(),
            sites: Vec::new(),
        }),
    };
    let mut e = Emitter {
        asm: VecAssembler::new(address as usize),
        stubs,
        decoded,
        blocks: HashMap::new(),
        cold: Vec::new(),
        links: Vec::new(),
        exits: HashMap::new(),
        allocation: Allocation::of(region),
        here: Site { offset: 0, ahead: 0 },
        flags: None,
        run: None,
        float: Known::default(),
        window,
    };
    for block in &region.blocks {
        let label = e.asm.new_dynamic_label();
        e.blocks.insert(block.start, label);
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
        for (i, (slot, op)) in block.ops.iter().enumerate() {
            self.here = Site { offset: *slot as i32 * 2, ahead: count - i as i32 };
            self.plan_run(&block.ops[i..]);
            // An access is by what is known in front of it, a jump is behind all else that it does.
            let access = bases::is_access(op);
            self.pass(op, !access);
            jumped = self.operation(op, *slot, next);
            self.pass(op, access);
        }
        self.run = None;
        if !jumped && next != Some(block.end) {
            self.jump_to(block.end);
        }
        if let Some(next) = next.filter(|next| block.successors().contains(&Some(*next))) {
            // That is where it falls through to.
            self.check_entry(self.lacking(next), next);
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
        if let Some(jumped) = self.control(op, slot, next) {
            return jumped;
        }
        self.flags = None;
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
        let (data, failed) = (self.embed(op, slot), self.side_exit());
        let stub = self.stubs.execute;
        self.restore();
        dynasm!(self.asm; .arch x64; lea rcx, [=>data]; call extern stub);
        self.exchange();
        dynasm!(self.asm; .arch x64; jnz =>failed);
        self.float = Known::default();
    }

    /// Let the hart execute `op`, which needs the exact state.
    pub fn system(&mut self, op: &Op, slot: usize) -> bool {
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

    /// Keep `cold` for behind the hot code.
    pub fn cold(&mut self, cold: impl FnOnce(&mut Emitter<'_>) + 'static) {
        self.cold.push(Box::new(cold));
    }

    /// Host register `into` = the virtual address `offset` bytes from the start of the page.
    pub fn page_plus(&mut self, offset: i32, into: u8) {
        dynasm!(self.asm; .arch x64; mov Rq(into), [rbp + field(layout::PAGE)]);
        if offset != 0 {
            dynasm!(self.asm; .arch x64; add Rq(into), offset);
        }
    }
}
