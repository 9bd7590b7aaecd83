//! The ways into the blocks of a region, between them, and out of it.

use dynasm::dynasm;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};

use super::emitter::{Emitter, Site};
use super::registers::{field, RCX};
use crate::hart::layout;
use crate::jit::region::Block;
use crate::jit::words::Known;

/// What is to be done on the way to a block, for what it expects to hold.
pub(super) struct Way {
    /// Registers, one bit each, that must not be narrow, and that have to be seen to be words.
    widen: u32,
    words: u32,
    /// Registers that have to be seen to be addresses ([`super::window`]).
    addresses: Vec<u8>,
}

impl Way {
    fn is_clear(&self) -> bool {
        self.widen == 0 && self.words == 0 && self.addresses.is_empty()
    }
}

impl Emitter<'_> {
    /// The block that begins at halfword `slot`.
    fn place_of(&self, slot: usize) -> Option<usize> {
        self.starts.binary_search(&slot).ok()
    }

    /// The way from here to block `index`.
    fn way_to(&self, index: usize) -> Way {
        let narrow = self.words.at_start(index);
        Way { widen: self.known.narrow & !narrow, words: narrow & !self.known.words, addresses: self.lacking(index) }
    }

    /// The way from elsewhere to block `index`.
    fn way_in(&self, index: usize) -> Way {
        Way { widen: 0, words: self.words.at_start(index), addresses: self.expected(index) }
    }

    /// Take `way` to the block at `slot`, none of whose instructions has been counted.
    fn take(&mut self, way: Way, slot: usize) {
        self.widen(way.widen);
        if way.words == 0 && way.addresses.is_empty() {
            return;
        }
        let fail = self.asm.new_dynamic_label();
        for guest in (1..32).filter(|guest| way.words >> guest & 1 != 0) {
            self.check_word(guest, fail);
        }
        way.addresses.into_iter().for_each(|guest| self.check_address(guest, fail));
        let site = Site { offset: slot as i32 * 2, ahead: 0 };
        let stub = self.stubs.interpret;
        self.cold(move |e| e.leave(fail, site, stub));
    }

    /// Extend what must not be narrow at `offset` into the page, if a block of the region begins there.
    pub fn widen_for(&mut self, offset: i32) {
        if let Some(index) = usize::try_from(offset / 2).ok().and_then(|slot| self.place_of(slot)) {
            self.widen(!self.words.at_start(index));
        }
    }

    /// Take the way from here to block `index`.
    pub fn pass_to(&mut self, index: usize) {
        self.take(self.way_to(index), self.starts[index]);
    }

    /// Go on only if integer register `guest` is a word, else at `fail`.
    fn check_word(&mut self, guest: u8, fail: DynamicLabel) {
        let value = self.read(guest, RCX);
        dynasm!(self.asm; .arch x64; movsxd rax, Rd(value); cmp rax, Rq(value); jne =>fail);
    }

    /// A label that leads to the interpreter, which executes the current operation.
    pub fn side_exit(&mut self) -> DynamicLabel {
        let label = self.asm.new_dynamic_label();
        let (site, stub) = (self.here, self.stubs.interpret);
        self.cold(move |e| e.leave(label, site, stub));
        label
    }

    /// What `late` leads to: attend in front of the block at `slot`, of which `ahead` instructions have been counted.
    pub fn attend(&mut self, late: DynamicLabel, slot: usize, ahead: i32) {
        let (site, stub) = (Site { offset: slot as i32 * 2, ahead }, self.stubs.attend);
        self.cold(move |e| e.leave(late, site, stub));
    }

    /// Leave through `stub` at `site`, giving back what was not executed.
    pub fn leave(&mut self, label: DynamicLabel, site: Site, stub: usize) {
        dynasm!(self.asm; .arch x64; =>label);
        self.widen_all();
        match i8::try_from(site.ahead) {
            Ok(0) => {}
            Ok(ahead) => dynasm!(self.asm; .arch x64; add r15, BYTE ahead),
            Err(_) => dynasm!(self.asm; .arch x64; add r15, site.ahead),
        }
        dynasm!(self.asm; .arch x64; mov ecx, site.offset);
        if self.exchanges() {
            let tail = self.tail(stub);
            dynasm!(self.asm; .arch x64; jmp =>tail);
        } else {
            dynasm!(self.asm; .arch x64; jmp extern stub);
        }
    }

    /// The label of what all exits through `stub` do in the end.
    fn tail(&mut self, stub: usize) -> DynamicLabel {
        if let Some(label) = self.tails.get(&stub) {
            return *label;
        }
        let label = self.asm.new_dynamic_label();
        self.tails.insert(stub, label);
        self.cold(move |e| {
            dynasm!(e.asm; .arch x64; =>label);
            e.restore();
            dynasm!(e.asm; .arch x64; jmp extern stub);
        });
        label
    }

    /// Jump to halfword `slot`, which may be the first one behind the page.
    pub fn jump_to(&mut self, slot: usize) {
        if slot >= 2048 {
            return self.jump_out(slot as i32 * 2);
        }
        match self.place_of(slot) {
            Some(index) => self.pass_to(index),
            None => self.widen_all(),
        }
        let label = self.block_label(slot);
        dynasm!(self.asm; .arch x64; jmp =>label);
        self.link(slot);
    }

    /// The label to jump to for halfword `slot` of this page; call [`Emitter::link`] behind the jump.
    pub fn block_label(&mut self, slot: usize) -> DynamicLabel {
        if let Some(index) = self.place_of(slot) {
            let (label, way) = (self.blocks[&slot], self.way_to(index));
            if way.is_clear() {
                return label;
            }
            let clear = self.asm.new_dynamic_label();
            self.cold(move |e| {
                dynasm!(e.asm; .arch x64; =>clear);
                e.take(way, slot);
                dynasm!(e.asm; .arch x64; jmp =>label);
            });
            return clear;
        }
        let label = self.exit_label(slot);
        if self.known.narrow == 0 {
            return label;
        }
        let wide = self.asm.new_dynamic_label();
        self.cold(move |e| {
            dynasm!(e.asm; .arch x64; =>wide);
            e.widen_all();
            dynasm!(e.asm; .arch x64; jmp =>label);
            e.link(slot);
        });
        wide
    }

    /// The label of the way out to halfword `slot`, where nothing is narrow.
    fn exit_label(&mut self, slot: usize) -> DynamicLabel {
        if let Some(label) = self.exits.get(&slot) {
            return *label;
        }
        let label = self.asm.new_dynamic_label();
        self.exits.insert(slot, label);
        let (site, stub) = (Site { offset: slot as i32 * 2, ahead: 0 }, self.stubs.go);
        self.cold(move |e| {
            dynasm!(e.asm; .arch x64; =>label);
            if e.exchanges() {
                // Jumps in the region lead here; this one leads out, and may be linked.
                let out = e.asm.new_dynamic_label();
                e.restore();
                dynasm!(e.asm; .arch x64; jmp =>out);
                e.links.push((slot, e.asm.offset().0));
                dynasm!(e.asm; .arch x64; =>out);
            }
            dynasm!(e.asm; .arch x64; mov ecx, site.offset; jmp extern stub);
        });
        label
    }

    /// The jump that ends here leads to `slot`: unless the region has that, it is patched once there is a translation.
    pub fn link(&mut self, slot: usize) {
        if !self.blocks.contains_key(&slot) && !self.exchanges() && self.known.narrow == 0 {
            let at = self.asm.offset().0;
            self.links.push((slot, at));
        }
    }

    /// The way into `block`, the one at `index`, from other pages and from the run loop: the pc is in `rax`.
    pub fn outer_entry(&mut self, index: usize, block: &Block) -> usize {
        let at = self.asm.offset().0;
        dynasm!(self.asm
            ; .arch x64
            ; and rax, -4096
            ; mov [rbp + field(layout::PAGE)], rax
        );
        self.load_window();
        self.enter(index, block);
        at
    }

    /// The way into `block` from other regions of the page, if it is not the block itself.
    pub fn inner_entry(&mut self, index: usize, block: &Block) -> Option<usize> {
        let at = self.asm.offset().0;
        if block.looped && !self.exchanges() && self.way_in(index).is_clear() {
            return None;
        }
        self.enter(index, block);
        Some(at)
    }

    /// Go to `block`. Whoever loops through several regions passes here, so that it is seen when time is up.
    fn enter(&mut self, index: usize, block: &Block) {
        let label = self.blocks[&block.start];
        self.exchange();
        self.known = Known::expected(0);
        self.take(self.way_in(index), block.start);
        if !block.looped {
            let late = self.asm.new_dynamic_label();
            dynasm!(self.asm; .arch x64; test r15, r15; js =>late);
            self.attend(late, block.start, 0);
        }
        dynasm!(self.asm; .arch x64; jmp =>label);
    }
}
