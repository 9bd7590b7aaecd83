//! The machine's console between the guest and whoever reads it: two bounded buffers.
//!
//! Output is batched on the reading side: the guest writes byte by byte and wakes the reader once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::devices::lock;
use crate::platform::Console;

/// Output that waits for the reader, bytes.
pub const OUTPUT: usize = 1 << 20;
/// Input that waits for the guest, bytes.
pub const INPUT: usize = 64 << 10;

/// How long a guest that fills the buffer waits for the reader, once; after that it loses output until the reader reads.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a reader that found something waits for more of it.
const BATCH: Duration = Duration::from_millis(2);

#[derive(Default)]
struct Output {
    bytes: VecDeque<u8>,
    /// The reader did not come within [`PATIENCE`].
    stalled: bool,
    dropped: u64,
}

/// The buffers.
#[derive(Default)]
pub struct ConsoleBuffer {
    output: Mutex<Output>,
    written: Condvar,
    drained: Condvar,
    input: Mutex<VecDeque<u8>>,
    /// Length of `input`: a guest that polls must not take a lock each time.
    waiting: AtomicUsize,
}

impl ConsoleBuffer {
    /// Empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the guest wrote since the last call; waits for something at most `timeout`.
    #[must_use]
    pub fn read(&self, timeout: Duration) -> Vec<u8> {
        let output = lock(&self.output);
        let empty = |output: &mut Output| output.bytes.is_empty();
        let (output, result) =
            self.written.wait_timeout_while(output, timeout, empty).unwrap_or_else(PoisonError::into_inner);
        let batch = !result.timed_out() && timeout > BATCH;
        drop(output);
        if batch {
            std::thread::sleep(BATCH);
        }
        let mut output = lock(&self.output);
        output.stalled = false;
        let bytes = std::mem::take(&mut output.bytes);
        drop(output);
        self.drained.notify_all();
        bytes.into()
    }

    /// Give the guest input; returns how many bytes were taken.
    pub fn write(&self, bytes: &[u8]) -> usize {
        let mut input = lock(&self.input);
        let count = bytes.len().min(INPUT - input.len());
        input.extend(&bytes[..count]);
        self.waiting.store(input.len(), Ordering::Release);
        count
    }

    /// Bytes of output lost because nobody read.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        lock(&self.output).dropped
    }
}

impl Console for ConsoleBuffer {
    fn output(&self, mut bytes: &[u8]) {
        let mut output = lock(&self.output);
        let deadline = Instant::now() + PATIENCE;
        while !bytes.is_empty() {
            let room = OUTPUT - output.bytes.len();
            if room == 0 {
                let left = deadline.saturating_duration_since(Instant::now());
                output.stalled |= left.is_zero();
                if output.stalled {
                    output.dropped += bytes.len() as u64;
                    return;
                }
                output = self.drained.wait_timeout(output, left).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            let idle = output.bytes.is_empty();
            output.bytes.extend(now);
            bytes = later;
            if idle {
                self.written.notify_all();
            }
        }
    }

    fn input(&self) -> Option<u8> {
        if self.waiting.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut input = lock(&self.input);
        let byte = input.pop_front();
        self.waiting.store(input.len(), Ordering::Release);
        byte
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_reader_waits_for_output_and_gets_it_in_one_piece() {
        let console = Arc::new(ConsoleBuffer::new());
        assert!(console.read(Duration::ZERO).is_empty());
        let guest = Arc::clone(&console);
        let writer = thread::spawn(move || b"hello".iter().for_each(|byte| guest.output(&[*byte])));
        assert_eq!(console.read(Duration::from_secs(10)), b"hello");
        writer.join().unwrap();
    }

    #[test]
    fn a_slow_reader_loses_nothing() {
        let console = Arc::new(ConsoleBuffer::new());
        let guest = Arc::clone(&console);
        let writer = thread::spawn(move || (0..300).for_each(|_| guest.output(&[7; 10_000])));
        let mut total = 0;
        while total < 3_000_000 {
            thread::sleep(Duration::from_millis(20));
            total += console.read(Duration::from_secs(10)).len();
        }
        writer.join().unwrap();
        assert_eq!((total, console.dropped()), (3_000_000, 0));
    }

    #[test]
    fn without_a_reader_the_guest_goes_on_and_the_loss_is_counted() {
        let console = ConsoleBuffer::new();
        let began = Instant::now();
        (0..1000).for_each(|_| console.output(&[1; 2000]));
        assert!(began.elapsed() < 4 * PATIENCE);
        assert_eq!(console.dropped(), 2_000_000 - OUTPUT as u64);
        assert_eq!(console.read(Duration::ZERO).len(), OUTPUT);
    }

    #[test]
    fn input_is_bounded_and_keeps_its_order() {
        let console = ConsoleBuffer::new();
        assert_eq!(console.write(&vec![0; INPUT + 5]), INPUT);
        assert_eq!(console.write(b"x"), 0);
        assert_eq!(console.input(), Some(0));
        assert_eq!(console.write(b"xy"), 1);
        assert_eq!(std::iter::from_fn(|| console.input()).last(), Some(b'x'));
        assert_eq!(console.input(), None);
    }
}
