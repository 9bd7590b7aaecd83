//! The transport and the queue, through the simplest device.

use proptest::prelude::*;

use super::feature::{EVENT_IDX, INDIRECT_DESC, VERSION_1};
use super::rng::Entropy;
use super::testing::{wait, Descriptor, Driver, BUFFERS, INDIRECT, NEXT, SIZE, WRITE};

const NEEDS_RESET: u32 = 64;

fn driver() -> Driver {
    Driver::new(Entropy::model(), |_| Box::new(Entropy))
}

#[test]
fn the_transport_says_what_it_is() {
    let driver = driver();
    assert_eq!(driver.get(0), 0x7472_6976);
    assert_eq!((driver.get(4), driver.get(8)), (2, 4));
    assert_eq!(driver.get(12), 0x554d_4551, "the vendor that drivers written for QEMU's board insist on");
    assert_eq!(driver.features(), VERSION_1 | EVENT_IDX | INDIRECT_DESC);
    driver.put(0x14, 2);
    assert_eq!(driver.get(0x10), 0, "there are 64 feature bits");
    driver.put(0x30, 1);
    assert_eq!(driver.get(0x34), 0, "there is no second queue");
}

#[test]
fn features_that_were_not_offered_are_refused() {
    let driver = driver();
    driver.put(0x20, 1);
    driver.put(0x70, 11);
    assert_eq!(driver.get(0x70), 3);
}

#[test]
fn buffers_are_filled_and_the_interrupt_is_acknowledged() {
    for features in [VERSION_1, VERSION_1 | EVENT_IDX, 0] {
        let mut driver = driver();
        driver.start(features, 1);
        for round in 0..40u16 {
            driver.ram.write(BUFFERS, &[0; 64]).unwrap();
            driver.submit(0, round % SIZE, &[(BUFFERS, 64, true)]);
            assert_eq!(driver.completion(0), (u32::from(round % SIZE), 64));
            assert_ne!(driver.peek(BUFFERS, 64), [0; 64]);
            if features & EVENT_IDX == 0 || round == 0 {
                wait("the interrupt", || driver.wire.level());
                assert_eq!(driver.get(0x60), 1);
                driver.put(0x64, 1);
                assert!(!driver.wire.level());
            }
        }
        // With EVENT_IDX the driver asked, by leaving `used_event` at 0, for the first interrupt only.
        assert_eq!(driver.get(0x60), 0);
    }
}

#[test]
fn an_indirect_table_is_followed_once() {
    let mut driver = driver();
    driver.start(VERSION_1 | INDIRECT_DESC, 1);
    let table = BUFFERS + 0x1000;
    driver.write_descriptor(table, (BUFFERS, 8, WRITE | NEXT, 1));
    driver.write_descriptor(table + 16, (BUFFERS + 8, 8, WRITE, 0));
    driver.describe(0, 0, (table, 32, INDIRECT, 0));
    driver.offer(0, 0);
    assert_eq!(driver.completion(0), (0, 16));
    driver.write_descriptor(table, (table, 32, INDIRECT, 0));
    driver.offer(0, 0);
    wait("needs-reset", || driver.get(0x70) & NEEDS_RESET != 0);
}

#[test]
fn a_malformed_chain_needs_a_reset_and_a_reset_heals() {
    let loops: &[Descriptor] = &[(BUFFERS, 8, NEXT | WRITE, 0)];
    let outside: &[Descriptor] = &[(0, 8, WRITE, 0)];
    let backwards: &[Descriptor] = &[(BUFFERS, 8, NEXT | WRITE, 1), (BUFFERS, 8, 0, 0)];
    let beyond: &[Descriptor] = &[(BUFFERS, 8, NEXT | WRITE, SIZE)];
    for chain in [loops, outside, backwards, beyond] {
        let mut driver = driver();
        driver.start(VERSION_1, 1);
        for (index, descriptor) in (0..).zip(chain) {
            driver.describe(0, index, *descriptor);
        }
        driver.offer(0, 0);
        wait("needs-reset", || driver.get(0x70) & NEEDS_RESET != 0);
        wait("the interrupt", || driver.get(0x60) == 2);
        driver.start(VERSION_1, 1);
        assert!(!driver.wire.level());
        driver.submit(0, 0, &[(BUFFERS, 16, true)]);
        assert_eq!(driver.completion(0), (0, 16));
    }
}

#[test]
fn a_queue_that_is_not_in_ram_needs_a_reset() {
    for (register, value) in [(0x84, 0x7fff_ffff), (0x94, 0xffff_ffff), (0xa4, 1), (0x80, 0x8000_0008), (0x38, 3)] {
        let driver = driver();
        for (register, value) in [(0x70, 11), (0x80, 0x8000_0000), (0x90, 0x8000_1000), (0xa0, 0x8000_2000)] {
            driver.put(register, value);
        }
        driver.put(register, value);
        driver.put(0x44, 1);
        driver.put(0x70, 15);
        assert_ne!(driver.get(0x70) & NEEDS_RESET, 0, "{register:#x} = {value:#x}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn random_rings_are_served_or_need_a_reset(
        descriptors in prop::collection::vec(
            (prop_oneof![Just(BUFFERS), Just(Driver::ring(0, 0)), any::<u64>()], prop_oneof![0u32..64, any::<u32>()],
             0u16..8, 0u16..20), SIZE as usize),
        avail in prop::collection::vec(0u16..20, SIZE as usize), index: u16, event_idx: bool,
    ) {
        let mut driver = driver();
        driver.start(VERSION_1 | INDIRECT_DESC | if event_idx { EVENT_IDX } else { 0 }, 1);
        for (at, descriptor) in (0..).zip(descriptors) {
            driver.describe(0, at, descriptor);
        }
        let ring: Vec<u8> = avail.iter().flat_map(|head| head.to_le_bytes()).collect();
        driver.ram.write(Driver::ring(0, 1) + 4, &ring).unwrap();
        driver.ram.write(Driver::ring(0, 1) + 2, &(index % 40).to_le_bytes()).unwrap();
        driver.put(0x50, 0);
        wait("an end", || {
            driver.get(0x70) & NEEDS_RESET != 0 || driver.half(Driver::ring(0, 2) + 2) == index % 40
                || driver.half(Driver::ring(0, 1) + 2) != index % 40
        });
        driver.start(VERSION_1, 1);
        driver.submit(0, 3, &[(BUFFERS, 16, true)]);
        prop_assert_eq!(driver.completion(0), (3, 16));
    }
}
