//! The front of a simulated ISO 8583 message: type, bitmap, and every field that a key is usually
//! made of, so that whatever the member's key is, two requests that wait have different ones.
//!
//! | field | content |
//! |---|---|
//! | 7 | the serial's digits above those of field 11 |
//! | 11 | the last six digits of the serial |
//! | 32, 33, 37, 42 | digits of the run: another client has others |
//! | 41 | the terminal's address, in eight digits |

use crate::message::iso8583::Base;

/// Fields 7, 11, 32, 33, 37, 41 and 42.
const BITMAP: u64 = 0x0220_0001_88c0_0000;

/// How a member's messages are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    pub base: Base,
    /// Bytes before the message type.
    pub skip: u16,
}

impl Form {
    const fn packs(self) -> bool {
        matches!(self.base, Base::Pos)
    }

    /// Where the message type ends.
    pub const fn type_end(self) -> usize {
        self.skip as usize + self.type_bytes()
    }

    /// Bytes of the message type.
    pub const fn type_bytes(self) -> usize {
        if self.packs() { 2 } else { 4 }
    }

    /// Bytes before the type, type, bitmap and fields.
    pub const fn lead(self) -> usize {
        let bitmap = if matches!(self.base, Base::Hex) { 16 } else { 8 };
        let digits = if self.packs() { 5 + 3 + (1 + 5) + (1 + 5) } else { 10 + 6 + (2 + 10) + (2 + 10) };
        self.type_end() + bitmap + digits + 12 + 8 + 15
    }

    /// Appends the lead of a message of type `digits`.
    pub fn append(self, digits: &[u8; 4], terminal: u16, run: u64, serial: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + usize::from(self.skip), 0);
        let number = |text: &[u8], out: &mut Vec<u8>| self.append_digits(text, out);
        number(digits, out);
        match self.base {
            Base::Hex => out.extend_from_slice(format!("{BITMAP:016x}").as_bytes()),
            Base::Cups | Base::Pos => out.extend_from_slice(&BITMAP.to_be_bytes()),
        }
        number(&decimal::<10>(serial / 1_000_000), out);
        number(&decimal::<6>(serial), out);
        for part in [run, run >> 32] {
            number(&decimal::<2>(10), out); // the length
            number(&decimal::<10>(part), out);
        }
        out.extend_from_slice(&decimal::<12>(run));
        out.extend_from_slice(&decimal::<8>(u64::from(terminal)));
        out.extend_from_slice(&decimal::<15>(run));
        debug_assert_eq!(out.len() - start, self.lead());
    }

    fn append_digits(self, text: &[u8], out: &mut Vec<u8>) {
        if self.packs() {
            out.extend(text.chunks(2).map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0')));
        } else {
            out.extend_from_slice(text);
        }
    }

    /// Whether the message in `data` is of type `digits`.
    pub fn is(self, data: &[u8], digits: &[u8; 4]) -> bool {
        let mut wanted = Vec::with_capacity(4);
        self.append_digits(digits, &mut wanted);
        data.get(usize::from(self.skip)..self.type_end()) == Some(&wanted)
    }

    /// Whether the message, by whomever, is of the type that answers ours and has the trace number of
    /// this serial behind it.
    pub fn is_answer_to(self, serial: u64, data: &[u8]) -> bool {
        let mut trace = Vec::with_capacity(6);
        self.append_digits(&decimal::<6>(serial), &mut trace);
        self.is(data, b"0210") && data[self.type_end()..].windows(trace.len()).any(|part| part == trace)
    }

    /// Makes it one of type `digits`.
    pub fn turn(self, data: &mut [u8], digits: &[u8; 4]) {
        let mut wanted = Vec::with_capacity(4);
        self.append_digits(digits, &mut wanted);
        data[usize::from(self.skip)..self.type_end()].copy_from_slice(&wanted);
    }
}

/// The last digits of a number, zeros in front.
fn decimal<const DIGITS: usize>(mut value: u64) -> [u8; DIGITS] {
    let mut text = [b'0'; DIGITS];
    for place in text.iter_mut().rev() {
        *place += (value % 10) as u8;
        value /= 10;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::iso8583::{KeyMaker, Kind, Setting};

    fn made(form: Form, digits: &[u8; 4], serial: u64) -> Vec<u8> {
        let mut data = Vec::new();
        form.append(digits, 0xfffe, u64::MAX, serial, &mut data);
        assert_eq!(data.len(), form.lead());
        data
    }

    /// The reader of the switch finds in it what every usual key is made of.
    #[test]
    fn every_usual_key_is_in_it() {
        for base in Base::ALL {
            let form = Form { base, skip: 11 };
            for key in [None, Some(vec![11]), Some(vec![7, 11, 32, 33, 37, 41, 42])] {
                let setting = Setting { key: key.clone(), skip: 11, ..Setting::new(base) };
                let dialect = setting.compile().expect("a dialect");
                let read = |data: &[u8]| dialect.read(data, &KeyMaker::new(1)).expect("a key");
                let request = read(&made(form, b"0200", 1_999_999));
                let answer = read(&made(form, b"0210", 1_999_999));
                assert_eq!((request.kind, answer.kind), (Kind::Request, Kind::Answer));
                assert_eq!(request.key, answer.key);
                assert_ne!(request.key, read(&made(form, b"0200", 1_999_998)).key, "{base:?} {key:?}");
            }
        }
    }

    #[test]
    fn the_type_is_told_and_turned() {
        for base in Base::ALL {
            let form = Form { base, skip: 3 };
            let mut data = made(form, b"0200", 7);
            assert!(form.is(&data, b"0200") && !form.is(&data, b"0210"));
            form.turn(&mut data, b"0210");
            assert_eq!(data, made(form, b"0210", 7));
            assert!(!form.is(b"", b"0200"));
            assert!(form.is_answer_to(7, &data) && !form.is_answer_to(8, &data));
            assert!(!form.is_answer_to(7, &made(form, b"0200", 7)));
        }
    }
}
