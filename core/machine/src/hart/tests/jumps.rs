//! Jumps between pages: those of translated code find each other, those into two pages are read anew.

use super::*;
use crate::hart::run::Code;
use crate::vpagetable::{jump_place, JUMP_WAYS};

const RET: u32 = 0x8067;
/// The return address.
const RA: u32 = 1;
const FIRST: u32 = 18;
const BUDGET: u64 = 5000;

/// Call registers [`FIRST`] and following by turns, for ever: they lead to code that shares its places in the jump cache. The
/// instructions that one turn of the run loop comes to, once all is translated; and the sum that the callees make.
fn round(callees: usize) -> Option<(u64, u64)> {
    let wanted = jump_place(CODE + 0x400) / JUMP_WAYS;
    let places = (0..callees).map(|i| {
        let page = RAM_BASE + 0x1_0000 + i as u64 * 0x4000;
        let rivals = (page..page + 0xff8).step_by(2).filter(|pc| jump_place(*pc) / JUMP_WAYS == wanted);
        rivals.cycle().nth(i * 3).expect("every fourth page has some")
    });
    let places: Vec<u64> = places.collect();
    let calls = (0..callees as u32).map(|i| i_type(0x67, 0, RA, FIRST + i, 0));
    // j .-4n
    let back = (-4 * callees as i32) as u32;
    let back = (back >> 20 & 1) << 31 | (back >> 1 & 0x3ff) << 21 | (back >> 11 & 1) << 20 | (back & 0xf_f000) | 0x6f;
    let mut hart = ready(&calls.chain([back]).collect::<Vec<_>>(), Privilege::Machine);
    for (i, place) in places.into_iter().enumerate() {
        write(&hart.platform, place, &[addi(A0, A0, 1 << i), RET]);
        hart.x[FIRST as usize + i] = place;
    }
    let mut code = Code::new(&hart.platform);
    code.decoded.threshold = 0;
    code.translator.as_ref()?;
    let wires = Arc::clone(&hart.wires);
    assert!(hart.attend());
    hart.execute(&mut code, &wires, 4 * BUDGET);
    // The hart stands at some instruction of the round; go to its beginning.
    (hart.pc, hart.x[A0 as usize], code.turns) = (CODE, 0, 1);
    let before = hart.retired;
    hart.execute(&mut code, &wires, BUDGET);
    Some((hart.retired - before, hart.reg(A0)))
}

#[test]
fn translated_code_finds_as_many_as_share_their_places() {
    for callees in 1..=JUMP_WAYS {
        let Some((retired, sum)) = round(callees) else { return };
        assert!(retired >= BUDGET, "{callees}: it left after {retired} instructions");
        let (length, all) = (3 * callees as u64 + 1, (1 << callees) - 1);
        let rounds = retired / length;
        assert!((rounds * all..=(rounds + 1) * all).contains(&sum), "{sum} in {rounds} rounds of {callees}");
    }
    let (retired, _) = round(JUMP_WAYS + 1).expect("as before");
    assert!(retired < BUDGET, "one more has no place");
}

#[test]
fn an_instruction_in_two_pages_is_read_anew_each_time() {
    let start = CODE + 0xffe;
    let mut hart = ready(&[], Privilege::Machine);
    hart.end_rest();
    let mut code = Code::new(&hart.platform);
    code.translator = None;
    let wires = Arc::clone(&hart.wires);
    // Those that are as far apart as this share a place in the end.
    for imm in (0..600).chain([7, 7, 8, 7]) {
        hart.platform.ram.write(start, &addi(A0, ZERO, imm).to_le_bytes()).unwrap();
        hart.pc = start;
        hart.execute(&mut code, &wires, 1);
        assert_eq!((hart.reg(A0), hart.pc), (imm as u64, start + 4));
    }
}
