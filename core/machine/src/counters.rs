//! What a hart counts of itself, beside the instructions that it retires.
//!
//! A hart leaves its straight path for what is counted here; the path itself counts nothing. Hits of the TLB are on it:
//! relate the misses to the instructions.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A count that one thread, its hart's, raises and anybody may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Raise it by `count`. Not an atomic addition: there is one writer.
    #[inline]
    pub fn add(&self, count: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(count), Relaxed);
    }

    /// Let it be `value`, for what rises and falls.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// What it stands at.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

macro_rules! counters {
    ($($(#[doc = $meaning:literal])+ $name:ident,)+) => {
        /// Counters of one hart since it was made.
        #[derive(Debug, Default)]
        #[repr(align(64))]
        pub struct HartCounters {
            $($(#[doc = $meaning])+ pub $name: Counter,)+
        }

        impl HartCounters {
            /// Each by its name, as of now.
            #[must_use]
            pub fn read(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get())),+]
            }
        }
    };
}

counters! {
    /// `ecall` that trapped: system calls, and SBI calls to firmware of the guest's own.
    ecalls,
    /// `ecall` that the built-in SBI answered.
    sbi_calls,
    /// Instructions that read or write a CSR, but for those that translated code does by itself.
    csr_accesses,
    /// `sret` and `mret`.
    returns,
    /// Fences of translations (`sfence.vma` and its like), of this hart's own and on behalf of others.
    fences,
    /// Fences of code (`fence.i`, and what implies one), likewise.
    code_fences,
    /// Page faults: of fetches, loads and stores.
    page_faults,
    /// All other exceptions that trapped.
    exceptions,
    /// Interrupts taken.
    interrupts,
    /// Loads and stores that a device answered.
    device_accesses,
    /// Times that the hart slept, in WFI or suspended.
    sleeps,
    /// Page-table walks that ended in RAM, for the TLB did not know the page.
    tlb_misses,
    /// Instructions that were retired in translated code; the others were interpreted.
    translated,
    /// Pieces of guest code that were translated.
    translations,
    /// Host code that the translations take at present, bytes.
    code_bytes,
    /// Faults of translated code in the window of an address space that asked for pages to be mapped there.
    window_faults,
    /// Calls of the host that unmapped pages in windows, as of the last such fault.
    window_drops,
    /// Pieces of RAM that were mapped in windows then.
    window_pieces,
}
