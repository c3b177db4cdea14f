//! The parts of a frame, as far as any header of the switch reads them.

use std::fmt::Write;
use std::ops::Range;

use super::hex;
use crate::config::plan::{Group, Header, Line, Ways};
use crate::frame::{Framing, Prefix, Scan, scan};
use crate::message::iso8583::{Base, Dialect, Outline, Setting};
use crate::message::station::{self, StationHeader};
use crate::message::tpdu::{self, DialMonitoring, Tpdu};

/// A frame taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts<'f> {
    pub bytes: &'f [u8],
    pub length: Length,
    /// Where the data begins.
    pub data_at: usize,
    pub header: Found,
    pub dial: Option<DialMonitoring>,
    /// The message, and the name of the dialect that reads it.
    pub message: Option<(Outline, &'static str)>,
}

/// What stands where a length prefix should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Length {
    /// A prefix that says what follows.
    Right(Prefix),
    /// A prefix that says something else.
    Wrong(Prefix, Scan),
    /// The data begins at once.
    None,
}

/// The header in front of the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    Tpdu(Tpdu),
    Station(StationHeader),
    None,
}

/// The largest framing of a prefix, where no line says which.
fn widest(prefix: Prefix) -> Framing {
    Framing { prefix, max: u16::try_from(prefix.limit()).unwrap_or(u16::MAX) }
}

impl<'f> Parts<'f> {
    /// `line`: the line that the frame comes in on, if it is known.
    pub fn read(bytes: &'f [u8], line: Option<(&Group, &Line)>) -> Self {
        let length = match line {
            Some((group, line)) => length(bytes, &[line.framing], Some(group.header)),
            None => length(bytes, &[widest(Prefix::Bin2), widest(Prefix::Ascii4)], None),
        };
        Self::with_length(bytes, length, line)
    }

    /// The same bytes on another line: if they have no prefix, they are the data there, too.
    pub fn on(&self, line: (&Group, &Line)) -> Self {
        match self.length {
            Length::None => Self::with_length(self.bytes, Length::None, Some(line)),
            Length::Right(_) | Length::Wrong(..) => Self::read(self.bytes, Some(line)),
        }
    }

    fn with_length(bytes: &'f [u8], length: Length, line: Option<(&Group, &Line)>) -> Self {
        let header = line.map(|(group, _)| group.header);
        let data_at = match length {
            Length::Right(prefix) | Length::Wrong(prefix, _) => prefix.bytes().min(bytes.len()),
            Length::None => 0,
        };
        let data = &bytes[data_at..];
        let found = found(data, header);
        let dial = matches!(found, Found::Tpdu(_)).then(|| DialMonitoring::read(data)).flatten();
        let configured = line.and_then(|(group, _)| match &group.ways {
            Ways::Iso8583(ways) => Some(&ways.dialect),
            Ways::Nowhere | Ways::Pair { .. } | Ways::Tpdu(_) | Ways::Station(_) => None,
        });
        let message = match configured {
            Some(dialect) => dialect.outline(data).ok().map(|outline| (outline, "as configured")),
            None => guessed(data, found, dial.as_ref()),
        };
        Self { bytes, length, data_at, header: found, dial, message }
    }

    pub fn data(&self) -> &'f [u8] {
        &self.bytes[self.data_at..]
    }

    pub fn is_probe(&self) -> bool {
        matches!(self.length, Length::Right(prefix) if self.bytes.len() == prefix.bytes())
    }

    /// One line for each part: offset, bytes, what it is.
    pub fn describe(&self) -> String {
        let mut text = format!("frame of {} bytes\n", self.bytes.len());
        self.describe_length(&mut text);
        match self.header {
            Found::Tpdu(_) => self.describe_tpdu(&mut text),
            Found::Station(_) => self.describe_station(&mut text),
            Found::None => {}
        }
        self.describe_message(&mut text);
        text
    }

    fn row(&self, at: Range<usize>, what: &str, text: &mut String) {
        let at = self.data_at + at.start..self.data_at + at.end;
        let shown = hex(&self.bytes[at.clone()]);
        let _ = writeln!(text, "{:>6} {:>4}  {shown:<24}  {what}", at.start, at.len());
    }

    /// A part that nobody looks at: its place alone.
    fn unread(&self, at: Range<usize>, what: &str, text: &mut String) {
        if !at.is_empty() {
            let _ = writeln!(text, "{:>6} {:>4}  {:<24}  {what}", self.data_at + at.start, at.len(), "");
        }
    }

    fn describe_length(&self, text: &mut String) {
        let follow = self.data().len();
        let (prefix, what) = match self.length {
            Length::None => {
                let _ = writeln!(text, "  no length prefix: {follow} bytes of data");
                return;
            }
            Length::Right(prefix) if self.is_probe() => (prefix, "length 0: a probe".to_owned()),
            Length::Right(prefix) => (prefix, format!("length {follow}")),
            Length::Wrong(prefix, Scan::Malformed(reason)) => (prefix, format!("no length ({})", reason.name())),
            Length::Wrong(prefix, _) => {
                let said = prefix.read(&self.bytes[..prefix.bytes()]).unwrap_or(0);
                (prefix, format!("length {said}, but {follow} bytes follow"))
            }
        };
        let shown = hex(&self.bytes[..self.data_at]);
        let _ = writeln!(text, "{:>6} {:>4}  {shown:<24}  {what} (prefix {})", 0, self.data_at, prefix.name());
    }

    fn describe_tpdu(&self, text: &mut String) {
        self.row(0..1, "TPDU id", text);
        self.row(tpdu::DESTINATION..tpdu::SOURCE, "TPDU destination: of a request the host's NII", text);
        self.row(tpdu::SOURCE..tpdu::BYTES, "TPDU source", text);
        let Some(dial) = &self.dial else { return };
        if let Some(lri) = &dial.lri {
            self.row(lri.caller.start - 5..lri.caller.start, "LRI, 28 bytes follow: dial monitoring", text);
            self.row(lri.caller.clone(), &format!("ANI, the caller: {}", self.digits(lri.caller.clone())), text);
            self.row(
                lri.called.clone(),
                &format!("DNIS, the number called: {}", self.digits(lri.called.clone())),
                text,
            );
            self.row(lri.tail.clone(), "LRI tail", text);
        }
        for (block, what) in
            [(&dial.lli, "LLI block, passed on untouched"), (&dial.lui, "LUI block, passed on untouched")]
        {
            if let Some(block) = block {
                self.unread(block.clone(), what, text);
            }
        }
    }

    /// Packed digits without the zeros that fill them up on the left.
    fn digits(&self, at: Range<usize>) -> String {
        let digits = hex(&self.data()[at]);
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() { "none".to_owned() } else { digits.to_owned() }
    }

    fn describe_station(&self, text: &mut String) {
        let shown = |at: Range<usize>| String::from_utf8_lossy(&self.data()[at]).trim_end().to_owned();
        self.row(0..1, "station header, 46 bytes", text);
        self.row(1..2, if self.data()[1] & 0x80 == 0 { "production" } else { "test" }, text);
        self.row(2..6, "total length (not checked)", text);
        self.row(6..17, &format!("destination station {}", shown(6..17)), text);
        self.row(17..28, &format!("source station {}", shown(17..28)), text);
        self.unread(28..41, "reserved, batch, transaction and user information: not read", text);
        let reject = shown(41..46);
        let meaning = if reject == "00000" { "none" } else { "a rejected message" };
        self.row(41..46, &format!("reject code {reject}: {meaning}"), text);
    }

    fn describe_message(&self, text: &mut String) {
        let begin = self.header_end();
        let Some((outline, dialect)) = &self.message else {
            self.unread(begin..self.data().len(), "not read", text);
            return;
        };
        self.unread(begin..outline.type_at.start, "application head, passed on untouched", text);
        let digits = outline.message_type;
        let what = format!(
            "ISO 8583 ({dialect}): version {}, class {}{}, function {}: {}",
            digits.version,
            digits.class,
            class_name(digits.class),
            digits.function,
            if digits.function % 2 == 1 { "an answer" } else { "a request" },
        );
        self.row(outline.type_at.clone(), &what, text);
        let present: Vec<String> = outline.present.iter().map(u8::to_string).collect();
        self.row(outline.bitmap_at.clone(), &format!("bitmap: fields {}", present.join(", ")), text);
        let mut end = outline.bitmap_at.end;
        for field in &outline.fields {
            if field.is_key {
                self.row(field.at.clone(), &format!("field {}, of the key", field.field), text);
            } else {
                self.unread(field.at.clone(), &format!("field {}, passed over", field.field), text);
            }
            end = field.at.end;
        }
        if let Some(fault) = outline.fault {
            let _ = writeln!(text, "  no key: {fault}");
        }
        self.unread(end..self.data().len(), "not read", text);
    }

    fn header_end(&self) -> usize {
        match (self.header, &self.dial) {
            (Found::Tpdu(_), Some(dial)) => dial.end,
            (Found::Tpdu(_), None) => tpdu::BYTES,
            (Found::Station(_), _) => station::BYTES,
            (Found::None, _) => 0,
        }
    }
}

fn length(bytes: &[u8], framings: &[Framing], header: Option<Header>) -> Length {
    for framing in framings {
        let whole = match scan(*framing, bytes) {
            Scan::Frame { data } => framing.prefix.bytes() + data == bytes.len(),
            Scan::Probe => framing.prefix.bytes() == bytes.len(),
            Scan::Part { .. } | Scan::Malformed(_) => false,
        };
        if whole {
            return Length::Right(framing.prefix);
        }
    }
    let begins_at_once = matches!(
        (found(bytes, None), header),
        (Found::Tpdu(_), Some(Header::Tpdu) | None) | (Found::Station(_), Some(Header::Station) | None)
    );
    let wrong = |framing: Framing| {
        let has_prefix = bytes.len() >= framing.prefix.bytes();
        if has_prefix { Length::Wrong(framing.prefix, scan(framing, bytes)) } else { Length::None }
    };
    let digits = bytes.first_chunk::<4>().is_some_and(|head| head.iter().all(u8::is_ascii_digit));
    match framings {
        _ if begins_at_once => Length::None,
        [framing] => wrong(*framing),
        // Nobody said which prefix: four digits are one, so are two bytes before a header.
        _ if digits => wrong(widest(Prefix::Ascii4)),
        _ if bytes.len() > 2 && found(&bytes[2..], None) != Found::None => wrong(widest(Prefix::Bin2)),
        _ => Length::None,
    }
}

/// The header that stands in front of the data: the configured one, or what it looks like.
fn found(data: &[u8], header: Option<Header>) -> Found {
    let tpdu = || Tpdu::read(data).filter(|tpdu| header.is_some() || (0x60..=0x68).contains(&tpdu.id));
    let station = || StationHeader::read(data).map(Found::Station);
    match header {
        Some(Header::Tpdu) => tpdu().map_or(Found::None, Found::Tpdu),
        Some(Header::Station) => station().unwrap_or(Found::None),
        Some(Header::Iso8583 | Header::None) => Found::None,
        None => station().or(tpdu().map(Found::Tpdu)).unwrap_or(Found::None),
    }
}

/// The message behind the header, in the dialect that reads it.
fn guessed(data: &[u8], header: Found, dial: Option<&DialMonitoring>) -> Option<(Outline, &'static str)> {
    let read = |base: Base, skip: usize| {
        let setting = Setting { skip: u16::try_from(skip).ok()?, ..Setting::new(base) };
        let dialect: Dialect = setting.compile().ok()?;
        let outline = dialect.outline(data).ok().filter(is_plausible)?;
        Some((outline, base.name()))
    };
    match header {
        Found::Tpdu(_) => {
            let behind = dial.map_or(tpdu::BYTES, |dial| dial.end);
            // The 6-byte head begins with its application class; other countries have none.
            let head = data.get(behind).is_some_and(|class| (0x60..=0x68).contains(class));
            read(Base::Pos, behind + if head { 6 } else { 0 })
        }
        Found::Station(_) => read(Base::Cups, station::BYTES).or_else(|| read(Base::Hex, station::BYTES)),
        Found::None => [Base::Hex, Base::Cups].into_iter().find_map(|base| read(base, 0)),
    }
}

/// Whether this is a message and not just digits: a version in use, a class that exists, fields.
fn is_plausible(outline: &Outline) -> bool {
    let digits = outline.message_type;
    matches!(digits.version, 0..=2 | 8 | 9) && (1..=8).contains(&digits.class) && !outline.present.is_empty()
}

const fn class_name(class: u8) -> &'static str {
    match class {
        1 => " (authorization)",
        2 => " (financial)",
        3 => " (file)",
        4 => " (reversal)",
        5 => " (reconciliation)",
        6 => " (administrative)",
        7 => " (fees)",
        8 => " (network)",
        _ => "",
    }
}
