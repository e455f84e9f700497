//! A pattern is compiled or refused, never more; what passes the check compiles; the empty value never
//! matches. Input: the pattern, a zero byte, the value.
#![no_main]

use bartizan_rules::Pattern;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (pattern, value) = match input.iter().position(|&byte| byte == 0) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[][..]),
    };
    let Ok(pattern) = std::str::from_utf8(pattern) else { return };
    if Pattern::check(pattern).is_ok() {
        let compiled = Pattern::compile(pattern).expect("what passes the check compiles");
        assert!(!compiled.is_match(b""));
        let _ = compiled.is_match(value);
    }
});
