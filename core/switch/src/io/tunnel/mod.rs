//! The encrypted tunnel's shell: one thread and one UDP socket for all peers of a switch, each peer a port.
//!
//! ```text
//! datapath --TunnelLink::send--> Pipe --> thread: Tunnel::send --> UDP, runs of datagrams by UDP_SEGMENT
//! datapath <--TunnelLink::receive-- Pipe <-- thread: Tunnel::receive <-- UDP, UDP_GRO
//! ```
//! Encrypting has a thread of its own, so that ports that need none do not wait for it. Pipes are bounded rings of bytes,
//! swapped as a whole: a packet is copied into one, and encrypted or read from there.

mod handle;
mod link;
mod pipe;
mod shell;

pub use handle::{TunnelError, TunnelHandle};
pub use link::TunnelLink;
pub use shell::Shell;

/// The host's entropy, for [`crate::tunnel::TunnelConfig`].
pub fn entropy() -> crate::tunnel::Entropy {
    use ring::rand::{SecureRandom, SystemRandom};
    let random = SystemRandom::new();
    // getrandom(2) fails on no kernel that has the rest of what is used here; a key made of zeros must not be.
    Box::new(move |bytes| random.fill(bytes).unwrap_or_else(|_| std::process::abort()))
}
