//! Samples for the profiler: the chain of calls, and when they are taken.

use super::*;
use crate::sampler::Wish;

/// `jal ra, 0`, `c.jalr t0` in the upper half, and no call.
const CALLS: [u32; 3] = [0x0000_00ef, 0x9282_0001, NOP];
const AFTER_JAL: u64 = CODE + 4;
const AFTER_C_JALR: u64 = CODE + 8;
const AFTER_NOP: u64 = CODE + 12;

/// A hart of which the frames, (address, return address, frame pointer of the caller), lie in memory.
fn framed(frames: &[(u64, u64, u64)]) -> Hart {
    let mut hart = ready(&CALLS, Privilege::Supervisor);
    for (frame, ra, caller) in frames {
        hart.platform.ram.write(frame - 8, &ra.to_le_bytes()).unwrap();
        hart.platform.ram.write(frame - 16, &caller.to_le_bytes()).unwrap();
    }
    hart.x[8] = frames[0].0;
    hart
}

#[test]
fn frames_are_followed_outwards() {
    let hart = framed(&[(DATA, AFTER_JAL, DATA + 64), (DATA + 64, AFTER_C_JALR, DATA + 128), (DATA + 128, 0, 0)]);
    let sample = hart.sample(Wish::default());
    assert_eq!((sample.pc, sample.ra, sample.frames), (CODE, None, vec![AFTER_JAL, AFTER_C_JALR]));
    assert_eq!((sample.privilege, sample.satp, sample.task), (Privilege::Supervisor, 0, None));
}

#[test]
fn a_leaf_saves_its_frame_pointer_alone() {
    let mut hart = framed(&[(DATA, DATA + 64, 0x1234), (DATA + 64, AFTER_C_JALR, 0)]);
    hart.x[1] = AFTER_JAL;
    let sample = hart.sample(Wish::default());
    assert_eq!((sample.ra, sample.frames), (Some(AFTER_JAL), vec![AFTER_JAL, AFTER_C_JALR]));
}

#[test]
fn what_is_no_frame_ends_the_chain() {
    // No call before the address; a circle; a frame pointer that is none; a place without memory.
    assert_eq!(framed(&[(DATA, AFTER_NOP, DATA + 64)]).sample(Wish::default()).frames, [0u64; 0]);
    assert_eq!(framed(&[(DATA, AFTER_JAL, DATA)]).sample(Wish::default()).frames, [AFTER_JAL]);
    for wild in [0, 1, 8, DATA + 4, u64::MAX - 7, CODE + (64 << 30)] {
        let mut hart = framed(&[(DATA, AFTER_JAL, 0)]);
        hart.x[8] = wild;
        assert_eq!(hart.sample(Wish::default()).frames, [0u64; 0], "{wild:#x}");
    }
}

#[test]
fn the_task_is_named_in_the_kernel_and_outside() {
    let mut hart = framed(&[(DATA, 0, 0)]);
    let wish = Wish { task_name: Some(24) };
    hart.platform.ram.write(DATA + 24, b"init\0").unwrap();
    hart.platform.ram.write(DATA + 0x100 + 24, b"a-name-of-15-by\0").unwrap();
    hart.x[4] = DATA;
    assert_eq!(hart.sample(wish).task.map(|name| name[..5].to_vec()), Some(b"init\0".to_vec()));
    hart.csr.sscratch = DATA + 0x100;
    assert_eq!(hart.sample(wish).task, Some(*b"a-name-of-15-by\0"));
    hart.csr.sscratch = 3;
    assert_eq!(hart.sample(wish).task, None);
}

#[test]
fn a_request_is_answered_once_before_the_hart_sleeps() {
    let mut hart = ready(&[NOP, NOP, WFI], Privilege::Machine);
    hart.csr.mie = 1 << 7;
    hart.wires.set_mtimecmp(0);
    hart.wires.sampler.start(Wish::default());
    hart.wires.request_sample();
    let hart = finish(hart);
    let record = hart.wires.sampler.read(9);
    assert_eq!((record.samples.len(), record.idle), (1, 0));
    assert!((CODE..=CODE + 8).contains(&record.samples[0].pc), "{:#x}", record.samples[0].pc);
}

#[test]
fn what_leaves_the_straight_path_is_counted() {
    let mut hart = ready(&[csrrw(A0, 0x340, A1), FENCE_I, sw(A0, 31, 4), ECALL], Privilege::Machine);
    hart.csr.mtvec = HANDLER;
    let hart = finish(hart);
    let counters = &hart.wires.counters;
    assert_eq!((counters.csr_accesses.get(), counters.ecalls.get(), counters.exceptions.get()), (1, 1, 0));
    assert!(counters.device_accesses.get() >= 1 && counters.tlb_misses.get() >= 1 && counters.code_fences.get() >= 1);
}
