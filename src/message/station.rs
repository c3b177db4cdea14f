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
