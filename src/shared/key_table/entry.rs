//! What the 64 bits of a place say.
//!
//! | bits | |
//! |---|---|
//! | 0-15 | slot; 0: the place is empty |
//! | 16 | tentative |
//! | 17-31 | version: how often the place was written, modulo 2^15 |
//! | 32-63 | fingerprint: the upper half of the key |
//!
//! The version is for a thread that stops between looking at a dead entry and replacing it: should
//! the same slot meanwhile wait under the same key again, with an entry in the same place, the bits
//! would be the same and a live entry would be overwritten. The fingerprint only saves asking the
//! response table; 32 bits of it let a stranger's slot be asked once in some hundred million times.

const TENTATIVE: u64 = 1 << 16;
const VERSION_AT: u32 = 17;
const VERSION_BITS: u32 = 15;
const VERSION: u64 = ((1 << VERSION_BITS) - 1) << VERSION_AT;
const FINGERPRINT: u64 = !0 << 32;

const _: () = assert!(VERSION_AT + VERSION_BITS == 32);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry(pub u64);

impl Entry {
    #[inline]
    pub fn slot(self) -> u16 {
        self.0 as u16
    }

    #[inline]
    pub fn is_tentative(self) -> bool {
        self.0 & TENTATIVE != 0
    }

    /// Whether the entry is of this key, as far as its fingerprint tells.
    #[inline]
    pub fn may_be(self, key: u64) -> bool {
        (self.0 ^ key) & FINGERPRINT == 0 && self.slot() != 0
    }

    /// Whether its slot still waits under its key. One that waits under another key with the same
    /// fingerprint keeps its place for a little longer than it needs it.
    pub fn is_alive(self, key_of: &impl Fn(u16) -> Option<u64>) -> bool {
        self.slot() != 0 && key_of(self.slot()).is_some_and(|key| self.may_be(key))
    }

    /// A tentative entry in place of this one.
    pub fn replaced(self, key: u64, slot: u16) -> Self {
        Self(key & FINGERPRINT | self.next_version() | TENTATIVE | u64::from(slot))
    }

    pub fn confirmed(self) -> Self {
        Self(self.0 & !TENTATIVE)
    }

    pub fn emptied(self) -> Self {
        Self(self.next_version())
    }

    fn next_version(self) -> u64 {
        self.0.wrapping_add(1 << VERSION_AT) & VERSION
    }
}

#[cfg(all(test, not(ringswitch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_parts_do_not_touch_each_other() {
        let key = 0xfedc_ba98_7654_3210;
        let mut entry = Entry(0);
        for turn in 1..=1u64 << VERSION_BITS {
            entry = entry.replaced(key, 0xffff);
            assert!(entry.may_be(key) && entry.is_tentative() && entry.slot() == 0xffff);
            assert_eq!((entry.0 & VERSION) >> VERSION_AT, turn % (1 << VERSION_BITS));
            assert!(!entry.confirmed().is_tentative() && entry.confirmed().may_be(key));
        }
        assert!(!entry.may_be(key ^ 1 << 32) && entry.may_be(key ^ 1 << 31));
        assert!(!entry.emptied().may_be(0), "an empty place is nobody's, whatever the key");
    }

    #[test]
    fn an_entry_lives_while_its_slot_waits_under_its_key() {
        let entry = Entry(0).replaced(7 << 32, 5);
        assert!(entry.is_alive(&|slot| (slot == 5).then_some(7 << 32)));
        assert!(!entry.is_alive(&|_| None));
        assert!(!entry.is_alive(&|_| Some(8 << 32)));
    }
}
