//! Detection content as data: `vectors/*.toml`, with what must fire and what must stay quiet.

use std::path::Path;

use bartizan_detect::{Engine, Place};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    fires: Vec<Case>,
    #[serde(default)]
    quiet: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    /// The attack type; that of the file's name when absent.
    r#type: Option<String>,
    place: Option<String>,
    values: Vec<String>,
}

impl Case {
    fn places(&self) -> &'static [Place] {
        match self.place.as_deref() {
            Some("body") => &[Place::BodyValue],
            Some("query") => &[Place::QueryValue],
            Some("user_agent") => &[Place::UserAgent],
            Some(other) => panic!("unknown place {other}"),
            None => &[Place::QueryValue, Place::BodyValue],
        }
    }
}

fn codes(engine: &Engine, value: &str, place: Place) -> Vec<(&'static str, u32)> {
    let mut signs = Vec::new();
    engine.scan(value.as_bytes(), place, &mut signs);
    for sign in &signs {
        assert!(sign.span.end <= value.len() && sign.span.start <= sign.span.end, "{value:?} {sign:?}");
    }
    signs.iter().map(|sign| (sign.attack_type.code(), sign.stamp)).collect()
}

#[test]
fn every_vector_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let engine = Engine::new();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let file: File = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for case in &file.fires {
            let wanted = case.r#type.as_deref().unwrap_or(&stem);
            for (value, &place) in case.values.iter().flat_map(|v| case.places().iter().map(move |p| (v, p)))
            {
                seen += 1;
                let found = codes(&engine, value, place);
                if !found.iter().any(|(code, _)| *code == wanted) {
                    wrong.push(format!("{stem}: {value:?} at {place:?} is {found:?}, not {wanted}"));
                }
            }
        }
        for case in &file.quiet {
            for (value, &place) in case.values.iter().flat_map(|v| case.places().iter().map(move |p| (v, p)))
            {
                seen += 1;
                let found = codes(&engine, value, place);
                if !found.is_empty() {
                    wrong.push(format!("{stem}: {value:?} at {place:?} is {found:?}"));
                }
            }
        }
    }
    assert!(seen > 300, "only {seen} vectors were read");
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn stamps_are_unique_and_in_the_range_of_their_type() {
    let stamps = Engine::stamps();
    for pair in stamps.windows(2) {
        assert!(pair[0].stamp < pair[1].stamp, "{pair:?}");
    }
    for info in stamps {
        assert_eq!(info.stamp / 1000, u32::from(info.attack_type.info().id), "{info:?}");
        // The techniques of attacks on language models have public names of their own.
        let family =
            if info.attack_type.code() == "ai_attack" { "ai_prompt_" } else { info.attack_type.code() };
        assert!(info.subtype.starts_with(family), "{info:?}");
    }
}

#[test]
fn the_documentation_lists_every_stamp() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/detection.md"))
        .unwrap();
    for info in Engine::stamps() {
        let row = format!("| {} | `{}` | `{}` |", info.stamp, info.attack_type, info.subtype);
        assert!(page.contains(&row), "docs/detection.md lacks {row}");
    }
}
