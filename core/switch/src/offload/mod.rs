//! Offloads that senders leave to the switch: partial checksums and TCP segmentation.
//!
//! A packet is checked once, when it comes in ([`check`]); a sink that cannot take it as it is gets it finished
//! ([`complete`]).

mod check;
mod complete;
mod segment;

pub use check::check;
pub use complete::complete;
