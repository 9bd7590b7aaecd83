//! Boot a kernel on a bare board with the console on standard input and output:
//! `boot [-m MiB] [-c HARTS] [-t SECONDS] [-f] [-i] PROGRAM [INITRD [CMDLINE]]`.
//!
//! With `-f` PROGRAM is M-mode firmware and INITRD, if given and not `-`, the kernel that it is told of (fw_jump, fw_dynamic).
//! With `-i` everything is interpreted.
//! Prints instructions, seconds and their quotient at the end.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use machine::bus::Bus;
use machine::clock::Clock;
use machine::devices::{clint::Clint, finisher::Finisher, plic::Plic, rtc::Rtc, uart::Uart};
use machine::fdt;
use machine::hart::courtesy::Awaited;
use machine::hart::{Hart, Privilege};
use machine::irq::HartWires;
use machine::isa;
use machine::layout::{CLINT, FINISHER, PLIC, RAM_BASE, RTC, RTC_IRQ, UART, UART_IRQ};
use machine::loader::{self, Initrd, Place};
use machine::memory::GuestRam;
use machine::platform::{Console, Platform};
use machine::power::Power;

/// Standard output, and what a thread has read from standard input.
#[derive(Default)]
struct Stdio {
    input: Mutex<VecDeque<u8>>,
}

impl Console for Stdio {
    fn output(&self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes);
        let _ = out.flush();
    }
    fn input(&self) -> Option<u8> {
        self.input.lock().ok()?.pop_front()
    }
}

/// Pass standard input on to the guest, byte by byte as it comes.
fn forward_input(console: Arc<Stdio>, uart: Arc<Uart>) {
    for byte in std::io::stdin().lock().bytes() {
        let (Ok(byte), Ok(mut input)) = (byte, console.input.lock()) else { break };
        input.push_back(byte);
        drop(input);
        uart.input_ready();
    }
}

struct Options {
    memory: u64,
    harts: usize,
    firmware: bool,
    interpret: bool,
    seconds: u64,
    files: Vec<String>,
}

fn options() -> Option<Options> {
    let mut o = Options { memory: 256, harts: 1, firmware: false, interpret: false, seconds: 60, files: Vec::new() };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-m" => o.memory = args.next()?.parse().ok()?,
            "-c" => o.harts = args.next()?.parse().ok()?,
            "-t" => o.seconds = args.next()?.parse().ok()?,
            "-f" => o.firmware = true,
            "-i" => o.interpret = true,
            _ => o.files.push(arg),
        }
    }
    (!o.files.is_empty()).then_some(o)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let o = options().ok_or("usage: boot [-m MiB] [-c HARTS] [-t SECONDS] [-f] [-i] PROGRAM [INITRD [CMDLINE]]")?;
    let ram = Arc::new(GuestRam::new(RAM_BASE, o.memory << 20)?);
    let wires: Vec<_> = (0..o.harts).map(|_| Arc::new(HartWires::new())).collect();
    let (clock, power, console) = (Clock::new(), Arc::new(Power::new()), Arc::new(Stdio::default()));
    let mut bus = Bus::new();
    let plic = Plic::new(&wires);
    bus.attach(FINISHER, Finisher::new(Arc::clone(&power), &wires));
    bus.attach(RTC, Rtc::new(plic.line(RTC_IRQ)));
    bus.attach(CLINT, Clint::new(&wires, clock));
    let uart = Uart::new(console.clone(), plic.line(UART_IRQ));
    bus.attach(UART, uart.clone());
    let keyboard = console.clone();
    std::thread::spawn(move || forward_input(keyboard, uart));
    bus.attach(PLIC, plic);

    let flat = Place { image: None, flat: RAM_BASE };
    let program = loader::load_program(&ram, Path::new(&o.files[0]), flat)?;
    let second = o.files.get(1).filter(|name| *name != "-");
    let (initrd, next) = match second {
        Some(name) if o.firmware => {
            let kernel =
                loader::load_program(&ram, Path::new(name), Place { image: None, flat: RAM_BASE + (2 << 20) })?;
            (None, kernel.entry)
        }
        Some(name) => (Initrd::load(&ram, &[PathBuf::from(name)], program.end, RAM_BASE + ram.size() - (4 << 20))?, 0),
        None => (None, 0),
    };
    let description = fdt::Description {
        ram_size: ram.size(),
        harts: o.harts,
        extensions: isa::EXTENSIONS,
        isa: &isa::isa_string(),
        cmdline: o.files.get(2).map_or("console=ttyS0 earlycon=sbi", String::as_str),
        initrd,
        seed: [7; fdt::SEED],
    };
    let tree = fdt::build(&description, &bus)?;
    let dtb = RAM_BASE + ram.size() - (2 << 20);
    ram.write(dtb, &tree)?;
    let info = dtb - 4096;
    loader::firmware::write_info(&ram, info, next)?;

    let platform = Arc::new(Platform {
        ram,
        bus,
        wires: wires.clone(),
        clock,
        power,
        console,
        awaited: Awaited::default(),
        builtin_sbi: !o.firmware,
        translate: !o.interpret,
        windows: !o.interpret,
    });
    let start = Instant::now();
    let threads: Vec<_> = (0..o.harts)
        .map(|id| {
            let mut hart = Hart::new(Arc::clone(&platform), id).expect("a hart");
            if o.firmware {
                hart.reset_to(program.entry, id as u64, dtb, Privilege::Machine);
                hart.set_x(12, info);
            } else if id == 0 {
                hart.reset_to(program.entry, 0, dtb, Privilege::Supervisor);
            }
            std::thread::spawn(move || hart.run())
        })
        .collect();
    let exit = platform.power.wait(Duration::from_secs(o.seconds));
    platform.end(machine::power::Exit::Stopped);
    for thread in threads {
        let _ = thread.join();
    }
    let seconds = start.elapsed().as_secs_f64();
    let retired: u64 = wires.iter().map(|w| w.retired.load(Ordering::Relaxed)).sum();
    eprintln!("\n{exit:?}: {retired} instructions in {seconds:.2} s, {:.0} M/s", retired as f64 / seconds / 1e6);
    Ok(())
}
