//! One direction of a port and what it suffers from.

use super::bucket::Bucket;
use super::chance::{Channel, Coin};
use super::config::{Config, ConfigError};
use super::delay::Delays;
use super::rng::Rng;
use super::store::Store;
use crate::drops::DropReason;
use crate::wire::VNET_HEADER;
use std::time::Duration;

/// Bytes of packets that wait in one direction, counted in chunks of 2 KiB.
const MEMORY: usize = 64 * 1024 * 1024;

/// What was done to packets. Those that were lost are among the port's drops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Packets that came.
    pub packets: u64,
    /// Of these, lost by chance.
    pub lost: u64,
    /// Dropped, for the queue in front of the slow line was full.
    pub over_rate: u64,
    /// Dropped, for the memory of delayed packets was full.
    pub no_room: u64,
    /// Sent a second time.
    pub duplicated: u64,
    /// With a bit flipped.
    pub corrupted: u64,
    /// Sent past those that are delayed.
    pub reordered: u64,
}

#[derive(Debug)]
struct Dice {
    loss: Coin,
    bursts: Channel,
    corrupt: Coin,
    bits: Rng,
    duplicate: Coin,
    reorder: Coin,
    delays: Delays,
}

impl Dice {
    fn new(seed: u64) -> Dice {
        let rng = |stream| Rng::new(seed, stream);
        Dice {
            loss: Coin::new(rng(1)),
            bursts: Channel::new(rng(2)),
            corrupt: Coin::new(rng(3)),
            bits: rng(4),
            duplicate: Coin::new(rng(5)),
            reorder: Coin::new(rng(6)),
            delays: Delays::new(rng(7)),
        }
    }
}

/// Takes packets and gives them back, later, changed or not at all. Packets have their virtio-net header in front and
/// are finished ([`crate::offload::complete`]), for accidents happen to frames of the wire.
#[derive(Debug)]
pub struct Impairment {
    config: Config,
    dice: Dice,
    bucket: Bucket,
    store: Store,
    /// When the latest packet arrives; none arrives before it where order is kept.
    latest: Duration,
    tally: Tally,
}

impl Impairment {
    /// What `config` says, from the beginning of its seed's streams.
    pub fn new(config: Config) -> Result<Impairment, ConfigError> {
        config.check()?;
        Ok(Impairment {
            config,
            dice: Dice::new(config.seed),
            bucket: Bucket::default(),
            store: Store::new(MEMORY),
            latest: Duration::ZERO,
            tally: Tally::default(),
        })
    }

    /// Change the settings for packets to come. What waits stays and is due when it was; random numbers, bursts and the
    /// line's queue go on where they are, unless the seed is another.
    pub fn configure(&mut self, config: Config) -> Result<(), ConfigError> {
        config.check()?;
        if config.seed != self.config.seed {
            self.dice = Dice::new(config.seed);
        }
        self.config = config;
        Ok(())
    }

    /// Impair nothing from now on, and begin anew with the next settings. What waits is due when it was.
    pub fn end(&mut self) {
        self.config = Config::default();
        self.dice = Dice::new(self.config.seed);
        self.bucket = Bucket::default();
        self.tally = Tally::default();
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What was done so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// A packet comes at `now`. An error says that it is lost, and why.
    pub fn push(&mut self, packet: &[u8], now: Duration) -> Result<(), DropReason> {
        let config = &self.config;
        let length = packet.len().saturating_sub(VNET_HEADER);
        self.tally.packets += 1;
        let mut leaves = now;
        if let Some(rate) = &config.rate {
            let Some(at) = self.bucket.admit(rate, length as u64, now) else {
                self.tally.over_rate += 1;
                return Err(DropReason::NetemRate);
            };
            leaves = at;
        }
        // Both are asked, whatever the other says: the draws of one do not depend on the other.
        let by_chance = self.dice.loss.toss(config.loss);
        let in_burst = config.bursts.is_some_and(|model| self.dice.bursts.loses(&model));
        if by_chance || in_burst {
            self.tally.lost += 1;
            return Err(DropReason::NetemLoss);
        }
        let flip = (self.dice.corrupt.toss(config.corrupt) && length > 0).then(|| {
            let bit = self.dice.bits.below(length * 8);
            (VNET_HEADER + bit / 8, 1 << (bit % 8))
        });
        let again = self.dice.duplicate.toss(config.duplicate);
        if !self.send(packet, leaves, flip) {
            self.tally.no_room += 1;
            return Err(DropReason::NetemMemory);
        }
        self.tally.corrupted += u64::from(flip.is_some());
        if again && self.send(packet, leaves, flip) {
            self.tally.duplicated += 1;
        }
        Ok(())
    }

    fn send(&mut self, packet: &[u8], leaves: Duration, flip: Option<(usize, u8)>) -> bool {
        let overtakes = self.dice.reorder.toss(self.config.reorder);
        let mut due = leaves;
        if !overtakes {
            due += self.dice.delays.draw(&self.config.delay);
            if self.config.delay.ordered {
                due = due.max(self.latest);
            }
        }
        if !self.store.push(due, packet, flip) {
            return false;
        }
        self.latest = self.latest.max(due);
        self.tally.reordered += u64::from(overtakes);
        true
    }

    /// Take the first packet that has arrived at `now`; `sink` gets its pieces. Returns its length.
    pub fn pop(&mut self, now: Duration, sink: impl FnMut(&[u8])) -> Option<usize> {
        self.store.pop(now, sink)
    }

    /// When the next packet arrives.
    pub fn next_due(&self) -> Option<Duration> {
        self.store.next_due()
    }

    /// Packets that are under way.
    pub fn waiting(&self) -> usize {
        self.store.len()
    }

    /// Forget what is under way. Returns how many packets that were.
    pub fn clear(&mut self) -> u64 {
        self.store.clear()
    }
}
