//! The published sample messages in `tests/data/vectors.txt`.

const TEXT: &str = include_str!("../../data/vectors.txt");

/// The names of all samples.
pub fn names() -> impl Iterator<Item = &'static str> {
    let samples = TEXT.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    samples.map(|line| line.split('|').next().expect("a first column").trim())
}

/// The bytes of the sample called `name`, without a length prefix where its layout has one.
pub fn data(name: &str) -> Vec<u8> {
    let (layout, bytes) = entry(name);
    let prefix = if layout.starts_with("bin2") {
        2
    } else if layout.starts_with("ascii4") {
        4
    } else {
        0
    };
    bytes[prefix..].to_vec()
}

/// The bytes of the sample as published, with its prefix where it has one.
pub fn published(name: &str) -> Vec<u8> {
    entry(name).1
}

fn entry(name: &str) -> (&'static str, Vec<u8>) {
    let line = TEXT
        .lines()
        .find(|line| line.split('|').next().is_some_and(|first| first.trim() == name))
        .unwrap_or_else(|| panic!("no vector {name}"));
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    let digits = columns[3].as_bytes();
    let bytes = digits.chunks_exact(2).map(|pair| hexadecimal(pair[0]) << 4 | hexadecimal(pair[1])).collect();
    (columns[1], bytes)
}

fn hexadecimal(digit: u8) -> u8 {
    (digit as char).to_digit(16).expect("a hexadecimal digit") as u8
}
