use std::ops::ControlFlow;

use super::*;

/// Records what it sees as `point = value` lines.
#[derive(Default)]
struct Recorder {
    seen: Vec<(String, String, Role)>,
}

impl Visitor for Recorder {
    fn visit(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) -> ControlFlow<()> {
        self.seen.push((point.to_point().to_string(), String::from_utf8_lossy(value).into_owned(), role));
        ControlFlow::Continue(())
    }
}

impl Recorder {
    fn of(parts: &RequestParts<'_>) -> Recorder {
        let mut recorder = Recorder::default();
        walk(parts, &Limits::default(), &mut recorder);
        recorder
    }

    fn value(&self, point: &str) -> Option<&str> {
        self.seen.iter().find(|(p, _, _)| p == point).map(|(_, value, _)| value.as_str())
    }
}

fn get(target: &str) -> Recorder {
    Recorder::of(&RequestParts {
        method: "GET",
        target: target.as_bytes(),
        headers: &[],
        body: b"",
        body_truncated: false,
    })
}

#[test]
fn query_shapes_become_hash_array_and_pollution() {
    let seen = get("/?p1[x]=1&p2[]=a&p2[]=b&p3=1&p3=2");
    assert_eq!(seen.value("get p1 hash x"), Some("1"));
    assert_eq!(seen.value("get p2 array 0"), Some("a"));
    assert_eq!(seen.value("get p2 array 1"), Some("b"));
    assert_eq!(seen.value("get p3 array 0"), Some("1"));
    assert_eq!(seen.value("get p3 array 1"), Some("2"));
    assert_eq!(seen.value("get p3 pollution"), Some("1,2"));
}

#[test]
fn the_target_is_visited_in_parts() {
    let seen = get("/a%20b/archive.tar.gz?q=%2527");
    assert_eq!(seen.value("uri"), Some("/a%20b/archive.tar.gz?q=%2527"));
    assert_eq!(seen.value("path 0"), Some("a b"));
    assert_eq!(seen.value("action_name"), Some("archive"));
    assert_eq!(seen.value("action_ext"), Some("tar.gz"));
    assert_eq!(seen.value("get q"), Some("%27"));
    assert_eq!(seen.value("get q percent"), Some("'"));
}
