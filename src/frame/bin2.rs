//! Two bytes, binary, network byte order (`MC6-5.2`).

pub(super) const BYTES: usize = 2;
pub(super) const LIMIT: usize = 65_535;

#[inline]
pub(super) fn read(head: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([head[0], head[1]]))
}

#[inline]
pub(super) fn write(length: usize, head: &mut [u8]) {
    let length = u16::try_from(length).expect("a length past two bytes was checked against max");
    head[..BYTES].copy_from_slice(&length.to_be_bytes());
}
