//! What a switch lets through: one pure switch, frames in, frames out.

mod groups;
mod lab;
mod limits;
mod snoop;
mod special;
mod vlan;
