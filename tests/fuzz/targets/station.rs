//! The station header, and station ids as operators write them. Input: the data of a frame.

use ringswitch::message::station::{BYTES, StationHeader, StationId};

pub fn run(input: &[u8]) {
    match StationHeader::read(input) {
        Some(header) => {
            assert!(input.len() >= BYTES && input[0] == 46);
            assert_eq!((&header.destination.0[..], &header.source.0[..]), (&input[6..17], &input[17..28]));
            configured(header.destination);
            configured(header.source);
        }
        None => assert!(input.len() < BYTES || input[0] != 46),
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Some(id) = StationId::from_text(text)
    {
        assert_eq!(std::str::from_utf8(&id.0).expect("ASCII").trim_end_matches(' '), text);
        configured(id);
    }
}

/// An id of a header is one that can be configured, or it equals none that can be.
fn configured(id: StationId) {
    let Ok(text) = std::str::from_utf8(&id.0) else { return };
    if let Some(again) = StationId::from_text(text.trim_end_matches(' ')) {
        assert_eq!(again, id);
    }
}
