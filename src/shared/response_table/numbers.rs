//! Which wire values a table hands out, and the slot behind each.

/// The numbers of one table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Numbers {
    /// All 65,536 values; the slot is the number.
    All,
    /// Values that read as four decimal digits (`0x1234` is 1234); the slot is what they read as.
    Digits,
    /// As `All`, but only the first so many: for tests of a few slots.
    First(u32),
}

impl Numbers {
    pub const fn slots(self) -> u32 {
        match self {
            Self::All => 1 << 16,
            Self::Digits => 10_000,
            Self::First(slots) => slots,
        }
    }

    #[inline]
    pub fn slot(self, number: u16) -> Option<usize> {
        match self {
            Self::All => Some(usize::from(number)),
            Self::Digits => from_digits(number),
            Self::First(slots) => (u32::from(number) < slots).then_some(usize::from(number)),
        }
    }

    #[inline]
    pub fn number(self, slot: usize) -> u16 {
        match self {
            Self::All | Self::First(_) => slot as u16,
            Self::Digits => to_digits(slot as u16),
        }
    }

    /// Slots that never carry a number: `0000` is what a terminal sends of itself, `FFFF` a
    /// broadcast.
    pub fn never(self) -> impl Iterator<Item = usize> {
        [0x0000, 0xffff].into_iter().filter_map(move |number| self.slot(number))
    }
}

fn from_digits(number: u16) -> Option<usize> {
    // A nibble above 9 is one that 6 more carries out of.
    let carries = (number & 0x7777).wrapping_add(0x6666) & number;
    if carries & 0x8888 != 0 {
        return None;
    }
    let [high, low] = number.to_be_bytes().map(|pair| usize::from(pair >> 4) * 10 + usize::from(pair & 15));
    Some(high * 100 + low)
}

fn to_digits(slot: u16) -> u16 {
    (slot / 1_000) << 12 | (slot / 100 % 10) << 8 | (slot / 10 % 10) << 4 | (slot % 10)
}

#[cfg(all(test, not(ringswitch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn digits_are_what_reads_as_digits() {
        for number in 0..=u16::MAX {
            let read = format!("{number:04x}").parse::<usize>().ok();
            assert_eq!(Numbers::Digits.slot(number), read, "{number:04x}");
            if let Some(slot) = read {
                assert_eq!(Numbers::Digits.number(slot), number);
            }
        }
        assert_eq!((0..=u16::MAX).filter_map(|number| Numbers::Digits.slot(number)).count(), 10_000);
    }

    #[test]
    fn a_slot_and_its_number_belong_together() {
        for numbers in [Numbers::All, Numbers::Digits, Numbers::First(9)] {
            for slot in 0..numbers.slots() as usize {
                assert_eq!(numbers.slot(numbers.number(slot)), Some(slot));
            }
        }
        assert_eq!(Numbers::First(9).slot(9), None);
    }

    #[test]
    fn zero_and_all_ones_are_never_handed_out() {
        assert_eq!(Numbers::All.never().collect::<Vec<_>>(), [0, 65_535]);
        assert_eq!(Numbers::Digits.never().collect::<Vec<_>>(), [0]);
    }
}
