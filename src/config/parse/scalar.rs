//! Single values: the text of one value in, the value or what to write instead out.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::{IpNet, Ipv4Net};
use toml::de::DeValue;

use crate::config::model::{Bind, Endpoint};
use crate::config::plan::Admin;
use crate::message::iso8583::{FIELD_MAX, FIELD_MIN, Format, NoFormat};
use crate::message::station::{RejectCode, StationId};
use crate::time::Span;

/// What one value yields: itself, or what the operator should write.
pub type Converted<T> = Result<T, String>;

/// Longer than any timer of a line can sensibly be, and far from where nanoseconds overflow.
const LONGEST: Span = Span::from_secs(24 * 60 * 60);

const DURATION_UNITS: [(&str, u64); 5] =
    [("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

const SIZE_UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

pub fn text<'a>(value: &'a DeValue<'_>) -> Converted<&'a str> {
    value.as_str().ok_or_else(|| format!("{} is no string: write it between quotes", shown(value)))
}

/// A value as a message shows it.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("`{text}`"),
        DeValue::Integer(number) => format!("`{number}`"),
        DeValue::Float(number) => format!("`{number}`"),
        DeValue::Boolean(truth) => format!("`{truth}`"),
        DeValue::Datetime(moment) => format!("`{moment}`"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

pub fn truth(value: &DeValue<'_>) -> Converted<bool> {
    value.as_bool().ok_or_else(|| format!("{} is neither true nor false (without quotes)", shown(value)))
}

pub fn integer(value: &DeValue<'_>, least: u64, most: u64) -> Converted<u64> {
    let number = value.as_integer().and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("{} is no whole number from {least} to {most}", shown(value)))
}

pub fn duration(value: &DeValue<'_>) -> Converted<Span> {
    let refused =
        || format!("{} is no duration: write a whole number and us, ms, s, m or h, as in \"120s\"", shown(value));
    let text = text(value).map_err(|_| refused())?;
    let (number, unit) = number_and_unit(text).ok_or_else(refused)?;
    let (_, nanoseconds) = DURATION_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?;
    let span = number.checked_mul(*nanoseconds).map(Span).filter(|span| *span <= LONGEST);
    span.ok_or_else(|| format!("`{text}` is too long: a day (24h) is the most"))
}

/// A duration that is more than nothing.
pub fn positive_duration(value: &DeValue<'_>) -> Converted<Span> {
    match duration(value)? {
        Span::ZERO => Err("zero would act at once and for ever: write a duration above zero".to_owned()),
        span => Ok(span),
    }
}

/// The first and the longest pause.
pub fn two_durations(value: &DeValue<'_>) -> Converted<(Span, Span)> {
    let refused = || "write the first and the longest pause, as in [\"200ms\", \"30s\"]".to_owned();
    let [first, longest] = value.as_array().map(|array| &array[..]).ok_or_else(refused)? else {
        return Err(refused());
    };
    let (first, longest) = (positive_duration(first.get_ref())?, positive_duration(longest.get_ref())?);
    if first > longest {
        return Err("the first pause is longer than the longest: exchange them".to_owned());
    }
    Ok((first, longest))
}

pub fn size(value: &DeValue<'_>) -> Converted<u64> {
    let refused = || {
        format!(
            "{} is no size above zero: write bytes as a number, or with KiB, MiB or GiB, as in \"16MiB\"",
            shown(value)
        )
    };
    let bytes = match value {
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        DeValue::String(text) => size_of_text(text),
        _ => None,
    };
    // Sizes are summed: a tebibyte for each of 2^18 lines is still far from what 64 bits hold.
    bytes.filter(|bytes| (1..=1 << 40).contains(bytes)).ok_or_else(refused)
}

fn size_of_text(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    if unit.is_empty() {
        return Some(number);
    }
    let (_, bytes) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*bytes)
}

/// `120s` into 120 and `s`; `None` if no digits stand in front.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

/// `[A-Za-z0-9._-]{1,64}`: members, lines, groups.
pub fn id(value: &DeValue<'_>) -> Converted<String> {
    let text = text(value)?;
    is_id(text)
        .then(|| text.to_owned())
        .ok_or_else(|| format!("`{text}` is no id: write 1 to 64 of the characters A-Z a-z 0-9 . _ -"))
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The switch's name: what log lines and the `Host` header may carry.
pub fn name(value: &DeValue<'_>) -> Converted<String> {
    let text = text(value)?;
    let fits = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| text.to_owned()).ok_or_else(|| "write 1 to 255 visible ASCII characters without blanks".to_owned())
}

/// A string that says something.
pub fn pattern(value: &DeValue<'_>) -> Converted<String> {
    let text = text(value)?;
    if text.is_empty() {
        return Err("an empty pattern names no file".to_owned());
    }
    Ok(text.to_owned())
}

pub fn address(value: &DeValue<'_>) -> Converted<SocketAddr> {
    let text = text(value)?;
    let address: SocketAddr = text
        .parse()
        .map_err(|_| format!("`{text}` is no address: write IP:PORT, as in \"127.0.0.1:7001\" or \"[::1]:7001\""))?;
    if mapped(address.ip()).is_some() {
        return Err(format!("`{text}` is an IPv4 address in IPv6 dress: write it as IPv4"));
    }
    Ok(address)
}

/// Where to connect to: an address that can be one.
pub fn remote(value: &DeValue<'_>) -> Converted<SocketAddr> {
    let remote = address(value)?;
    if remote.port() == 0 || remote.ip().is_unspecified() || remote.ip().is_multicast() {
        return Err(format!("nothing can be reached at `{remote}`: write the member's IP:PORT"));
    }
    Ok(remote)
}

pub fn bind(value: &DeValue<'_>) -> Converted<Bind> {
    let text = text(value)?;
    let whole = text.parse::<SocketAddr>().map(|address| Bind { ip: address.ip(), port: address.port() });
    let bind = whole.or_else(|_| text.parse::<IpAddr>().map(|ip| Bind { ip, port: 0 }));
    bind.map_err(|_| format!("`{text}` is no local address: write IP or IP:PORT, as in \"127.0.0.1\""))
}

/// An entry of `allow`. IPv4 in IPv6 dress is taken as the IPv4 it is, as the peer's address will be.
pub fn allowed(value: &DeValue<'_>) -> Converted<IpNet> {
    let text = text(value)?;
    let prefix = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let prefix = prefix
        .map_err(|_| format!("`{text}` is neither IP nor prefix: write it as in \"10.8.1.7\" or \"10.8.1.0/24\""))?;
    Ok(plain(prefix))
}

/// `::ffff:10.0.0.0/104` as `10.0.0.0/8`.
fn plain(prefix: IpNet) -> IpNet {
    let IpNet::V6(six) = prefix else { return prefix };
    let four = mapped(IpAddr::V6(six.addr())).zip(six.prefix_len().checked_sub(96));
    let four = four.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    four.map_or(IpNet::V6(six), IpNet::V4)
}

fn mapped(ip: IpAddr) -> Option<std::net::Ipv4Addr> {
    match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(six) => Ipv6Addr::to_ipv4_mapped(&six),
    }
}

pub fn admin(value: &DeValue<'_>) -> Converted<Admin> {
    let text = text(value)?;
    if text == "off" {
        return Ok(Admin::Off);
    }
    if let Some(path) = text.strip_prefix("unix:") {
        let path = PathBuf::from(path);
        return if path.is_absolute() && path.file_name().is_some() && text.len() <= 107 {
            Ok(Admin::Unix(path))
        } else {
            Err(format!(
                "`{text}`: write an absolute path of at most 102 bytes, as in \"unix:/run/ringswitch/admin.sock\""
            ))
        };
    }
    address(value)
        .map(Admin::Tcp)
        .map_err(|_| format!("`{text}`: write IP:PORT, \"unix:/PATH\" or \"off\"; the default is \"127.0.0.1:9600\""))
}

/// A folder, wherever the process is started.
pub fn folder(value: &DeValue<'_>) -> Converted<PathBuf> {
    let text = text(value)?;
    let path = PathBuf::from(text);
    if path.is_absolute() && !text.contains('\0') {
        Ok(path)
    } else {
        Err(format!("`{text}`: write the absolute path of a folder, as in \"/var/lib/ringswitch\""))
    }
}

/// Four hexadecimal digits.
pub fn nii(value: &DeValue<'_>) -> Converted<u16> {
    let digits = value.as_str().filter(|text| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    digits.and_then(|text| u16::from_str_radix(text, 16).ok()).ok_or_else(|| {
        format!("{} is no NII: write four hexadecimal digits between quotes, as in \"0003\"", shown(value))
    })
}

/// Two hexadecimal digits.
pub fn tpdu_id(value: &DeValue<'_>) -> Converted<u8> {
    let digits = value.as_str().filter(|text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    digits.and_then(|text| u8::from_str_radix(text, 16).ok()).ok_or_else(|| {
        format!("{} is no TPDU id: write two hexadecimal digits between quotes, as in \"60\"", shown(value))
    })
}

pub fn station(value: &DeValue<'_>) -> Converted<StationId> {
    let text = text(value)?;
    StationId::from_text(text)
        .ok_or_else(|| format!("`{text}` is no station id: write 1 to 11 visible ASCII characters, no blanks"))
}

/// Five digits, not all of them `0`.
pub fn reject_code(value: &DeValue<'_>) -> Converted<RejectCode> {
    let text = text(value)?;
    RejectCode::from_text(text).ok_or_else(|| {
        format!("`{text}` is no reject code: write five digits between quotes, as in \"00045\"; 00000 means none")
    })
}

/// A field that can be part of a key.
pub fn key_field(value: &DeValue<'_>) -> Converted<u8> {
    let field = integer(value, FIELD_MIN.into(), FIELD_MAX.into());
    let field =
        field.map_err(|_| format!("{} is no field: write a number from {FIELD_MIN} to {FIELD_MAX}", shown(value)))?;
    Ok(field as u8)
}

/// `60 = "LLLans"`.
pub fn field_format(field: &str, value: &DeValue<'_>) -> Converted<(u8, Format)> {
    let number = field.parse().ok().filter(|number: &u8| (FIELD_MIN..=FIELD_MAX).contains(number));
    let number = number.filter(|number| number.to_string() == field);
    let number =
        number.ok_or_else(|| format!("`{field}` is no field: write a number from {FIELD_MIN} to {FIELD_MAX}"))?;
    let format = value.as_str().and_then(|text| text.parse().ok());
    let format = format.ok_or_else(|| format!("{} is no format of field {number}: {NoFormat}", shown(value)))?;
    Ok((number, format))
}

/// `member` or `member/group`.
pub fn endpoint(value: &DeValue<'_>) -> Converted<Endpoint> {
    let text = text(value)?;
    let (member, group) = match text.split_once('/') {
        Some((member, group)) => (member, Some(group)),
        None => (text, None),
    };
    if !is_id(member) || !group.is_none_or(is_id) {
        return Err(format!("`{text}` is neither a member nor member/group"));
    }
    Ok(Endpoint { member: member.to_owned(), group: group.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> DeValue<'_> {
        DeValue::String(text.into())
    }

    #[test]
    fn durations_have_a_unit() {
        for (text, span) in [
            ("120s", Span::from_secs(120)),
            ("200ms", Span::from_millis(200)),
            ("2m", Span::from_secs(120)),
            ("50us", Span::from_micros(50)),
            ("0us", Span::ZERO),
            ("24h", Span::from_secs(86_400)),
        ] {
            assert_eq!(duration(&string(text)), Ok(span), "{text}");
        }
        for text in
            ["120", "s", "", "-1s", "1.5s", "12 parsecs", "99999999999999999999s", "25h", "18446744073709551615m"]
        {
            assert!(duration(&string(text)).is_err(), "{text}");
        }
        assert!(duration(&DeValue::Boolean(true)).is_err());
    }

    #[test]
    fn sizes_are_binary() {
        for (text, bytes) in [("1MiB", 1 << 20), ("16KiB", 16 << 10), ("1GiB", 1 << 30), ("4096", 4096)] {
            assert_eq!(size(&string(text)), Ok(bytes), "{text}");
        }
        for text in ["0", "1MB", "MiB", "1 TiB", "-1", "17179869184GiB"] {
            assert!(size(&string(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn prefixes_in_ipv6_dress_are_ipv4() {
        assert_eq!(allowed(&string("::ffff:10.1.0.0/112")), Ok("10.1.0.0/16".parse().unwrap()));
        assert_eq!(allowed(&string("::ffff:10.1.2.3")), Ok("10.1.2.3/32".parse().unwrap()));
        assert_eq!(allowed(&string("2001:db8::/64")), Ok("2001:db8::/64".parse().unwrap()));
        assert_eq!(allowed(&string("::/0")).map(|prefix| prefix.prefix_len()), Ok(0));
        assert!(allowed(&string("10.1.0.0/33")).is_err() && allowed(&string("office")).is_err());
    }

    #[test]
    fn niis_are_four_digits() {
        assert_eq!(nii(&string("01f1")), Ok(0x01f1));
        assert_eq!(nii(&string("01F1")), Ok(0x01f1));
        for text in ["1f1", "+1f1", "00003", "000g", ""] {
            assert!(nii(&string(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_folder_is_an_absolute_path() {
        assert_eq!(folder(&string("/var/lib/ringswitch")), Ok("/var/lib/ringswitch".into()));
        for text in ["", "state", "./state", "/a\0b"] {
            assert!(folder(&string(text)).is_err(), "{text:?}");
        }
    }

    #[test]
    fn admin_is_one_of_three() {
        assert_eq!(admin(&string("off")), Ok(Admin::Off));
        assert_eq!(admin(&string("unix:/run/a.sock")), Ok(Admin::Unix("/run/a.sock".into())));
        assert_eq!(admin(&string("127.0.0.1:0")), Ok(Admin::Tcp("127.0.0.1:0".parse().unwrap())));
        for text in ["unix:a.sock", "unix:/", "localhost:9600", "on", ""] {
            assert!(admin(&string(text)).is_err(), "{text}");
        }
    }
}
