//! Two bytes, binary, network byte order (`MC6-5.2`).

pub(super) const BYTES: usize = 2;
pub(super) const LIMIT: usize = 65_535;

#[inline]
pub(super) fn read(head: [u8; BYTES]) -> usize {
    usize::from(u16::from_be_bytes(head))
}

#[inline]
pub(super) fn write(length: usize, head: &mut [u8]) {
    let length = u16::try_from(length).expect("a length past two bytes was checked against max");
    head[..BYTES].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_read_back_as_written() {
        for length in 0..=LIMIT {
            let mut head = [0; BYTES];
            write(length, &mut head);
            assert_eq!(head, [(length >> 8) as u8, length as u8], "network byte order");
            assert_eq!(read(head), length);
        }
    }

    #[test]
    #[should_panic(expected = "checked against max")]
    fn a_third_byte_is_a_fault_of_the_caller() {
        write(LIMIT + 1, &mut [0; BYTES]);
    }
}
