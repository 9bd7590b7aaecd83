//! Random code never panics, whatever the mode.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::hart::run::Code;
use crate::isa::ALL;

/// Words that are instructions more often than not.
fn words() -> impl Strategy<Value = Vec<u32>> {
    let rows: Vec<u32> = ALL.ids().map(|id| crate::isa::row(id).pattern.value).collect();
    let masks: Vec<u32> = ALL.ids().map(|id| crate::isa::row(id).pattern.mask).collect();
    let likely = (0..rows.len(), any::<u32>()).prop_map(move |(i, bits)| rows[i] | bits & !masks[i]);
    vec(prop_oneof![4 => likely, 1 => any::<u32>()], 64..256)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn random_code_never_panics(code in words(), regs in vec(prop_oneof![any::<u64>(), RAM_BASE..RAM_BASE + RAM_SIZE], 32), mode in 0..3usize, sbi: bool) {
        let (platform, _) = board(1, sbi);
        for base in [CODE, CODE + 0xf00, DATA] {
            write(&platform, base, &code);
        }
        // WFI may wait for ever, rightly so.
        let watch = Arc::clone(&platform);
        let (done, finished) = std::sync::mpsc::channel::<()>();
        let watchdog = std::thread::spawn(move || {
            let _ = finished.recv_timeout(Duration::from_millis(500));
            watch.end(Exit::Stopped);
        });
        let mut hart = Hart::new(Arc::clone(&platform), 0).expect("a hart");
        let mode = [Privilege::Machine, Privilege::Supervisor, Privilege::User][if sbi { 1 } else { mode }];
        hart.reset_to(CODE, 0, 0, mode);
        hart.csr.mstatus |= 3 << 13;
        (hart.csr.mtvec, hart.csr.stvec) = (CODE + 0xf00, DATA);
        for (i, value) in regs.iter().enumerate().skip(1) {
            hart.x[i] = *value;
        }
        let mut cache = Code::new(&platform);
        hart.end_rest();
        let wires = Arc::clone(&hart.wires);
        for _ in 0..8 {
            if !hart.attend() {
                break;
            }
            hart.execute(&mut cache, &wires, 4096);
            prop_assert_eq!(hart.x[0], 0);
        }
        drop(done);
        watchdog.join().unwrap();
    }
}
