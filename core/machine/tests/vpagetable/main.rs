//! The walker and the TLB against models that are written from the specifications in another way.

mod history;
mod model;
mod region;
mod tlb;
mod walker;
mod window;
mod windows;
mod world;
