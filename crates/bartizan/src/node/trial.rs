//! `bartizan node test-request`: what the running node makes of a request in a file.

use std::{fmt::Write as _, io::Read as _, path::PathBuf};

use bartizan_node::control::ControlRequest;
use clap::Parser;
use serde_json::Value;

use crate::outcome::Failure;

#[derive(Parser)]
pub(crate) struct Args {
    /// File with an HTTP/1.1 request: request line, headers, an empty line, the body; `-` is standard input.
    file: PathBuf,
    /// Address that the request comes from; loopback otherwise.
    #[arg(long)]
    client: Option<std::net::IpAddr>,
    /// Take it as received over TLS.
    #[arg(long)]
    secure: bool,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) async fn run(&self, state_dir: &std::path::Path) -> Result<String, Failure> {
        let mut text = Vec::new();
        let read = if self.file.as_os_str() == "-" {
            std::io::stdin().read_to_end(&mut text).map(drop)
        } else {
            std::fs::read(&self.file).map(|bytes| text = bytes)
        };
        read.map_err(|error| Failure::usage(format!("{}: {error}", self.file.display())))?;
        let request = ControlRequest::TestRequest { text, client: self.client, secure: self.secure };
        let answer = super::ask(state_dir, request).await?;
        if self.json {
            return serde_json::to_string_pretty(&answer).map_err(Failure::fault);
        }
        Ok(readable(&answer))
    }
}

/// The answer for a person.
fn readable(answer: &Value) -> String {
    let mut out = String::new();
    for name in ["request", "host", "client", "application", "upstream", "ruleset", "mode", "api_abuse"] {
        if let Some(value) = answer.get(name).filter(|value| !value.is_null()) {
            let _ = writeln!(out, "{name:<12} {}", plain(value));
        }
    }
    for (title, lines) in [
        ("points", lines(answer, "points", point_line)),
        ("findings", lines(answer, "findings", finding_line)),
    ] {
        let _ = writeln!(out, "\n{title}");
        for line in &lines {
            let _ = writeln!(out, "  {line}");
        }
        if lines.is_empty() {
            let _ = writeln!(out, "  none");
        }
    }
    let mut reasons = Vec::new();
    for name in ["cause", "attack_type", "status"] {
        reasons.extend(answer.get(name).filter(|value| !value.is_null()).map(plain));
    }
    if answer.get("inspected") == Some(&Value::Bool(false)) {
        reasons.push("not inspected".to_owned());
    }
    let verdict = answer.get("verdict").map(plain).unwrap_or_default();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    let _ = write!(out, "\nverdict      {verdict}{reasons}");
    out
}

fn lines(answer: &Value, name: &str, line: fn(&Value) -> String) -> Vec<String> {
    answer.get(name).and_then(Value::as_array).into_iter().flatten().map(line).collect()
}

fn point_line(entry: &Value) -> String {
    format!("{} = {}", point(entry), quoted(entry))
}

fn finding_line(entry: &Value) -> String {
    let kind = entry.get("attack_type").map(plain).unwrap_or_default();
    let numbers = |name: &str| {
        let list = entry.get(name).and_then(Value::as_array).filter(|list| !list.is_empty());
        list.map(|list| format!("  {name} {}", list.iter().map(plain).collect::<Vec<_>>().join(" ")))
    };
    let extras: String = ["stamps", "regex"].iter().filter_map(|name| numbers(name)).collect();
    format!("{kind} at {} = {}{extras}", point(entry), quoted(entry))
}

/// Steps and their names with spaces between.
fn point(entry: &Value) -> String {
    fn words(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Array(steps) => steps.iter().for_each(|step| words(step, out)),
            value => out.push(plain(value)),
        }
    }
    let mut out = Vec::new();
    entry.get("point").into_iter().for_each(|point| words(point, &mut out));
    out.join(" ")
}

fn quoted(entry: &Value) -> String {
    entry.get("value").map_or_else(String::new, Value::to_string)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
