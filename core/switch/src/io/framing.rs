//! Frames in a stream of bytes as QEMU's `-netdev stream` has them: a big-endian `u32` with the length, and the frame.

use crate::wire::MAX_FRAME;

/// Bytes of a length.
pub(super) const PREFIX: usize = 4;

/// Bytes that are taken from a stream at once, four longest frames and more.
const CAPACITY: usize = 512 * 1024;

/// A length that no frame has: what follows it means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadLength;

/// Takes bytes cut anywhere and gives frames. Allocates once.
pub(super) struct Deframer {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Deframer {
    /// Without bytes.
    pub(super) fn new() -> Deframer {
        Deframer { buffer: vec![0; CAPACITY].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Room for more bytes; there is some unless [`Deframer::has_next`].
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.buffer.len() - self.end < PREFIX + MAX_FRAME {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.buffer[self.end..]
    }

    /// `count` bytes were put into the room.
    pub(super) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// The next frame, of 1 byte or more, if it is whole.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, BadLength> {
        let Some(length) = self.length()? else { return Ok(None) };
        let from = self.start + PREFIX;
        if self.end < from + length {
            return Ok(None);
        }
        self.start = from + length;
        Ok(Some(&self.buffer[from..self.start]))
    }

    /// Whether [`Deframer::next`] has something to say before more bytes come.
    pub(super) fn has_next(&self) -> bool {
        match self.length() {
            Ok(Some(length)) => self.end >= self.start + PREFIX + length,
            Ok(None) => false,
            Err(BadLength) => true,
        }
    }

    fn length(&self) -> Result<Option<usize>, BadLength> {
        let Some(prefix) = self.buffer[self.start..self.end].first_chunk() else { return Ok(None) };
        match u32::from_be_bytes(*prefix) as usize {
            length @ 1..=MAX_FRAME => Ok(Some(length)),
            _ => Err(BadLength),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(deframer: &mut Deframer, mut bytes: &[u8], frames: &mut Vec<Vec<u8>>) -> Result<(), BadLength> {
        while !bytes.is_empty() {
            let room = deframer.room();
            let count = room.len().min(bytes.len());
            assert!(count > 0, "there is room when no frame is whole");
            room[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            deframer.filled(count);
            loop {
                let told = deframer.has_next();
                let Some(frame) = deframer.next()? else {
                    assert!(!told);
                    break;
                };
                assert!(told);
                frames.push(frame.to_vec());
            }
        }
        Ok(())
    }

    #[test]
    fn lengths_that_lie_are_refused_and_the_longest_frame_is_not() {
        for length in [0, MAX_FRAME as u32 + 1, u32::MAX] {
            let mut deframer = Deframer::new();
            assert_eq!(feed(&mut deframer, &length.to_be_bytes(), &mut Vec::new()), Err(BadLength));
        }
        let (mut deframer, mut frames) = (Deframer::new(), Vec::new());
        let mut bytes = (MAX_FRAME as u32).to_be_bytes().to_vec();
        bytes.resize(PREFIX + MAX_FRAME, 7);
        for _ in 0..20 {
            feed(&mut deframer, &bytes, &mut frames).unwrap();
        }
        assert!(frames.len() == 20 && frames.iter().all(|frame| frame[..] == bytes[PREFIX..]));
    }

    proptest! {
        #[test]
        fn frames_come_out_wherever_the_stream_is_cut(
            lengths in proptest::collection::vec(prop_oneof![1usize..100, 1usize..=MAX_FRAME], 1..40),
            cuts in proptest::collection::vec(1usize..200_000, 1..40),
        ) {
            let frames: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(i, &length)| vec![i as u8; length]).collect();
            let mut stream = Vec::new();
            for frame in &frames {
                stream.extend((frame.len() as u32).to_be_bytes());
                stream.extend(frame);
            }
            let (mut deframer, mut got, mut rest) = (Deframer::new(), Vec::new(), &stream[..]);
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*cut));
                prop_assert_eq!(feed(&mut deframer, now, &mut got), Ok(()));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert!(got == frames);
        }

        #[test]
        fn any_bytes_are_frames_or_a_bad_length(chunks in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..300), 0..20,
        )) {
            let (mut deframer, mut got) = (Deframer::new(), Vec::new());
            let all = chunks.iter().try_for_each(|chunk| feed(&mut deframer, chunk, &mut got));
            prop_assert!(got.iter().all(|frame| !frame.is_empty() && frame.len() <= MAX_FRAME));
            let bytes = chunks.concat();
            let read: usize = got.iter().map(|frame| PREFIX + frame.len()).sum();
            prop_assert!(read <= bytes.len());
            if let (Err(BadLength), Some(prefix)) = (all, bytes[read..].first_chunk()) {
                let length = u32::from_be_bytes(*prefix) as usize;
                prop_assert!(length == 0 || length > MAX_FRAME);
            } else {
                prop_assert!(all.is_ok());
            }
        }
    }
}
