//! Every row has one test, every test has a row.

use crate::rows::ROWS;

const SOURCES: [&str; 16] = [
    include_str!("answers.rs"),
    include_str!("breaks.rs"),
    include_str!("connecting.rs"),
    include_str!("crowds.rs"),
    include_str!("framing.rs"),
    include_str!("host.rs"),
    include_str!("overload.rs"),
    include_str!("process.rs"),
    include_str!("reloads.rs"),
    include_str!("resend.rs"),
    include_str!("restart.rs"),
    include_str!("slow.rs"),
    include_str!("vanished.rs"),
    include_str!("weather.rs"),
    include_str!("../ring/matrix/queues.rs"),
    include_str!("../ring/matrix/memory.rs"),
];

#[test]
fn every_row_has_one_test() {
    let named = |source: &'static str| {
        source.split("#[test]\nfn row_").skip(1).map(|rest| rest[..2].parse::<u8>().expect("a number"))
    };
    let mut tested: Vec<u8> = SOURCES.into_iter().flat_map(named).collect();
    tested.sort_unstable();
    let rows: Vec<u8> = ROWS.iter().map(|(row, ..)| *row).collect();
    assert_eq!(tested, rows, "the numbers of the tests, and of the rows");
    assert!(rows.is_sorted());
}
