//! The benign set: handwritten fragments of `bench/detection/benign`, in requests shaped like those of real APIs.
//!
//! Every fragment goes through every template of its kind, deterministically, so the set is the same everywhere.
//! A third of the fragments is held out from tuning; both figures are printed.

use std::path::Path;

use bartizan_detect::Engine;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Listing;
use crate::request::{Request, describe, form, percent};
use crate::tally::Tally;

/// One fragment in one template.
struct Sample {
    request: Request,
    held_out: bool,
}

/// Runs the set and prints both ratios.
pub(crate) fn run(engine: &Engine, folder: &Path, listing: Listing) {
    let samples = samples(folder);
    for (held_out, label) in [(false, "tuning"), (true, "hold-out")] {
        let mut flagged = Tally::default();
        let mut reference = Tally::default();
        for sample in samples.iter().filter(|sample| sample.held_out == held_out) {
            let found = sample.request.detections(engine);
            flagged.add(!found.is_empty());
            reference.add(sample.request.is_flagged_by_libinjection());
            if listing.flagged
                && !held_out
                && let Some(first) = found.first()
            {
                println!("flagged {} by {}", sample.request.name, describe(first));
            }
        }
        println!("benign {label}: {flagged} flagged; by libinjection alone {reference}");
    }
}

type Template = fn(&Pool, usize, &str) -> Request;

/// What templates draw from besides their fragment.
struct Pool {
    agents: Vec<String>,
    cookies: Vec<String>,
}

impl Pool {
    /// The headers of a client, varying with `n`.
    fn client(&self, n: usize, request: Request) -> Request {
        let pick = |list: &[String], n: usize| list.get(n % list.len().max(1)).cloned().unwrap_or_default();
        let request = request
            .header("Host", "api.example.com")
            .header("User-Agent", &pick(&self.agents, n))
            .header("Accept", "application/json, text/plain, */*")
            .header("Accept-Encoding", "gzip, deflate, br");
        match n % 4 {
            0 => request
                .header("Accept-Language", "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7")
                .header("Sec-CH-UA", "\"Chromium\";v=\"124\", \"Not-A.Brand\";v=\"99\"")
                .header("Sec-Fetch-Mode", "cors")
                .header("Origin", "https://app.example.com")
                .header("Referer", "https://app.example.com/search?q=rock+and+roll&sort=-price#top")
                .header("Cookie", &pick(&self.cookies, n / 4)),
            1 => request.header(
                "Authorization",
                "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiIsImV4cCI6MTcxNDU1MDQwMH0.c2lnbmF0dXJl",
            ),
            2 => request
                .header("X-Request-Id", "5b8efff7-9803-8103-d269-b633813fc60c")
                .header("Traceparent", "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01")
                .header("If-None-Match", "W/\"686897696a7c876b7e\""),
            _ => request
                .header(
                    "X-Signature",
                    "t=1614308115,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd",
                )
                .header("Cookie", &pick(&self.cookies, n)),
        }
    }

    fn json(&self, n: usize, target: &str, body: &Value) -> Request {
        let request = Request {
            method: "POST".to_owned(),
            target: target.as_bytes().to_vec(),
            body: body.to_string().into_bytes(),
            ..Request::default()
        };
        self.client(n, request).header("Content-Type", "application/json")
    }

    fn get(&self, n: usize, target: String) -> Request {
        let request = Request { method: "GET".to_owned(), target: target.into_bytes(), ..Request::default() };
        self.client(n, request)
    }
}

/// Long text: a field of a body, in the ways that APIs carry it.
const TEXT: &[Template] = &[
    |pool, n, text| {
        pool.json(
            n,
            "/repos/acme/widgets/issues",
            &json!({"title": "It doesn't work", "body": text, "labels": ["bug"]}),
        )
    },
    |pool, n, text| {
        pool.json(
            n,
            "/api/chat.postMessage",
            &json!({"channel": "C012", "text": text, "unfurl_links": false}),
        )
    },
    |pool, n, text| {
        pool.json(
            n,
            "/v3/mail/send",
            &json!({"from": {"email": "a@example.com"}, "content": [{"type": "text/plain", "value": text}]}),
        )
    },
    |pool, n, text| {
        pool.json(n, "/v1/chat/completions", &json!({"model": "m", "messages": [{"role": "user", "content": format!("Please explain:\n\n{text}")}]}))
    },
    |pool, n, text| {
        pool.json(n, "/rest/api/2/issue/WEB-12/comment", &json!({"body": text, "visibility": null}))
    },
    |pool, n, text| {
        let body = format!("comment={}&rating=5&submit=Send", form(text));
        let request = Request {
            method: "POST".to_owned(),
            target: b"/reviews".to_vec(),
            body: body.into_bytes(),
            ..Request::default()
        };
        pool.client(n, request).header("Content-Type", "application/x-www-form-urlencoded")
    },
    |pool, n, text| {
        let body = format!(
            "--x7Yd\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n{text}\r\n--x7Yd\r\nContent-Disposition: form-data; name=\"file\"; filename=\"notes.txt\"\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--x7Yd--\r\n"
        );
        let request = Request {
            method: "POST".to_owned(),
            target: b"/upload".to_vec(),
            body: body.into_bytes(),
            ..Request::default()
        };
        pool.client(n, request).header("Content-Type", "multipart/form-data; boundary=x7Yd")
    },
    |pool, n, text| {
        pool.json(n, "/graphql", &json!({"query": "mutation($b: String!) { addComment(body: $b) { id } }", "variables": {"b": text}}))
    },
    |pool, n, text| {
        pool.json(
            n,
            "/repos/acme/widgets/contents/notes.md",
            &json!({"message": "update notes", "content": STANDARD.encode(text), "encoding": "base64"}),
        )
    },
    |pool, n, text| {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let body =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><note id=\"7\"><text>{escaped}</text></note>");
        let request = Request {
            method: "POST".to_owned(),
            target: b"/xml/notes".to_vec(),
            body: body.into_bytes(),
            ..Request::default()
        };
        pool.client(n, request).header("Content-Type", "application/xml")
    },
];

/// Short text: one line, also in queries and paths.
const LINE: &[Template] = &[
    |pool, n, text| pool.get(n, format!("/search?q={}&page=1", form(text))),
    |pool, n, text| pool.get(n, format!("/v1/items?filter={}&limit=20&sort=-created_at", percent(text))),
    |pool, n, text| pool.json(n, "/v1/query", &json!({"q": text, "size": 10, "from": 0})),
    |pool, n, text| {
        pool.json(n, "/v1/events", &json!({"events": [{"name": "search", "properties": {"term": text}}]}))
    },
    |pool, n, text| {
        let body = format!("q={}&lang=en", form(text));
        let request = Request {
            method: "POST".to_owned(),
            target: b"/search".to_vec(),
            body: body.into_bytes(),
            ..Request::default()
        };
        pool.client(n, request).header("Content-Type", "application/x-www-form-urlencoded")
    },
    |pool, n, text| {
        pool.json(n, "/v1/logs", &json!({"streams": [{"labels": {"app": "web"}, "lines": [text, "ok"]}]}))
    },
    |pool, n, text| {
        pool.json(
            n,
            "/v1/users/42",
            &json!({"display_name": text, "locale": "en_GB", "address": {"street": text}}),
        )
    },
    |pool, n, text| pool.get(n, format!("/search?q={}", form(text))).header("X-Search-Context", "web; v=2"),
];

/// Addresses: as parameters, fields and referrers.
const ADDRESS: &[Template] = &[
    |pool, n, text| pool.get(n, format!("/login?return_to={}", percent(text))),
    |pool, n, text| pool.json(n, "/v1/links", &json!({"url": text, "tags": ["a"]})),
    |pool, n, text| pool.json(n, "/v1/webhooks", &json!({"endpoint": text, "events": ["order.*"]})),
    |pool, n, text| pool.get(n, "/home".to_owned()).header("Referer", text),
    |pool, n, text| {
        pool.json(n, "/v1/posts", &json!({"text": format!("see {text} and tell me"), "links": [text]}))
    },
    |pool, n, text| {
        let body = format!("redirect_uri={}&client_id=abc", percent(text));
        let request = Request {
            method: "POST".to_owned(),
            target: b"/oauth/token".to_vec(),
            body: body.into_bytes(),
            ..Request::default()
        };
        pool.client(n, request).header("Content-Type", "application/x-www-form-urlencoded")
    },
];

/// Whole documents.
const DOCUMENT: &[Template] = &[
    |pool, n, text| raw(pool, n, "/v1/resource", text),
    |pool, n, text| {
        raw(
            pool,
            n + 1,
            "/v2/acme/objects/8f14e45f-ceea-467f-9d3a-6a3f1c2b9e10?expand=items,customer&dry_run=false",
            text,
        )
    },
    |pool, n, text| raw(pool, n + 2, "/api/batch", &format!("[{text},{text}]")),
    |pool, n, text| raw(pool, n + 3, "/hooks/in", &json!({"payload": text}).to_string()),
    |pool, n, text| raw(pool, n + 5, "/hooks/in", &json!({"attachment": STANDARD.encode(text)}).to_string()),
    |pool, n, text| {
        let body = format!("payload={}", form(text));
        let request = Request {
            method: "POST".to_owned(),
            target: b"/slack/actions".to_vec(),
            body: body.into_bytes(),
            ..Request::default()
        };
        pool.client(n, request).header("Content-Type", "application/x-www-form-urlencoded")
    },
];

const GRAPHQL: &[Template] = &[
    |pool, n, text| {
        pool.json(n, "/graphql", &json!({"query": text, "variables": {"q": "rock and roll", "first": 10}}))
    },
    |pool, n, text| pool.get(n, format!("/graphql?query={}", percent(text))),
    |pool, n, text| {
        let request = Request {
            method: "POST".to_owned(),
            target: b"/graphql".to_vec(),
            body: text.as_bytes().to_vec(),
            ..Request::default()
        };
        pool.client(n, request).header("Content-Type", "application/graphql")
    },
];

fn raw(pool: &Pool, n: usize, target: &str, body: &str) -> Request {
    let request = Request {
        method: "PUT".to_owned(),
        target: target.as_bytes().to_vec(),
        body: body.as_bytes().to_vec(),
        ..Request::default()
    };
    pool.client(n, request).header("Content-Type", "application/json; charset=utf-8")
}

fn samples(folder: &Path) -> Vec<Sample> {
    let blocks = |name: &str| fragments(folder, name, "\n%%\n");
    let lines = |name: &str| fragments(folder, name, "\n");
    let pool = Pool { agents: lines("agents.txt"), cookies: lines("cookies.txt") };
    let kinds: [(&str, Vec<String>, &[Template]); 9] = [
        ("prose", blocks("prose.txt"), TEXT),
        ("code", blocks("code.txt"), TEXT),
        ("markdown", blocks("markdown.txt"), TEXT),
        ("html", blocks("html.txt"), TEXT),
        ("search", lines("search.txt"), LINE),
        ("log", lines("logs.txt"), LINE),
        ("url", lines("urls.txt"), ADDRESS),
        ("document", lines("documents.jsonl"), DOCUMENT),
        ("graphql", blocks("graphql.txt"), GRAPHQL),
    ];
    let mut samples = Vec::new();
    for (kind, fragments, templates) in kinds {
        for (i, fragment) in fragments.iter().enumerate() {
            for (t, template) in templates.iter().enumerate() {
                let mut request = template(&pool, i + 3 * t, fragment);
                request.name = format!("{kind}-{i}-{t}");
                samples.push(Sample { request, held_out: i % 3 == 2 });
            }
        }
    }
    samples
}

fn fragments(folder: &Path, name: &str, separator: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| {
        eprintln!("{}: {error}", folder.join(name).display());
        String::new()
    });
    text.split(separator)
        .map(|part| part.trim_matches('\n').to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}
