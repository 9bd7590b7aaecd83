//! The ways into the blocks of a region, between them, and out of it.

use dynasm::dynasm;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};

use super::emitter::{Emitter, Site};
use super::registers::field;
use crate::hart::layout;
use crate::jit::region::Block;

impl Emitter<'_> {
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
        self.restore();
        dynasm!(self.asm
            ; .arch x64
            ; add r15, site.ahead
            ; mov ecx, site.offset
            ; jmp extern stub
        );
    }

    /// Jump to halfword `slot`, which may be the first one behind the page.
    pub fn jump_to(&mut self, slot: usize) {
        if slot >= 2048 {
            return self.jump_out(slot as i32 * 2);
        }
        let label = self.block_label(slot);
        dynasm!(self.asm; .arch x64; jmp =>label);
        self.link(slot);
    }

    /// The label to jump to for halfword `slot` of this page; call [`Emitter::link`] behind the jump.
    pub fn block_label(&mut self, slot: usize) -> DynamicLabel {
        if let Some(label) = self.blocks.get(&slot).copied() {
            let lacking = self.lacking(slot);
            if lacking.is_empty() {
                return label;
            }
            let checked = self.asm.new_dynamic_label();
            self.cold(move |e| {
                dynasm!(e.asm; .arch x64; =>checked);
                e.check_entry(lacking, slot);
                dynasm!(e.asm; .arch x64; jmp =>label);
            });
            return checked;
        }
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
        if !self.blocks.contains_key(&slot) && !self.exchanges() {
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
        if block.looped && !self.exchanges() && self.expected(index).is_empty() {
            return None;
        }
        self.enter(index, block);
        Some(at)
    }

    /// Go to `block`. Whoever loops through several regions passes here, so that it is seen when time is up.
    fn enter(&mut self, index: usize, block: &Block) {
        let label = self.blocks[&block.start];
        self.exchange();
        self.check_entry(self.expected(index), block.start);
        if !block.looped {
            let late = self.asm.new_dynamic_label();
            dynasm!(self.asm; .arch x64; test r15, r15; js =>late);
            self.attend(late, block.start, 0);
        }
        dynasm!(self.asm; .arch x64; jmp =>label);
    }
}
