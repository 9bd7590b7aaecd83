//! An Ethernet switch: a pure datapath, its I/O thread, and a user-mode gateway.
//!
//! - [`wire`]: bytes to fields and back (virtio-net header, Ethernet, IP, checksums).
//! - [`Switch`]: learning, forwarding, flooding; no socket, clock or log inside.
//! - [`offload`]: validates, completes and segments what a sink cannot take; puts segments together.
//! - [`netem`]: impairments of a port: loss, delay, bandwidth.
//! - [`capture`]: filters and pcapng records of what passes a port.
//! - [`io`]: the thread that moves frames between ports, and the kinds of ports.
//! - [`tunnel`]: the encrypted tunnel to switches on other hosts, a pure state machine.
//! - [`gateway`]: user-mode NAT through libslirp, as one more port.

mod bucket;
pub mod capture;
mod changes;
mod drops;
mod fdb;
mod forward;
pub mod gateway;
pub mod io;
pub mod netem;
pub mod offload;
mod outputs;
mod policy;
mod port;
mod selection;
mod snoop;
mod special;
mod switch;
mod transit;
pub mod tunnel;
mod vlan;
mod vtep;
pub mod wire;

pub use bucket::Rate;
pub use changes::{AddressChange, AddressEvent};
pub use drops::{DropReason, Drops};
pub use fdb::{Entry, Fdb, FdbFull, Learned};
pub use outputs::Outputs;
pub use policy::{Limits, Multicast, Policy, Reserved, RouterPort};
pub use port::{Capabilities, Counters, Mirror, Port, PortConfig, PortId, PortState, Role};
pub use selection::Selection;
pub use snoop::{GroupReport, SnoopConfig};
pub use switch::{Switch, SwitchConfig};
pub use vlan::{VlanMode, VlanSet, MAX_VID, NO_VLAN};
pub use vtep::{Encapsulation, L2tp, Target, Vtep};
