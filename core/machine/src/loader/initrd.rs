//! Initial RAM disk: the files given, one behind the other. Linux unpacks concatenated cpio archives, plain or compressed,
//! when each begins at a multiple of four bytes (`Documentation/driver-api/early-userspace/buffer-format.rst`).

use std::path::PathBuf;

use super::{open, Error, Problem};
use crate::layout::RAM_BASE;
use crate::memory::GuestRam;

const PAGE: u64 = 4096;

/// Where the initial RAM disk lies: `start..end`, guest-physical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initrd {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl Initrd {
    /// Load `files` page-aligned and as high as possible below `top`, not below `lowest`. `None` when there are no files.
    ///
    /// # Errors
    /// Names the file that is missing, no regular file or the one with which memory is exceeded.
    pub fn load(ram: &GuestRam, files: &[PathBuf], lowest: u64, top: u64) -> Result<Option<Self>, Error> {
        let mut members = Vec::new();
        let mut size: u64 = 0;
        for path in files {
            let fail = |problem| Error { path: path.clone(), problem };
            let (file, length) = open(path).map_err(fail)?;
            let offset = size.next_multiple_of(4);
            size = offset.saturating_add(length);
            if size > top.saturating_sub(lowest) {
                let above = RAM_BASE + ram.size() - top;
                let needed = (lowest - RAM_BASE).saturating_add(size).saturating_add(above);
                return Err(fail(Problem::TooLarge { needed, ram: ram.size() }));
            }
            members.push((path, file, offset, length));
        }
        if size == 0 {
            return Ok(None);
        }
        let start = (top - size) / PAGE * PAGE;
        if start < lowest {
            let needed = lowest - RAM_BASE + size + PAGE + (RAM_BASE + ram.size() - top);
            let path = files[files.len() - 1].clone();
            return Err(Error { path, problem: Problem::TooLarge { needed, ram: ram.size() } });
        }
        for (path, mut file, offset, length) in members {
            // A file that shrank since it was measured ends early here, and is an error.
            ram.write_from(start + offset, &mut file, length as usize)
                .map_err(|error| Error { path: path.clone(), problem: Problem::Io(error) })?;
        }
        Ok(Some(Self { start, end: start + size }))
    }
}
