//! The translator: hot guest code becomes code of the host.
//!
//! The interpreter counts how often jumps lead somewhere. What is hot is translated by [`region`]s, sets of basic blocks of
//! one page. Translations are kept by physical page ([`cache`]), so that all processes share them; they are laid down in
//! memory that is never writable and executable at once ([`arena`]). `x64` writes the code; another host needs a folder
//! like it and nothing else.
//!
//! Rules of translated code:
//! - The state is exact in front of every instruction. Whatever cannot be done there, because it faults or touches a device, is
//!   left to the interpreter, which executes the same instruction again. So the translator knows no traps. Of a page fault the hart
//!   keeps the exception that the walk gave, and takes it then.
//! - The pc is implied. Code knows its place within the page; where the page is, virtually, is set when it is entered.
//! - Jumps within a page lead straight to their target. All others go through the jump cache of the address space
//!   ([`crate::vpagetable`]), which holds only what the TLB would fetch.
//! - Every loop counts instructions down and ends when they are used up.
//! - Memory is read as it was when its page was entered first after the last `fence.i`: then pages are compared with what they
//!   were translated from.

#[cfg(target_arch = "x86_64")]
mod arena;
#[cfg(target_arch = "x86_64")]
mod bases;
#[cfg(target_arch = "x86_64")]
mod cache;
#[cfg(target_arch = "x86_64")]
mod digest;
#[cfg(target_arch = "x86_64")]
mod piece;
#[cfg(target_arch = "x86_64")]
mod region;
#[cfg(target_arch = "x86_64")]
mod sites;
#[cfg(target_arch = "x86_64")]
mod usage;
#[cfg(target_arch = "x86_64")]
mod words;
#[cfg(target_arch = "x86_64")]
mod x64;

#[cfg(not(target_arch = "x86_64"))]
mod absent;

#[cfg(not(target_arch = "x86_64"))]
pub use absent::{judge, supported, windows_supported, Translator};
#[cfg(target_arch = "x86_64")]
pub use {cache::Translator, x64::signal::judge, x64::supported, x64::windows_supported};

use std::sync::LazyLock;

/// How translated code ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Exit {
    /// At the hart's pc, which has to be looked up.
    Go = 1,
    /// In front of an instruction that has to be interpreted.
    Interpret = 2,
    /// It is time to attend.
    Attend = 3,
}

impl Exit {
    /// The exit that generated code calls `code`.
    #[must_use]
    pub fn from_code(code: u64) -> Self {
        match code {
            1 => Self::Go,
            2 => Self::Interpret,
            _ => Self::Attend,
        }
    }
}

/// What became of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The page is in the window now.
    Promoted,
    /// There is RAM, but not in the window.
    Refused,
    /// The access is the interpreter's: it traps, or crosses pages.
    Left,
    /// There is a device.
    Device,
}

/// What helpers that translated code calls return when it is to go on behind the instruction.
pub const GO_ON: u64 = 0;

/// Bytes that code wants to access, in one register: how many, and at which of them its next instruction does, if that traps
/// wherever an access to all of them would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Span(u32);

impl Span {
    const NO_FIRST: u16 = u16::MAX;

    /// `len` bytes (1..=4096), which the next instruction accesses from byte `first` on.
    #[must_use]
    pub const fn new(len: u16, first: Option<u16>) -> Self {
        let first = match first {
            Some(first) => first,
            None => Self::NO_FIRST,
        };
        Self((first as u32) << 16 | len as u32)
    }

    /// For generated code.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// Where the next instruction's access begins, if its exception is that of the whole.
    #[must_use]
    pub fn first(self) -> Option<u64> {
        let first = (self.0 >> 16) as u16;
        (first != Self::NO_FIRST).then_some(u64::from(first))
    }

    /// Whether all of it lies in one page when it begins at `va`.
    #[must_use]
    pub fn in_one_page(self, va: u64) -> bool {
        (va & 0xfff) + u64::from(self.0 & 0xffff) <= 4096
    }
}

/// How often a jump leads somewhere before that is translated.
const THRESHOLD: u8 = 48;

/// [`THRESHOLD`], or what the environment variable `VKD_TRANSLATE_AFTER` (0 to 255) says instead, for tests.
#[must_use]
pub fn threshold() -> u8 {
    static VALUE: LazyLock<u8> = LazyLock::new(|| {
        let value = std::env::var("VKD_TRANSLATE_AFTER").ok();
        value.and_then(|value| value.parse().ok()).unwrap_or(THRESHOLD)
    });
    *VALUE
}

/// Bytes for the code of each hart that the environment variable `VKD_CODE_BYTES` asks for, for tests.
#[cfg(target_arch = "x86_64")]
fn code_bytes() -> Option<usize> {
    std::env::var("VKD_CODE_BYTES").ok()?.parse().ok()
}

/// How often on end the hart is found in a page before its code accesses memory in windows.
const WINDOWS_AFTER: u16 = 64;

/// [`WINDOWS_AFTER`], or what the environment variable `VKD_WINDOWS_AFTER` (a number, or `never`) says instead, for tests.
#[must_use]
pub fn windows_after() -> Option<u16> {
    static VALUE: LazyLock<Option<u16>> = LazyLock::new(|| match std::env::var("VKD_WINDOWS_AFTER").ok().as_deref() {
        Some("never") => None,
        value => Some(value.and_then(|value| value.parse().ok()).unwrap_or(WINDOWS_AFTER)),
    });
    *VALUE
}

/// An operation that the hart itself executes, as it lies in generated code.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Embedded {
    /// What its row does.
    pub exec: crate::isa::row::Exec,
    /// The operation.
    pub op: crate::isa::Op,
    /// The instruction's bits.
    pub word: u32,
    /// Where it lies in its page, bytes.
    pub offset: u32,
    /// Instructions of its block that have been counted already but not executed, itself included.
    pub ahead: u32,
}
