//! The encrypted tunnel between switches: a pure state machine. Datagrams, frames and the time go in; datagrams, frames
//! and events come out ([`Tunnel`]). No socket, clock or thread inside; `io::tunnel` is the shell around it.
//!
//! ```text
//! UDP | type 1..4 | ...                                                                       message.rs
//!     1 initiation, 2 response: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (noise.rs), timestamp.rs, mac.rs
//!     3 cookie: what a responder under load wants to see again first (cookie.rs, flood.rs)
//!     4 data: index, counter, AEAD of an inner message (session.rs, replay.rs)
//!       inner: keepalive, frame, fragment, hello, refusal, probe, probe's answer              inner.rs
//! ```
//! The shape is WireGuard's (Donenfeld, NDSS 2017). What differs: frames of Ethernet with their virtio-net header, a hello
//! that has to be accepted before frames pass, keepalives at all times so that a dead peer is noticed, path-MTU probes
//! (RFC 8899 in spirit) and fragmentation inside. An endpoint moves only upon a new authenticated data message.

mod config;
mod cookie;
mod counters;
mod flood;
mod fragment;
mod hello;
mod hub;
mod inner;
mod mac;
mod message;
mod mtu;
mod noise;
mod output;
mod peer;
mod reassembly;
mod replay;
mod session;
mod status;
mod timestamp;
mod timing;

pub use config::{Entropy, PeerConfig, Timers, TunnelConfig};
pub use counters::{TunnelDrop, TunnelDrops};
pub use hello::{Hello, Refusal, VERSION};
pub use hub::{PeerError, PeerId, Tunnel};
pub use mtu::{BASE, LARGEST};
pub use noise::BadKey;
pub use output::{Event, Output, Run};
pub use status::{PeerStatus, Why};

/// The parsers of foreign bytes, for the fuzz targets.
#[doc(hidden)]
pub mod parsers {
    pub use super::fragment::FragmentHeader;
    pub use super::hello::Hello;
    pub use super::inner::Inner;
    pub use super::message::Message;
    pub use super::reassembly::Reassembly;
}
