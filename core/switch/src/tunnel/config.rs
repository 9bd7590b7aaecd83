//! How a tunnel and its peers are made.

use std::net::SocketAddr;
use std::time::Duration;

/// Fills a buffer with unpredictable bytes; a test gives predictable ones.
pub type Entropy = Box<dyn FnMut(&mut [u8]) + Send>;

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// Something is sent at least this often to a peer with a session.
    pub keepalive: Duration,
    /// A peer that has been silent for this long is asked for a new handshake: it may have been restarted.
    pub suspect: Duration,
    /// A peer that has been silent for this long is reported as down: three keepalives are lost, and a spanning tree has another
    /// way open within three seconds.
    pub dead: Duration,
    /// Sessions are replaced at this age (the responder waits a tenth longer, so that not both do it).
    pub rekey_after: Duration,
    /// Sessions end at this age.
    pub reject_after: Duration,
    /// Sessions are replaced after this many messages.
    pub rekey_after_messages: u64,
    /// The first pause between attempts to reach a peer; it doubles.
    pub retry_first: Duration,
    /// The longest pause, before a jitter of a fifth.
    pub retry_longest: Duration,
    /// The pause after a peer was refused, or refused us.
    pub retry_refused: Duration,
    /// A hello that was not answered is repeated.
    pub hello_retry: Duration,
    /// A frame whose fragments are not all there by then is given up.
    pub reassembly: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            keepalive: Duration::from_millis(700),
            suspect: Duration::from_millis(1600),
            dead: Duration::from_millis(2400),
            rekey_after: Duration::from_secs(120),
            reject_after: Duration::from_secs(180),
            rekey_after_messages: 1 << 40,
            retry_first: Duration::from_millis(400),
            retry_longest: Duration::from_millis(1200),
            retry_refused: Duration::from_secs(5),
            hello_retry: Duration::from_millis(300),
            reassembly: Duration::from_secs(1),
        }
    }
}

/// How a [`super::Tunnel`] is made.
pub struct TunnelConfig {
    /// Our static X25519 key.
    pub private_key: [u8; 32],
    /// The network's name: a peer of another one is refused.
    pub network: String,
    /// Who we are: any short text that no other switch of the network has. The hash of the public key if empty.
    pub switch: String,
    /// Since 1970, at the instant that `now` counts from: makes the timestamps of handshakes.
    pub wall: Duration,
    /// Timers.
    pub timers: Timers,
    /// Unpredictable bytes for indices, cookies and jitter.
    pub entropy: Entropy,
}

/// A peer as it is configured.
#[derive(Clone)]
pub struct PeerConfig {
    /// Its static X25519 key.
    pub public_key: [u8; 32],
    /// A secret that both have; zeros for none.
    pub psk: [u8; 32],
    /// Where it is; without it, the peer has to come to us.
    pub endpoint: Option<SocketAddr>,
}
