//! A QEMU-`virt`-compatible RV64GC machine.
//!
//! The folder tree is the architecture: `isa` (one row per instruction), `hart` (run loop, CSRs, traps), `fpu` (IEEE 754),
//! `vpagetable` (the MMU, and a facility of its own), `sbi` (built-in firmware), `devices`, `virtio`, `loader`, and
//! `machine`, which puts them on one board. Nothing here knows of Python.

pub mod bus;
pub mod clock;
pub mod console;
pub mod counters;
pub mod devices;
pub mod fdt;
pub mod fpu;
pub mod hart;
pub mod irq;
pub mod isa;
pub mod jit;
pub mod layout;
pub mod loader;
pub mod machine;
pub mod memory;
pub mod platform;
pub mod power;
pub mod sampler;
pub mod sbi;
pub mod virtio;
pub mod vpagetable;
pub mod writes;
