//! Descriptors that take or give one packet in a system call: as many calls as there are packets.

use super::batch::{Batch, BATCH};

/// Why no packet was received.
pub(super) enum Nothing {
    /// There is none at this time.
    Now,
    /// There will be none: the peer is gone.
    Ever,
}

/// Fill `batch` with what `receive` puts into one buffer after the other; it returns the length. False when the peer is gone.
pub(super) fn receive_each(batch: &mut Batch, mut receive: impl FnMut(&mut [u8]) -> Result<usize, Nothing>) -> bool {
    let mut lengths = [0; BATCH];
    let mut count = 0;
    let mut alive = true;
    for slot in batch.slots() {
        match receive(slot) {
            Ok(length) => lengths[count] = length,
            Err(nothing) => {
                alive = matches!(nothing, Nothing::Now);
                break;
            }
        }
        count += 1;
    }
    batch.fill(&lengths[..count]);
    alive
}

/// Have `send` send one packet after the other, up to the first that is refused; returns how many went.
///
/// # Errors
/// That of the first packet.
pub(super) fn send_each<E>(packets: &[&[u8]], mut send: impl FnMut(&[u8]) -> Result<usize, E>) -> Result<usize, E> {
    for (index, packet) in packets.iter().enumerate() {
        match send(packet) {
            Ok(_) => {}
            Err(_) if index > 0 => return Ok(index),
            Err(error) => return Err(error),
        }
    }
    Ok(packets.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_received_in_front_of_an_error_is_kept() {
        for (nothing, alive) in [(Nothing::Now, true), (Nothing::Ever, false)] {
            let (mut batch, mut nothing, mut packets) = (Batch::new(), Some(nothing), [30, 20].into_iter());
            batch.push(b"from before");
            let received = receive_each(&mut batch, |slot| {
                let length = packets.next().ok_or_else(|| nothing.take().expect("asked once"))?;
                slot[..length].fill(length as u8);
                Ok(length)
            });
            assert_eq!(received, alive);
            assert_eq!((batch.len(), batch.packet(0), batch.packet(1)), (2, &[30; 30][..], &[20; 20][..]));
        }
        let mut batch = Batch::new();
        assert!(receive_each(&mut batch, |_| Ok(14)));
        assert_eq!(batch.len(), BATCH);
    }

    #[test]
    fn an_error_is_told_of_the_first_packet_only() {
        let up_to = |most: usize| {
            let mut left = most;
            move |_: &[u8]| match left {
                0 => Err("refused"),
                _ => {
                    left -= 1;
                    Ok(1)
                }
            }
        };
        let packets: [&[u8]; 3] = [b"a", b"b", b"c"];
        assert_eq!([0, 1, 2, 3].map(|most| send_each(&packets, up_to(most))), [Err("refused"), Ok(1), Ok(2), Ok(3)]);
        assert_eq!(send_each(&[], up_to(0)), Ok(0));
    }
}
