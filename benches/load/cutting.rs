//! Both ends of a load cut what a line has received in the same way.

use ringswitch::frame::{Framing, Prefix, Scan, scan};

/// What stands whole in received bytes.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// The data of a frame, without its prefix.
    Frame(&'a [u8]),
    /// Of a switch that was idle on this line for long.
    Probe,
}

/// Hands over all that is whole at the front of `bytes`; says how many bytes that was.
///
/// # Panics
/// If no frame can begin where one must: the switch has sent something else than frames.
#[inline]
pub fn cut<'a>(prefix: Prefix, line: u32, bytes: &'a [u8], mut take: impl FnMut(Piece<'a>)) -> usize {
    let framing = Framing { prefix, max: 2_044 };
    let mut at = 0;
    loop {
        match scan(framing, &bytes[at..]) {
            Scan::Frame { data } => {
                let start = at + prefix.bytes();
                at = start + data;
                take(Piece::Frame(&bytes[start..at]));
            }
            Scan::Probe => {
                at += prefix.bytes();
                take(Piece::Probe);
            }
            Scan::Part { .. } => return at,
            Scan::Malformed(reason) => panic!("line {line}: {reason:?}"),
        }
    }
}
