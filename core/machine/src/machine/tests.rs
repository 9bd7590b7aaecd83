use super::*;

const RAM: u64 = 16 << 20;

/// A program of instruction words, in a file.
fn program(name: &str, words: &[u32]) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("vkd-machine-{}-{name}", std::process::id()));
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn config(name: &str, firmware: Firmware, words: &[u32]) -> MachineConfig {
    MachineConfig { kernel: Some(program(name, words)), firmware, ..MachineConfig::new(RAM) }
}

fn end(config: &MachineConfig) -> (Option<Exit>, Vec<u8>) {
    let machine = Machine::new(config).unwrap();
    let _ = std::fs::remove_file(config.kernel.as_ref().unwrap());
    machine.start().unwrap();
    let exit = machine.wait(Duration::from_secs(20));
    (exit, machine.console_read(Duration::ZERO))
}

/// `li a0, 'A'; lui t0, 0x10000; sb a0, (t0); lui t0, 0x100; lui t1, 0x5; addi t1, t1, 0x555; sw t1, (t0); j .`
const HELLO: [u32; 8] =
    [0x0410_0513, 0x1000_02b7, 0x00a2_8023, 0x0010_02b7, 0x0000_5337, 0x5553_0313, 0x0062_a023, 0x0000_006f];

#[test]
fn a_program_in_machine_mode_prints_and_powers_off() {
    assert_eq!(end(&config("m", Firmware::None, &HELLO)), (Some(Exit::PowerOff), b"A".to_vec()));
}

#[test]
fn a_program_under_the_builtin_firmware_prints_and_powers_off() {
    assert_eq!(end(&config("s", Firmware::BuiltIn, &HELLO)), (Some(Exit::PowerOff), b"A".to_vec()));
}

#[test]
fn an_owner_can_stop_it_and_dropping_joins() {
    let config = MachineConfig { harts: 3, ..config("loop", Firmware::None, &[0x0000_006f]) };
    let machine = Machine::new(&config).unwrap();
    let _ = std::fs::remove_file(config.kernel.unwrap());
    machine.start().unwrap();
    assert!(machine.start().is_err());
    assert_eq!(machine.wait(Duration::from_millis(50)), None);
    machine.stop();
    assert_eq!(machine.wait(Duration::ZERO), Some(Exit::Stopped));
    assert!(machine.stats().instructions.iter().all(|count| *count > 1000));
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    let good = MachineConfig { kernel: Some("/nonexistent/kernel".into()), ..MachineConfig::new(RAM) };
    let nic = Nic { socket: "/tmp/port".into(), mac: [1, 2, 3, 4, 5, 6] };
    let cases = [
        (MachineConfig { ram_size: 1000, ..good.clone() }, "it must be 4 to"),
        (MachineConfig { harts: 0, ..good.clone() }, "there can be 1 to 64"),
        (MachineConfig { harts: 65, ..good.clone() }, "there can be 1 to 64"),
        (MachineConfig { kernel: None, ..good.clone() }, "no kernel"),
        (MachineConfig { cmdline: "x".repeat(2000), ..good.clone() }, "at most 1023"),
        (MachineConfig { cmdline: "\0".into(), ..good.clone() }, "NUL"),
        (MachineConfig { nics: vec![nic.clone()], ..good.clone() }, "first byte must be even"),
        (MachineConfig { nics: vec![Nic { mac: [2; 6], ..nic }; 8], ..good.clone() }, "there is room for 7"),
        (
            MachineConfig { disks: vec![Disk { path: "/nonexistent/disk".into(), read_only: true }], ..good.clone() },
            "/nonexistent/disk: No such file",
        ),
        (good, "/nonexistent/kernel: No such file"),
    ];
    for (config, expected) in cases {
        let text = Machine::new(&config).err().unwrap().to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn every_virtio_window_answers() {
    let config = config("slots", Firmware::None, &HELLO);
    let machine = Machine::new(&config).unwrap();
    let _ = std::fs::remove_file(config.kernel.unwrap());
    let ids: Vec<_> = (0..8).map(|slot| machine.platform.bus.read(0x1000_1008 + slot * 0x1000, 4)).collect();
    let mut expected = vec![Some(0); 8];
    expected[0] = Some(4);
    assert_eq!(ids, expected);
    assert_eq!(machine.platform.bus.read(0x1000_8000, 4), Some(0x7472_6976));
}

#[test]
fn a_profile_shows_where_the_harts_are() {
    // Hart 0 counts for ever: `addi a0, a0, 1; j -4`; under the built-in firmware hart 1 waits to be started.
    let config = MachineConfig { harts: 2, ..config("profile", Firmware::BuiltIn, &[0x0015_0513, 0xffdf_f06f]) };
    let machine = Machine::new(&config).unwrap();
    let _ = std::fs::remove_file(config.kernel.unwrap());
    for rate in [0, 10_001] {
        let refusal = machine.profile_start(rate, Wish::default()).unwrap_err().to_string();
        assert!(refusal.contains("there can be 1 to 10000"), "{refusal}");
    }
    machine.start().unwrap();
    machine.profile_start(2000, Wish::default()).unwrap();
    let mut samples = Vec::new();
    let mut idle = 0;
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while (samples.len() < 20 || idle == 0) && std::time::Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
        let records = machine.profile_read(8);
        assert!(records[0].samples.len() <= 8);
        samples.extend_from_slice(&records[0].samples);
        idle = records[1].idle;
        // Its thread may be asked before it has come to rest for the first time.
        assert!(records[1].samples.len() <= 1, "{records:?}");
    }
    machine.profile_stop();
    assert!(samples.len() >= 20 && idle > 0, "{} samples, idle {idle} times", samples.len());
    let entry = samples.last().unwrap().pc & !7;
    assert!(samples[1..].iter().all(|sample| sample.pc & !7 == entry), "{samples:x?}");
    assert!(samples.windows(2).all(|pair| pair[0].time < pair[1].time));
    let _ = machine.profile_read(usize::MAX);
    thread::sleep(Duration::from_millis(20));
    assert!(machine.profile_read(usize::MAX).iter().all(|record| record.samples.is_empty()));
}
