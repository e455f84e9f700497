//! A create body is refused or makes a hint that reads back from its stored form and compiles.
#![no_main]

use bartizan_rules::{HintSpec, Ruleset, RulesetSource};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(serde_json::Value::Object(body)) = serde_json::from_slice(input) else { return };
    let Ok(mut spec) = HintSpec::create(&body) else { return };
    if spec.kind.has_regex_id() {
        spec.assign_regex_id(1);
    }
    let text = serde_json::to_string(&spec).expect("a hint is JSON");
    assert_eq!(serde_json::from_str::<HintSpec>(&text).expect("its own form reads back"), spec);
    let hints = spec.source(1, 1).into_iter().collect();
    Ruleset::compile(&RulesetSource { version: 1, clientid: 1, hints }).expect("what is accepted compiles");
});
