//! Whether something happens to a packet.

use super::config::{Chance, GilbertElliott};
use super::rng::Rng;

/// Draws of which each is, with the probability of the correlation, the one before: the distribution stays exact, and the
/// autocorrelation at distance n is the n-th power. (Mixing draws, as Linux's netem does, would narrow the distribution.)
#[derive(Clone, Debug)]
pub(super) struct Sticky<T> {
    rng: Rng,
    last: Option<T>,
}

impl<T: Copy> Sticky<T> {
    pub(super) fn new(rng: Rng) -> Sticky<T> {
        Sticky { rng, last: None }
    }

    pub(super) fn draw(&mut self, correlation: f64, fresh: impl FnOnce(&mut Rng) -> T) -> T {
        let again = correlation > 0.0 && self.rng.unit() < correlation;
        let value = match self.last {
            Some(last) if again => last,
            _ => fresh(&mut self.rng),
        };
        self.last = Some(value);
        value
    }
}

/// Tosses for one kind of accident.
#[derive(Clone, Debug)]
pub(super) struct Coin(Sticky<f64>);

impl Coin {
    pub(super) fn new(rng: Rng) -> Coin {
        Coin(Sticky::new(rng))
    }

    /// Whether it happens. Nothing is drawn for what cannot happen.
    pub(super) fn toss(&mut self, chance: Chance) -> bool {
        chance.probability > 0.0 && self.0.draw(chance.correlation, Rng::unit) < chance.probability
    }
}

/// The state of a Gilbert-Elliott channel.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    rng: Rng,
    bad: bool,
}

impl Channel {
    /// A channel in the good state.
    pub(super) fn new(rng: Rng) -> Channel {
        Channel { rng, bad: false }
    }

    /// A packet passes: change the state, then say whether the packet is lost.
    pub(super) fn loses(&mut self, model: &GilbertElliott) -> bool {
        let change = if self.bad { model.r } else { model.p };
        self.bad ^= self.rng.unit() < change;
        self.rng.unit() < if self.bad { model.loss_bad } else { model.loss_good }
    }
}
