//! An Ethernet switch: a pure datapath, its I/O thread, and a user-mode gateway.
//!
//! - [`wire`]: bytes to fields and back (virtio-net header, Ethernet, IP, checksums).
//! - [`Switch`]: learning, forwarding, flooding; no socket, clock or log inside.
//! - [`offload`]: validates, completes and segments what a sink cannot take.
//! - [`io`]: the thread that moves frames between ports, and the kinds of ports.
//! - [`gateway`]: user-mode NAT through libslirp, as one more port.

mod drops;
mod fdb;
pub mod gateway;
pub mod io;
pub mod offload;
mod port;
mod switch;
pub mod wire;

pub use drops::{DropReason, Drops};
pub use fdb::{Entry, Fdb, FdbFull};
pub use port::{Capabilities, Counters, Port, PortConfig, PortId, PortState};
pub use switch::{Outputs, Switch, SwitchConfig};
