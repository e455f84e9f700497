//! A report as a letter, or a letter with the link to its file.

use std::fmt::Write as _;

use bartizan_store::entity::report;

use super::{
    content::{Content, Ranked, Summary},
    tables::{moment, type_label},
};
use crate::mail::Letter;

/// Rows of a kind in a letter.
const ROWS: usize = 25;

/// Tells where the file of a report is.
pub(super) fn with_link(report: &report::Model, link: &str, to: Vec<String>) -> Letter {
    let text = format!(
        "The report from {} to {} that was asked for is here:\n\n{link}\n\nWhoever holds this link can read it.\n",
        moment(report.time_from),
        moment(report.time_to)
    );
    Letter { to, subject: "Your security report is ready".to_owned(), text, html: None }
}

/// The figures of a summary beside those of the period before: name, now, before.
pub(super) fn figures(now: &Summary, before: &Summary) -> [(&'static str, i64, i64); 7] {
    [
        ("Requests", now.requests, before.requests),
        ("Malicious requests", now.hits, before.hits),
        ("Blocked", now.blocked, before.blocked),
        ("Attacks", now.attacks, before.attacks),
        ("Incidents", now.incidents, before.incidents),
        ("Source addresses", now.sources, before.sources),
        ("Vulnerabilities found", now.vulns, before.vulns),
    ]
}

/// How a figure changed, in words: `+12 %`, `-3 %`, `new`, or nothing to say.
pub(super) fn change(now: i64, before: i64) -> String {
    match (now, before) {
        (0, 0) => String::new(),
        (_, 0) => "new".to_owned(),
        _ => {
            let percent = (i128::from(now) - i128::from(before)) * 100 / i128::from(before);
            format!("{percent:+} %")
        }
    }
}

/// The whole report as a letter to nobody yet.
pub(super) fn whole(content: &Content) -> Letter {
    let period = format!("{} to {}", moment(content.time_from), moment(content.time_to));
    let (mut text, mut html) = (String::new(), String::new());
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "Security report of {}\n{period}\n", content.client);
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Security report</title></head>\
         <body style=\"font-family:sans-serif\"><h1>Security report of {}</h1><p>{period}</p>",
        escaped(&content.client)
    );
    let figures = figures(&content.summary, &content.before);
    let rows = figures.iter().map(|(name, now, before)| {
        vec![(*name).to_owned(), now.to_string(), before.to_string(), change(*now, *before)]
    });
    let mut parts = Parts { text, html };
    parts.table("Summary", &["", "Period", "Before", "Change"], rows.collect());
    let ranked = |values: &[Ranked], label: fn(&str) -> &str| {
        values.iter().map(|one| vec![label(&one.value).to_owned(), one.count.to_string()]).collect::<Vec<_>>()
    };
    parts.table("Attack types", &["Type", "Hits"], ranked(&content.top.types, type_label));
    parts.table("Sources", &["Address", "Hits"], ranked(&content.top.sources, |text| text));
    let attacks = |rows: &[bartizan_api::attack::AttackView]| {
        let row = |row: &bartizan_api::attack::AttackView| {
            vec![
                type_label(&row.kind).to_owned(),
                format!("{}{}", row.domain.as_deref().unwrap_or_default(), row.path),
                row.parameter.clone(),
                row.hits.to_string(),
                row.block_status.clone().unwrap_or_default(),
            ]
        };
        rows.iter().take(ROWS).map(row).collect::<Vec<_>>()
    };
    let columns = ["Type", "Address", "Parameter", "Hits", "Status"];
    parts.table("Incidents", &columns, attacks(&content.incidents));
    parts.table("Top attacks", &columns, attacks(&content.attacks));
    let vulns = content.vulns.iter().take(ROWS).map(|row| {
        let place = format!("{}{}", row.domain, row.path);
        vec![row.wid.clone(), row.threat_level.to_owned(), row.title.clone(), place, row.status.clone()]
    });
    parts.table("Vulnerabilities", &["Id", "Severity", "Title", "Address", "Status"], vulns.collect());
    parts.html.push_str("</body></html>");
    let subject = format!("Security report of {}", content.client.replace(char::is_control, " "));
    Letter { to: vec![], subject, text: parts.text, html: Some(parts.html) }
}

/// The two forms of a letter, written side by side.
struct Parts {
    text: String,
    html: String,
}

impl Parts {
    fn table(&mut self, title: &str, columns: &[&str], rows: Vec<Vec<String>>) {
        let _ = writeln!(self.text, "{title}");
        let _ = write!(self.html, "<h2>{title}</h2>");
        if rows.is_empty() {
            self.text.push_str("  none\n\n");
            self.html.push_str("<p>None.</p>");
            return;
        }
        self.html.push_str("<table cellpadding=\"4\" style=\"border-collapse:collapse\"><tr>");
        for column in columns {
            let _ = write!(self.html, "<th align=\"left\">{column}</th>");
        }
        self.html.push_str("</tr>");
        for row in rows {
            let _ = writeln!(self.text, "  {}", one_line(&row.join("  ")));
            self.html.push_str("<tr>");
            for cell in row {
                let _ = write!(self.html, "<td style=\"border-top:1px solid #ccc\">{}</td>", escaped(&cell));
            }
            self.html.push_str("</tr>");
        }
        self.text.push('\n');
        self.html.push_str("</table>");
    }
}

/// What came with a request cannot start a line of its own.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_words() {
        assert_eq!(change(0, 0), "");
        assert_eq!(change(3, 0), "new");
        assert_eq!(change(0, 4), "-100 %");
        assert_eq!(change(112, 100), "+12 %");
        assert_eq!(change(100, 100), "+0 %");
        assert_eq!(change(i64::MAX, 1), "+922337203685477580600 %");
    }

    #[test]
    fn what_came_with_a_request_is_no_markup() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
        assert_eq!(one_line("a\r\nb"), "a  b");
    }
}
