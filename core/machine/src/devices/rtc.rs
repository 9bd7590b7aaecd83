//! Goldfish real-time clock: the host's wall clock in nanoseconds, and one alarm.
//!
//! Source: Linux `drivers/rtc/rtc-goldfish.c` and `Documentation/devicetree/bindings/rtc/google,goldfish-rtc.yaml`.
//! Setting the time moves the guest's view, never the host's clock.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vm_fdt::FdtWriter;

use super::lock;
use crate::bus::Device;
use crate::fdt::phandle;
use crate::irq::IrqLine;
use crate::layout::{Window, RTC_IRQ};

const TIME_LOW: u64 = 0x00;
const TIME_HIGH: u64 = 0x04;
const ALARM_LOW: u64 = 0x08;
const ALARM_HIGH: u64 = 0x0c;
const IRQ_ENABLED: u64 = 0x10;
const CLEAR_ALARM: u64 = 0x14;
const ALARM_STATUS: u64 = 0x18;
const CLEAR_INTERRUPT: u64 = 0x1c;

#[derive(Default)]
struct State {
    /// Guest time minus host time, nanoseconds modulo 2^64.
    offset: u64,
    /// Upper half latched by a read of the lower, or written ahead of it.
    time_high: u32,
    alarm_high: u32,
    alarm: u64,
    armed: bool,
    enabled: bool,
    pending: bool,
    ended: bool,
}

impl State {
    fn now(&self) -> u64 {
        let host = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (host.as_nanos() as u64).wrapping_add(self.offset)
    }
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    line: Arc<dyn IrqLine>,
}

/// The clock. Its alarm has a thread, made when the guest first arms it.
pub struct Rtc {
    shared: Arc<Shared>,
    ticker: Mutex<Option<JoinHandle<()>>>,
}

impl Rtc {
    /// A clock that interrupts through `line`.
    #[must_use]
    pub fn new(line: Arc<dyn IrqLine>) -> Arc<Self> {
        let shared = Shared { state: Mutex::default(), changed: Condvar::new(), line };
        Arc::new(Self { shared: Arc::new(shared), ticker: Mutex::new(None) })
    }

    fn ensure_ticker(&self) {
        let mut ticker = lock(&self.ticker);
        if ticker.is_none() {
            let shared = Arc::clone(&self.shared);
            // Without a thread the alarm never rings, which is all that the guest can be told.
            *ticker = thread::Builder::new().name("rtc-alarm".into()).spawn(move || shared.ring()).ok();
        }
    }
}

impl Shared {
    fn drive(&self, state: &State) {
        self.line.set(state.pending && state.enabled);
    }

    /// The alarm's thread: wait for the deadline, raise the interrupt, until the device goes.
    fn ring(&self) {
        let mut state = lock(&self.state);
        while !state.ended {
            let left = state.alarm.saturating_sub(state.now());
            if state.armed && left == 0 {
                state.armed = false;
                state.pending = true;
                self.drive(&state);
            }
            state = if state.armed {
                let limit = Duration::from_nanos(left);
                self.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

impl Device for Rtc {
    fn read(&self, offset: u64, size: u8) -> Option<u64> {
        if size != 4 {
            return None;
        }
        let mut state = lock(&self.shared.state);
        let value = match offset {
            TIME_LOW => {
                let now = state.now();
                state.time_high = (now >> 32) as u32;
                now as u32
            }
            TIME_HIGH => state.time_high,
            ALARM_LOW => state.alarm as u32,
            ALARM_HIGH => (state.alarm >> 32) as u32,
            IRQ_ENABLED => u32::from(state.enabled),
            ALARM_STATUS => u32::from(state.armed),
            _ => 0,
        };
        Some(u64::from(value))
    }

    fn write(&self, offset: u64, size: u8, value: u64) -> Option<()> {
        if size != 4 {
            return None;
        }
        let value = value as u32;
        let mut state = lock(&self.shared.state);
        match offset {
            TIME_HIGH => state.time_high = value,
            TIME_LOW => {
                let wanted = u64::from(state.time_high) << 32 | u64::from(value);
                state.offset = state.offset.wrapping_add(wanted.wrapping_sub(state.now()));
            }
            ALARM_HIGH => state.alarm_high = value,
            ALARM_LOW => {
                state.alarm = u64::from(state.alarm_high) << 32 | u64::from(value);
                state.armed = true;
            }
            IRQ_ENABLED => state.enabled = value & 1 != 0,
            CLEAR_ALARM => state.armed = false,
            CLEAR_INTERRUPT => state.pending = false,
            _ => return Some(()),
        }
        self.shared.drive(&state);
        let armed = state.armed;
        drop(state);
        self.shared.changed.notify_all();
        if armed {
            self.ensure_ticker();
        }
        Some(())
    }

    fn describe(&self, fdt: &mut FdtWriter, window: Window) -> Result<(), vm_fdt::Error> {
        let node = fdt.begin_node(&format!("rtc@{:x}", window.base))?;
        fdt.property_string("compatible", "google,goldfish-rtc")?;
        fdt.property_array_u64("reg", &[window.base, window.size])?;
        fdt.property_u32("interrupt-parent", phandle::PLIC)?;
        fdt.property_u32("interrupts", RTC_IRQ)?;
        fdt.end_node(node)
    }
}

impl Drop for Rtc {
    fn drop(&mut self) {
        lock(&self.shared.state).ended = true;
        self.shared.changed.notify_all();
        if let Some(ticker) = lock(&self.ticker).take() {
            // The thread holds nothing that can fail; a panic in it has been reported already.
            let _ = ticker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::devices::testing::Wire;

    fn time(rtc: &Rtc) -> u64 {
        let low = rtc.read(TIME_LOW, 4).unwrap();
        rtc.read(TIME_HIGH, 4).unwrap() << 32 | low
    }

    fn set(rtc: &Rtc, low: u64, value: u64) {
        rtc.write(low + 4, 4, value >> 32).unwrap();
        rtc.write(low, 4, value & 0xffff_ffff).unwrap();
    }

    #[test]
    fn time_is_the_hosts_until_it_is_set() {
        let rtc = Rtc::new(Arc::new(Wire::default()));
        let host = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        assert!(time(&rtc) - host < 1_000_000_000);
        set(&rtc, TIME_LOW, 5_000_000_000);
        assert!((5_000_000_000..6_000_000_000).contains(&time(&rtc)));
    }

    #[test]
    fn the_alarm_rings_and_is_cleared() {
        let wire = Arc::new(Wire::default());
        let rtc = Rtc::new(wire.clone());
        rtc.write(IRQ_ENABLED, 4, 1).unwrap();
        set(&rtc, ALARM_LOW, time(&rtc) + 20_000_000);
        assert_eq!(rtc.read(ALARM_STATUS, 4), Some(1));
        assert!(!wire.level());
        let deadline = Instant::now() + Duration::from_secs(5);
        while !wire.level() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        assert!(wire.level());
        assert_eq!(rtc.read(ALARM_STATUS, 4), Some(0));
        rtc.write(CLEAR_INTERRUPT, 4, 1).unwrap();
        assert!(!wire.level());
    }

    #[test]
    fn a_cancelled_alarm_does_not_ring() {
        let wire = Arc::new(Wire::default());
        let rtc = Rtc::new(wire.clone());
        rtc.write(IRQ_ENABLED, 4, 1).unwrap();
        set(&rtc, ALARM_LOW, time(&rtc) + 10_000_000);
        rtc.write(CLEAR_ALARM, 4, 1).unwrap();
        thread::sleep(Duration::from_millis(30));
        assert!(!wire.level());
    }
}
