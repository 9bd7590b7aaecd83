//! Memory for generated code: one memfd, mapped twice, so that no mapping is ever both writable and executable.
//!
//! Code is laid down in order, chunk by chunk; when the last chunk is full the first one is used again. Whoever owns code in
//! a chunk that is about to be used again has to let go of it.
//!
//! `unsafe` is the two mappings and the copy into one of them.

#![expect(unsafe_code)]

use std::io;
use std::ptr;

use libc::{c_void, off_t, MAP_FAILED, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE};

/// Parts of the arena that are reused one after the other.
pub(super) const CHUNKS: usize = 8;

/// Where code lies, as an offset into the arena.
pub(super) type Offset = u32;

/// Executable memory of one hart.
pub(super) struct Arena {
    write: *mut u8,
    execute: *const u8,
    size: usize,
    /// Bytes at the start that are never reused.
    fixed: usize,
    chunk: usize,
    next: usize,
    /// The highest that `next` has been.
    used: usize,
}

impl Arena {
    /// An arena of `size` bytes, taken from the host as they are used.
    ///
    /// # Errors
    /// The host's: no memory, or no executable memory for this process.
    pub fn new(size: usize) -> io::Result<Self> {
        // SAFETY: a NUL-terminated name and valid flags; the result is checked.
        let fd = unsafe { libc::memfd_create(c"vkd-code".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let views = Self::map_twice(fd, size);
        // SAFETY: `fd` was made above and is not used again; the mappings do not need it.
        unsafe { libc::close(fd) };
        let (write, execute) = views?;
        Ok(Self { write, execute, size, fixed: 0, chunk: 0, next: 0, used: 0 })
    }

    fn map_twice(fd: i32, size: usize) -> io::Result<(*mut u8, *const u8)> {
        // SAFETY: `fd` is a memfd of ours; the results are checked, and fresh addresses are chosen by the kernel.
        unsafe {
            if libc::ftruncate(fd, size as off_t) != 0 {
                return Err(io::Error::last_os_error());
            }
            let write = libc::mmap(ptr::null_mut(), size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if write == MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let execute = libc::mmap(ptr::null_mut(), size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
            if execute == MAP_FAILED {
                let error = io::Error::last_os_error();
                libc::munmap(write, size);
                return Err(error);
            }
            Ok((write.cast(), execute as *const u8))
        }
    }

    /// Address at which the byte at `offset` is executed.
    pub fn address(&self, offset: Offset) -> u64 {
        self.execute as u64 + u64::from(offset)
    }

    /// Bytes in use, or used once and not yet again.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Where the next piece of code will lie.
    pub fn next(&self) -> Offset {
        self.next as Offset
    }

    /// The chunk in which the next piece of code will lie.
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    /// Let what was laid down so far stay for ever.
    pub fn fix(&mut self) {
        self.fixed = self.next;
    }

    /// See to it that `len` bytes fit at [`Arena::next`]. `Some(chunk)` when for that another chunk was begun, whose
    /// code is gone.
    pub fn make_room(&mut self, len: usize) -> Option<usize> {
        if self.next + len <= self.end(self.chunk) {
            return None;
        }
        self.chunk = (self.chunk + 1) % CHUNKS;
        self.next = self.begin(self.chunk);
        Some(self.chunk)
    }

    /// Lay down `code`, for which there is room.
    ///
    /// # Panics
    /// When there is none.
    pub fn append(&mut self, code: &[u8]) {
        assert!(self.next + code.len() <= self.end(self.chunk), "the caller made room");
        self.write(self.next, code);
        // Code begins at multiples of 16, as the host's decoder likes it.
        self.next = (self.next + code.len()).next_multiple_of(16).min(self.end(self.chunk));
        self.used = self.used.max(self.next);
    }

    /// Make the 32-bit displacement at `at`, which is the last part of a jump, lead to `to`.
    pub fn patch_jump(&mut self, at: Offset, to: Offset) {
        let displacement = to.wrapping_sub(at.wrapping_add(4));
        self.write(at as usize, &displacement.to_le_bytes());
    }

    /// Overwrite code at `at`.
    pub fn patch(&mut self, at: Offset, code: &[u8]) {
        self.write(at as usize, code);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= self.size);
        // SAFETY: the range was checked to lie in the writable mapping, to which no reference exists.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.write.add(at), bytes.len()) };
    }

    fn begin(&self, chunk: usize) -> usize {
        (chunk * (self.size / CHUNKS)).max(self.fixed)
    }

    fn end(&self, chunk: usize) -> usize {
        (chunk + 1) * (self.size / CHUNKS)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: both mappings were made by `new` with this size, and nothing executes in them any more.
        unsafe {
            libc::munmap(self.write.cast(), self.size);
            libc::munmap(self.execute as *mut c_void, self.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_used_in_turn_and_what_is_fixed_stays() {
        const CHUNK: usize = 4096;
        let mut arena = Arena::new(CHUNKS * CHUNK).unwrap();
        arena.append(&[0xc3; 100]);
        arena.fix();
        assert_eq!(arena.make_room(CHUNK - 112), None, "the first chunk has room behind what is fixed");
        for round in 1..=2 * CHUNKS {
            arena.append(&vec![0x90; CHUNK - 112]);
            assert_eq!(arena.make_room(CHUNK - 112), Some(round % CHUNKS));
            let begin = if round % CHUNKS == 0 { 112 } else { round % CHUNKS * CHUNK };
            assert_eq!(arena.next() as usize, begin);
        }
    }
}
