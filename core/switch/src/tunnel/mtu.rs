//! Path-MTU discovery by probes (RFC 8899): which datagrams, in bytes of UDP payload, reach the peer.

use std::time::Duration;

/// Datagrams that pass everywhere IPv6 does (1280 less the headers of IPv6 and UDP).
pub const BASE: usize = 1280 - 48;
/// Datagrams that pass where even that does not: 576 less the longest header of IPv4 and UDP.
pub(super) const SMALLEST: usize = 576 - 68;
/// The longest datagram there is.
pub const LARGEST: usize = 65_507;

/// Sizes that are likely to be the path's: over Ethernet with PPPoE, plain (IPv6, IPv4), jumbo, and loopback.
const LIKELY: [usize; 7] = [1372, 1444, 1452, 1472, 8952, 8972, LARGEST];
/// The search ends when what may pass is not more than this above what does, bytes.
const CLOSE: usize = 4;
const TRIES: u8 = 3;
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is asked whether the size still passes, and whether a larger one does: the latter sooner after a loss,
/// which may have had other causes.
const CONFIRM: Duration = Duration::from_secs(5);
const RAISE: Duration = Duration::from_secs(600);
const RAISE_AGAIN: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
struct Probe {
    number: u32,
    size: usize,
    tries: u8,
    sent: Duration,
}

/// The search for one path.
#[derive(Debug)]
pub(super) struct PathMtu {
    /// What is known to pass, or taken for it.
    current: usize,
    /// What is known not to.
    above: usize,
    /// When it was last seen to pass.
    confirmed: Option<Duration>,
    probe: Option<Probe>,
    next: Duration,
    raise: Duration,
    numbers: u32,
    /// How long the last probe and its answer took together.
    rtt: Option<Duration>,
}

impl PathMtu {
    pub(super) fn new(now: Duration) -> PathMtu {
        let raise = now + RAISE;
        PathMtu {
            current: BASE,
            above: LARGEST + 1,
            confirmed: None,
            probe: None,
            next: now,
            raise,
            numbers: 0,
            rtt: None,
        }
    }

    /// Bytes of the longest datagram.
    pub(super) fn get(&self) -> usize {
        self.current
    }

    /// How long the last probe that was answered at once, and its answer, were under way together.
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Another path: begin anew.
    pub(super) fn restart(&mut self, now: Duration) {
        *self = PathMtu { numbers: self.numbers, ..PathMtu::new(now) };
    }

    /// The path was interrupted: what was not answered says nothing.
    pub(super) fn forgive(&mut self, now: Duration) {
        (self.probe, self.next) = (None, now);
    }

    /// The number and size of a probe that is to be sent now.
    pub(super) fn poll(&mut self, now: Duration) -> Option<(u32, usize)> {
        if now < self.next {
            return None;
        }
        if now >= self.raise {
            (self.above, self.raise) = (LARGEST + 1, now + RAISE);
        }
        if let Some(probe) = &mut self.probe {
            if probe.tries < TRIES {
                probe.tries += 1;
                self.next = now + PATIENCE;
                return Some((probe.number, probe.size));
            }
            let size = probe.size;
            self.refused(size, now);
        }
        let size = self.candidate(now);
        self.numbers = self.numbers.wrapping_add(1);
        self.probe = Some(Probe { number: self.numbers, size, tries: 1, sent: now });
        self.next = now + PATIENCE;
        Some((self.numbers, size))
    }

    /// What to try next: whether the present size passes if that is not known for sure, else a larger one, if any may.
    fn candidate(&self, now: Duration) -> usize {
        let confirmed = self.confirmed.is_some_and(|at| now.saturating_sub(at) < CONFIRM);
        if !confirmed || self.is_done() {
            return self.current;
        }
        let likely = LIKELY.iter().copied().find(|&size| size > self.current && size < self.above);
        likely.unwrap_or(self.current + (self.above - self.current) / 2)
    }

    fn is_done(&self) -> bool {
        self.above - self.current <= CLOSE
    }

    /// The probe `number` reached the peer in `length` bytes. Returns whether the size has changed.
    pub(super) fn answered(&mut self, number: u32, length: usize, now: Duration) -> bool {
        let Some(probe) = self.probe.filter(|probe| probe.number == number && probe.size == length) else {
            return false;
        };
        self.probe = None;
        self.confirmed = Some(now);
        if probe.tries == 1 {
            // Of one that was repeated it is not known which was answered.
            self.rtt = Some(now.saturating_sub(probe.sent));
        }
        let changed = probe.size > self.current;
        self.current = self.current.max(probe.size);
        self.next = if self.is_done() { now + CONFIRM } else { now };
        changed
    }

    /// Datagrams of `size` do not pass. Returns whether the size in use has changed.
    pub(super) fn refused(&mut self, size: usize, now: Duration) -> bool {
        if self.probe.is_some_and(|probe| probe.size >= size) {
            self.probe = None;
        }
        self.next = now;
        if size > self.current {
            self.above = self.above.min(size);
            if self.is_done() {
                self.next = now + CONFIRM;
            }
            return false;
        }
        // What passed does not pass any more: begin below it.
        let lower = if size > BASE { BASE } else { SMALLEST };
        let changed = lower != self.current;
        (self.current, self.above, self.confirmed) = (lower, size.max(lower + 1), None);
        self.raise = now + RAISE_AGAIN;
        changed
    }

    /// When [`PathMtu::poll`] is due.
    pub(super) fn next_timeout(&self) -> Duration {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Run the search over a path that passes `path` bytes, of which the host itself knows `known`.
    fn run(mtu: &mut PathMtu, from: Duration, until: Duration, path: usize, known: usize) {
        let mut now = from;
        while now < until {
            while let Some((number, size)) = mtu.poll(now) {
                if size > known {
                    mtu.refused(size, now);
                } else if size <= path {
                    mtu.answered(number, size, now);
                }
            }
            now = now.max(mtu.next_timeout()).max(now + ms(1));
        }
    }

    proptest! {
        #[test]
        fn the_size_of_the_path_is_found_and_followed(path in 600usize..65_507, later in 600usize..65_507) {
            let mut mtu = PathMtu::new(Duration::ZERO);
            run(&mut mtu, Duration::ZERO, ms(60_000), path, LARGEST);
            if path >= BASE {
                prop_assert!(mtu.get() <= path && mtu.get() + CLOSE >= path, "{} for {path}", mtu.get());
            } else {
                prop_assert!(mtu.get() <= path);
            }
            run(&mut mtu, ms(60_000), ms(90_000), later, LARGEST);
            prop_assert!(mtu.get() <= later, "{} for {later}", mtu.get());
            run(&mut mtu, ms(90_000), ms(800_000), later, LARGEST);
            if later >= BASE {
                prop_assert!(mtu.get() <= later && mtu.get() + CLOSE >= later, "{} for {later}", mtu.get());
            }
        }
    }

    #[test]
    fn the_round_trip_is_that_of_probes_that_were_not_repeated() {
        let mut mtu = PathMtu::new(Duration::ZERO);
        let (number, size) = mtu.poll(ms(10)).unwrap();
        mtu.answered(number, size, ms(32));
        assert_eq!(mtu.rtt(), Some(ms(22)));
        let (number, size) = mtu.poll(ms(40)).unwrap();
        assert_eq!(mtu.poll(ms(540)), Some((number, size)));
        mtu.answered(number, size, ms(545));
        assert_eq!(mtu.rtt(), Some(ms(22)));
        mtu.restart(ms(600));
        assert_eq!(mtu.rtt(), None);
    }

    #[test]
    fn ethernet_takes_three_probes_and_what_the_host_knows_no_time() {
        let mut mtu = PathMtu::new(Duration::ZERO);
        run(&mut mtu, Duration::ZERO, ms(10), 1472, 1472);
        assert_eq!(mtu.get(), 1472);
    }
}
