use super::*;
use crate::frame::{Prefix, Scan, scan};
use crate::message::iso8583::Base;

const FRAMING: Framing = Framing { prefix: Prefix::Ascii4, max: 9999 };

fn ways() -> [Way; 6] {
    let station = |text| StationId::from_text(text).unwrap();
    let station = Way::Station { destination: station("00010344"), source: station("48410000") };
    let [cups, pos, hex] = Base::ALL.map(|base| Way::Iso8583(Form { base, skip: 11 }));
    [cups, pos, hex, Way::Raw, Way::Tpdu { nii: 0x0003 }, station]
}

fn request(way: Way) -> Request {
    Request { way, terminal: 0x1234, run: 77, serial: 4711, sent: Instant(999), hold: Span::from_millis(20) }
}

/// The data of the request, and the checksum of its answer.
fn sent(way: Way, size: usize) -> (Vec<u8>, u64) {
    let mut frame = Vec::new();
    let sum = request(way).append(size, FRAMING, &mut frame);
    assert_eq!(scan(FRAMING, &frame), Scan::Frame { data: size });
    (frame.split_off(4), sum)
}

fn answered(way: Way, data: &[u8], addresses: Addresses) -> Vec<u8> {
    let mut made = Vec::new();
    assert!(answer(way.header(), data, addresses, &mut made));
    made
}

#[test]
fn a_request_comes_back_as_its_answer() {
    for way in ways() {
        for size in [way.header().least(), 200, 9999] {
            let (data, sum) = sent(way, size);
            let hold = Span::from_millis(20);
            assert_eq!(read(way.header(), &data), Some(Seen::Request { run: 77, serial: 4711, hold }));
            for addresses in [Addresses::Exchanged, Addresses::Copied] {
                let made = answered(way, &data, addresses);
                assert_eq!(made.len(), size);
                assert_eq!(read(way.header(), &made), Some(Seen::Answer { run: 77, serial: 4711 }));
                assert!(request(way).answered_by(&made, size, sum, &mut Vec::new()), "{way:?} {addresses:?}");
            }
        }
    }
}

#[test]
fn every_changed_byte_of_an_answer_is_seen() {
    for way in ways() {
        let (data, sum) = sent(way, 200);
        let mut made = answered(way, &data, Addresses::Exchanged);
        for at in 0..made.len() {
            made[at] ^= 0x40;
            assert!(!request(way).answered_by(&made, 200, sum, &mut Vec::new()), "{way:?} byte {at}");
            made[at] ^= 0x40;
        }
    }
}

#[test]
fn every_changed_byte_of_a_request_is_seen_by_host_or_client() {
    for way in ways() {
        let (mut data, sum) = sent(way, 200);
        for at in 0..data.len() {
            data[at] ^= 0x40;
            let mut made = Vec::new();
            let recognised = matches!(read(way.header(), &data), Some(Seen::Request { .. }));
            let taken = recognised && answer(way.header(), &data, Addresses::Exchanged, &mut made);
            let seen = !taken || !request(way).answered_by(&made, 200, sum, &mut Vec::new());
            assert!(seen, "{way:?} byte {at}");
            data[at] ^= 0x40;
        }
    }
}

#[test]
fn the_switch_may_replace_the_terminals_address_and_must_restore_it() {
    let way = Way::Tpdu { nii: 0x0003 };
    let (mut data, sum) = sent(way, 200);
    data[tpdu::SOURCE..tpdu::BYTES].copy_from_slice(&[0xab, 0xcd]);
    let mut made = answered(way, &data, Addresses::Exchanged);
    assert_eq!(made[1..5], [0xab, 0xcd, 0x00, 0x03]);
    assert!(!request(way).answered_by(&made, 200, sum, &mut Vec::new()), "another terminal's");
    made[1..3].copy_from_slice(&[0x12, 0x34]);
    assert!(request(way).answered_by(&made, 200, sum, &mut Vec::new()));
}

#[test]
fn a_rejected_station_message_names_its_request() {
    let [.., way] = ways();
    let (data, _) = sent(way, 200);
    let mut reject = data[..station::BYTES].to_vec();
    reject[41..46].copy_from_slice(b"00045");
    reject.extend_from_slice(&data);
    assert_eq!(read(Header::Station, &reject), Some(Seen::Rejected { run: 77, serial: 4711 }));
}

#[test]
fn foreign_messages_are_not_ours() {
    for header in ways().map(Way::header) {
        assert_eq!(read(header, &[]), None);
        assert_eq!(read(header, &[b'0'; 300]), None);
    }
}
