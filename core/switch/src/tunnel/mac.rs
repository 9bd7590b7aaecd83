//! Keyed BLAKE2s (RFC 7693) over handshake messages: the first MAC says that the sender knows whom it writes to, the
//! second that it receives what is sent to the address that it writes from.

use super::message::MAC;
use blake2::digest::consts::{U16, U32};
use blake2::digest::{Digest, FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac};

/// The key of the first MAC of messages to the owner of `public`.
pub(super) fn mac1_key(public: &[u8; 32]) -> [u8; 32] {
    labelled(b"vether 1 mac1", public)
}

/// The key that cookies from the owner of `public` are encrypted with.
pub(super) fn cookie_key(public: &[u8; 32]) -> [u8; 32] {
    labelled(b"vether 1 cookie", public)
}

/// BLAKE2s-256 of a label and a value.
pub(super) fn labelled(label: &[u8], value: &[u8]) -> [u8; 32] {
    let mut hash = Blake2s256::new();
    Digest::update(&mut hash, label);
    Digest::update(&mut hash, value);
    hash.finalize().into()
}

/// The keyed hash of `parts`, one behind the other. Keys have 16 or 32 bytes.
pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; MAC] {
    // Keys longer than 32 bytes are the only error there is.
    let Ok(mut mac) = Blake2sMac::<U16>::new_from_slice(key) else { return [0; MAC] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize_fixed().into()
}

/// As [`mac`], 32 bytes: keys of short-lived things.
pub(super) fn derive(key: &[u8; 32], part: &[u8]) -> [u8; 32] {
    let mut mac = <Blake2sMac<U32> as KeyInit>::new(key.into());
    mac.update(part);
    mac.finalize_fixed().into()
}

/// Compare without telling by the time how much is equal.
pub(super) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0u8, |difference, (a, b)| difference | (a ^ b)) == 0
}
