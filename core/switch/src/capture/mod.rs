//! Captures: what passes a port, as pcapng, for whoever reads it.
//!
//! A [`Tap`] is what the datapath holds of a capture: it looks at each packet of its ports, and appends a record of what
//! its [`Filter`] lets pass to a [`Ring`] of bounded memory. The reader takes bytes out of the ring, whole pcapng blocks
//! at a time; one that stalls loses records, which are counted, and the switch loses no frame.

mod filter;
mod pcapng;
mod ring;
mod tap;

pub use filter::{Filter, FilterError};
pub use ring::{Ring, Tally};
pub use tap::{Directions, Tap, TapConfig};

/// Which way a packet goes, seen from the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the port's peer to the switch.
    In,
    /// From the switch to the port's peer.
    Out,
}
