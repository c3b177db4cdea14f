//! How long a field is and what it holds, in the words of the standard.

use std::fmt;
use std::str::FromStr;

/// The format of one field, as the standards write it: `n6`, `ans15`, `b8`, `LLn`, `LLLans`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Format {
    pub extent: Extent,
    pub content: Content,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// Always so many digits, characters or bytes: 1 to 999.
    Fixed(u16),
    /// Two digits in front say how many.
    Ll,
    /// Three digits in front say how many.
    Lll,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// Decimal digits (`n`) and track data (`z`): two a byte where the dialect packs them.
    Digits(Align),
    /// An amount with its sign (`x`): one character, then digits.
    Signed,
    /// Characters (`a`, `an`, `ans`) or bytes (`b`), one a byte in every dialect.
    Bytes,
}

/// Where an odd number of packed digits stands; the half byte left over carries none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    Left,
    Right,
}

impl Format {
    /// A number of fixed length stands right, one with a length in front stands left: what
    /// terminals do (and jPOS: `pad` of `IFB_NUMERIC` and `IFB_LLNUM`).
    pub const fn usual_align(extent: Extent) -> Align {
        match extent {
            Extent::Fixed(_) => Align::Right,
            Extent::Ll | Extent::Lll => Align::Left,
        }
    }
}

/// A text that is no format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoFormat;

impl fmt::Display for NoFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(
            "write n (digits), x (sign and digits), ans (characters) or b (bytes) and their number, as in \"n6\" or \
             \"ans15\", or LL or LLL before the kind, as in \"LLn\" or \"LLLans\"; `left` or `right` behind it says \
             where an odd number of packed digits stands",
        )
    }
}

impl std::error::Error for NoFormat {}

impl FromStr for Format {
    type Err = NoFormat;

    fn from_str(text: &str) -> Result<Self, NoFormat> {
        let (text, align) = match text.split_once(' ') {
            Some((text, "left")) => (text, Some(Align::Left)),
            Some((text, "right")) => (text, Some(Align::Right)),
            Some(_) => return Err(NoFormat),
            None => (text, None),
        };
        let (extent, kind) = extent_and_kind(text)?;
        let content = match (kind, align) {
            ("n" | "z", align) => Content::Digits(align.unwrap_or(Format::usual_align(extent))),
            ("x", None) if extent != Extent::Fixed(1) => Content::Signed,
            ("a" | "an" | "ans" | "b", None) => Content::Bytes,
            _ => return Err(NoFormat),
        };
        Ok(Self { extent, content })
    }
}

fn extent_and_kind(text: &str) -> Result<(Extent, &str), NoFormat> {
    if let Some(kind) = text.strip_prefix("LLL") {
        return Ok((Extent::Lll, kind));
    }
    if let Some(kind) = text.strip_prefix("LL") {
        return Ok((Extent::Ll, kind));
    }
    let digits = text.find(|c: char| c.is_ascii_digit()).ok_or(NoFormat)?;
    let (kind, number) = text.split_at(digits);
    let fits = number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|number| fits && *number > 0).ok_or(NoFormat)?;
    Ok((Extent::Fixed(number), kind))
}

impl fmt::Display for Format {
    /// As it can be read again.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.content {
            Content::Digits(_) => "n",
            Content::Signed => "x",
            Content::Bytes => "ans",
        };
        match self.extent {
            Extent::Fixed(number) => write!(out, "{kind}{number}")?,
            Extent::Ll => write!(out, "LL{kind}")?,
            Extent::Lll => write!(out, "LLL{kind}")?,
        }
        match self.content {
            Content::Digits(align) if align != Self::usual_align(self.extent) => out.write_str(match align {
                Align::Left => " left",
                Align::Right => " right",
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_written_as_the_standards_write_them() {
        let digits = Content::Digits;
        for (text, extent, content) in [
            ("n6", Extent::Fixed(6), digits(Align::Right)),
            ("n3 left", Extent::Fixed(3), digits(Align::Left)),
            ("LLn", Extent::Ll, digits(Align::Left)),
            ("LLn right", Extent::Ll, digits(Align::Right)),
            ("LLLz", Extent::Lll, digits(Align::Left)),
            ("x9", Extent::Fixed(9), Content::Signed),
            ("ans15", Extent::Fixed(15), Content::Bytes),
            ("b8", Extent::Fixed(8), Content::Bytes),
            ("LLLan", Extent::Lll, Content::Bytes),
        ] {
            let format: Format = text.parse().expect(text);
            assert_eq!(format, Format { extent, content }, "{text}");
            assert_eq!(format.to_string().parse(), Ok(format), "{text}");
        }
        assert_eq!("n3 left".parse::<Format>().unwrap().to_string(), "n3 left");
    }

    #[test]
    fn what_is_no_format_is_refused() {
        for text in [
            "", "n", "6", "n0", "n1000", "n-1", "n6 ", "n6 up", "q6", "LL", "LLLL", "LLn6", "llvar", "x1", "b8 left",
            "ans left", "n+6", "n6x", "LLL",
        ] {
            assert_eq!(text.parse::<Format>(), Err(NoFormat), "{text:?}");
        }
    }
}
