//! Block device (section 5.2) over a raw file or a block device of the host.
//!
//! `unsafe` is flock(2), fallocate(2), preadv(2) and pwritev(2): the last two get addresses of guest memory.

#![expect(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;

use super::iov::Pieces;
use super::queue::{Chain, Malformed, Virtqueue};
use super::worker::{Backend, Wait};
use super::Model;
use crate::memory::GuestRam;

const F_SEG_MAX: u64 = 1 << 2;
const F_RO: u64 = 1 << 5;
const F_BLK_SIZE: u64 = 1 << 6;
const F_FLUSH: u64 = 1 << 9;
const F_DISCARD: u64 = 1 << 13;
const F_WRITE_ZEROES: u64 = 1 << 14;

const IN: u32 = 0;
const OUT: u32 = 1;
const FLUSH: u32 = 4;
const GET_ID: u32 = 8;
const DISCARD: u32 = 11;
const WRITE_ZEROES: u32 = 13;

const OK: u8 = 0;
const IOERR: u8 = 1;
const UNSUPP: u8 = 2;

const SECTOR: u64 = 512;
const QUEUE: u16 = 256;
/// Data segments per request, the header and the status having one each.
const SEG_MAX: u32 = QUEUE as u32 - 2;
/// Sectors per range of a discard or write-zeroes request.
const RANGE_SECTORS: u32 = 1 << 22;
const RANGES: u32 = 32;
const RANGE: usize = 16;
const UNMAP: u32 = 1;
/// Requests per turn, after which completions are signalled.
const TURN: usize = 16;
/// The serial number that the guest sees has at most this many bytes.
const ID: usize = 20;

/// What happened on a disk so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Read requests done.
    pub reads: AtomicU64,
    /// Bytes read.
    pub read_bytes: AtomicU64,
    /// Write requests done.
    pub writes: AtomicU64,
    /// Bytes written.
    pub written_bytes: AtomicU64,
    /// Flushes done.
    pub flushes: AtomicU64,
    /// Requests that failed.
    pub errors: AtomicU64,
}

/// The disk.
pub struct Block {
    file: File,
    sectors: u64,
    read_only: bool,
    /// Without a flush command the driver takes a completed write to be stable.
    write_through: bool,
    id: String,
    counters: Arc<Counters>,
}

/// How a request fails.
enum Failure {
    Io,
    Unsupported,
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Io
    }
}

impl Block {
    /// Open the disk at `path`, which nobody else may be writing to. `id` is its serial number.
    ///
    /// # Errors
    /// The host's, with the path; `ResourceBusy` when another machine has it.
    pub fn open(path: &Path, read_only: bool, id: String, counters: Arc<Counters>) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut file = OpenOptions::new().read(true).write(!read_only).open(path).map_err(named)?;
        let lock = if read_only { libc::LOCK_SH } else { libc::LOCK_EX };
        // SAFETY: no pointers.
        if unsafe { libc::flock(file.as_raw_fd(), lock | libc::LOCK_NB) } < 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::WouldBlock {
                let what = format!("{}: the disk is in use by another machine", path.display());
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, what));
            }
            return Err(named(error));
        }
        let size = file.seek(SeekFrom::End(0)).map_err(named)?;
        if size < SECTOR {
            let what = format!("{}: not a disk: {size} bytes, less than one sector", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(Self { file, sectors: size / SECTOR, read_only, write_through: false, id, counters })
    }

    /// What the transport announces.
    #[must_use]
    pub fn model(&self) -> Model {
        let mut features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH;
        features |= if self.read_only { F_RO } else { F_DISCARD | F_WRITE_ZEROES };
        // `struct virtio_blk_config`, by offset.
        let mut config = vec![0; 60];
        let mut put = |at: usize, bytes: &[u8]| config[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.sectors.to_le_bytes());
        put(12, &SEG_MAX.to_le_bytes());
        put(20, &(SECTOR as u32).to_le_bytes());
        put(36, &RANGE_SECTORS.to_le_bytes());
        put(40, &RANGES.to_le_bytes());
        put(44, &8u32.to_le_bytes());
        put(48, &RANGE_SECTORS.to_le_bytes());
        put(52, &RANGES.to_le_bytes());
        put(56, &[1]);
        Model { id: 2, features, queues: &[QUEUE], config }
    }

    /// Serve one request; returns how many bytes of its writable part were filled.
    fn serve(&self, mut chain: Chain<'_>) -> Result<usize, Malformed> {
        let mut header = [0; 16];
        if !chain.readable.take(&mut header) || chain.writable.is_empty() {
            return Err(Malformed("a block request without header or status".into()));
        }
        let mut data = chain.writable;
        let status = data.split_off(data.len() - 1);
        let word = |at: usize| header[at..at + 4].iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
        let sector = u64::from(word(12)) << 32 | u64::from(word(8));
        let code = match self.execute(word(0), sector, &mut chain.readable, &data) {
            Ok(()) => OK,
            Err(failure) => {
                self.counters.errors.fetch_add(1, Relaxed);
                if matches!(failure, Failure::Io) {
                    IOERR
                } else {
                    UNSUPP
                }
            }
        };
        status.fill(&[code]);
        Ok(data.len() + 1)
    }

    fn execute(&self, kind: u32, sector: u64, source: &mut Pieces<'_>, target: &Pieces<'_>) -> Result<(), Failure> {
        let counters = &self.counters;
        match kind {
            IN => {
                let at = self.offset(sector, target.len() as u64)?;
                let done = transfer(&self.file, target, at, libc::preadv);
                target.written(target.len());
                done?;
                counters.reads.fetch_add(1, Relaxed);
                counters.read_bytes.fetch_add(target.len() as u64, Relaxed);
                Ok(())
            }
            OUT => {
                self.writable()?;
                let at = self.offset(sector, source.len() as u64)?;
                transfer(&self.file, source, at, libc::pwritev)?;
                if self.write_through {
                    self.file.sync_data()?;
                }
                counters.writes.fetch_add(1, Relaxed);
                counters.written_bytes.fetch_add(source.len() as u64, Relaxed);
                Ok(())
            }
            FLUSH => {
                self.file.sync_data()?;
                counters.flushes.fetch_add(1, Relaxed);
                Ok(())
            }
            GET_ID => {
                let mut id = [0; ID];
                let length = self.id.len().min(ID);
                id[..length].copy_from_slice(&self.id.as_bytes()[..length]);
                target.fill(&id);
                Ok(())
            }
            DISCARD | WRITE_ZEROES => self.ranges(kind, source),
            _ => Err(Failure::Unsupported),
        }
    }

    fn writable(&self) -> Result<(), Failure> {
        if self.read_only {
            return Err(Failure::Io);
        }
        Ok(())
    }

    /// The byte offset of `sector` when `length` bytes from there are whole sectors of the disk.
    fn offset(&self, sector: u64, length: u64) -> Result<u64, Failure> {
        let end = sector.checked_add(length / SECTOR).ok_or(Failure::Io)?;
        if !length.is_multiple_of(SECTOR) || end > self.sectors {
            return Err(Failure::Io);
        }
        Ok(sector * SECTOR)
    }

    fn ranges(&self, kind: u32, source: &mut Pieces<'_>) -> Result<(), Failure> {
        self.writable()?;
        if source.len() > RANGES as usize * RANGE || !source.len().is_multiple_of(RANGE) {
            return Err(Failure::Unsupported);
        }
        let mut range = [0; RANGE];
        while source.take(&mut range) {
            let number = |from: usize, size: usize| {
                range[from..from + size].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
            };
            let (sector, sectors, flags) = (number(0, 8), number(8, 4), number(12, 4) as u32);
            if flags & !UNMAP != 0 || (kind == DISCARD && flags != 0) || sectors > RANGE_SECTORS.into() {
                return Err(Failure::Unsupported);
            }
            let at = self.offset(sector, sectors * SECTOR)?;
            if sectors > 0 {
                self.clear(kind, flags, at, sectors * SECTOR)?;
            }
        }
        if self.write_through && kind == WRITE_ZEROES {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Free or zero `length` bytes at `at`.
    fn clear(&self, kind: u32, flags: u32, at: u64, length: u64) -> Result<(), Failure> {
        let punch = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        let zero = libc::FALLOC_FL_ZERO_RANGE | libc::FALLOC_FL_KEEP_SIZE;
        let mode = if kind == DISCARD || flags & UNMAP != 0 { punch } else { zero };
        // SAFETY: no pointers.
        if unsafe { libc::fallocate(self.file.as_raw_fd(), mode, at as i64, length as i64) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EOPNOTSUPP) {
            return Err(Failure::Io);
        }
        if kind == DISCARD {
            // A discard is a hint.
            return Ok(());
        }
        let zeroes = [0; 64 << 10];
        let mut done = 0;
        while done < length {
            let count = (length - done).min(zeroes.len() as u64);
            std::os::unix::fs::FileExt::write_all_at(&self.file, &zeroes[..count as usize], at + done)?;
            done += count;
        }
        Ok(())
    }
}

type Vectored = unsafe extern "C" fn(libc::c_int, *const libc::iovec, libc::c_int, libc::off_t) -> libc::ssize_t;

/// Read or write all of `pieces` at byte `at` of `file`.
fn transfer(file: &File, pieces: &Pieces<'_>, mut at: u64, call: Vectored) -> Result<(), Failure> {
    let mut left = pieces.raw().to_vec();
    let mut first = 0;
    while first < left.len() {
        // SAFETY: the pieces lie in RAM; at most 1024 of them, the kernel's limit, as the queue ensures.
        let done = unsafe {
            call(file.as_raw_fd(), left[first..].as_ptr(), (left.len() - first) as libc::c_int, at as libc::off_t)
        };
        let Ok(mut done) = usize::try_from(done) else {
            if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(Failure::Io);
        };
        if done == 0 {
            // The file ends before the disk: somebody cut it.
            return Err(Failure::Io);
        }
        at += done as u64;
        while first < left.len() && done >= left[first].iov_len {
            done -= left[first].iov_len;
            first += 1;
        }
        if done > 0 {
            left[first].iov_base = left[first].iov_base.cast::<u8>().wrapping_add(done).cast();
            left[first].iov_len -= done;
        }
    }
    Ok(())
}

impl Drop for Block {
    fn drop(&mut self) {
        if !self.read_only {
            // The guest is gone, and with it whoever could be told of an error.
            let _ = self.file.sync_data();
        }
    }
}

impl Backend for Block {
    fn activate(&mut self, features: u64) {
        self.write_through = features & F_FLUSH == 0;
    }

    fn work(&mut self, ram: &GuestRam, queues: &mut [Option<Virtqueue>]) -> Result<Wait, Malformed> {
        let Some(Some(queue)) = queues.first_mut() else { return Ok(Wait::default()) };
        queue.disarm(ram)?;
        for _ in 0..TURN {
            let Some(chain) = queue.pop(ram)? else {
                return Ok(if queue.arm(ram)? { Wait::AGAIN } else { Wait::default() });
            };
            let head = chain.head;
            let filled = self.serve(chain)?;
            queue.push(ram, &[(head, filled)])?;
        }
        Ok(Wait::AGAIN)
    }
}

#[cfg(test)]
mod tests;
