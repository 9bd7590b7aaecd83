//! virtio devices on memory-mapped windows (Virtual I/O Device specification 1.2).
//!
//! A device has three layers. [`mmio`] holds the registers and runs on the hart that touches them. [`worker`] is the
//! device's own thread: it owns the queues and sleeps until the guest, a socket or a timer wants something. A
//! [`worker::Backend`] is what the device does. [`queue`] is the trust boundary: everything behind it has been checked.

pub mod block;
pub mod iov;
pub mod link;
pub mod mmio;
pub mod net;
pub mod offload;
pub mod queue;
pub mod rng;
pub mod worker;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

/// Feature bits of every device (section 6).
pub mod feature {
    /// `VIRTIO_F_INDIRECT_DESC`.
    pub const INDIRECT_DESC: u64 = 1 << 28;
    /// `VIRTIO_F_EVENT_IDX`.
    pub const EVENT_IDX: u64 = 1 << 29;
    /// `VIRTIO_F_VERSION_1`.
    pub const VERSION_1: u64 = 1 << 32;
}

/// What the transport tells the driver about a device.
#[derive(Clone, Debug)]
pub struct Model {
    /// Device type (section 5).
    pub id: u32,
    /// Features of the device type; those of every device are added.
    pub features: u64,
    /// Largest size of each queue, entries, powers of two.
    pub queues: &'static [u16],
    /// Initial contents of the configuration space.
    pub config: Vec<u8>,
}
