//! Taking a sample of what the hart executes: registers, and the calls that led there.
//!
//! The frame pointer is `s0`; the return address lies 8 bytes below it and the caller's frame pointer 16 (RISC-V ELF psABI,
//! "Frame Pointer Convention"). Code compiled without one keeps anything in `s0`, so an address counts as a return
//! address only when a call lies before it. Nothing in here changes the guest's state, the TLB or the A bits.

use super::{Hart, Privilege};
use crate::sampler::{Sample, Wish, NAME};
use crate::vpagetable::{walk, Access, Request, View};

const RA: u8 = 1;
const TP: u8 = 4;
const S0: u8 = 8;
/// Return addresses in one sample.
const MAX_FRAMES: usize = 64;
/// The largest frame that a frame pointer is followed over, bytes.
const MAX_FRAME: u64 = 64 << 10;

impl Hart {
    /// What the hart is about to execute, at this moment.
    pub(super) fn sample(&self, wish: Wish) -> Sample {
        let view = self.quiet_view(self.privilege);
        let ra = self.x(RA);
        Sample {
            time: self.platform.clock.now(),
            privilege: self.privilege,
            satp: self.csr.satp,
            pc: self.pc,
            ra: self.follows_call(&view, ra).then_some(ra),
            frames: self.return_addresses(&view),
            task: wish.task_name.and_then(|offset| self.task_name(offset)),
        }
    }

    /// The view of `privilege`, for reading alone.
    fn quiet_view(&self, privilege: Privilege) -> View {
        View { hardware_ad: false, mxr: true, sum: false, ..self.view(privilege) }
    }

    /// Return addresses by the frame pointer, innermost first.
    fn return_addresses(&self, view: &View) -> Vec<u64> {
        let mut found = Vec::new();
        let mut frame = self.x(S0);
        // A leaf may have saved nothing but the frame pointer, in the uppermost place.
        if let Some(caller) = self.peek_frame(view, frame, 8).filter(|caller| is_outer(frame, *caller)) {
            let ra = self.x(RA);
            if !self.follows_call(view, ra) {
                return found;
            }
            found.push(ra);
            frame = caller;
        }
        while found.len() < MAX_FRAMES {
            let Some(ra) = self.peek_frame(view, frame, 8).filter(|ra| self.follows_call(view, *ra)) else {
                break;
            };
            found.push(ra);
            let Some(caller) = self.peek_frame(view, frame, 16).filter(|caller| is_outer(frame, *caller)) else {
                break;
            };
            frame = caller;
        }
        found
    }

    /// The value `below` bytes below the frame pointer `frame`, if that can be one.
    fn peek_frame(&self, view: &View, frame: u64, below: u64) -> Option<u64> {
        if frame == 0 || !frame.is_multiple_of(8) {
            return None;
        }
        self.peek(view, frame.wrapping_sub(below)).map(u64::from_le_bytes)
    }

    /// Whether `jal ra` or `jalr ra`, in 16 or 32 bits, lies before `address`.
    fn follows_call(&self, view: &View, address: u64) -> bool {
        let half = |below| self.peek(view, address.wrapping_sub(below)).map(u16::from_le_bytes);
        let Some(last) = half(2).filter(|_| address.is_multiple_of(2)) else {
            return false;
        };
        let compressed = last & 0xf07f == 0x9002 && last & 0xf80 != 0;
        let long = |first: u16| matches!(first & 0xfff, 0x0ef | 0x0e7);
        compressed || half(4).is_some_and(long)
    }

    /// Name of Linux's current task, which lies `offset` bytes into its structure.
    fn task_name(&self, offset: u64) -> Option<[u8; NAME]> {
        let view = self.quiet_view(Privilege::Supervisor);
        // Linux keeps the pointer in sscratch while it is not in the kernel, and 0 there while it is.
        let task = if self.csr.sscratch == 0 { self.x(TP) } else { self.csr.sscratch };
        let at = task.wrapping_add(offset);
        let (low, high) = (self.peek::<8>(&view, at)?, self.peek::<8>(&view, at.wrapping_add(8))?);
        let mut name = [0; NAME];
        name[..8].copy_from_slice(&low);
        name[8..].copy_from_slice(&high);
        Some(name)
    }

    /// The `N` bytes at `va`, a multiple of `N`, if they lie in RAM and `view` may load them.
    fn peek<const N: usize>(&self, view: &View, va: u64) -> Option<[u8; N]> {
        if !va.is_multiple_of(N as u64) {
            return None;
        }
        let leaf = walk(&Request::new(&self.platform.ram, view, va, Access::Load)).ok()?;
        let mut bytes = [0; N];
        self.platform.ram.read(leaf.pa, &mut bytes).ok()?;
        Some(bytes)
    }
}

/// Whether `caller` can be the frame pointer of the function that called the one of `frame`.
fn is_outer(frame: u64, caller: u64) -> bool {
    caller.is_multiple_of(8) && caller > frame && caller - frame <= MAX_FRAME
}
