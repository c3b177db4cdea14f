//! Dense numbers for configured things.
//!
//! A plan gives every line, group and member a small number, so that the shared tables can be
//! arrays and a waiting request can name its line in 18 bits. A number is given to another thing
//! only after it has rested longer than anything can still name it (`config::plan`).

/// A configured line. At most [`LineId::LIMIT`] exist at once: the response table keeps 18 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LineId(pub u32);

impl LineId {
    /// One past the largest number, fixed by the word layout of `shared::response_table`.
    pub const LIMIT: u32 = 1 << 18;

    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A group of lines of one member over any of which an answer may return (`MC6-4.1.4`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub u32);

impl GroupId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A member: an institution, a channel, an agent, a merchant, a NAC, a TV platform. Its number holds
/// within one plan only: nothing that outlives a plan names a member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MemberId(pub u32);

impl MemberId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One pinned thread with its own ring.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardId(pub u16);

impl ShardId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
