//! A bare board and an assembler of a few lines, for tests of the hart.

mod atomics;
mod csrs;
mod fuzz;
mod jumps;
mod lockstep;
mod memory;
mod run;
mod sample;
mod sleep;
mod translated;
mod traps;

use std::sync::{Arc, Mutex};

use vm_fdt::FdtWriter;

use super::courtesy::Awaited;
use super::{Hart, Privilege};
use crate::bus::{Bus, Device};
use crate::clock::Clock;
use crate::irq::HartWires;
use crate::layout::{Window, FINISHER, RAM_BASE};
use crate::memory::GuestRam;
use crate::platform::{Console, Platform};
use crate::power::{Exit, Power};

/// Where programs begin.
pub(crate) const CODE: u64 = RAM_BASE;
/// Where traps go: code that ends the machine.
pub(crate) const HANDLER: u64 = RAM_BASE + 0x3000;
/// Room for data.
pub(crate) const DATA: u64 = RAM_BASE + 0x8000;
const RAM_SIZE: u64 = 1 << 20;

/// Registers by their ABI names.
pub(crate) const ZERO: u32 = 0;
pub(crate) const T0: u32 = 5;
pub(crate) const A0: u32 = 10;
pub(crate) const A1: u32 = 11;
pub(crate) const A2: u32 = 12;
pub(crate) const A3: u32 = 13;
pub(crate) const A6: u32 = 16;
pub(crate) const A7: u32 = 17;
/// Holds the address of the device that ends the machine.
const T6: u32 = 31;

pub(crate) const WFI: u32 = 0x1050_0073;
pub(crate) const SRET: u32 = 0x1020_0073;
pub(crate) const MRET: u32 = 0x3020_0073;
pub(crate) const ECALL: u32 = 0x73;
pub(crate) const FENCE_I: u32 = 0x100f;
pub(crate) const NOP: u32 = 0x13;

pub(crate) fn i_type(opcode: u32, funct3: u32, rd: u32, rs1: u32, imm: i32) -> u32 {
    (imm as u32) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

pub(crate) fn addi(rd: u32, rs1: u32, imm: i32) -> u32 {
    i_type(0x13, 0, rd, rs1, imm)
}

pub(crate) fn ld(rd: u32, rs1: u32, imm: i32) -> u32 {
    i_type(0x03, 3, rd, rs1, imm)
}

/// `bnez rs1, offset`.
pub(crate) fn bne(rs1: u32, offset: u32) -> u32 {
    let (sign, high, low) = (offset >> 12 & 1, offset >> 5 & 63, offset >> 1 & 15);
    sign << 31 | high << 25 | rs1 << 15 | 0x1063 | low << 8 | (offset >> 11 & 1) << 7
}

fn s_type(funct3: u32, rs2: u32, rs1: u32, imm: i32) -> u32 {
    let imm = imm as u32;
    (imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 31) << 7 | 0x23
}

pub(crate) fn sd(rs2: u32, rs1: u32, imm: i32) -> u32 {
    s_type(3, rs2, rs1, imm)
}

pub(crate) fn sw(rs2: u32, rs1: u32, imm: i32) -> u32 {
    s_type(2, rs2, rs1, imm)
}

pub(crate) fn csrrw(rd: u32, csr: u16, rs1: u32) -> u32 {
    i_type(0x73, 1, rd, rs1, i32::from(csr))
}

pub(crate) fn csrrs(rd: u32, csr: u16, rs1: u32) -> u32 {
    i_type(0x73, 2, rd, rs1, i32::from(csr))
}

/// Ends the machine with the value stored to it, waking all harts.
struct Stop(Arc<Power>, Vec<Arc<HartWires>>);

impl Device for Stop {
    fn read(&self, _offset: u64, _size: u8) -> Option<u64> {
        Some(0x77)
    }
    fn write(&self, _offset: u64, _size: u8, value: u64) -> Option<()> {
        self.0.end(if value == 0 { Exit::PowerOff } else { Exit::Failure(value as u32) });
        self.1.iter().for_each(|wires| wires.notify());
        Some(())
    }
    fn describe(&self, _fdt: &mut FdtWriter, _window: Window) -> Result<(), vm_fdt::Error> {
        Ok(())
    }
}

/// Keeps what the guest prints.
#[derive(Default)]
pub(crate) struct Recorder(pub Mutex<Vec<u8>>);

impl Console for Recorder {
    fn output(&self, bytes: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(bytes);
    }
    fn input(&self) -> Option<u8> {
        Some(b'i')
    }
}

/// A board with `harts` harts and nothing else but RAM and the device that ends it.
pub(crate) fn board(harts: usize, builtin_sbi: bool) -> (Arc<Platform>, Arc<Recorder>) {
    board_with(harts, builtin_sbi, RAM_SIZE)
}

/// A [`board`] with `memory` bytes of RAM.
pub(crate) fn board_with(harts: usize, builtin_sbi: bool, memory: u64) -> (Arc<Platform>, Arc<Recorder>) {
    let (platform, console) = board_of(harts, builtin_sbi, memory, Bus::new(), true);
    write(&platform, HANDLER, &STOP);
    (platform, console)
}

/// A board with the devices of `bus` beside the one that ends it.
pub(crate) fn board_of(
    harts: usize,
    builtin_sbi: bool,
    memory: u64,
    mut bus: Bus,
    translate: bool,
) -> (Arc<Platform>, Arc<Recorder>) {
    let ram = Arc::new(GuestRam::new(RAM_BASE, memory).unwrap());
    let wires: Vec<_> = (0..harts).map(|_| Arc::new(HartWires::new())).collect();
    let power = Arc::new(Power::new());
    let console = Arc::new(Recorder::default());
    bus.attach(FINISHER, Arc::new(Stop(Arc::clone(&power), wires.clone())));
    let (clock, windows, awaited) = (Clock::new(), translate, Awaited::default());
    let platform =
        Platform { ram, bus, wires, clock, power, console: console.clone(), awaited, builtin_sbi, translate, windows };
    (Arc::new(platform), console)
}

/// Ends the machine.
pub(crate) const STOP: [u32; 2] = [0x000f_a023, 0x0000_006f];

/// Put `words` at `address`.
pub(crate) fn write(platform: &Platform, address: u64, words: &[u32]) {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    platform.ram.write(address, &bytes).unwrap();
}

/// The doubleword at `address`.
pub(crate) fn peek(platform: &Platform, address: u64) -> u64 {
    let mut bytes = [0; 8];
    platform.ram.read(address, &mut bytes).unwrap();
    u64::from_le_bytes(bytes)
}

/// A hart on a board of its own, ready to execute `words` and then to end the machine; so does any trap to M-mode.
pub(crate) fn ready(words: &[u32], privilege: Privilege) -> Hart {
    let (platform, _) = board(1, false);
    write(&platform, CODE, words);
    write(&platform, CODE + 4 * words.len() as u64, &STOP);
    let mut hart = Hart::new(platform, 0).expect("a hart");
    hart.reset_to(CODE, 0, 0, privilege);
    hart.pmp.open();
    hart.csr.mtvec = HANDLER;
    hart.x[T6 as usize] = FINISHER.base;
    hart
}

/// Run until the machine is off, which it must be for the reason that programs give.
pub(crate) fn finish(mut hart: Hart) -> Hart {
    hart.run();
    assert_eq!(hart.platform.power.wait(std::time::Duration::ZERO), Some(Exit::PowerOff));
    hart
}

/// Execute `words` in M-mode to the end.
pub(crate) fn execute(words: &[u32]) -> Hart {
    finish(ready(words, Privilege::Machine))
}

impl Hart {
    /// Value of register `r`.
    pub(crate) fn reg(&self, r: u32) -> u64 {
        self.x[r as usize]
    }

    /// Set register `r`.
    pub(crate) fn with(mut self, r: u32, value: u64) -> Self {
        self.x[r as usize] = value;
        self
    }
}

/// Map virtual pages by an Sv39 table at 0x40000 into RAM: `pages` are (virtual address, physical address, bits).
pub(crate) fn map(hart: &mut Hart, pages: &[(u64, u64, u64)]) {
    const ROOT: u64 = RAM_BASE + 0x4_0000;
    let mut next = ROOT + 0x1000;
    let ram = Arc::clone(&hart.platform.ram);
    for (va, pa, bits) in pages {
        let mut table = ROOT;
        for level in [30, 21] {
            let entry = table + (va >> level & 511) * 8;
            let mut pte = peek(&hart.platform, entry);
            if pte == 0 {
                pte = next >> 12 << 10 | 1;
                ram.write(entry, &pte.to_le_bytes()).unwrap();
                next += 0x1000;
            }
            table = pte >> 10 << 12;
        }
        let pte = pa >> 12 << 10 | bits;
        ram.write(table + (va >> 12 & 511) * 8, &pte.to_le_bytes()).unwrap();
    }
    hart.csr.satp = 8 << 60 | ROOT >> 12;
    hart.tlb.flush(None, None);
    hart.update_views();
}

/// Bits of a page-table entry.
pub(crate) mod pte {
    pub const R: u64 = 0b1100_0011;
    pub const RW: u64 = 0b1100_0111;
    pub const RX: u64 = 0b1100_1011;
    pub const USER: u64 = 1 << 4;
    pub const GLOBAL: u64 = 1 << 5;
}
