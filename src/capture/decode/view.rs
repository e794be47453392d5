//! A layer's bytes, with the two reasons why they may end.

/// Why bytes that a header needs are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// They were on the wire, but the capture kept less (snap length).
    Truncated,
    /// The packet itself ended before them, or what it says cannot be.
    Malformed,
}

/// What is left of a frame from some layer on: the bytes that were captured, and how many there were.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    captured: &'a [u8],
    /// Length on the wire, never less than what was captured.
    length: usize,
}

impl<'a> View<'a> {
    /// A frame; a wire length below the captured length (a writer's mistake) counts as the captured length.
    pub(super) fn frame(captured: &'a [u8], wire_length: u32) -> Self {
        let length = usize::try_from(wire_length).unwrap_or(usize::MAX);
        Self { captured, length: length.max(captured.len()) }
    }

    /// Bytes on the wire.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// The same bytes, but no more than `length` of them: what lies behind is padding.
    pub(super) fn bounded(self, length: usize) -> Self {
        Self {
            captured: self.captured.get(..length).unwrap_or(self.captured),
            length: self.length.min(length),
        }
    }

    /// The same bytes of a frame that was cut before it came here: how long it was is not known.
    pub(super) const fn cut(self) -> Self {
        Self { captured: self.captured, length: usize::MAX }
    }

    const fn missing(&self, wanted: usize) -> Missing {
        if wanted <= self.length { Missing::Truncated } else { Missing::Malformed }
    }

    /// The first `N` bytes, left in place.
    pub(super) fn peek<const N: usize>(&self) -> Result<&'a [u8; N], Missing> {
        self.captured.first_chunk().ok_or_else(|| self.missing(N))
    }

    /// Takes the first `count` bytes off.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Missing> {
        let (head, rest) = self.captured.split_at_checked(count).ok_or_else(|| self.missing(count))?;
        *self = Self { captured: rest, length: self.length - count };
        Ok(head)
    }

    /// Takes the first `N` bytes off.
    pub(super) fn take_array<const N: usize>(&mut self) -> Result<&'a [u8; N], Missing> {
        let head = self.peek()?;
        self.take(N)?;
        Ok(head)
    }
}

/// A number of two bytes in network byte order.
pub(super) const fn u16_of(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capture_and_the_packet_end_for_different_reasons() {
        let mut view = View::frame(&[1, 2, 3], 5);
        assert_eq!(view.peek::<5>(), Err(Missing::Truncated));
        assert_eq!(view.peek::<6>(), Err(Missing::Malformed));
        assert_eq!(view.take(2), Ok(&[1, 2][..]));
        assert_eq!(view.length(), 3);
        assert_eq!(view.bounded(2).peek::<3>(), Err(Missing::Malformed));
        assert_eq!(view.bounded(1).peek::<1>(), Ok(&[3]));
        assert_eq!(View::frame(&[1, 2], 0).length(), 2);
    }
}
