//! 16550 UART, the guest's console: vm-superio's register model between the PLIC and the machine's [`Console`].
//!
//! Source: National Semiconductor PC16550D data sheet. vm-superio signals edges; [`Uart`] turns its registers into the
//! level that the chip drives, and answers the interrupt identification by the chip's priorities.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use vm_fdt::FdtWriter;
use vm_superio::serial::NoEvents;
use vm_superio::{Serial, SerialState, Trigger};

use super::lock;
use crate::bus::Device;
use crate::fdt::phandle;
use crate::irq::IrqLine;
use crate::layout::{Window, UART_IRQ};
use crate::platform::Console;

const RBR: u8 = 0;
const IER: u8 = 1;
const IIR: u8 = 2;
const FCR: u8 = 2;
const LSR: u8 = 5;
const IER_RECEIVED: u8 = 1;
const IER_EMPTY: u8 = 2;
const FCR_CLEAR_RECEIVED: u64 = 2;
const LSR_READY: u8 = 1;
const LCR_DLAB: u8 = 0x80;
/// Interrupt identification: FIFOs enabled, "received data available".
const IIR_RECEIVED: u64 = 0xc4;
const IIR_EMPTY: u8 = 2;
/// FIFOs enabled, "no interrupt".
const IIR_NOTHING: u64 = 0xc1;

/// Input clock of the baud-rate generator that QEMU's board reports, Hz. No bit is ever timed by it.
const CLOCK_HZ: u32 = 3_686_400;

struct Sink(Arc<dyn Console>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.output(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The level is computed after every access, so the model's edges carry nothing.
struct Edge;

impl Trigger for Edge {
    type E = Infallible;

    fn trigger(&self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The UART.
pub struct Uart {
    serial: Mutex<Serial<Edge, NoEvents, Sink>>,
    console: Arc<dyn Console>,
    line: Arc<dyn IrqLine>,
}

impl Uart {
    /// A UART on `console` that interrupts through `line`.
    #[must_use]
    pub fn new(console: Arc<dyn Console>, line: Arc<dyn IrqLine>) -> Arc<Self> {
        let serial = Mutex::new(Serial::new(Edge, Sink(Arc::clone(&console))));
        Arc::new(Self { serial, console, line })
    }

    /// The console has new input: interrupt the guest if it listens.
    pub fn input_ready(&self) {
        let mut serial = lock(&self.serial);
        self.settle(&mut serial);
    }

    /// Move input into the FIFO, up to its capacity. Input stays with the console, and so within reach of SBI, until the
    /// guest shows that it reads the UART.
    fn fill(&self, serial: &mut Serial<Edge, NoEvents, Sink>) {
        let mut bytes = [0; 64];
        let room = serial.fifo_capacity().min(bytes.len());
        let mut count = 0;
        while count < room {
            let Some(byte) = self.console.input() else { break };
            bytes[count] = byte;
            count += 1;
        }
        if count > 0 {
            // Cannot fail: there is room. In loop-back mode the chip is cut off from its line and the bytes are lost.
            let _ = serial.enqueue_raw_bytes(&bytes[..count]);
        }
    }

    /// After any change: take input if its interrupt is enabled, then drive the wire.
    fn settle(&self, serial: &mut Serial<Edge, NoEvents, Sink>) {
        let mut state = serial.state();
        let listens = state.interrupt_enable & IER_RECEIVED != 0;
        if listens && state.line_status & LSR_READY == 0 {
            self.fill(serial);
            state = serial.state();
        }
        let received = listens && state.line_status & LSR_READY != 0;
        self.line.set(received || transmitted(&state));
    }
}

/// Whether the empty transmitter interrupts; the model goes on saying so after its interrupt was disabled.
fn transmitted(state: &SerialState) -> bool {
    state.interrupt_enable & IER_EMPTY != 0 && state.interrupt_identification & IIR_EMPTY != 0
}

impl Device for Uart {
    fn read(&self, offset: u64, _size: u8) -> Option<u64> {
        let Ok(register @ 0..=7) = u8::try_from(offset) else { return Some(0) };
        let mut serial = lock(&self.serial);
        let state = serial.state();
        let data = register == RBR && state.line_control & LCR_DLAB == 0;
        if (data || register == LSR) && state.line_status & LSR_READY == 0 {
            self.fill(&mut serial);
        }
        let received = state.interrupt_enable & IER_RECEIVED != 0 && state.line_status & LSR_READY != 0;
        if register == IIR && received {
            // The model would forget both causes; the chip keeps this one until the FIFO is empty, and the lower one behind it.
            return Some(IIR_RECEIVED);
        }
        if register == IIR && !transmitted(&state) {
            return Some(IIR_NOTHING);
        }
        let value = serial.read(register);
        if data || matches!(register, IER | IIR) {
            self.settle(&mut serial);
        }
        Some(u64::from(value))
    }

    fn write(&self, offset: u64, _size: u8, value: u64) -> Option<()> {
        let Ok(register @ 0..=7) = u8::try_from(offset) else { return Some(()) };
        let mut serial = lock(&self.serial);
        if register == FCR && value & FCR_CLEAR_RECEIVED != 0 && serial.state().line_control & LCR_DLAB == 0 {
            // The model knows no such register. Each read takes one byte out of its FIFO.
            while serial.state().line_status & LSR_READY != 0 {
                serial.read(RBR);
            }
        }
        // The only failures are those of the sink and the trigger, which have none.
        let _ = serial.write(register, value as u8);
        self.settle(&mut serial);
        Some(())
    }

    fn describe(&self, fdt: &mut FdtWriter, window: Window) -> Result<(), vm_fdt::Error> {
        let node = fdt.begin_node(&format!("serial@{:x}", window.base))?;
        fdt.property_string("compatible", "ns16550a")?;
        fdt.property_array_u64("reg", &[window.base, window.size])?;
        fdt.property_u32("clock-frequency", CLOCK_HZ)?;
        fdt.property_u32("interrupt-parent", phandle::PLIC)?;
        fdt.property_u32("interrupts", UART_IRQ)?;
        fdt.end_node(node)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::devices::testing::Wire;

    #[derive(Default)]
    struct Tape {
        output: Mutex<Vec<u8>>,
        input: Mutex<VecDeque<u8>>,
    }

    impl Console for Tape {
        fn output(&self, bytes: &[u8]) {
            lock(&self.output).extend_from_slice(bytes);
        }

        fn input(&self) -> Option<u8> {
            lock(&self.input).pop_front()
        }
    }

    fn uart() -> (Arc<Uart>, Arc<Tape>, Arc<Wire>) {
        let (tape, wire) = (Arc::new(Tape::default()), Arc::new(Wire::default()));
        (Uart::new(tape.clone(), wire.clone()), tape, wire)
    }

    #[test]
    fn bytes_go_out_and_the_empty_transmitter_interrupts_once() {
        let (uart, tape, wire) = uart();
        for byte in *b"ok" {
            uart.write(0, 1, byte.into()).unwrap();
        }
        assert_eq!(*lock(&tape.output), b"ok");
        assert!(!wire.level());
        uart.write(1, 1, 2).unwrap();
        assert!(wire.level());
        assert_eq!(uart.read(2, 1), Some(0xc2));
        assert!(!wire.level());
        assert_eq!(uart.read(2, 1), Some(0xc1));
    }

    #[test]
    fn received_data_holds_the_wire_until_all_is_read() {
        let (uart, tape, wire) = uart();
        uart.write(1, 1, 1).unwrap();
        let text: Vec<u8> = (0..200).collect();
        lock(&tape.input).extend(&text);
        uart.input_ready();
        let mut got = Vec::new();
        while wire.level() {
            assert_eq!(uart.read(2, 1), Some(0xc4));
            got.push(uart.read(0, 1).unwrap() as u8);
        }
        assert_eq!(got, text);
        assert_eq!(uart.read(5, 1).unwrap() & 1, 0);
    }

    #[test]
    fn input_stays_with_the_console_until_the_guest_reads_the_uart() {
        let (uart, tape, wire) = uart();
        lock(&tape.input).extend(b"x");
        uart.input_ready();
        assert!(!wire.level());
        assert_eq!(tape.input.lock().unwrap().len(), 1);
        assert_eq!(uart.read(5, 1).unwrap() & 1, 1, "a polling guest sees it");
        assert_eq!(uart.read(0, 1), Some(b'x'.into()));
    }

    #[test]
    fn a_disabled_interrupt_of_the_empty_transmitter_is_gone() {
        let (uart, _, wire) = uart();
        uart.write(1, 1, 2).unwrap();
        uart.write(0, 1, b'x'.into()).unwrap();
        assert!(wire.level());
        uart.write(1, 1, 0).unwrap();
        assert!(!wire.level());
        assert_eq!(uart.read(2, 1), Some(0xc1));
        uart.write(1, 1, 2).unwrap();
        assert_eq!((wire.level(), uart.read(2, 1)), (true, Some(0xc2)));
    }

    #[test]
    fn clearing_the_receive_fifo_drops_what_is_in_it() {
        let (uart, tape, wire) = uart();
        lock(&tape.input).extend(b"stale");
        uart.write(1, 1, 1).unwrap();
        assert!(wire.level());
        uart.write(2, 1, 7).unwrap();
        assert!(!wire.level());
        assert_eq!(uart.read(5, 1).unwrap() & 1, 0);
    }

    #[test]
    fn any_access_is_answered() {
        let (uart, ..) = uart();
        for offset in 0..0x100 {
            for size in [1, 2, 4, 8] {
                assert!(uart.write(offset, size, u64::MAX).is_some());
                assert!(uart.read(offset, size).is_some());
            }
        }
    }
}
