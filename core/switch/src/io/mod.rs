//! The datapath: one thread that moves frames between ports, and the handle that the control plane holds.
//!
//! ```text
//! link (peer's socket) --recvmmsg--> Batch --Switch::receive--> per-port lists --sendmmsg--> link
//!                                                                     | peer does not read
//!                                                                     +--> PacketQueue, bounded; beyond it: queue-full
//! ```
//! A turn reads at most one batch of each readable port, so no port starves another. Packets are sent from the buffers
//! they were received into; only what a peer cannot take at once is copied, into a queue of fixed size.

mod batch;
mod guest;
mod handle;
mod link;
mod mmsg;
mod outbox;
mod punt;
mod queue;
mod registry;
mod socket;
mod worker;

pub use batch::Batch;
pub use guest::{hello, GuestLink};
pub use handle::{Datapath, PortReport, Stopped};
pub use link::{Admission, Descriptors, Link};
pub use punt::{Punt, PuntQueue};
pub use socket::PacketSocket;
pub use worker::Worker;
