//! Offloads that senders leave to the switch: partial checksums and TCP segmentation.
//!
//! A packet is checked once, when it comes in ([`check`]); a sink that cannot take it as it is gets it finished
//! ([`complete`]). What comes from a wire that has no such header may have had them all the same: segments of one stream
//! are put together again ([`coalesce`]), and partial checksums are seen ([`recognise`]).

mod check;
mod coalesce;
mod complete;
mod recognise;
mod segment;

pub use check::check;
pub use coalesce::coalesce;
pub use complete::complete;
pub use recognise::recognise;
