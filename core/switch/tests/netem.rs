//! Impairments as statistics: fixed seeds, and bounds that the model's own variance gives.

use std::time::Duration;
use switch::netem::{Chance, Config, Delay, Distribution, GilbertElliott, Impairment, Rate};
use switch::wire::VNET_HEADER;
use switch::DropReason;

const MS: Duration = Duration::from_millis(1);
const COUNT: usize = 100_000;

fn packet(number: usize) -> Vec<u8> {
    let mut packet = vec![0; VNET_HEADER + 100];
    packet[VNET_HEADER..VNET_HEADER + 8].copy_from_slice(&number.to_be_bytes());
    packet
}

fn number(packet: &[u8]) -> usize {
    usize::from_be_bytes(packet[VNET_HEADER..VNET_HEADER + 8].try_into().unwrap())
}

fn pop(impairment: &mut Impairment, now: Duration) -> Option<Vec<u8>> {
    let mut packet = Vec::new();
    impairment.pop(now, |piece| packet.extend_from_slice(piece))?;
    Some(packet)
}

/// Send `count` packets, one each `gap`: what arrives, and when.
fn run(impairment: &mut Impairment, count: usize, gap: Duration) -> Vec<(Duration, Vec<u8>)> {
    let mut arrived = Vec::new();
    let mut now = Duration::ZERO;
    for i in 0..count {
        while let Some(due) = impairment.next_due().filter(|&due| due <= now) {
            arrived.push((due, pop(impairment, due).unwrap()));
        }
        let _ = impairment.push(&packet(i), now);
        now += gap;
    }
    while let Some(due) = impairment.next_due() {
        arrived.push((due, pop(impairment, due).unwrap()));
    }
    arrived
}

/// Which of `COUNT` packets are lost.
fn losses(config: Config) -> Vec<bool> {
    let mut impairment = Impairment::new(config).unwrap();
    let lost = (0..COUNT).map(|i| {
        let result = impairment.push(&packet(i), Duration::ZERO);
        while pop(&mut impairment, Duration::ZERO).is_some() {}
        assert!(matches!(result, Ok(()) | Err(DropReason::NetemLoss)));
        result.is_err()
    });
    lost.collect()
}

fn share(of: impl IntoIterator<Item = bool>) -> f64 {
    let (mut yes, mut all) = (0.0, 0.0);
    for value in of {
        yes += f64::from(u8::from(value));
        all += 1.0;
    }
    yes / all
}

fn near(what: &str, is: f64, wanted: f64, tolerance: f64) {
    assert!((is - wanted).abs() <= tolerance, "{what}: {is}, not {wanted} +- {tolerance}");
}

fn chance(probability: f64, correlation: f64) -> Chance {
    Chance { probability, correlation }
}

#[test]
fn the_default_changes_nothing() {
    let mut impairment = Impairment::new(Config::default()).unwrap();
    let arrived = run(&mut impairment, 1000, MS);
    assert_eq!(arrived, (0..1000).map(|i| (MS * i as u32, packet(i))).collect::<Vec<_>>());
}

#[test]
fn loss_is_as_frequent_as_asked_and_independent() {
    for seed in 1..4 {
        let lost = losses(Config { seed, loss: chance(0.1, 0.0), ..Config::default() });
        near("loss", share(lost.iter().copied()), 0.1, 0.004);
        near("loss after a loss", share(lost.windows(2).filter(|w| w[0]).map(|w| w[1])), 0.1, 0.012);
    }
    assert!(losses(Config { loss: chance(1.0, 0.0), ..Config::default() }).iter().all(|&lost| lost));
}

#[test]
fn correlated_loss_keeps_its_frequency_and_comes_in_bursts() {
    let lost = losses(Config { seed: 5, loss: chance(0.1, 0.5), ..Config::default() });
    near("loss", share(lost.iter().copied()), 0.1, 0.006);
    // A draw is repeated in half of all cases, and new in the others: 0.5 + 0.5 * 0.1.
    near("loss after a loss", share(lost.windows(2).filter(|w| w[0]).map(|w| w[1])), 0.55, 0.015);
}

#[test]
fn gilbert_elliott_has_its_stationary_loss_and_burst_length() {
    let model = GilbertElliott { p: 0.01, r: 0.2, loss_bad: 1.0, loss_good: 0.0 };
    let lost = losses(Config { seed: 6, bursts: Some(model), ..Config::default() });
    near("loss", share(lost.iter().copied()), 0.01 / 0.21, 0.005);
    let bursts = lost.windows(2).filter(|w| !w[0] && w[1]).count();
    let length = lost.iter().filter(|&&lost| lost).count() as f64 / bursts as f64;
    near("burst length", length, 1.0 / 0.2, 0.4);

    let model = GilbertElliott { p: 0.05, r: 0.25, loss_bad: 0.6, loss_good: 0.02 };
    let lost = losses(Config { seed: 7, bursts: Some(model), ..Config::default() });
    near("loss", share(lost), (0.05 * 0.6 + 0.25 * 0.02) / 0.3, 0.008);
}

/// Delays in milliseconds.
fn delays(delay: Delay) -> Vec<f64> {
    let mut impairment = Impairment::new(Config { seed: 8, delay, ..Config::default() }).unwrap();
    let arrived = run(&mut impairment, COUNT, MS * 1000);
    arrived.iter().map(|(at, packet)| (*at - MS * 1000 * number(packet) as u32).as_secs_f64() * 1e3).collect()
}

fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (mean, variance.sqrt())
}

#[test]
fn delays_scatter_as_their_distribution_says() {
    let delay = Delay { mean: MS * 100, jitter: MS * 10, ..Delay::default() };
    let uniform = delays(delay);
    let (mean, deviation) = moments(&uniform);
    near("uniform mean", mean, 100.0, 0.1);
    near("uniform deviation", deviation, 10.0 / 3f64.sqrt(), 0.1);
    assert!(uniform.iter().all(|d| (90.0..=110.0).contains(d)));
    near("uniform quarter", share(uniform.iter().map(|&d| d < 95.0)), 0.25, 0.01);

    let normal = delays(Delay { distribution: Distribution::Normal, ..delay });
    let (mean, deviation) = moments(&normal);
    near("normal mean", mean, 100.0, 0.15);
    near("normal deviation", deviation, 10.0, 0.15);
    near("normal within one", share(normal.iter().map(|&d| (d - 100.0).abs() < 10.0)), 0.6827, 0.01);

    let pareto = delays(Delay { distribution: Distribution::Pareto, ..delay });
    let (mean, deviation) = moments(&pareto);
    near("pareto mean", mean, 100.0, 0.3);
    near("pareto deviation", deviation, 10.0, 1.2);
    // The least is (1 - mean) / deviation below; the median of shape 3 is the cube root of 2.
    let least = 100.0 - 10.0 * 0.5 / 0.75f64.sqrt();
    assert!(pareto.iter().all(|&d| d >= least - 0.001));
    let median = 100.0 + 10.0 * (2f64.cbrt() - 1.5) / 0.75f64.sqrt();
    near("pareto median", share(pareto.iter().map(|&d| d < median)), 0.5, 0.01);
}

#[test]
fn a_correlated_delay_keeps_its_distribution() {
    let delay = Delay { mean: MS * 100, jitter: MS * 10, correlation: 0.7, ..Delay::default() };
    let values = delays(Delay { distribution: Distribution::Normal, ..delay });
    let (mean, deviation) = moments(&values);
    near("deviation", deviation, 10.0, 0.4);
    let covariance = values.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>() / values.len() as f64;
    near("autocorrelation", covariance / deviation.powi(2), 0.7, 0.03);
}

#[test]
fn a_delay_is_never_negative_and_jitter_reorders_unless_told_not_to() {
    let delay = Delay { mean: MS, jitter: MS * 10, ..Delay::default() };
    let config = Config { seed: 9, delay, ..Config::default() };
    let arrived = run(&mut Impairment::new(config).unwrap(), 10_000, MS);
    assert!(arrived.iter().all(|(at, packet)| *at >= MS * number(packet) as u32));
    assert!(arrived.windows(2).any(|w| number(&w[0].1) > number(&w[1].1)));
    let config = Config { delay: Delay { ordered: true, ..delay }, ..config };
    let arrived = run(&mut Impairment::new(config).unwrap(), 10_000, MS);
    assert!(arrived.windows(2).all(|w| number(&w[0].1) < number(&w[1].1)));
}

#[test]
fn packets_are_duplicated_and_reordered_as_often_as_asked() {
    let config = Config { seed: 10, duplicate: chance(0.05, 0.0), ..Config::default() };
    let mut impairment = Impairment::new(config).unwrap();
    let arrived = run(&mut impairment, COUNT, MS);
    near("duplicates", (arrived.len() - COUNT) as f64 / COUNT as f64, 0.05, 0.003);
    assert_eq!(impairment.tally().duplicated as usize, arrived.len() - COUNT);

    let delay = Delay { mean: MS * 10, ..Delay::default() };
    let config = Config { seed: 11, delay, reorder: chance(0.2, 0.0), ..Config::default() };
    let arrived = run(&mut Impairment::new(config).unwrap(), COUNT, MS * 3);
    let early = arrived.iter().map(|(at, packet)| *at == MS * 3 * number(packet) as u32);
    near("reordered", share(early), 0.2, 0.005);
    assert!(arrived.windows(2).any(|w| number(&w[0].1) > number(&w[1].1)));
}

#[test]
fn corruption_flips_one_bit_of_the_frame_anywhere() {
    let config = Config { seed: 12, corrupt: chance(0.5, 0.0), ..Config::default() };
    let mut impairment = Impairment::new(config).unwrap();
    let mut hits = vec![0u32; 100 * 8];
    let mut corrupted = 0;
    for i in 0..COUNT {
        let sent = packet(i);
        impairment.push(&sent, Duration::ZERO).unwrap();
        let got = pop(&mut impairment, Duration::ZERO).unwrap();
        assert_eq!(got[..VNET_HEADER], sent[..VNET_HEADER], "the header is not on the wire");
        let flipped: Vec<usize> =
            (0..800).filter(|bit| (got[12 + bit / 8] ^ sent[12 + bit / 8]) >> (bit % 8) & 1 == 1).collect();
        assert!(flipped.len() <= 1);
        flipped.iter().for_each(|&bit| hits[bit] += 1);
        corrupted += flipped.len();
    }
    near("corrupted", corrupted as f64 / COUNT as f64, 0.5, 0.01);
    let expected = corrupted as f64 / 800.0;
    assert!(hits.iter().all(|&n| (f64::from(n) - expected).abs() < 6.0 * expected.sqrt()), "every bit alike");
}

#[test]
fn bandwidth_is_what_was_asked_and_its_queue_is_bounded() {
    // 100-byte frames at 800 kbit/s: one a millisecond; two a millisecond are offered.
    let rate = Rate { bits: 800_000, burst: 0, queue: 5_000 };
    let mut impairment = Impairment::new(Config { rate: Some(rate), ..Config::default() }).unwrap();
    let arrived = run(&mut impairment, 20_000, MS / 2);
    let seconds = arrived.last().unwrap().0.as_secs_f64();
    near("bit/s", arrived.len() as f64 * 800.0 / seconds, 800_000.0, 800.0);
    let wait = arrived.iter().map(|(at, packet)| *at - MS / 2 * number(packet) as u32).max().unwrap();
    assert!(wait <= MS * 51 && wait > MS * 49, "{wait:?}: 50 frames wait in front");
    let tally = impairment.tally();
    assert_eq!(tally.over_rate as usize + arrived.len(), 20_000);
}

#[test]
fn the_same_seed_gives_the_same_and_another_gives_another() {
    let config = Config {
        seed: 13,
        loss: chance(0.1, 0.3),
        bursts: Some(GilbertElliott { p: 0.1, r: 0.3, loss_bad: 0.9, loss_good: 0.01 }),
        delay: Delay {
            mean: MS * 20,
            jitter: MS * 5,
            distribution: Distribution::Pareto,
            correlation: 0.2,
            ordered: false,
        },
        duplicate: chance(0.1, 0.0),
        corrupt: chance(0.1, 0.0),
        reorder: chance(0.1, 0.0),
        rate: Some(Rate { bits: 1_000_000, burst: 2_000, queue: 10_000 }),
    };
    let play = |config| run(&mut Impairment::new(config).unwrap(), 5_000, MS);
    assert_eq!(play(config), play(config));
    assert_ne!(play(config), play(Config { seed: 14, ..config }));
}

#[test]
fn a_change_leaves_what_is_queued_and_the_draws_of_everything_else() {
    let config = Config { seed: 15, loss: chance(0.3, 0.0), ..Config::default() };
    let delayed = Config { delay: Delay { mean: MS * 50, jitter: MS * 20, ..Delay::default() }, ..config };
    let plain = losses(config);
    let mut impairment = Impairment::new(config).unwrap();
    let mut lost: Vec<bool> = (0..100).map(|i| impairment.push(&packet(i), MS).is_err()).collect();
    let waiting = impairment.waiting();
    impairment.configure(delayed).unwrap();
    assert_eq!((impairment.waiting(), impairment.next_due()), (waiting, Some(MS)));
    lost.extend((100..200).map(|i| impairment.push(&packet(i), MS).is_err()));
    impairment.configure(config).unwrap();
    lost.extend((200..300).map(|i| impairment.push(&packet(i), MS).is_err()));
    assert_eq!(lost, plain[..300], "the stream of losses did not notice");
    // What was sent with a delay keeps it.
    assert!((0..waiting).all(|_| pop(&mut impairment, MS).is_some()));
    assert_eq!(impairment.waiting() as u64, 300 - impairment.tally().lost - waiting as u64);
    impairment.configure(Config { seed: 16, ..config }).unwrap();
    impairment.configure(config).unwrap();
    assert_eq!((0..100).map(|i| impairment.push(&packet(i), MS).is_err()).collect::<Vec<_>>(), plain[..100]);
}

#[test]
fn memory_is_bounded_and_what_does_not_fit_is_said() {
    let delay = Delay { mean: Duration::from_secs(60), ..Delay::default() };
    let mut impairment = Impairment::new(Config { delay, ..Config::default() }).unwrap();
    let long = vec![0; 65_000];
    let fits = (0..).take_while(|_| impairment.push(&long, Duration::ZERO).is_ok()).count();
    assert_eq!(fits, 64 * 1024 * 1024 / (32 * 2048));
    assert_eq!(impairment.push(&long, Duration::ZERO), Err(DropReason::NetemMemory));
    assert_eq!(impairment.clear(), 1024);
    assert_eq!(impairment.push(&long, Duration::ZERO), Ok(()));
}

#[test]
fn settings_out_of_range_are_refused_and_change_nothing() {
    let wrong = [
        (Config { loss: chance(1.1, 0.0), ..Config::default() }, "loss: 1.1 is not a probability"),
        (Config { loss: chance(f64::NAN, 0.0), ..Config::default() }, "loss: NaN"),
        (Config { corrupt: chance(0.1, 1.0), ..Config::default() }, "corrupt: a correlation of 1"),
        (Config { reorder: chance(0.1, 0.0), ..Config::default() }, "reorder needs a delay"),
        (Config { delay: Delay { jitter: MS * 100_000, ..Delay::default() }, ..Config::default() }, "at most 60 s"),
        (Config { rate: Some(Rate { bits: 1, burst: 0, queue: 0 }), ..Config::default() }, "rate: 1 bit/s"),
    ];
    let good = Config { loss: chance(0.5, 0.0), ..Config::default() };
    let mut impairment = Impairment::new(good).unwrap();
    for (config, message) in wrong {
        let error = impairment.configure(config).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(*impairment.config(), good);
}
