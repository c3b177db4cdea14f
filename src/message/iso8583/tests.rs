use super::*;

fn setting(base: Base) -> Setting {
    Setting::new(base)
}

fn keyed(base: Base, key: &[u8]) -> Setting {
    Setting { key: Some(key.to_vec()), ..setting(base) }
}

fn with(mut setting: Setting, field: u8, format: &str) -> Setting {
    setting.fields.insert(field, format.parse().expect("a format"));
    setting
}

fn read(setting: &Setting, data: &[u8]) -> Result<Message, Unreadable> {
    setting.compile().expect("a dialect").read(data, &KeyMaker::new(17))
}

fn key(setting: &Setting, data: &[u8]) -> Key {
    read(setting, data).expect("a key").key
}

/// A message with these fields in its first bitmap, and what they are written as.
fn pos(message_type: &[u8; 2], fields: &[u8], content: &[u8]) -> Vec<u8> {
    let bitmap = fields.iter().fold(0u64, |bits, field| bits | 1 << (64 - field));
    [&message_type[..], &bitmap.to_be_bytes(), content].concat()
}

fn cups(message_type: &str, fields: &[u8], content: &str) -> Vec<u8> {
    let bitmap = fields.iter().fold(0u64, |bits, field| bits | 1 << (64 - field));
    [message_type.as_bytes(), &bitmap.to_be_bytes(), content.as_bytes()].concat()
}

#[test]
fn an_odd_third_digit_is_an_answer() {
    let setting = keyed(Base::Cups, &[11]);
    let kind = |message_type| read(&setting, &cups(message_type, &[11], "000001")).expect("a key").kind;
    for request in ["0100", "0200", "0201", "0220", "0421", "0800", "0820", "1340", "9989"] {
        assert_eq!(kind(request), Kind::Request, "{request}");
    }
    for answer in ["0110", "0210", "0230", "0231", "0432", "0810", "1354"] {
        assert_eq!(kind(answer), Kind::Answer, "{answer}");
    }
}

#[test]
fn version_class_and_function_are_part_of_the_key_and_the_origin_is_not() {
    let setting = keyed(Base::Cups, &[11]);
    let key = |message_type| key(&setting, &cups(message_type, &[11], "000001"));
    for same in ["0200", "0201", "0203", "0210", "0211", "0212"] {
        assert_eq!(key(same), key("0200"), "{same}");
    }
    for other in ["0220", "0400", "0800", "1200", "2200", "0240"] {
        assert_ne!(key(other), key("0200"), "{other}");
    }
    assert_eq!(key("0230"), key("0220"));
    assert_eq!(key("0401"), key("0410"), "0401 repeats 0400");
}

#[test]
fn which_field_holds_a_value_matters() {
    let setting = keyed(Base::Cups, &[2, 32, 33]);
    let one = cups("0200", &[2, 33], "031230245");
    let other = cups("0200", &[2, 32], "031230245");
    let third = cups("0200", &[2, 33], "021203345");
    assert_ne!(key(&setting, &one), key(&setting, &other));
    assert_ne!(key(&setting, &one), key(&setting, &third), "12345 cut elsewhere");
}

#[test]
fn an_absent_field_counts_as_empty() {
    let setting = keyed(Base::Cups, &[11, 32, 33]);
    let absent = cups("0200", &[11], "000001");
    let empty = cups("0200", &[11, 32, 33], "0000010000");
    assert_eq!(key(&setting, &absent), key(&setting, &empty));
}

#[test]
fn without_any_key_field_there_is_no_key() {
    let setting = keyed(Base::Cups, &[32, 33]);
    for data in [cups("0200", &[], ""), cups("0200", &[11], "000001"), cups("0200", &[32, 33], "0000")] {
        assert_eq!(read(&setting, &data), Err(Unreadable::KeyMissing));
    }
}

#[test]
fn network_messages_of_institutions_have_a_key_of_their_own() {
    let setting = setting(Base::Cups);
    let one = cups("0800", &[7, 11, 33], "0102030405000001021 ");
    let other = cups("0810", &[7, 11], "0102030405000001");
    assert_eq!(key(&setting, &one), key(&setting, &other), "33 does not count in class 8");
    let purchase = |sender: &str| key(&setting, &cups("0200", &[7, 11, 33], &format!("010203040500000102{sender}")));
    assert_ne!(purchase("10"), purchase("11"));
    let own = keyed(Base::Cups, &[33]);
    assert_eq!(read(&own, &other), Err(Unreadable::KeyMissing), "a configured key holds for every class");
}

#[test]
fn the_half_byte_without_a_digit_does_not_count() {
    // Three digits stand right, those with a length left.
    for (field, format, same, other) in [
        (23, None, [&[0x01, 0x23][..], &[0xf1, 0x23]], &[0x01, 0x24][..]),
        (22, None, [&[0x12, 0x30], &[0x12, 0x3f]], &[0x12, 0x40]),
        (23, Some("n3 left"), [&[0x12, 0x30], &[0x12, 0x3f]], &[0x12, 0x40]),
        (32, None, [&[0x03, 0x12, 0x30], &[0x03, 0x12, 0x3f]], &[0x04, 0x12, 0x30]),
        (32, Some("LLn right"), [&[0x03, 0x01, 0x23], &[0x03, 0xf1, 0x23]], &[0x03, 0x01, 0x24]),
        (27, None, [&[0x05], &[0xf5]], &[0x06]),
    ] {
        let setting = keyed(Base::Pos, &[field]);
        let setting = format.map_or(setting.clone(), |format| with(setting, field, format));
        let of = |content| key(&setting, &pos(&[0x02, 0x00], &[field], content));
        assert_eq!(of(same[0]), of(same[1]), "{field} {format:?}");
        assert_ne!(of(same[0]), of(other), "{field} {format:?}");
    }
}

#[test]
fn packed_fields_are_half_as_long() {
    // 2 with 19 digits, 22 and 23 with three, a signed amount, 36 with 1,04 hundred, then 11 and 41.
    let mut content = vec![0x19];
    content.extend([0x62; 10]);
    content.extend([0x00, 0x00, 0x17]);
    content.extend([0x02, 0x10, 0x00, 0x01]);
    content.extend(*b"C\x00\x00\x12\x34");
    content.extend([0x01, 0x04]);
    content.extend([0x11; 52]);
    content.extend(*b"TERMINAL");
    let data = pos(&[0x02, 0x00], &[2, 11, 22, 23, 28, 36, 41], &content);
    let outline = setting(Base::Pos).compile().unwrap().outline(&data).unwrap();
    let of = |field: u8| {
        let found = outline.fields.iter().find(|found| found.field == field).expect("a field");
        &data[found.at.clone()]
    };
    assert_eq!(outline.fault, None);
    assert_eq!((of(11), of(41)), (&[0x00, 0x00, 0x17][..], &b"TERMINAL"[..]));
    assert_eq!((of(22), of(28).len(), of(36).len()), (&[0x02, 0x10][..], 5, 52));
}

#[test]
fn the_bitmap_may_be_written_in_digits() {
    let setting = keyed(Base::Hex, &[11]);
    let one = read(&setting, b"02000020000000000000000017").unwrap();
    assert_eq!(one.key, key(&keyed(Base::Cups, &[11]), &cups("0200", &[11], "000017")));
    assert_eq!(read(&setting, b"02100020000000000000000017").unwrap().kind, Kind::Answer);
    let second = b"020080200000000000000400000000000000000017";
    assert_eq!(key(&setting, second), one.key, "a second bitmap of 16 digits is passed");
    let letters = b"0200802000000000000a0400000000000abc000017";
    let upper = b"0200802000000000000A0400000000000ABC000017";
    assert_eq!(key(&setting, letters), key(&setting, upper));
    assert_eq!(read(&setting, b"0200002000000000000g000017"), Err(Unreadable::Bitmap));
}

#[test]
fn fields_behind_the_table_can_be_key_once_their_way_is_known() {
    let key_of_70 = keyed(Base::Cups, &[70]);
    let Err(KeyFault::Unknown { fields, last: 70 }) = key_of_70.compile() else { panic!("43 to 70 are unknown") };
    assert_eq!(fields, (43..=70).collect::<Vec<_>>());
    let known = (43..=69).fold(with(key_of_70, 70, "n3"), |setting, field| with(setting, field, "LLLans"));
    let mut data = cups("0800", &[1, 11, 48], "");
    data.extend((1u64 << (128 - 70)).to_be_bytes());
    data.extend(b"000001005HELLO301");
    let changed = |at: usize| {
        let mut data = data.clone();
        data[at] ^= 1;
        key(&known, &data)
    };
    assert_ne!(changed(data.len() - 1), key(&known, &data));
    assert_eq!(changed(data.len() - 4), key(&known, &data), "48 is no key");
}

#[test]
fn what_is_no_message_says_what_is_wrong() {
    let setting = setting(Base::Cups);
    let data = cups("0200", &[2, 11, 33], "026200000102 7");
    assert_eq!(read(&setting, &data[..3]), Err(Unreadable::Short));
    assert_eq!(read(&setting, &data[..11]), Err(Unreadable::Short));
    for message_type in ["020 ", "+200", "x200", ":200"] {
        assert_eq!(
            read(&setting, &cups(message_type, &[11], "000001")),
            Err(Unreadable::MessageType),
            "{message_type}"
        );
    }
    assert_eq!(read(&setting, &cups("0200", &[2, 11], "1x")), Err(Unreadable::Length { field: 2 }));
    assert_eq!(read(&setting, &cups("0200", &[2, 11], "+1")), Err(Unreadable::Length { field: 2 }));
    let setting = self::setting(Base::Pos);
    assert_eq!(read(&setting, &pos(&[0x0a, 0x00], &[11], b"")), Err(Unreadable::MessageType));
    assert_eq!(read(&setting, &pos(&[0x02, 0x00], &[2, 11], &[0x1a])), Err(Unreadable::Length { field: 2 }));
    assert_eq!(read(&setting, &pos(&[0x02, 0x00], &[36, 41], &[0x10, 0x04])), Err(Unreadable::Length { field: 36 }));
}

#[test]
fn a_key_must_be_a_key() {
    assert_eq!(keyed(Base::Cups, &[]).compile(), Err(KeyFault::Empty));
    for field in [0, 1, 129, 255] {
        assert_eq!(keyed(Base::Cups, &[11, field]).compile(), Err(KeyFault::NoField(field)));
    }
    assert_eq!(keyed(Base::Pos, &[42, 11, 11]).compile(), keyed(Base::Pos, &[11, 42]).compile());
}

#[test]
fn every_seed_makes_keys_of_its_own() {
    let dialect = setting(Base::Pos).compile().unwrap();
    let data = pos(&[0x02, 0x00], &[11, 41], b"\x00\x00\x01TERMINAL");
    let of = |seed| dialect.read(&data, &KeyMaker::new(seed)).unwrap().key;
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

/// A million trace numbers of one terminal: 2^39 pairs, so an honest 64-bit hash has no two alike,
/// and each of its bits is set in half of them.
#[test]
fn keys_that_differ_little_hash_far_apart() {
    let dialect = setting(Base::Pos).compile().unwrap();
    let maker = KeyMaker::new(8583);
    let mut keys: Vec<u64> = Vec::new();
    let mut data = pos(&[0x02, 0x00], &[11, 41, 42], b"\0\0\0TERMINALMERCHANT 000001");
    for trace in 0..1_000_000u32 {
        let digits = format!("{trace:06}").into_bytes();
        for (at, pair) in digits.chunks(2).enumerate() {
            data[10 + at] = (pair[0] - b'0') << 4 | (pair[1] - b'0');
        }
        keys.push(dialect.read(&data, &maker).unwrap().key.0);
    }
    for bit in 0..64 {
        let set = keys.iter().filter(|key| *key >> bit & 1 == 1).count();
        assert!((495_000..505_000).contains(&set), "bit {bit} is set in {set}");
    }
    keys.sort_unstable();
    assert!(keys.windows(2).all(|pair| pair[0] != pair[1]));
}
