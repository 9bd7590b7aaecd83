//! The messages on the wire, as they stand in datagrams. All numbers are little-endian.
//!
//! | type | bytes | fields behind the type and three zero bytes |
//! |---|---|---|
//! | 1 initiation | 148 | sender's index 4, Noise message 108 (with a timestamp of 12), mac1 16, mac2 16 |
//! | 2 response | 76 | sender's index 4, receiver's index 4, Noise message 48, mac1 16 |
//! | 3 cookie | 64 | receiver's index 4, nonce 24, encrypted cookie 32 |
//! | 4 data | 32 and more | receiver's index 4, counter 8, encrypted inner message, tag 16 |

/// Noise's first message: ephemeral key, encrypted static key, encrypted timestamp.
pub(super) const NOISE_1: usize = 32 + 48 + 12 + 16;
/// Noise's second message: ephemeral key, encrypted nothing.
pub(super) const NOISE_2: usize = 32 + 16;
pub(super) const MAC: usize = 16;
pub(super) const INITIATION: usize = 8 + NOISE_1 + 2 * MAC;
pub(super) const RESPONSE: usize = 12 + NOISE_2 + MAC;
pub(super) const COOKIE: usize = 8 + 24 + 32;
pub(super) const DATA_HEADER: usize = 16;
pub(super) const TAG: usize = 16;
/// What a data message adds to its inner message.
pub(super) const OVERHEAD: usize = DATA_HEADER + TAG;

const TYPE_INITIATION: u8 = 1;
const TYPE_RESPONSE: u8 = 2;
const TYPE_COOKIE: u8 = 3;
const TYPE_DATA: u8 = 4;

/// A datagram's fields; nothing is authenticated yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields' names say what the tables above do
pub enum Message<'a> {
    /// Someone wants a session.
    Initiation { sender: u32, noise: &'a [u8], mac1: &'a [u8], mac2: &'a [u8] },
    /// The answer.
    Response { sender: u32, receiver: u32, noise: &'a [u8], mac1: &'a [u8] },
    /// Come again, with this.
    Cookie { receiver: u32, nonce: &'a [u8], sealed: &'a [u8] },
    /// A message of a session; what is encrypted begins at [`DATA_HEADER`].
    Data { receiver: u32, counter: u64 },
}

impl<'a> Message<'a> {
    /// Read a datagram; `None` when it is none of ours.
    pub fn read(datagram: &'a [u8]) -> Option<Message<'a>> {
        let (&[kind, 0, 0, 0], rest) = datagram.split_first_chunk::<4>()? else { return None };
        let (&first, rest) = rest.split_first_chunk::<4>()?;
        let first = u32::from_le_bytes(first);
        match kind {
            TYPE_INITIATION if datagram.len() == INITIATION => {
                let (noise, macs) = rest.split_at_checked(NOISE_1)?;
                let (mac1, mac2) = macs.split_at_checked(MAC)?;
                Some(Message::Initiation { sender: first, noise, mac1, mac2 })
            }
            TYPE_RESPONSE if datagram.len() == RESPONSE => {
                let (&receiver, rest) = rest.split_first_chunk::<4>()?;
                let (noise, mac1) = rest.split_at_checked(NOISE_2)?;
                Some(Message::Response { sender: first, receiver: u32::from_le_bytes(receiver), noise, mac1 })
            }
            TYPE_COOKIE if datagram.len() == COOKIE => {
                let (nonce, sealed) = rest.split_at_checked(24)?;
                Some(Message::Cookie { receiver: first, nonce, sealed })
            }
            TYPE_DATA if datagram.len() >= OVERHEAD => {
                let (&counter, _) = rest.split_first_chunk::<8>()?;
                Some(Message::Data { receiver: first, counter: u64::from_le_bytes(counter) })
            }
            _ => None,
        }
    }
}

/// The first bytes of an initiation.
pub(super) fn initiation_head(sender: u32) -> [u8; 8] {
    head(TYPE_INITIATION, sender)
}

/// The first bytes of a response.
pub(super) fn response_head(sender: u32, receiver: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&head(TYPE_RESPONSE, sender));
    bytes[8..].copy_from_slice(&receiver.to_le_bytes());
    bytes
}

/// The first bytes of a cookie message.
pub(super) fn cookie_head(receiver: u32) -> [u8; 8] {
    head(TYPE_COOKIE, receiver)
}

/// The first bytes of a data message; they are authenticated with it.
pub(super) fn data_head(receiver: u32, counter: u64) -> [u8; DATA_HEADER] {
    let mut bytes = [0; DATA_HEADER];
    bytes[..8].copy_from_slice(&head(TYPE_DATA, receiver));
    bytes[8..].copy_from_slice(&counter.to_le_bytes());
    bytes
}

fn head(kind: u8, index: u32) -> [u8; 8] {
    let mut bytes = [kind, 0, 0, 0, 0, 0, 0, 0];
    bytes[4..].copy_from_slice(&index.to_le_bytes());
    bytes
}
