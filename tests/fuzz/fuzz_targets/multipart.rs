#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sbc_fuzz::multipart(data));
