//! Pieces of guest memory, checked once, in the form that the host's vectored I/O takes.
//!
//! The guest may change the bytes at any time, so no Rust reference to them is ever made: they are copied, or handed to
//! the kernel by address.
//!
//! `unsafe` is these copies.

#![expect(unsafe_code)]

use crate::memory::GuestRam;

/// Pieces of `'ram`'s memory, in order.
#[derive(Debug, Default)]
pub struct Pieces<'ram> {
    pieces: Vec<libc::iovec>,
    length: usize,
    /// `None`: there are no pieces.
    ram: Option<&'ram GuestRam>,
}

impl<'ram> Pieces<'ram> {
    /// Append the `length` bytes at guest-physical `gpa`; false when they are not all RAM.
    #[must_use]
    pub fn push(&mut self, ram: &'ram GuestRam, gpa: u64, length: u32) -> bool {
        let Some(host) = ram.host_at(gpa, length.into()) else { return false };
        self.ram = Some(ram);
        if length > 0 {
            self.pieces.push(libc::iovec { iov_base: host.cast(), iov_len: length as usize });
            self.length += length as usize;
        }
        true
    }

    /// Append all of `other`.
    pub fn append(&mut self, mut other: Self) {
        self.pieces.append(&mut other.pieces);
        self.length += other.length;
        self.ram = self.ram.or(other.ram);
    }

    /// Total number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The pieces for a system call, which must not keep them. When it has written to them say [`Pieces::written`].
    #[must_use]
    pub fn raw(&self) -> &[libc::iovec] {
        &self.pieces
    }

    /// Take the first `bytes.len()` bytes out into `bytes`; false, and nothing taken, when there are fewer.
    #[must_use]
    pub fn take(&mut self, bytes: &mut [u8]) -> bool {
        if bytes.len() > self.length {
            return false;
        }
        let mut done = 0;
        for piece in &self.pieces {
            let count = piece.iov_len.min(bytes.len() - done);
            // SAFETY: the piece lies in RAM, which outlives `self`; `count` bytes fit on both sides; guest memory and a
            // host slice do not overlap.
            unsafe { std::ptr::copy_nonoverlapping(piece.iov_base.cast::<u8>(), bytes[done..].as_mut_ptr(), count) };
            done += count;
        }
        self.skip(bytes.len());
        true
    }

    /// Copy as much of `bytes` as fits to the front; returns how much that was.
    pub fn fill(&self, bytes: &[u8]) -> usize {
        let mut done = 0;
        for piece in &self.pieces {
            let count = piece.iov_len.min(bytes.len() - done);
            // SAFETY: as in `take`, the other way round.
            unsafe { std::ptr::copy_nonoverlapping(bytes[done..].as_ptr(), piece.iov_base.cast::<u8>(), count) };
            done += count;
        }
        self.written(done);
        done
    }

    /// Note that the first `count` bytes have been written.
    pub fn written(&self, count: usize) {
        let mut left = count.min(self.length);
        for piece in &self.pieces {
            let count = piece.iov_len.min(left);
            if let Some(ram) = self.ram {
                ram.written(piece.iov_base.cast(), count);
            }
            left -= count;
        }
    }

    /// Drop the first `count` bytes, or all when there are fewer.
    pub fn skip(&mut self, count: usize) {
        let mut left = count.min(self.length);
        self.length -= left;
        let gone = self
            .pieces
            .iter()
            .take_while(|piece| {
                piece.iov_len <= left && {
                    left -= piece.iov_len;
                    true
                }
            })
            .count();
        self.pieces.drain(..gone);
        if left > 0 {
            let first = &mut self.pieces[0];
            first.iov_base = first.iov_base.cast::<u8>().wrapping_add(left).cast();
            first.iov_len -= left;
        }
    }

    /// Split at byte `at`: what stays is the front, what is returned the rest.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Self {
        let at = at.min(self.length);
        let mut front = 0;
        let index = self
            .pieces
            .iter()
            .take_while(|piece| {
                front + piece.iov_len <= at && {
                    front += piece.iov_len;
                    true
                }
            })
            .count();
        let mut rest = self.pieces.split_off(index);
        let cut = at - front;
        if cut > 0 {
            let whole = rest[0];
            self.pieces.push(libc::iovec { iov_base: whole.iov_base, iov_len: cut });
            rest[0].iov_base = whole.iov_base.cast::<u8>().wrapping_add(cut).cast();
            rest[0].iov_len -= cut;
        }
        let length = self.length - at;
        self.length = at;
        Self { pieces: rest, length, ram: self.ram }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::layout::RAM_BASE;

    /// The pieces of lengths `lengths`, with gaps between, over RAM that holds 0, 1, 2.. in the pieces.
    fn pieces<'ram>(ram: &'ram GuestRam, lengths: &[u32]) -> Pieces<'ram> {
        let mut pieces = Pieces::default();
        let (mut gpa, mut value) = (RAM_BASE, 0u8);
        for &length in lengths {
            assert!(pieces.push(ram, gpa, length));
            for at in 0..u64::from(length) {
                ram.write(gpa + at, &[value]).unwrap();
                value = value.wrapping_add(1);
            }
            gpa += u64::from(length) + 3;
        }
        pieces
    }

    #[test]
    fn what_is_filled_is_noted_as_written() {
        let ram = GuestRam::new(RAM_BASE, 4 << 12).unwrap();
        let mut pieces = Pieces::default();
        assert!(pieces.push(&ram, RAM_BASE + 0xffe, 4) && pieces.push(&ram, RAM_BASE + 0x3000, 8));
        let since = ram.writes().settled();
        assert_eq!(pieces.fill(&[1; 4]), 4);
        assert_eq!([0, 1, 2, 3].map(|page| ram.writes().changed(page, since)), [true, true, false, false]);
        pieces.written(5);
        assert!(ram.writes().changed(3, since) && !ram.writes().changed(2, since));
    }

    fn contents(mut pieces: Pieces<'_>) -> Vec<u8> {
        let mut bytes = vec![0; pieces.len()];
        assert!(pieces.take(&mut bytes));
        assert!(pieces.is_empty() && pieces.raw().is_empty());
        bytes
    }

    #[test]
    fn only_ram_is_taken() {
        let ram = GuestRam::new(RAM_BASE, 4096).unwrap();
        let mut pieces = Pieces::default();
        assert!(!pieces.push(&ram, RAM_BASE - 1, 1));
        assert!(!pieces.push(&ram, RAM_BASE + 4095, 2));
        assert!(!pieces.push(&ram, u64::MAX, u32::MAX));
        assert!(pieces.is_empty());
        assert!(!pieces.take(&mut [0]));
    }

    proptest! {
        #[test]
        fn cutting_keeps_every_byte_once(lengths in prop::collection::vec(0u32..20, 0..8), at in 0usize..100, skip in 0usize..50) {
            let ram = GuestRam::new(RAM_BASE, 4096).unwrap();
            let mut front = pieces(&ram, &lengths);
            let whole: Vec<u8> = (0..front.len() as u8).collect();
            let mut back = front.split_off(at);
            back.skip(skip);
            let at = at.min(whole.len());
            prop_assert_eq!(contents(front), &whole[..at]);
            prop_assert_eq!(contents(back), &whole[(at + skip).min(whole.len())..]);
        }

        #[test]
        fn filling_reaches_exactly_the_pieces(lengths in prop::collection::vec(0u32..20, 0..8), extra in 0usize..30) {
            let ram = GuestRam::new(RAM_BASE, 4096).unwrap();
            let target = pieces(&ram, &lengths);
            let room = target.len();
            prop_assert_eq!(target.fill(&vec![0xee; extra]), room.min(extra));
            let bytes = contents(target);
            prop_assert!(bytes.iter().take(extra).all(|b| *b == 0xee));
            prop_assert_eq!(&bytes[room.min(extra)..], &(0..room as u8).collect::<Vec<_>>()[room.min(extra)..]);
        }
    }
}
