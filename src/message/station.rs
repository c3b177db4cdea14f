//! The 46-byte station header of institutions: where a frame goes and who sent it.

/// Bytes of the header; its first byte says so too (`2e`).
pub const BYTES: usize = 46;

/// A station id: 11 ASCII bytes, left-aligned, blanks behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StationId(pub [u8; 11]);

impl StationId {
    /// The id as configured, without the blanks: 1 to 11 printable ASCII characters.
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let fits = (1..=11).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        if !fits {
            return None;
        }
        let mut id = [b' '; 11];
        id[..bytes.len()].copy_from_slice(bytes);
        Some(Self(id))
    }
}

/// What routing reads of a station header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StationHeader {
    pub destination: StationId,
    pub source: StationId,
}

impl StationHeader {
    /// Reads the header; `None` if the data is shorter than one or its first byte is not 46.
    /// The header's own total length is not checked: it is blank-padded, body-only or plainly
    /// wrong in real systems.
    #[inline]
    pub fn read(data: &[u8]) -> Option<Self> {
        let head = data.first_chunk::<BYTES>()?;
        if usize::from(head[0]) != BYTES {
            return None;
        }
        let id = |at: usize| StationId(*head[at..].first_chunk().expect("46 bytes hold both ids"));
        Some(Self { destination: id(6), source: id(17) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(destination: &str, source: &str) -> Vec<u8> {
        format!("\x2e\x020046{destination:<11}{source:<11}000\x00{:0>14}", "").into_bytes()
    }

    #[test]
    fn both_ids_are_read_with_their_blanks() {
        let data = header("00010344", "12345678901");
        assert_eq!(data.len(), BYTES);
        let header = StationHeader::read(&data).expect("a header");
        assert_eq!(header.destination, StationId(*b"00010344   "));
        assert_eq!(header.source, StationId(*b"12345678901"));
        assert_eq!(Some(header.destination), StationId::from_text("00010344"));
    }

    #[test]
    fn a_header_is_46_bytes_and_says_so() {
        let mut data = header("A", "B");
        for len in 0..BYTES {
            assert_eq!(StationHeader::read(&data[..len]), None, "{len} bytes");
        }
        data[0] = 45;
        assert_eq!(StationHeader::read(&data), None);
    }

    #[test]
    fn the_total_length_is_nobodys_business() {
        let mut data = header("A", "B");
        for total in [b"207 ", b"\0\0\0\0", b"9999"] {
            data[2..6].copy_from_slice(total);
            assert!(StationHeader::read(&data).is_some(), "{total:02x?}");
        }
    }

    #[test]
    fn a_configured_id_has_1_to_11_characters_and_no_blank() {
        assert_eq!(StationId::from_text("12345678901"), Some(StationId(*b"12345678901")));
        for text in ["", "123456789012", "1 2", " 12", "12 ", "1\t", "站"] {
            assert_eq!(StationId::from_text(text), None, "{text:?}");
        }
    }
}
