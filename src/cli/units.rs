//! Numbers as people read them.

/// Bytes in powers of 1024: `0 B`, `1.5 KiB`, `23 MiB`.
pub fn bytes(bytes: u64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"], " ")
}

/// A count in powers of 1000: `999`, `12.3k`, `4.5M`.
pub fn count(count: u64) -> String {
    scaled(count, 1000.0, &["", "k", "M", "G", "T"], "")
}

fn scaled(number: u64, step: f64, units: &[&str], gap: &str) -> String {
    let mut value = number as f64;
    let mut unit = 0;
    // Below one step less a half of the last digit shown, so that 999,999 is 1.0M and not 1000k.
    while value >= step - if unit == 0 { 0.0 } else { 0.5 } && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 99.95);
    format!("{value:.digits$}{gap}{}", units[unit])
}

/// A time in its two largest units: `45 s`, `3 m 20 s`, `5 h 1 m`, `12 d 3 h`.
pub fn span(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} m {} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {} m", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// What is not there.
pub fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_have_three_digits_or_so() {
        for (number, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_536, "1.5 KiB"),
            (200 << 20, "200 MiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1.0k"), (12_345, "12.3k"), (999_999, "1.0M"), (5_400_000_000, "5.4G")]
        {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn times_are_told_in_their_two_largest_units() {
        for (seconds, text) in
            [(0.9, "0 s"), (59.9, "59 s"), (200.0, "3 m 20 s"), (18_060.0, "5 h 1 m"), (1_047_600.0, "12 d 3 h")]
        {
            assert_eq!(span(seconds), text);
        }
    }
}
