//! The Internet checksum (RFC 1071): the one's complement of the one's complement sum.

/// Add `bytes` to the running `sum` of big-endian 16-bit words; an odd last byte counts as the high half of a word.
///
/// Only the last piece of a message may have an odd length.
pub fn add(sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut sum = sum;
    for word in words {
        // 32-bit words may be added as they are: folding brings the carries of both halves together.
        sum += u64::from(u32::from_be_bytes(*word));
    }
    let mut tail = [0u8; 4];
    tail[..rest.len()].copy_from_slice(rest);
    sum + u64::from(u32::from_be_bytes(tail))
}

/// Fold a running sum to 16 bits, without the final complement.
pub fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

/// The checksum of a message whose running sum is `sum`.
pub fn finish(sum: u64) -> u16 {
    !fold(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0u64;
        for pair in bytes.chunks(2) {
            sum += u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
        }
        finish(sum)
    }

    #[test]
    fn example_of_rfc_1071() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(fold(add(0, &bytes)), 0xddf2);
    }

    proptest! {
        #[test]
        fn wide_words_sum_as_narrow_ones(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(finish(add(0, &bytes)), plain(&bytes));
        }

        #[test]
        fn pieces_of_even_length_sum_as_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..150) {
            let cut = (cut * 2).min(bytes.len() / 2 * 2);
            let sum = add(add(0, &bytes[..cut]), &bytes[cut..]);
            prop_assert_eq!(finish(sum), plain(&bytes));
        }
    }
}
