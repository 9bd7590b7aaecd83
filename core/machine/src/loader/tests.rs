use std::io::Write;

use proptest::prelude::*;

use super::*;

const SIZE: u64 = 8 << 20;
const PLACE: Place = Place { image: Some(RAM_BASE), flat: KERNEL_BASE };

fn ram() -> GuestRam {
    GuestRam::new(RAM_BASE, SIZE).unwrap()
}

/// A scratch file that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("vkd-loader-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn image(text_offset: u64, image_size: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0x13; length.max(64)];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[8..16].copy_from_slice(&text_offset.to_le_bytes());
    bytes[16..24].copy_from_slice(&image_size.to_le_bytes());
    bytes[24..32].copy_from_slice(&0u64.to_le_bytes());
    bytes[48..56].copy_from_slice(b"RISCV\0\0\0");
    bytes[56..60].copy_from_slice(b"RSC\x05");
    bytes
}

/// An ELF with one segment of `in_memory` bytes at `paddr`, linked at `vaddr`, its entry 4 bytes in.
fn elf(vaddr: u64, paddr: u64, in_memory: u64) -> Vec<u8> {
    let mut bytes = vec![0; 120];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[18..20].copy_from_slice(&243u16.to_le_bytes());
    bytes[24..32].copy_from_slice(&(vaddr + 4).to_le_bytes());
    bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
    bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&1u16.to_le_bytes());
    bytes[64..68].copy_from_slice(&1u32.to_le_bytes());
    for (at, value) in [(72, 120), (80, vaddr), (88, paddr), (96, 8), (104, in_memory)] {
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    bytes.extend_from_slice(b"codecode");
    bytes
}

fn peek(ram: &GuestRam, at: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    ram.read(at, &mut bytes).unwrap();
    bytes
}

fn message(result: Result<Loaded, Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn an_image_goes_to_its_text_offset_and_keeps_room_for_its_bss() {
    let ram = ram();
    let file = Scratch::new("image", &image(0x20_0000, 0x10_0000, 4096));
    let loaded = load_program(&ram, &file.0, PLACE).unwrap();
    assert_eq!(loaded, Loaded { start: 0x8020_0000, entry: 0x8020_0000, end: 0x8030_0000 });
    assert_eq!(peek(&ram, 0x8020_0000, 2), b"MZ");
}

#[test]
fn gzip_is_unpacked() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&image(0x20_0000, 0, 100)).unwrap();
    let file = Scratch::new("gzip", &packer.finish().unwrap());
    assert_eq!(load_program(&ram(), &file.0, PLACE).unwrap().end, 0x8020_0000 + 100);
}

#[test]
fn an_elf_goes_where_it_was_linked_and_its_entry_is_translated() {
    let ram = ram();
    let file = Scratch::new("elf", &elf(0xffff_ffff_8000_0000, 0x8000_1000, 64));
    let loaded = load_program(&ram, &file.0, PLACE).unwrap();
    assert_eq!(loaded, Loaded { start: 0x8000_1000, entry: 0x8000_1004, end: 0x8000_1040 });
    assert_eq!(peek(&ram, 0x8000_1000, 9), b"codecode\0");
}

#[test]
fn a_position_independent_elf_linked_below_ram_goes_to_the_flat_base() {
    let mut bytes = elf(0x1000, 0x1000, 64);
    bytes[16] = 3;
    let file = Scratch::new("pie", &bytes);
    let loaded = load_program(&ram(), &file.0, PLACE).unwrap();
    assert_eq!(loaded, Loaded { start: KERNEL_BASE, entry: KERNEL_BASE + 4, end: KERNEL_BASE + 64 });
}

#[test]
fn anything_else_is_flat() {
    let file = Scratch::new("flat", b"\x13\0\0\0");
    assert_eq!(
        load_program(&ram(), &file.0, PLACE).unwrap(),
        Loaded { start: KERNEL_BASE, entry: KERNEL_BASE, end: KERNEL_BASE + 4 }
    );
}

#[test]
fn errors_name_the_file_and_what_is_wrong() {
    let ram = ram();
    let missing = message(load_program(&ram, Path::new("/nonexistent/Image"), PLACE));
    assert!(missing.starts_with("/nonexistent/Image: No such file"), "{missing}");
    assert!(message(load_program(&ram, Path::new("/"), PLACE)).contains("not a regular file"));
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("empty", vec![], "the file is empty"),
        ("big", image(0x20_0000, 31 << 20, 64), "too large for 8 MiB of memory: loading it takes at least 33 MiB"),
        ("far", elf(0x1000, 0x1000, 64), "a segment wants 64 bytes at 0x1000"),
        ("cut", elf(0x8000_0000, 0x8000_0000, 64)[..100].to_vec(), "the file is truncated"),
        ("gz", b"\x1f\x8bnonsense".to_vec(), "not a usable gzip file"),
        ("offset", image(u64::MAX, 0, 64), "its text offset"),
    ];
    for (name, bytes, expected) in cases {
        let file = Scratch::new(name, &bytes);
        let text = message(load_program(&ram, &file.0, PLACE));
        assert!(text.contains(expected) && text.contains(name), "{text}");
    }
}

#[test]
fn initrds_are_concatenated_at_multiples_of_four_below_the_top() {
    let ram = ram();
    let (one, two) = (Scratch::new("one", b"abcde"), Scratch::new("two", b"xyz"));
    let files = [one.0.clone(), two.0.clone()];
    let top = RAM_BASE + SIZE;
    let initrd = Initrd::load(&ram, &files, RAM_BASE, top).unwrap().unwrap();
    assert_eq!(initrd, Initrd { start: top - 4096, end: top - 4096 + 11 });
    assert_eq!(peek(&ram, initrd.start, 11), b"abcde\0\0\0xyz");
    assert_eq!(Initrd::load(&ram, &[], RAM_BASE, top).unwrap(), None);
    let refused = Initrd::load(&ram, &files, top - 10, top).unwrap_err().to_string();
    assert!(refused.contains("two: too large for 8 MiB of memory: loading it takes at least 9 MiB"), "{refused}");
}

proptest! {
    #[test]
    fn hostile_files_are_errors_or_load_into_ram(mut bytes in prop::collection::vec(any::<u8>(), 1..300), kind in 0..4) {
        let prefix: &[u8] = match kind {
            0 => b"\x7fELF\x02\x01",
            1 => b"\x1f\x8b\x08\0",
            2 => b"MZ",
            _ => b"",
        };
        let length = prefix.len().min(bytes.len());
        bytes[..length].copy_from_slice(&prefix[..length]);
        if kind == 2 && bytes.len() >= 64 {
            bytes[56..60].copy_from_slice(b"RSC\x05");
        }
        if let Ok(loaded) = load_bytes(&ram(), &bytes, PLACE) {
            prop_assert!(loaded.end <= RAM_BASE + SIZE);
        }
    }

    #[test]
    fn hostile_segments_are_errors_or_load_into_ram(
        at in 64usize..120, patch in prop::collection::vec(any::<u8>(), 1..20), vaddr: u64, paddr: u64, size: u64,
    ) {
        let mut bytes = elf(vaddr & 0xffff_ffff, paddr, size);
        let end = (at + patch.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&patch[..end - at]);
        if let Ok(loaded) = load_bytes(&ram(), &bytes, PLACE) {
            prop_assert!(loaded.end <= RAM_BASE + SIZE);
        }
    }
}
