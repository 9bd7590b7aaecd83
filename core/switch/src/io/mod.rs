//! The datapath: one thread that moves frames between ports, and the handle that the control plane holds.
//!
//! ```text
//! link (peer's socket) --recvmmsg--> Batch --Switch::receive--> per-port lists --sendmmsg--> link
//!                                                                     | peer does not read
//!                                                                     +--> PacketQueue, bounded; beyond it: queue-full
//! ```
//! A turn reads at most one batch of each readable port, so no port starves another. Packets are sent from the buffers
//! they were received into; only what a peer cannot take at once is copied, into a queue of fixed size.

mod auxdata;
mod batch;
mod bess;
mod captures;
mod control;
mod datagrams;
mod deliver;
mod dgram;
mod each;
mod framing;
mod guest;
mod handle;
mod impaired;
mod inherited;
mod link;
mod listener;
mod mmsg;
mod outbox;
mod ports;
mod punt;
mod queue;
mod raw;
mod registry;
mod seat;
mod socket;
mod stream;
mod stream_socket;
mod tap;
pub mod tunnel;
mod udp;
mod vde;
mod worker;
mod wrap;

pub use batch::{Batch, Slot};
pub use bess::BessLink;
pub use dgram::DgramLink;
pub use guest::{hello, GuestLink};
pub use handle::{Datapath, PortReport, Stopped};
pub use inherited::InheritedLink;
pub use link::{Admission, Descriptors, Link, Spawned};
pub use punt::{Punt, PuntQueue};
pub use raw::RawLink;
pub use socket::PacketSocket;
pub use stream::StreamLink;
pub use tap::TapLink;
pub use udp::{UdpLink, UdpSockets};
pub use vde::VdeLink;
pub use worker::Worker;
pub use wrap::ImpairmentReport;
