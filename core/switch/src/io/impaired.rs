//! The impairments of a port, one for each direction.

use crate::capture::Direction;
use crate::drops::DropReason;
use crate::netem::{Config, ConfigError, Impairment};
use crate::offload;
use crate::port::Capabilities;
use std::ops::Range;
use std::time::Duration;

/// Room to finish packets in, used again and again.
#[derive(Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    made: Vec<Range<usize>>,
}

/// An impairment. One that is removed goes on, without doing harm, until all is out that it held.
struct Slot {
    impairment: Impairment,
    removed: bool,
}

/// Both directions of a port.
#[derive(Default)]
pub(super) struct Impaired {
    incoming: Option<Box<Slot>>,
    outgoing: Option<Box<Slot>>,
}

impl Impaired {
    fn slot(&self, direction: Direction) -> &Option<Box<Slot>> {
        match direction {
            Direction::In => &self.incoming,
            Direction::Out => &self.outgoing,
        }
    }

    fn slot_mut(&mut self, direction: Direction) -> &mut Option<Box<Slot>> {
        match direction {
            Direction::In => &mut self.incoming,
            Direction::Out => &mut self.outgoing,
        }
    }

    /// Impair a direction by `config`, or no longer.
    pub(super) fn set(&mut self, direction: Direction, config: Option<Config>) -> Result<(), ConfigError> {
        let slot = self.slot_mut(direction);
        match (slot.as_mut(), config) {
            (Some(slot), Some(config)) => {
                slot.impairment.configure(config)?;
                slot.removed = false;
            }
            (None, Some(config)) => {
                let impairment = Impairment::new(config)?;
                *slot = Some(Box::new(Slot { impairment, removed: false }));
            }
            (Some(slot), None) => {
                slot.impairment.end();
                slot.removed = true;
            }
            (None, None) => {}
        }
        self.sweep(direction);
        Ok(())
    }

    /// The same settings for another port, with nothing under way.
    pub(super) fn another(&self) -> Impaired {
        let mut other = Impaired::default();
        for direction in [Direction::In, Direction::Out] {
            // What one port has is right for another, too.
            let _ = other.set(direction, self.get(direction).map(|impairment| *impairment.config()));
        }
        other
    }

    /// Let a removed impairment go that holds nothing any more.
    fn sweep(&mut self, direction: Direction) {
        let slot = self.slot_mut(direction);
        if slot.as_ref().is_some_and(|slot| slot.removed && slot.impairment.waiting() == 0) {
            *slot = None;
        }
    }

    /// The impairment that was set for a direction.
    pub(super) fn get(&self, direction: Direction) -> Option<&Impairment> {
        self.slot(direction).as_ref().filter(|slot| !slot.removed).map(|slot| &slot.impairment)
    }

    /// Whether packets of a direction go through [`Impaired::push`].
    pub(super) fn takes(&self, direction: Direction) -> bool {
        self.slot(direction).is_some()
    }

    /// Finish a checked `packet`, with `scratch` to work in, and put what results under way. `lost` hears of each frame
    /// that is lost.
    pub(super) fn push(
        &mut self,
        direction: Direction,
        packet: &[u8],
        scratch: &mut Scratch,
        now: Duration,
        mut lost: impl FnMut(DropReason),
    ) {
        let Some(slot) = self.slot_mut(direction) else { return };
        scratch.bytes.clear();
        scratch.made.clear();
        let made = &mut scratch.made;
        offload::complete(packet, Capabilities::NONE, &mut scratch.bytes, |range| made.push(range));
        for range in &scratch.made {
            if let Err(reason) = slot.impairment.push(&scratch.bytes[range.clone()], now) {
                lost(reason);
            }
        }
    }

    /// Take the next packet that has arrived; `sink` gets its pieces. Returns its length.
    pub(super) fn pop(&mut self, direction: Direction, now: Duration, sink: impl FnMut(&[u8])) -> Option<usize> {
        let slot = self.slot_mut(direction).as_mut()?;
        let length = slot.impairment.pop(now, sink);
        self.sweep(direction);
        length
    }

    /// When the next packet of any direction arrives.
    pub(super) fn next_due(&self) -> Option<Duration> {
        [&self.incoming, &self.outgoing].into_iter().flatten().filter_map(|slot| slot.impairment.next_due()).min()
    }

    /// Forget what is under way. Returns how many packets that were.
    pub(super) fn clear(&mut self) -> u64 {
        [&mut self.incoming, &mut self.outgoing].into_iter().flatten().map(|slot| slot.impairment.clear()).sum()
    }
}
