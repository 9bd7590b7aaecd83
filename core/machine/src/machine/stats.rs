//! Counters of a machine.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::virtio::{block, net};

/// Of the whole machine.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Instructions retired by each hart, as of its last look at its wires.
    pub instructions: Vec<u64>,
    /// What else each hart has counted, by name; see [`crate::counters::HartCounters`].
    pub harts: Vec<Vec<(&'static str, u64)>>,
    /// Bytes of console output lost because nobody read.
    pub console_dropped: u64,
    /// Of each disk.
    pub disks: Vec<DiskStats>,
    /// Of each network interface.
    pub nics: Vec<NicStats>,
}

/// Of a disk; see [`block::Counters`].
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct DiskStats {
    pub reads: u64,
    pub read_bytes: u64,
    pub writes: u64,
    pub written_bytes: u64,
    pub flushes: u64,
    pub errors: u64,
}

/// Of a network interface; see [`net::Counters`].
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct NicStats {
    pub connected: bool,
    pub driver_ok: bool,
    pub rx_packets: u64,
    pub rx_bytes: u64,
    pub tx_packets: u64,
    pub tx_bytes: u64,
    /// All that were dropped, whatever for.
    pub dropped: u64,
    pub dropped_link_down: u64,
    pub dropped_driver_down: u64,
    pub dropped_unsupported: u64,
    pub dropped_malformed: u64,
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

impl DiskStats {
    pub(super) fn of(counters: &block::Counters) -> Self {
        Self {
            reads: read(&counters.reads),
            read_bytes: read(&counters.read_bytes),
            writes: read(&counters.writes),
            written_bytes: read(&counters.written_bytes),
            flushes: read(&counters.flushes),
            errors: read(&counters.errors),
        }
    }
}

impl NicStats {
    pub(super) fn of(counters: &net::Counters, driver_ok: bool) -> Self {
        let mut stats = Self {
            connected: counters.connected.load(Relaxed),
            driver_ok,
            rx_packets: read(&counters.rx_packets),
            rx_bytes: read(&counters.rx_bytes),
            tx_packets: read(&counters.tx_packets),
            tx_bytes: read(&counters.tx_bytes),
            dropped: 0,
            dropped_link_down: read(&counters.dropped_link_down),
            dropped_driver_down: read(&counters.dropped_driver_down),
            dropped_unsupported: read(&counters.dropped_unsupported),
            dropped_malformed: read(&counters.dropped_malformed),
        };
        stats.dropped =
            stats.dropped_link_down + stats.dropped_driver_down + stats.dropped_unsupported + stats.dropped_malformed;
        stats
    }
}
