//! What translated code needs to know of the CSRs that it reads and writes by itself. For all others, and where a rule here says
//! no, it calls the row.
//!
//! `unsafe` is only in the test, which reads where translated code would.

use std::mem::offset_of;

use super::{number as n, Csrs};
use crate::hart::Hart;

/// A CSR that is a value and nothing else: reading it shows what was written. Its number says who may access it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    /// Where it lies in the hart.
    pub offset: usize,
    /// Bits that can be written; `None` when writing has rules.
    pub writable: Option<u64>,
}

/// CSR `number`, if it is plain.
pub(crate) fn plain(number: u16) -> Option<Plain> {
    let (offset, writable) = match number {
        n::SSCRATCH => (offset_of!(Csrs, sscratch), Some(u64::MAX)),
        n::SEPC => (offset_of!(Csrs, sepc), Some(!1)),
        n::SCAUSE => (offset_of!(Csrs, scause), Some(u64::MAX)),
        n::STVAL => (offset_of!(Csrs, stval), Some(u64::MAX)),
        n::STVEC => (offset_of!(Csrs, stvec), None),
        n::MSCRATCH => (offset_of!(Csrs, mscratch), Some(u64::MAX)),
        n::MEPC => (offset_of!(Csrs, mepc), Some(!1)),
        n::MCAUSE => (offset_of!(Csrs, mcause), Some(u64::MAX)),
        n::MTVAL => (offset_of!(Csrs, mtval), Some(u64::MAX)),
        n::MTVEC => (offset_of!(Csrs, mtvec), None),
        _ => return None,
    };
    Some(Plain { offset: offset_of!(Hart, csr) + offset, writable })
}

/// The mode that an access to CSR `number` takes at least, as [`crate::hart::Privilege`] numbers it.
pub(crate) fn lowest_privilege(number: u16) -> u8 {
    (number >> 8 & 3) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hart::tests::board;
    use crate::hart::Privilege;

    #[expect(unsafe_code)]
    #[test]
    fn what_is_plain_is_read_and_written_as_the_rows_do() {
        for number in 0..0x1000 {
            let Some(plain) = plain(number) else { continue };
            let mut hart = Hart::new(board(1, false).0, 0).expect("a hart");
            hart.privilege = Privilege::Machine;
            let at = |hart: &Hart| {
                // SAFETY: a field of the hart, eight bytes long and aligned.
                unsafe { (&raw const *hart).cast::<u8>().add(plain.offset).cast::<u64>().read() }
            };
            for value in [0, 1, 2, 0x1234_5678_9abc_def0, u64::MAX] {
                hart.write_csr(number, value).unwrap();
                assert_eq!(hart.read_csr(number), Ok(at(&hart)), "{number:#x}");
                if let Some(writable) = plain.writable {
                    assert_eq!(at(&hart), value & writable, "{number:#x}");
                }
            }
        }
    }
}
