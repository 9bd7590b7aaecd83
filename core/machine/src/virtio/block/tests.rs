use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::bus::Device;
use crate::virtio::feature::VERSION_1;
use crate::virtio::testing::{Driver, BUFFERS};

const HEADER: u64 = BUFFERS;
const STATUS: u64 = BUFFERS + 0x100;
const DATA: u64 = BUFFERS + 0x1000;

struct Disk {
    path: PathBuf,
    driver: Driver,
    counters: Arc<Counters>,
}

impl Disk {
    /// A disk of `bytes`, driven with all features.
    fn new(name: &str, bytes: &[u8], read_only: bool) -> Self {
        let path = std::env::temp_dir().join(format!("vkd-block-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let counters = Arc::new(Counters::default());
        let block = Block::open(&path, read_only, "serial".into(), Arc::clone(&counters)).unwrap();
        let mut driver = Driver::new(block.model(), |_| Box::new(block));
        driver.start(VERSION_1 | driver.features() & 0xffff, 1);
        Self { path, driver, counters }
    }

    /// Submit one request with `length` bytes of data at [`DATA`]; returns its status.
    fn request(&mut self, kind: u32, sector: u64, length: u32, device_writes: bool) -> u8 {
        let ram = Arc::clone(&self.driver.ram);
        ram.write(HEADER, &kind.to_le_bytes()).unwrap();
        ram.write(HEADER + 8, &sector.to_le_bytes()).unwrap();
        ram.write(STATUS, &[0xff]).unwrap();
        // The header and the data in pieces that nobody would expect.
        let half = length / 2;
        let buffers = [
            (HEADER, 5, false),
            (HEADER + 5, 11, false),
            (DATA, half, device_writes),
            (DATA + u64::from(half), length - half, device_writes),
            (STATUS, 1, true),
        ];
        self.driver.submit(0, 0, &buffers);
        let written = if device_writes { length } else { 0 };
        assert_eq!(self.driver.completion(0), (0, written + 1));
        self.driver.peek(STATUS, 1)[0]
    }

    fn file(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[test]
fn reads_and_writes_reach_their_sectors() {
    let bytes: Vec<u8> = (0..4096u32).map(|at| (at / 512) as u8).collect();
    let mut disk = Disk::new("rw", &bytes, false);
    assert_eq!(disk.driver.device.read(0x100, 8), Some(8));
    assert_eq!(disk.request(IN, 3, 1024, true), OK);
    assert_eq!(disk.driver.peek(DATA, 1024), bytes[3 * 512..5 * 512]);
    disk.driver.ram.write(DATA, &[0xaa; 512]).unwrap();
    assert_eq!(disk.request(OUT, 7, 512, false), OK);
    assert_eq!(disk.request(FLUSH, 0, 0, false), OK);
    assert_eq!(disk.file()[7 * 512..], [0xaa; 512]);
    assert_eq!(disk.file()[..7 * 512], bytes[..7 * 512]);
    assert_eq!(disk.counters.read_bytes.load(Relaxed), 1024);
    assert_eq!(disk.counters.flushes.load(Relaxed), 1);
}

#[test]
fn what_is_not_on_the_disk_is_an_error_to_the_guest() {
    let mut disk = Disk::new("bounds", &[0; 4096], false);
    for (kind, sector, length) in [(IN, 8, 512), (IN, 7, 1024), (IN, u64::MAX, 512), (IN, 0, 100)] {
        assert_eq!(disk.request(kind, sector, length, true), IOERR, "{sector} {length}");
    }
    assert_eq!(disk.request(OUT, 1 << 60, 512, false), IOERR);
    assert_eq!(disk.request(99, 0, 0, false), UNSUPP);
    assert_eq!(disk.file().len(), 4096);
    File::options().write(true).open(&disk.path).unwrap().set_len(512).unwrap();
    assert_eq!(disk.request(IN, 4, 512, true), IOERR, "the file was cut meanwhile");
    assert_eq!(disk.request(IN, 0, 512, true), OK);
}

#[test]
fn a_read_only_disk_is_not_written() {
    let mut disk = Disk::new("ro", &[1; 4096], true);
    assert_ne!(disk.driver.features() & F_RO, 0);
    assert_eq!(disk.request(OUT, 0, 512, false), IOERR);
    assert_eq!(disk.request(IN, 0, 512, true), OK);
    assert_eq!(disk.file(), [1; 4096]);
}

#[test]
fn ranges_are_discarded_and_zeroed() {
    let mut disk = Disk::new("ranges", &[7; 16384], false);
    let range = |sector: u64, sectors: u32, flags: u32| {
        [&sector.to_le_bytes()[..], &sectors.to_le_bytes(), &flags.to_le_bytes()].concat()
    };
    let ram = Arc::clone(&disk.driver.ram);
    ram.write(DATA, &[range(0, 1, 0), range(8, 8, UNMAP)].concat()).unwrap();
    assert_eq!(disk.request(WRITE_ZEROES, 0, 32, false), OK);
    let mut expected = vec![7; 16384];
    expected[..512].fill(0);
    expected[4096..8192].fill(0);
    assert_eq!(disk.file(), expected);
    ram.write(DATA, &range(16, 8, 0)).unwrap();
    assert_eq!(disk.request(DISCARD, 0, 16, false), OK);
    ram.write(DATA, &range(32, 1, 0)).unwrap();
    assert_eq!(disk.request(DISCARD, 0, 16, false), IOERR);
    ram.write(DATA, &range(0, 1, 8)).unwrap();
    assert_eq!(disk.request(WRITE_ZEROES, 0, 16, false), UNSUPP);
    assert_eq!(disk.request(DISCARD, 0, 15, false), UNSUPP);
    assert_eq!(disk.file().len(), 16384);
}

#[test]
fn the_serial_number_is_given() {
    let mut disk = Disk::new("id", &[0; 512], false);
    assert_eq!(disk.request(GET_ID, 0, 20, true), OK);
    assert_eq!(disk.driver.peek(DATA, 20), b"serial\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
}

#[test]
fn a_disk_has_one_writer() {
    let disk = Disk::new("lock", &[0; 512], false);
    let second = Block::open(&disk.path, true, String::new(), Arc::default()).err().unwrap();
    assert_eq!(second.kind(), io::ErrorKind::ResourceBusy);
    assert!(second.to_string().contains("in use by another machine"));
    let missing = Block::open(Path::new("/nonexistent/disk"), true, String::new(), Arc::default()).err().unwrap();
    assert!(missing.to_string().starts_with("/nonexistent/disk: No such file"), "{missing}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn random_requests_end_with_a_status_and_the_disk_keeps_its_size(
        kind in prop_oneof![Just(IN), Just(OUT), Just(DISCARD), Just(WRITE_ZEROES), Just(GET_ID), any::<u32>()],
        sector in prop_oneof![0u64..10, any::<u64>()], length in 0u32..5000, device_writes: bool,
        data in prop::collection::vec(any::<u8>(), 64),
    ) {
        let mut disk = Disk::new("random", &[0; 4096], false);
        disk.driver.ram.write(DATA, &data).unwrap();
        prop_assert!(disk.request(kind, sector, length, device_writes) <= UNSUPP);
        prop_assert_eq!(disk.file().len(), 4096);
    }
}
