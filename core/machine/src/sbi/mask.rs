//! Hart masks: which harts a call is for.

use super::Error;

/// The harts that `mask` names, bit 0 being hart `base`; a base of all ones names all of the `count` harts.
pub fn harts(mask: u64, base: u64, count: usize) -> Result<Vec<usize>, Error> {
    if base == u64::MAX {
        return Ok((0..count).collect());
    }
    let named = (0..64).filter(|bit| mask >> bit & 1 == 1);
    named
        .map(|bit| {
            base.checked_add(bit).filter(|id| *id < count as u64).map(|id| id as usize).ok_or(Error::InvalidParameter)
        })
        .collect()
}
