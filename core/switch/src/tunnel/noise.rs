//! The handshake: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (Noise revision 34) through the crate `snow`.

use super::message::{NOISE_1, NOISE_2};
use super::timestamp::Timestamp;
use snow::params::DHChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::{Builder, HandshakeState};
use std::fmt;

const PATTERN: &str = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
const PROLOGUE: &[u8] = b"vether tunnel 1";

/// A key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadKey;

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a usable X25519 key")
    }
}

impl std::error::Error for BadKey {}

/// Our static key.
pub(super) struct Identity {
    private: [u8; 32],
    pub(super) public: [u8; 32],
}

/// What a finished handshake leaves: one key for each direction.
pub(super) struct Keys {
    pub(super) send: [u8; 32],
    pub(super) receive: [u8; 32],
}

/// A handshake that somebody began, read as far as that it is known who.
pub(super) struct Begun {
    state: HandshakeState,
    pub(super) public: [u8; 32],
    pub(super) timestamp: Timestamp,
}

impl Identity {
    pub(super) fn new(private: [u8; 32]) -> Result<Identity, BadKey> {
        let mut dh = DefaultResolver.resolve_dh(&DHChoice::Curve25519).ok_or(BadKey)?;
        dh.set(&private);
        let public = dh.pubkey().try_into().map_err(|_| BadKey)?;
        Ok(Identity { private, public })
    }

    fn builder(&self) -> Option<Builder<'_>> {
        Builder::new(PATTERN.parse().ok()?).local_private_key(&self.private).ok()?.prologue(PROLOGUE).ok()
    }

    /// Begin a handshake with the owner of `remote`.
    pub(super) fn initiate(
        &self,
        remote: &[u8; 32],
        psk: &[u8; 32],
        timestamp: Timestamp,
    ) -> Option<(HandshakeState, [u8; NOISE_1])> {
        let builder = self.builder()?.remote_public_key(remote).ok()?.psk(2, psk).ok()?;
        let mut state = builder.build_initiator().ok()?;
        let mut message = [0; NOISE_1];
        let length = state.write_message(&timestamp.0, &mut message).ok()?;
        (length == NOISE_1).then_some((state, message))
    }

    /// Read the first message of a handshake.
    pub(super) fn read_first(&self, message: &[u8]) -> Option<Begun> {
        let mut state = self.builder()?.build_responder().ok()?;
        let mut timestamp = [0; NOISE_1];
        let length = state.read_message(message, &mut timestamp).ok()?;
        let timestamp = Timestamp(timestamp.get(..length)?.try_into().ok()?);
        let public = state.get_remote_static()?.try_into().ok()?;
        Some(Begun { state, public, timestamp })
    }
}

impl Begun {
    /// Answer.
    pub(super) fn answer(mut self, psk: &[u8; 32]) -> Option<(Keys, [u8; NOISE_2])> {
        self.state.set_psk(2, psk).ok()?;
        let mut message = [0; NOISE_2];
        let length = self.state.write_message(&[], &mut message).ok()?;
        let (receive, send) = self.state.dangerously_get_raw_split();
        (length == NOISE_2).then_some((Keys { send, receive }, message))
    }
}

/// Read the answer to a handshake of ours. The state stays good for another attempt when the answer is forged.
pub(super) fn read_second(state: &mut HandshakeState, message: &[u8]) -> Option<Keys> {
    state.read_message(message, &mut [0; NOISE_2]).ok()?;
    let (send, receive) = state.dangerously_get_raw_split();
    Some(Keys { send, receive })
}
