//! Answers to refused requests (`spec/node.md` section 2.5).
//!
//! An answer says that the request was refused and under which id, and never why: a probing client learns nothing.
//! What a client sent is escaped before it is shown.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;

use bartizan_api::AttackType;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::config::{Block, BlockCause, Config};
use crate::request_id::RequestId;

/// The configured answers, pages loaded.
#[derive(Debug, Default)]
pub(crate) struct BlockAnswers {
    rules: Vec<Block>,
    pages: HashMap<PathBuf, String>,
}

/// How the client wants to hear it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Grpc,
    Html,
    Json,
}

/// A refused request, as far as its answer is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) cause: BlockCause,
    pub(crate) attack_type: Option<AttackType>,
    /// The status, where a rule says it.
    pub(crate) status: Option<u16>,
    pub(crate) form: Form,
    pub(crate) request_id: RequestId,
    pub(crate) client: IpAddr,
    pub(crate) host: &'a str,
}

impl BlockAnswers {
    /// Loads the pages that the configuration names.
    pub(crate) fn load(config: &Config) -> std::io::Result<BlockAnswers> {
        let mut pages = HashMap::new();
        for path in config.block.iter().filter_map(|block| block.page.as_ref()) {
            let text = std::fs::read_to_string(path)
                .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            pages.insert(path.clone(), text);
        }
        Ok(BlockAnswers { rules: config.block.clone(), pages })
    }

    fn rule(&self, refusal: &Refusal<'_>) -> Option<&Block> {
        self.rules.iter().find(|rule| {
            rule.cause == refusal.cause
                && (rule.attack_types.is_empty()
                    || refusal.attack_type.is_some_and(|found| rule.attack_types.contains(&found)))
        })
    }

    /// The answer and its body.
    pub(crate) fn render(&self, refusal: &Refusal<'_>) -> Response<Bytes> {
        let rule = self.rule(refusal);
        let status = refusal.status.or(rule.map(|rule| rule.status));
        let status = status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::FORBIDDEN);
        if refusal.form == Form::Grpc {
            return grpc_refusal(refusal.request_id);
        }
        if let Some(target) = rule.and_then(|rule| rule.redirect.as_deref()) {
            return redirect(target, refusal.request_id);
        }
        let (content_type, body) =
            match (refusal.form, rule.and_then(|rule| self.pages.get(rule.page.as_ref()?))) {
                (_, Some(page)) => ("text/html; charset=utf-8", fill(page, refusal, status)),
                (Form::Json, None) => (
                    "application/json",
                    format!("{{\"error\":\"blocked\",\"request_id\":\"{}\"}}", refusal.request_id),
                ),
                (_, None) => ("text/html; charset=utf-8", fill(PAGE, refusal, status)),
            };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("x-request-id", refusal.request_id.header_value());
        response
    }
}

fn redirect(target: &str, request_id: RequestId) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(location) = HeaderValue::from_str(target) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().insert("x-request-id", request_id.header_value());
    response
}

/// gRPC carries its verdict in trailers; with an empty body they may stand in the head.
fn grpc_refusal(request_id: RequestId) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from_static("7"));
    headers.insert("grpc-message", HeaderValue::from_static("blocked"));
    headers.insert("x-request-id", request_id.header_value());
    response
}

fn fill(page: &str, refusal: &Refusal<'_>, status: StatusCode) -> String {
    let mut out = String::with_capacity(page.len() + 128);
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            continue;
        };
        match name {
            "remote_addr" => push_escaped(&mut out, &refusal.client.to_string()),
            "request_id" => push_escaped(&mut out, refusal.request_id.as_str()),
            "host" => push_escaped(&mut out, refusal.host),
            "status" => push_escaped(&mut out, status.as_str()),
            "time_iso8601" => push_escaped(&mut out, &crate::clock::iso8601(crate::clock::unix_seconds())),
            other => {
                let _ = write!(out, "${{{other}}}");
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Request blocked</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; min-height: 100vh; display: grid; place-items: center;
  background: #f5f6f8; color: #1c2430; }
main { max-width: 34rem; padding: 2.5rem; background: #fff; border-radius: 12px; box-shadow: 0 2px 24px #0001; }
h1 { font-size: 1.4rem; margin: 0 0 .75rem; }
code { font-size: .9rem; background: #eef0f4; padding: .15rem .4rem; border-radius: 4px; }
@media (prefers-color-scheme: dark) { body { background: #12161c; color: #e6e9ee; } main { background: #1b2129; }
  code { background: #2a323d; } }
</style>
</head>
<body>
<main>
<h1>This request was blocked</h1>
<p>A security policy refused it. If you think that this is a mistake, contact the site's owner and give this id:</p>
<p><code>${request_id}</code></p>
</main>
</body>
</html>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(form: Form, host: &str) -> Refusal<'_> {
        Refusal {
            status: None,
            cause: BlockCause::Attack,
            attack_type: Some(AttackType::Sqli),
            form,
            request_id: RequestId::from_parts(1, 2),
            client: "192.0.2.1".parse().unwrap(),
            host,
        }
    }

    fn text(response: &Response<Bytes>) -> String {
        String::from_utf8(response.body().to_vec()).unwrap()
    }

    #[test]
    fn built_in_page_shows_the_id_and_nothing_of_the_reason() {
        let response = BlockAnswers::default().render(&refusal(Form::Html, "shop"));
        assert_eq!(response.status(), 403);
        assert!(text(&response).contains("00000000000000010000000000000002"));
        assert!(!text(&response).contains("sqli"));
        assert_eq!(response.headers()["x-request-id"], "00000000000000010000000000000002");
    }

    #[test]
    fn json_and_grpc_clients_are_answered_in_their_language() {
        let json = BlockAnswers::default().render(&refusal(Form::Json, "shop"));
        assert_eq!(text(&json), r#"{"error":"blocked","request_id":"00000000000000010000000000000002"}"#);
        let grpc = BlockAnswers::default().render(&refusal(Form::Grpc, "shop"));
        assert_eq!(
            (grpc.status().as_u16(), &grpc.headers()["grpc-status"]),
            (200, &HeaderValue::from_static("7"))
        );
    }

    #[test]
    fn configured_page_is_filled_and_escaped() {
        let dir = tempfile::tempdir().unwrap();
        let page = dir.path().join("page.html");
        std::fs::write(&page, "${host} ${status} ${unknown} ${").unwrap();
        let config: Config = toml::from_str(&format!(
            "[[block]]\nattack_types = [\"xss\"]\nstatus = 500\n[[block]]\nstatus = 451\npage = {page:?}\n"
        ))
        .unwrap();
        let response = BlockAnswers::load(&config).unwrap().render(&refusal(Form::Html, "<b>'\"&"));
        assert_eq!(response.status(), 451);
        assert_eq!(text(&response), "&lt;b&gt;&#39;&quot;&amp; 451 ${unknown} ${");
    }
}
