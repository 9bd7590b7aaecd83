//! Hosts without a translator interpret everything.

use super::Outcome;
use crate::memory::GuestRam;
use crate::vpagetable::{Tlb, View};

/// Whether this host can translate, or why not.
///
/// # Errors
/// It cannot.
pub fn supported() -> Result<(), &'static str> {
    Err("there is no translator for this architecture")
}

/// Whether translated code can access windows, or why not.
///
/// # Errors
/// There is none.
pub fn windows_supported() -> Result<(), &'static str> {
    supported()
}

/// Never called.
#[must_use]
pub fn judge(_outcome: Outcome) -> bool {
    true
}

/// Does not exist.
pub enum Translator {}

impl Translator {
    /// There is none.
    #[must_use]
    pub fn new(_ram: &GuestRam, _harts: usize) -> Option<Self> {
        None
    }

    /// Nor one of any size.
    #[must_use]
    pub fn sized(_ram: &GuestRam, _harts: usize, _size: usize, _room: usize) -> Option<Self> {
        None
    }

    /// Never called.
    #[must_use]
    pub fn translations(&self) -> u64 {
        match *self {}
    }

    /// Never called.
    #[must_use]
    pub fn code_bytes(&self) -> usize {
        match *self {}
    }

    /// Never called.
    pub fn entry(&mut self, _ram: &GuestRam, _number: usize, _slot: usize, _generation: u64) -> Option<u64> {
        match *self {}
    }

    /// Never called.
    pub fn translate(&mut self, _tlb: &mut Tlb, _page: &crate::hart::Decoded<'_>, _slot: usize) -> Option<u64> {
        match *self {}
    }

    /// Never called.
    pub fn watch(&mut self) {}

    /// Never called.
    pub fn earn(&mut self, _instructions: u64) {}

    /// Never called.
    pub fn find(&mut self, _tlb: &mut Tlb, _number: usize, _view: &View, _stack: u64) {}

    /// Never called.
    pub fn demote(&mut self, _tlb: &mut Tlb, _number: usize) {}

    /// Never called.
    pub fn use_windows(&mut self, _after: Option<u16>) {}

    /// Never called.
    pub fn enter(&self) -> crate::hart::translated::Enter {
        match *self {}
    }
}
