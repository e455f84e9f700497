use proptest::prelude::*;

use super::ast::{Ast, ByteSet};
use super::*;

fn matches(pattern: &str, value: &str) -> bool {
    Pattern::check(pattern).unwrap();
    Pattern::compile(pattern).unwrap().is_match(value.as_bytes())
}

#[track_caller]
fn table(pattern: &str, yes: &[&str], no: &[&str]) {
    for value in yes {
        assert!(matches(pattern, value), "{pattern} should match {value:?}");
    }
    for value in no {
        assert!(!matches(pattern, value), "{pattern} should not match {value:?}");
    }
}

#[test]
fn corpus_of_the_contract() {
    table("/[.]git", &["/.git", "/a/.git/config"], &["/git", "/xgit"]);
    table("[.]example[.]com", &["a.example.com", ".example.com:80"], &["example.com", "aXexample.com"]);
    table("/[.]example[.].*[.]com$", &["/.example.a.com", "x/.example..com"], &["/.example.a.com/"]);
    table(
        "^(~((1[.]2[.]3[.]4)|(5[.]6[.]7[.]8)))$",
        &["1.2.3.5", "1.2.3.45", "x1.2.3.4"],
        &["1.2.3.4", "5.6.7.8", ""],
    );
    table("[sS][qQ][lL][mM][aA][pP]", &["sqlmap/1.7", "the SqlMap"], &["sql map"]);
    table("(admin|cmd)[\\\\].(exe|bat|sh)", &["admin\\xexe", "cmd\\.sh"], &["admin/xexe", "cmd\\exe"]);
    table(
        "^(Mozilla(~(.*1aa875F49III.*)))$",
        &["Mozilla", "Mozilla/5.0 (X11)"],
        &["Mozilla 1aa875F49III", "Mozilla/5.0 1aa875F49III x", "Opera"],
    );
    table(
        "^(python-requests/|PostmanRuntime/|okhttp/3.14.0|node-fetch/1.0)",
        &["python-requests/2.31", "okhttp/3.14.0"],
        &["a python-requests/2.31", "okhttp/4"],
    );
    table("^(~(44[.]33[.]22[.]11))$", &["44.33.22.1", "44x33.22.11"], &["44.33.22.11", ""]);
    table(
        "^(.*(UnityPlayer).*(UnityWebRequest).*)$",
        &["UnityPlayer/1 (UnityWebRequest/1.0)"],
        &["UnityWebRequest UnityPlayer"],
    );
    table("\\D", &["a", "1a"], &["1", "123"]);
    table(".*", &["a", "\n"], &[""]);
    table("POST|GET|PATCH", &["POST", "GET"], &["PUT", ""]);
}

#[test]
fn empty_value_never_matches() {
    for pattern in ["^.*$", "^.?$", "^.{0,}$"] {
        table(pattern, &["a", "abc"], &["", "a\nb"]);
    }
    table("^$", &[], &["", "a"]);
    table("(~(a))", &["a", "b"], &[""]);
}

#[test]
fn operators_quantifiers_and_classes() {
    table("^((a.*)&(.*b))$", &["ab", "axb"], &["a", "b", "ba"]);
    table("(abc)&(~(abc))", &[], &["abc", "x"]);
    table("^(a{2,3})$", &["aa", "aaa"], &["a", "aaaa"]);
    table("^(a{2,}b)$", &["aab", "aaaaab"], &["ab"]);
    table("^((ab){2})$", &["abab"], &["ab", "ababab"]);
    table("^[]a^-]+$", &["]a^-"], &["b"]);
    table("^[^a-c]$", &["d", "\n"], &["b", "de"]);
    table("^[äö]x$", &["äx", "öx"], &["üx", "ax"]);
    table("^[^ä]x$", &["ax", "öx"], &["äx"]);
    table("^ä+$", &["ä", "ää"], &["a"]);
    table("^\\.\\$\\^\\{\\[\\(\\|\\)\\*\\+\\?\\\\\\&\\~$", &[".$^{[(|)*+?\\&~"], &["x"]);
    table("^[\\w.]+$", &["a_9."], &["a-"]);
    table("^[[:a]+$", &["[:a"], &["b"]);
    table("a$|^b", &["xa", "bx"], &["ax", "xb"]);
    table("^(a$|(~(b)))$", &["a", "c"], &["b"]);
    table("((^|x)a)&(~(xa))", &["a", "ab"], &["ba"]);
}

#[test]
fn unsupported_syntax_is_refused_with_its_place() {
    for (pattern, at) in [
        ("a*?", 2),
        ("a+?", 2),
        ("a??", 2),
        ("a*+", 2),
        ("a{2}{3}", 4),
        ("[[:alpha:]]", 1),
        ("a[0-9[:^xdigit:]_]", 5),
        ("(?=a)", 1),
        ("(?i)a", 1),
        ("a\\1", 2),
        ("\\012", 1),
        ("\\o012", 1),
        ("\\cA", 1),
        ("\\Aa", 1),
        ("a\\z", 2),
        ("\\ba", 1),
        ("(a", 2),
        ("a)", 1),
        ("[a", 2),
        ("[]", 2),
        ("*a", 0),
        ("a|*", 2),
        ("a{2", 1),
        ("a{,2}", 1),
        ("a{3,2}", 1),
        ("{", 0),
        ("a\\", 2),
        ("[b-a]", 1),
        ("a~(b)", 1),
        ("~b", 1),
        ("(~(a)b)", 5),
        ("", 0),
        ("^*", 1),
    ] {
        match Pattern::check(pattern) {
            Err(PatternError::Syntax { at: found, .. }) => assert_eq!(found, at, "{pattern}"),
            other => panic!("{pattern}: {other:?}"),
        }
        assert!(Pattern::compile(pattern).is_err());
    }
    let nested = "(".repeat(1000) + &")".repeat(1000);
    assert_eq!(Pattern::check(&nested).unwrap_err().text(), "is invalid");
    assert_eq!(Pattern::check(&"a".repeat(1 << 20)).unwrap_err().text(), "is invalid");
}

#[test]
fn over_budget_patterns_are_refused() {
    for pattern in [
        "x.{50}",
        "a{99999}",
        "((((a{100}){100}){100}){100}){100}",
        "(.*a.{20})&(.*b.{20})",
        "^(~(.*a.{25}b.*))$",
    ] {
        assert_eq!(Pattern::check(pattern), Err(PatternError::TooComplex), "{pattern}");
    }
    // Long is not complex.
    assert_eq!(Pattern::check(&"a?".repeat(1500)), Ok(()));
}

/// Trees without intersection and complement, over a small alphabet so that matches happen.
fn trees() -> impl Strategy<Value = Ast> {
    let leaf = prop_oneof![
        6 => prop_oneof![Just(b'a'), Just(b'b'), Just(b'c')].prop_map(|byte| Ast::Bytes(ByteSet::one(byte))),
        1 => Just(Ast::Bytes(ByteSet::one(b'\n').complement())),
        1 => Just(Ast::Start),
        1 => Just(Ast::End),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Ast::Concat),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Ast::Alt),
            (inner, 0_u32..3, prop::option::of(0_u32..3)).prop_map(|(node, min, more)| Ast::Repeat {
                node: Box::new(node),
                min,
                max: more.map(|more| min + more),
            }),
        ]
    })
}

proptest! {
    #[test]
    fn derivatives_agree_with_regex_automata(tree in trees(), values in prop::collection::vec("[abc\n]{1,8}", 8)) {
        let regular = hir::compile(&hir::translate(&tree).unwrap()).unwrap();
        let derived = Dfa::build(&tree).unwrap();
        for value in &values {
            prop_assert_eq!(regular.is_match(value.as_bytes()), derived.is_match(value.as_bytes()), "{:?}", value);
        }
    }

    #[test]
    fn complement_and_intersection_obey_boolean_laws(
        left in trees(), right in trees(), values in prop::collection::vec("[abc\n]{1,8}", 8),
    ) {
        // On whole values: ^(~(x))$ holds where ^(x)$ does not; x&y holds where both do.
        let whole = |node: Ast| Dfa::build(&Ast::Concat(vec![Ast::Start, node, Ast::End]));
        let (Ok(left_dfa), Ok(right_dfa)) = (whole(left.clone()), whole(right.clone())) else { return Ok(()) };
        let not = whole(Ast::Not(Box::new(left.clone()))).unwrap();
        let both = whole(Ast::And(vec![left, right])).unwrap();
        for value in &values {
            let value = value.as_bytes();
            prop_assert_eq!(not.is_match(value), !left_dfa.is_match(value));
            prop_assert_eq!(both.is_match(value), left_dfa.is_match(value) && right_dfa.is_match(value));
        }
    }

    #[test]
    fn any_text_is_compiled_or_refused(pattern in "[a-c.^$|&~()*+?{}0-9,\\[\\]\\\\-]{0,24}", value in "[a-c.]{0,12}") {
        let checked = Pattern::check(&pattern);
        let compiled = Pattern::compile(&pattern);
        // What is stored must compile on every node.
        prop_assert!(checked.is_err() || compiled.is_ok());
        if let Ok(compiled) = compiled {
            prop_assert!(!value.is_empty() || !compiled.is_match(value.as_bytes()));
        }
    }
}
