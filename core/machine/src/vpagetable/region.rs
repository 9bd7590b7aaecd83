//! `MAP_VPAGETABLE`: a region whose backing store is "physical" memory and whose mapping is a page table in that memory.
//!
//! The calls are those of DragonFly BSD: mmap(2) with `MAP_VPAGETABLE` ([`VPageTable::new`]), mcontrol(2) with
//! `MADV_SETMAP` ([`VPageTable::set_directory`]) and `MADV_INVAL` ([`VPageTable::invalidate`]), mprotect(2)
//! ([`VPageTable::protect`]), and the loads and stores of the program. There they fault pages into the host's page
//! table; here they fill a [`Tlb`]. Either way what was looked up once may be used until it is invalidated.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use vm_memory::{GuestMemoryBackend, GuestMemoryRegion};

use super::bank::LOAD_ENTRIES;
use super::{Format, Tlb, View, PAGE_MASK, PAGE_SIZE};
use crate::memory::GuestRam;

/// A region of memory that is governed by a page table inside its own backing store.
///
/// Several may lie over one backing store ([`VPageTable::over`]), each with its page directories and its own TLB, like
/// the CPUs of a machine: invalidate in each.
pub struct VPageTable {
    pub(super) backing: Arc<GuestRam>,
    pub(super) span: Option<u64>,
    pub(super) view: View,
    /// Master entries of the address spaces that are not switched to.
    directories: HashMap<u16, u64>,
    pub(super) rights: [bool; 3],
    pub(super) tlb: Tlb,
}

impl VPageTable {
    /// Reserve a region of `size` bytes (a multiple of 4096) of zeroed backing store. Host memory is taken page by page
    /// as it is touched.
    ///
    /// # Errors
    /// The host's, when it cannot reserve that much.
    pub fn new(size: u64, format: Format) -> io::Result<Self> {
        Self::over(Arc::new(GuestRam::new(0, size)?), format)
    }

    /// A region over a backing store that there is. It is as long as the backing store when entries are VPTEs, and the
    /// whole signed address space when they are RISC-V's.
    ///
    /// # Errors
    /// The host's, when it has no memory for another [`Tlb`].
    pub fn over(backing: Arc<GuestRam>, format: Format) -> io::Result<Self> {
        let span = format.has_master().then(|| backing.size());
        let view = View { format, hardware_ad: true, ..View::BARE };
        let mut tlb = Tlb::new()?;
        tlb.switch(&view);
        Ok(Self { backing, span, view, directories: HashMap::new(), rights: [true; 3], tlb })
    }

    /// Let the region be `span` bytes of addresses (whole pages: rounded up), from 0 on, whatever the size of the backing
    /// store.
    #[must_use]
    pub fn with_span(mut self, span: u64) -> Self {
        self.span = Some(span.saturating_add(PAGE_MASK) & !PAGE_MASK);
        self
    }

    /// Let accesses be those of users: only entries with the user bit serve them.
    #[must_use]
    pub fn with_user(mut self) -> Self {
        self.view.user = true;
        self.tlb.switch(&self.view);
        self
    }

    /// The backing store: the "physical" memory in which the tables lie. Its addresses begin at [`GuestRam::base`]: at 0
    /// when [`VPageTable::new`] made it.
    #[must_use]
    pub fn backing(&self) -> &Arc<GuestRam> {
        &self.backing
    }

    /// Form of the entries.
    #[must_use]
    pub fn format(&self) -> Format {
        self.view.format
    }

    /// Length of the region, bytes; `None` is the whole address space of the format.
    #[must_use]
    pub fn span(&self) -> Option<u64> {
        self.span
    }

    /// Host memory that the backing store takes, bytes.
    #[must_use]
    pub fn resident(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        let files = self.backing.guest_memory().iter().filter_map(|region| region.file_offset());
        files.filter_map(|offset| offset.file().metadata().ok()).map(|metadata| metadata.blocks() * 512).sum()
    }

    /// The address space that is switched to.
    #[must_use]
    pub fn space(&self) -> u16 {
        self.view.asid
    }

    /// The page directory of the address space that is switched to, as [`VPageTable::set_directory`] took it.
    #[must_use]
    pub fn directory(&self) -> u64 {
        self.view.root
    }

    /// Set the page directory of the address space that is switched to, and invalidate all (`MADV_SETMAP`).
    ///
    /// `entry` is a master entry in the VPTE formats: offset of the top-level table with the bits of an entry, or with
    /// `VPTE_PS` that of a linear mapping. For Sv39 and Sv48 it is the offset of the root table. Initially it is 0.
    ///
    /// # Errors
    /// `InvalidInput` when `entry` is no such thing: too large for a 32-bit entry, or no offset of a page.
    pub fn set_directory(&mut self, entry: u64) -> io::Result<()> {
        let invalid =
            |why: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("page directory {entry:#x}: {why}"));
        match self.view.format {
            Format::Vpte2006 | Format::Vpte32 if entry >> 32 != 0 => return Err(invalid("an entry has 32 bits")),
            Format::Bare | Format::Sv39 | Format::Sv48 if entry & PAGE_MASK != 0 => {
                return Err(invalid("not a multiple of 4096"));
            }
            _ => {}
        }
        self.view.root = entry;
        self.tlb.switch(&self.view);
        self.tlb.flush(None, None);
        Ok(())
    }

    /// Let accesses be those of address space `space`. Invalidates nothing; each space has its own page directory.
    pub fn switch(&mut self, space: u16) {
        self.directories.insert(self.view.asid, self.view.root);
        self.view.asid = space;
        self.view.root = self.directories.get(&space).copied().unwrap_or(0);
        self.tlb.switch(&self.view);
    }

    /// Forget what was looked up (`MADV_INVAL`): in `range` of addresses or everywhere, in one address space or in all.
    /// Global pages belong to no space: only an invalidation of all spaces covers them.
    ///
    /// To be called after an entry that was valid has changed, and before the change is relied upon. Entries that
    /// were invalid are never remembered.
    pub fn invalidate(&mut self, range: Option<Range<u64>>, space: Option<u16>) {
        let Some(range) = range else { return self.tlb.flush(None, space) };
        if range.is_empty() {
            return;
        }
        let (first, last) = (range.start / PAGE_SIZE, (range.end - 1) / PAGE_SIZE);
        if last - first >= LOAD_ENTRIES as u64 {
            return self.tlb.flush(None, space);
        }
        (first..=last).for_each(|page| self.tlb.flush(Some(page * PAGE_SIZE), space));
    }

    /// Limit what the region may be accessed for, whatever its table says (mprotect(2)): fetch, load, store.
    pub fn protect(&mut self, rights: [bool; 3]) {
        self.rights = rights;
    }
}
