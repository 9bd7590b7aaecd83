//! The RISC-V boot image header, which the PE/EFI form carries as well.
//!
//! Source: Linux `Documentation/arch/riscv/boot-image-header.rst`, version 0.2.

use super::Problem;

/// Bytes of it.
pub(super) const LENGTH: usize = 64;
const TEXT_OFFSET: usize = 8;
const IMAGE_SIZE: usize = 16;
const FLAGS: usize = 24;
const MAGIC2: usize = 56;
const FLAG_BIG_ENDIAN: u64 = 1;

/// What the header says about placement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Offset from a 2 MiB-aligned base, bytes.
    pub text_offset: u64,
    /// Memory that the kernel occupies, its zero-initialised data included, bytes; 0 when unknown.
    pub image_size: u64,
}

impl Header {
    /// The header of `bytes`, or `None` where there is none: a flat binary.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Problem> {
        if bytes.starts_with(b"MZ") && bytes.get(4..8) == Some(b"zimg") {
            let what = "a compressed EFI application; unpack it (it holds a gzipped or zstd Image) or use the Image";
            return Err(Problem::Malformed("Linux Image", what.into()));
        }
        let Some(header) = bytes.get(..LENGTH) else { return Ok(None) };
        if &header[MAGIC2..MAGIC2 + 4] != b"RSC\x05" {
            return match bytes.get(MAGIC2..MAGIC2 + 4) {
                Some(b"ARM\x64") => Err(Problem::Malformed("Linux Image", "it is an arm64 kernel".into())),
                _ => Ok(None),
            };
        }
        let word = |at: usize| header[at..at + 8].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        if word(FLAGS) & FLAG_BIG_ENDIAN != 0 {
            return Err(Problem::Malformed("Linux Image", "it is a big-endian kernel".into()));
        }
        Ok(Some(Self { text_offset: word(TEXT_OFFSET), image_size: word(IMAGE_SIZE) }))
    }
}
