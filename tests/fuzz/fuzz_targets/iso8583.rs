#![no_main]

#[path = "../targets/mod.rs"]
#[allow(dead_code, reason = "each program is one of the targets")]
mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::iso8583::run(input));
