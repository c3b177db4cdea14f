//! ISO 8583 messages, written by hand from the standard's tables: a second opinion on what the bytes
//! are. And those of another encoder, in `tests/data/iso8583_samples.txt`.

const SAMPLES: &str = include_str!("../../data/iso8583_samples.txt");

/// A message between institutions: type and fields in ASCII, the bitmap binary. Fields 32 and 33 are
/// written with their length; the others have the length that is given.
pub fn cups(message_type: &str, fields: &[(u8, &str)]) -> Vec<u8> {
    let mut message = message_type.as_bytes().to_vec();
    message.extend_from_slice(&bitmap(fields).to_be_bytes());
    fields.iter().for_each(|(number, text)| message.extend_from_slice(field(*number, text).as_bytes()));
    message
}

/// The same with the bitmap in hexadecimal digits.
pub fn hex(message_type: &str, fields: &[(u8, &str)]) -> Vec<u8> {
    let mut message = format!("{message_type}{:016X}", bitmap(fields)).into_bytes();
    fields.iter().for_each(|(number, text)| message.extend_from_slice(field(*number, text).as_bytes()));
    message
}

/// A terminal's message: digits packed two a byte, text as it is.
pub fn pos(message_type: &str, fields: &[(u8, &str)]) -> Vec<u8> {
    let mut message = packed(message_type);
    message.extend_from_slice(&bitmap(fields).to_be_bytes());
    for (number, text) in fields {
        if *number >= 37 { message.extend_from_slice(text.as_bytes()) } else { message.extend(packed(text)) }
    }
    message
}

fn bitmap(fields: &[(u8, &str)]) -> u64 {
    fields.iter().fold(0, |bits, (number, _)| bits | 1 << (64 - number))
}

fn field(number: u8, text: &str) -> String {
    if matches!(number, 32 | 33) { format!("{:02}{text}", text.len()) } else { text.to_owned() }
}

fn packed(digits: &str) -> Vec<u8> {
    assert_eq!(digits.len() % 2, 0, "whole bytes");
    digits.as_bytes().chunks(2).map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0')).collect()
}

/// A request of the dialect, its answer, and an answer that differs in one part of the key.
pub struct Sample {
    pub request: Vec<u8>,
    pub answer: Vec<u8>,
    pub stranger: Vec<u8>,
}

/// All of a dialect's.
pub fn samples(dialect: &str) -> Vec<Sample> {
    let lines: Vec<Vec<&str>> = SAMPLES.lines().map(|line| line.split(" | ").collect()).collect();
    let named = |name: &str| {
        let line = lines.iter().find(|line| line[0] == name)?;
        Some(line[5].as_bytes().chunks(2).map(byte).collect())
    };
    let sample = |number: usize| {
        let part = |part: &str| named(&format!("{dialect}-{number:02}-{part}"));
        Some(Sample { request: part("request")?, answer: part("answer")?, stranger: part("stranger")? })
    };
    let samples: Vec<Sample> = (0..).map_while(sample).collect();
    assert!(samples.len() >= 10, "samples of {dialect}");
    samples
}

fn byte(digits: &[u8]) -> u8 {
    let value = |digit: u8| (digit as char).to_digit(16).expect("a hexadecimal digit") as u8;
    value(digits[0]) << 4 | value(digits[1])
}
