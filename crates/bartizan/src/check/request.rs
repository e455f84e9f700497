//! `bartizan check request`: what detection makes of a request in a file, and why.
//!
//! Works offline, with the detection database of this binary and without rules. What a running node decides, with
//! its ruleset and lists, is asked with `bartizan node test-request`.

use std::{fmt::Write as _, io::Read, path::PathBuf};

use bartizan_detect::{Candidate, Engine, Explanation, Outcome, PointView, explain};
use bartizan_request::{Limits, Message, Origin, RequestPart};

use crate::{outcome::Failure, output::print};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A request as it is on the wire: request line, headers, an empty line, the body; `-` reads standard input.
    file: PathBuf,
    /// Print JSON with every point and every candidate.
    #[arg(long)]
    json: bool,
    /// Also list the signatures that were looked at and did not match.
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let name = args.file.display();
    let unreadable = |error: std::io::Error| Failure::usage(format!("{name} cannot be read: {error}"));
    let wire = if args.file.as_os_str() == "-" {
        let mut wire = Vec::new();
        std::io::stdin().lock().read_to_end(&mut wire).map_err(unreadable)?;
        wire
    } else {
        std::fs::read(&args.file).map_err(unreadable)?
    };
    let request =
        Message::parse(&wire).map_err(|error| Failure::usage(format!("{name} is no request: {error}")))?;
    let explanation = request.with_parts(|parts| explain(&Engine::new(), parts, &Limits::default()));
    if args.json {
        let text = serde_json::to_string_pretty(&explanation).map_err(Failure::fault)?;
        print(text)
    } else {
        print(page(&explanation, args.all).trim_end_matches('\n'))
    }
}

/// The explanation for a reader.
fn page(explanation: &Explanation, all: bool) -> String {
    let mut out = String::new();
    for point in &explanation.points {
        describe(&mut out, point, all);
    }
    out.push('\n');
    if explanation.detections.is_empty() {
        out.push_str("No attack found.\n");
    }
    for detection in &explanation.detections {
        let stamps: Vec<String> = detection.stamps.iter().map(u32::to_string).collect();
        let stamps =
            if stamps.is_empty() { "no stamp".to_owned() } else { format!("stamps {}", stamps.join(", ")) };
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "Attack: {} ({}) at [{}], {stamps}, bytes {}..{} of {:?}{}",
            detection.attack_type,
            detection.subtype,
            detection.point,
            detection.span.start,
            detection.span.end,
            detection.value,
            detection.origin.as_ref().map(sent_at).unwrap_or_default()
        );
    }
    if explanation.stopped {
        out.push_str("A limit ended the inspection before everything was seen.\n");
    }
    if explanation.depth_limited > 0 {
        let _ =
            writeln!(out, "{} values were nested too deep to be decoded further.", explanation.depth_limited);
    }
    out
}

/// Where in the request as it was sent.
fn sent_at(Origin { part, span }: &Origin) -> String {
    let part = match part {
        RequestPart::Target => "target".to_owned(),
        RequestPart::Header(index) => format!("value of header {}", index + 1),
        RequestPart::Body => "body".to_owned(),
    };
    format!("; sent as bytes {}..{} of the {part}", span.start, span.end)
}

fn describe(out: &mut String, point: &PointView, all: bool) {
    let kind = match &point.judgement {
        None if point.role == "parsed" => point.role.to_owned(),
        None => format!("{}, passed by its grammar", point.role),
        Some(judgement) if judgement.plain => format!("{}, plain", point.role),
        Some(judgement) => format!("{}, {}", point.role, judgement.shape),
    };
    let _ = writeln!(out, "[{}] {kind}, {} bytes: {:?}", point.point, point.bytes, point.value);
    let candidates = point.judgement.iter().flat_map(|judgement| &judgement.candidates);
    for candidate in candidates.filter(|candidate| all || is_telling(&candidate.outcome)) {
        let _ = writeln!(out, "    {}", line(candidate));
    }
}

/// Outcomes that a person asks about: found, or nearly so.
fn is_telling(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Fired { .. } | Outcome::Explained { .. })
}

fn line(candidate: &Candidate) -> String {
    let verdict = match &candidate.outcome {
        Outcome::Fired { span, payload } => {
            format!("FIRED on bytes {}..{}: {payload:?}", span.start, span.end)
        }
        Outcome::OtherPlace => "does not apply at this place".to_owned(),
        Outcome::TooFree => "not believed in text this free".to_owned(),
        Outcome::Lacks { bytes } => format!("needs one of {bytes:?}"),
        Outcome::NoMatch => "no match".to_owned(),
        Outcome::Explained { span } => {
            format!("matches bytes {}..{}, explained by what surrounds it", span.start, span.end)
        }
    };
    let form =
        if candidate.form == "as sent" { String::new() } else { format!(" (read as {})", candidate.form) };
    format!(
        "{} {}{form}: {verdict}; opened by {}",
        candidate.stamp,
        candidate.subtype,
        candidate.literals.iter().map(|literal| format!("{literal:?}")).collect::<Vec<_>>().join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(wire: &[u8], all: bool) -> String {
        let request = Message::parse(wire).unwrap();
        page(&request.with_parts(|parts| explain(&Engine::new(), parts, &Limits::default())), all)
    }

    #[test]
    fn an_attack_is_shown_with_its_point_stamp_span_and_gate() {
        let page = page_of(b"GET /search?q=1%27+or+1%3D1--&page=2 HTTP/1.1\nHost: shop.example\n\n", false);
        assert!(
            page.contains("[get q percent] leaf, argument, 11 bytes: \"1' or 1=1--\"")
                || page.contains("[get q] leaf, argument, 11 bytes: \"1' or 1=1--\""),
            "{page}"
        );
        assert!(
            page.contains("2010 sqli_boolean: FIRED on bytes 1..8: \"' or 1=\"; opened by \"'\""),
            "{page}"
        );
        assert!(page.contains("Attack: sqli (sqli_boolean) at [get q"), "{page}");
        let span = ", bytes 1..9 of \"1' or 1=1--\"; sent as bytes 11..23 of the target";
        assert!(page.contains(span), "{page}");
        assert!(page.contains("[get page] leaf, plain, 1 bytes: \"2\""), "{page}");
    }

    #[test]
    fn headers_that_traffic_passes_by_their_grammar_are_shown_as_passed() {
        let wire = b"GET /a HTTP/1.1\nHost: shop.example\nAccept-Language: de-DE,de;q=0.9,on-SELECT\n\n";
        let page = page_of(wire, true);
        assert!(page.contains("[header HOST] leaf, passed by its grammar"), "{page}");
        let line =
            page.lines().position(|line| line.starts_with("[header ACCEPT-LANGUAGE] leaf, passed")).unwrap();
        assert!(!page.lines().nth(line + 1).is_some_and(|line| line.starts_with("    ")), "{page}");
        let broken = page_of(b"GET /a HTTP/1.1\nHost: a'b\n\n", false);
        assert!(broken.contains("[header HOST] leaf, argument"), "{broken}");
    }

    #[test]
    fn a_body_in_chunks_is_read_without_their_sizes() {
        let wire = b"POST /a HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n\
            9\r\nid=1%27+U\r\n12\r\nNION+SELECT+a+FROM\r\n2\r\n+b\r\n0\r\n\r\n";
        let page = page_of(wire, false);
        assert!(page.contains("\"1' UNION SELECT a FROM b\""), "{page}");
        assert!(page.contains("Attack: sqli") && page.contains("of the body"), "{page}");
    }

    #[test]
    fn a_clean_request_says_so_and_shows_refusals_on_demand() {
        let wire = b"POST /a HTTP/1.1\nContent-Type: application/json\n\n{\"name\":\"O'Reilly and sons\"}";
        assert!(page_of(wire, false).ends_with("\nNo attack found.\n"));
        assert!(!page_of(wire, false).contains("no match"));
        assert!(page_of(wire, true).contains("no match; opened by"));
    }
}
