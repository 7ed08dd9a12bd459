#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| carteiro::fuzzing::run("filter", data));
