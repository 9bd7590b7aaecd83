//! Faults of accesses to windows: the handler of SIGSEGV that leads them to where the access is done otherwise.
//!
//! It is installed once per process, when the first translator wants it, and knows the sites of the hart that the thread
//! runs. All other faults are those of whoever had the signal before: a real bug ends the process as ever. `gdb` has to be
//! told to let these faults pass: `handle SIGSEGV nostop noprint pass`.
//!
//! `unsafe` is the handler, its installation, and the sites, which it changes while translated code runs.

#![expect(unsafe_code)]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::OnceLock;

use libc::{c_int, c_void, siginfo_t, ucontext_t, REG_RBP, REG_RIP, SIGSEGV};

use super::registers::field;
use crate::hart::layout;
use crate::jit::bases::REACH;
use crate::jit::sites::Sites;
use crate::jit::Outcome;

thread_local! {
    /// The sites of the code that this thread executes.
    static CURRENT: Cell<*mut Sites> = const { Cell::new(ptr::null_mut()) };
}

/// Lowest and highest address at which code has been laid down, in all the process. Elsewhere the handler looks at nothing
/// that belongs to a thread: that might allocate when it is the first time.
static CODE: [AtomicU64; 2] = [AtomicU64::new(u64::MAX), AtomicU64::new(0)];

/// Sites that the handler finds.
pub(in crate::jit) struct Watched(NonNull<Sites>);

// SAFETY: it owns the sites, as a box would.
unsafe impl Send for Watched {}
// SAFETY: a shared reference allows nothing but to tell the address.
unsafe impl Sync for Watched {}

/// While it lives the thread's handler knows some sites.
pub struct Watch(*mut Sites);

impl Watched {
    /// Let the handler find `sites`, whose code is executed from `address` on for `size` bytes.
    pub fn new(sites: Sites, address: u64, size: u64) -> Self {
        CODE[0].fetch_min(address, Relaxed);
        CODE[1].fetch_max(address + size, Relaxed);
        Self(NonNull::from(Box::leak(Box::new(sites))))
    }

    pub fn get(&mut self) -> &mut Sites {
        // SAFETY: `self` owns them. Others have access through `CURRENT` alone, while translated code runs or has called:
        // `self` is not in use then.
        unsafe { self.0.as_mut() }
    }

    /// Let this thread's handler know them as long as the result lives, which must not be longer than `self`.
    pub fn watch(&self) -> Watch {
        Watch(CURRENT.replace(self.0.as_ptr()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // SAFETY: leaked by `new`, and nothing of their code runs any more.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// The last fault of the code that has called had this outcome: whether its site stays what it is.
#[must_use]
pub fn judge(outcome: Outcome) -> bool {
    with_current(|sites| sites.judge(outcome)).unwrap_or(true)
}

/// Do something with the sites of the code that runs, or has called; `None` when there are none.
fn with_current<T>(f: impl FnOnce(&mut Sites) -> T) -> Option<T> {
    // SAFETY: whoever set it keeps the sites while it is set; only one function at a time has access, see `Watched::get`.
    unsafe { CURRENT.get().as_mut() }.map(f)
}

/// Install the handler, once. Whether it is there.
pub(in crate::jit) fn install() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        // SAFETY: zeroes are a valid action, both pointers are, and the handler does only what handlers may.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handle as extern "C" fn(_, _, _) as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            let mut previous = MaybeUninit::uninit();
            // The handler needs the previous action as soon as it is installed.
            if libc::sigaction(SIGSEGV, ptr::null(), previous.as_mut_ptr()) != 0 {
                return false;
            }
            PREVIOUS.get_or_init(|| previous.assume_init());
            libc::sigaction(SIGSEGV, &raw const action, ptr::null_mut()) == 0
        }
    })
}

static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the host passes valid pointers.
    unsafe {
        if !lead_on(info, context.cast()) {
            pass_on(signal, info, context);
        }
    }
}

/// Whether it was an access to a window, and goes on otherwise.
unsafe fn lead_on(info: *mut siginfo_t, context: *mut ucontext_t) -> bool {
    // SAFETY: the caller's promise: both are valid.
    let (registers, address, code) =
        unsafe { (&mut (*context).uc_mcontext.gregs, (*info).si_addr() as u64, (*info).si_code) };
    let rip = registers[REG_RIP as usize] as u64;
    // Codes above 0 are the host's own; others are signals that somebody sent.
    if code <= 0 || rip < CODE[0].load(Relaxed) || rip >= CODE[1].load(Relaxed) {
        return false;
    }
    let Some(Some(to)) = with_current(|sites| sites.fault(rip)) else { return false };
    // Translated code runs with this register beside the hart's state, and uses this window.
    let hart = registers[REG_RBP as usize] as usize;
    let window = hart.wrapping_add_signed(field(layout::IN_USE) as isize) as *const u64;
    // SAFETY: a site runs on behalf of a hart, which is not borrowed meanwhile.
    let window = unsafe { window.read() };
    if address.wrapping_sub(window.wrapping_sub(REACH)) >= 2 * REACH {
        return false;
    }
    registers[REG_RIP as usize] = to as i64;
    true
}

/// Do what would have been done without this handler.
unsafe fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let previous = PREVIOUS.get();
    let handler = previous.map_or(libc::SIG_DFL, |previous| previous.sa_sigaction);
    // SAFETY: the caller's promise; the handler is that of the flags.
    unsafe {
        if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
            // Executed again, the instruction ends the process; what somebody sent has to be sent again.
            libc::signal(signal, libc::SIG_DFL);
            if (*info).si_code <= 0 {
                libc::raise(signal);
            }
        } else if previous.is_some_and(|previous| previous.sa_flags & libc::SA_SIGINFO != 0) {
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = std::mem::transmute(handler);
            handler(signal, info, context);
        } else {
            let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
            handler(signal);
        }
    }
}
