//! What a completion says of its operation: kind, slot and generation in 64 bits. A value, never
//! a pointer: a late completion of a slot that was used again is recognised and ignored.

/// What an operation was for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    Accept = 1,
    Connect,
    Receive,
    Send,
    Cancel,
    Shutdown,
}

/// `kind` 8 bits, `slot` 24 bits, `generation` 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token(u64);

impl Token {
    /// One past the largest slot.
    pub const SLOT_LIMIT: u32 = 1 << 24;

    #[inline]
    pub const fn new(kind: Kind, slot: u32, generation: u32) -> Self {
        debug_assert!(slot < Self::SLOT_LIMIT);
        Self(((kind as u64) << 56) | ((slot as u64) << 32) | generation as u64)
    }

    /// The token in the form that travels through the kernel.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// A token back from the kernel; `None` if the bits are none of ours.
    #[inline]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        let kind = (bits >> 56) as u8;
        if kind >= Kind::Accept as u8 && kind <= Kind::Shutdown as u8 { Some(Self(bits)) } else { None }
    }

    #[inline]
    pub const fn kind(self) -> Kind {
        match (self.0 >> 56) as u8 {
            1 => Kind::Accept,
            2 => Kind::Connect,
            3 => Kind::Receive,
            4 => Kind::Send,
            5 => Kind::Cancel,
            _ => Kind::Shutdown,
        }
    }

    #[inline]
    pub const fn slot(self) -> u32 {
        (self.0 >> 32) as u32 & (Self::SLOT_LIMIT - 1)
    }

    #[inline]
    pub const fn generation(self) -> u32 {
        self.0 as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gives_back_what_it_was_made_of() {
        for kind in [Kind::Accept, Kind::Connect, Kind::Receive, Kind::Send, Kind::Cancel, Kind::Shutdown] {
            let token = Token::new(kind, 0xab_cdef, 0x1234_5678);
            let back = Token::from_bits(token.to_bits()).expect("one of ours");
            assert_eq!((back.kind(), back.slot(), back.generation()), (kind, 0xab_cdef, 0x1234_5678));
        }
        assert_eq!(Token::from_bits(0), None);
        assert_eq!(Token::from_bits(u64::MAX), None);
    }
}
