//! The gateway: user-mode NAT through libslirp, as a port like any other.
//!
//! ```text
//! switch --GatewayLink: filter--+--SEQPACKET pair--> gateway thread --slirp_input--> libslirp --> the host's sockets
//!                               +--punt--> control plane (DHCP, DNS)
//! ```
//! libslirp is loaded when the first gateway starts, runs on a thread of its own (it is not thread-safe), and answers ARP
//! and ping for the gateway's addresses. A dead gateway is a port without carrier, nothing else.

mod config;
mod ffi;
mod filter;
mod forward;
mod handle;
mod link;
mod slirp;
mod thread;

pub use config::GatewayConfig;
pub use ffi::LoadError;
pub use filter::{Filter, Verdict};
pub use forward::{Forward, Protocol};
pub use handle::{Gateway, GatewayError};
pub use link::GatewayLink;
