//! A report as a PDF: figures first, then how hits came over time, who and what, then rows.

use bartizan_api::{attack::AttackView, vuln::VulnView};

use super::{
    content::{Content, Ranked},
    letter::{change, figures},
    tables::{moment, type_label},
};
use crate::pdf::{self, Color, Page, Style, Weight};

const MARGIN: f64 = 48.0;
const BOTTOM: f64 = pdf::HEIGHT - 56.0;
const ROOM: f64 = pdf::WIDTH - 2.0 * MARGIN;
const LINE: f64 = 14.0;
/// Rows of attacks, of incidents and of vulnerabilities; the other forms hold all.
const ATTACKS: usize = 25;
const ROWS: usize = 200;

const INK: Color = [0.13, 0.15, 0.19];
const FAINT: Color = [0.45, 0.48, 0.53];
const ACCENT: Color = [0.15, 0.39, 0.73];
const SHADE: Color = [0.94, 0.95, 0.97];

const TITLE: Style = Style { size: 20.0, weight: Weight::Bold, color: INK };
const HEADING: Style = Style { size: 13.0, weight: Weight::Bold, color: INK };
const FIGURE: Style = Style { size: 16.0, weight: Weight::Bold, color: INK };
const TEXT: Style = Style { size: 8.5, weight: Weight::Regular, color: INK };
const STRONG: Style = Style { weight: Weight::Bold, ..TEXT };
const SMALL: Style = Style { size: 8.0, weight: Weight::Regular, color: FAINT };

/// A column of a table: title, share of the width.
type Column = (&'static str, f64);

/// The document.
pub(super) fn document(content: &Content) -> Vec<u8> {
    let mut flow = Flow::new();
    flow.head(content);
    flow.figures(content);
    flow.graph(&content.hits_over_time);
    flow.rankings(content);
    let rows: Vec<Vec<String>> = content.incidents.iter().take(ROWS).map(attack_row).collect();
    flow.table("Incidents", &ATTACK_COLUMNS, &rows, content.incidents.len());
    let rows: Vec<Vec<String>> = content.attacks.iter().take(ATTACKS).map(attack_row).collect();
    flow.table("Top attacks", &ATTACK_COLUMNS, &rows, content.attacks.len());
    let rows: Vec<Vec<String>> = content.vulns.iter().take(ROWS).map(vuln_row).collect();
    flow.table("Vulnerabilities", &VULN_COLUMNS, &rows, content.vulns.len());
    flow.finish(content)
}

const ATTACK_COLUMNS: [Column; 6] = [
    ("Type", 0.2),
    ("Address", 0.32),
    ("Parameter", 0.17),
    ("Hits", 0.08),
    ("Status", 0.11),
    ("Last seen", 0.12),
];

fn attack_row(row: &AttackView) -> Vec<String> {
    let status = match row.block_status.as_deref() {
        Some("blocked") => "Blocked",
        Some("monitored") => "Monitoring",
        Some("partially_blocked") => "Partially",
        _ => "",
    };
    vec![
        type_label(&row.kind).to_owned(),
        format!("{}{}", row.domain.as_deref().unwrap_or_default(), row.path),
        row.parameter.clone(),
        row.hits.to_string(),
        status.to_owned(),
        day(row.last_time),
    ]
}

const VULN_COLUMNS: [Column; 6] =
    [("Id", 0.12), ("Severity", 0.1), ("Title", 0.32), ("Address", 0.24), ("Status", 0.1), ("Found", 0.12)];

fn vuln_row(row: &VulnView) -> Vec<String> {
    vec![
        row.wid.clone(),
        row.threat_level.to_owned(),
        row.title.clone(),
        format!("{}{}", row.domain, row.path),
        row.status.clone(),
        day(row.validate_time),
    ]
}

fn day(time: i64) -> String {
    chrono::DateTime::from_timestamp(time, 0).unwrap_or_default().format("%Y-%m-%d").to_string()
}

/// Where the next thing goes.
struct Flow {
    pages: Vec<Page>,
    page: Page,
    y: f64,
}

impl Flow {
    fn new() -> Flow {
        Flow { pages: vec![], page: Page::default(), y: MARGIN }
    }

    /// Begins another page unless this much fits.
    fn need(&mut self, height: f64) {
        if self.y + height > BOTTOM {
            self.pages.push(std::mem::take(&mut self.page));
            self.y = MARGIN;
        }
    }

    fn head(&mut self, content: &Content) {
        self.y += 16.0;
        let title = pdf::fitted(&format!("Security report of {}", content.client), TITLE, ROOM);
        self.page.text(MARGIN, self.y, TITLE, &title);
        self.y += 20.0;
        let period = format!("{} to {}", moment(content.time_from), moment(content.time_to));
        self.page.text(MARGIN, self.y, TEXT, &period);
        self.y += 20.0;
    }

    fn heading(&mut self, text: &str, follows: f64) {
        self.need(30.0 + follows);
        self.y += 24.0;
        self.page.text(MARGIN, self.y, HEADING, text);
        self.y += 10.0;
    }

    /// The figures in two rows of boxes, each with its change against the period before.
    fn figures(&mut self, content: &Content) {
        let open: i64 = content.open_vulns.iter().map(|one| one.count).sum();
        let mut boxes: Vec<(&str, String, String)> = figures(&content.summary, &content.before)
            .into_iter()
            .map(|(name, now, before)| {
                let words = change(now, before);
                let words = if words.is_empty() { words } else { format!("{words} to the period before") };
                (name, grouped(now), words)
            })
            .collect();
        let severities = content.open_vulns.iter().filter(|one| one.count > 0);
        let severities: Vec<String> = severities.map(|one| format!("{} {}", one.count, one.value)).collect();
        boxes.push(("Open vulnerabilities", grouped(open), severities.join(", ")));
        let width = ROOM / 4.0;
        for row in boxes.chunks(4) {
            for ((name, figure, words), place) in row.iter().zip(0u8..) {
                let x = MARGIN + f64::from(place) * width;
                self.page.rectangle(x, self.y, width - 6.0, 52.0, SHADE);
                self.page.text(x + 8.0, self.y + 14.0, SMALL, name);
                self.page.text(x + 8.0, self.y + 33.0, FIGURE, figure);
                let words = pdf::fitted(words, SMALL, width - 20.0);
                self.page.text(x + 8.0, self.y + 46.0, SMALL, &words);
            }
            self.y += 58.0;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "heights of bars need no more digits")]
    fn graph(&mut self, points: &[(i64, i64)]) {
        const HEIGHT: f64 = 90.0;
        let most = points.iter().map(|(_, hits)| *hits).max().unwrap_or(0);
        if most == 0 {
            return;
        }
        self.heading("Malicious requests over time", HEIGHT + 20.0);
        let width = ROOM / points.len() as f64;
        for (index, (_, hits)) in points.iter().enumerate() {
            let height = HEIGHT * (*hits as f64 / most as f64);
            let x = MARGIN + index as f64 * width;
            self.page.rectangle(x, self.y + HEIGHT - height, (width - 2.0).max(1.0), height, ACCENT);
        }
        self.page.rectangle(MARGIN, self.y + HEIGHT, ROOM, 0.5, FAINT);
        let ends = [points.first(), points.last()].map(|point| point.map_or(0, |(start, _)| *start));
        let [first, last] = ends.map(|time| moment(time).replace('T', " ").trim_end_matches('Z').to_owned());
        self.page.text(MARGIN, self.y + HEIGHT + 11.0, SMALL, &first);
        self.page.text(pdf::WIDTH - MARGIN - pdf::width(&last, SMALL), self.y + HEIGHT + 11.0, SMALL, &last);
        let peak = format!("highest bar: {}", grouped(most));
        let middle = (pdf::WIDTH - pdf::width(&peak, SMALL)) / 2.0;
        self.page.text(middle, self.y + HEIGHT + 11.0, SMALL, &peak);
        self.y += HEIGHT + 16.0;
    }

    /// Rankings, two beside each other.
    fn rankings(&mut self, content: &Content) {
        let types: Vec<Ranked> = content
            .top
            .types
            .iter()
            .map(|one| Ranked { value: type_label(&one.value).to_owned(), count: one.count })
            .collect();
        let top = &content.top;
        let lists: [(&str, &[Ranked]); 5] = [
            ("Attack types", &types),
            ("Source addresses", &top.sources),
            ("Hosts", &top.domains),
            ("Paths", &top.paths),
            ("Countries", &top.countries),
        ];
        let shown: Vec<_> = lists.into_iter().filter(|(_, values)| !values.is_empty()).collect();
        for pair in shown.chunks(2) {
            let rows = pair.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
            let height = 44.0 + f64::from(u8::try_from(rows).unwrap_or(u8::MAX)) * LINE;
            self.need(height);
            for ((title, values), place) in pair.iter().zip(0u8..) {
                let x = MARGIN + f64::from(place) * (ROOM / 2.0);
                self.ranking(x, title, values);
            }
            self.y += height;
        }
    }

    fn ranking(&mut self, x: f64, title: &str, values: &[Ranked]) {
        let width = ROOM / 2.0 - 16.0;
        let mut y = self.y + 24.0;
        self.page.text(x, y, HEADING, title);
        y += 6.0;
        for one in values {
            y += LINE;
            let count = grouped(one.count);
            let taken = pdf::width(&count, TEXT);
            self.page.text(x, y, TEXT, &pdf::fitted(&one.value, TEXT, width - taken - 8.0));
            self.page.text(x + width - taken, y, TEXT, &count);
        }
    }

    fn table(&mut self, title: &str, columns: &[Column], rows: &[Vec<String>], all: usize) {
        self.heading(title, 4.0 * LINE);
        if rows.is_empty() {
            self.y += LINE;
            self.page.text(MARGIN, self.y, TEXT, "None in this period.");
            return;
        }
        self.table_head(columns);
        for row in rows {
            if self.y + LINE > BOTTOM {
                self.need(LINE * 2.0);
                self.table_head(columns);
            }
            self.y += LINE;
            let mut x = MARGIN;
            for ((_, share), cell) in columns.iter().zip(row) {
                let text = pdf::fitted(cell, TEXT, share * ROOM - 8.0);
                self.page.text(x + 3.0, self.y, TEXT, &text);
                x += share * ROOM;
            }
        }
        if all > rows.len() {
            self.need(LINE);
            self.y += LINE;
            let text = format!("{} more: see the report as CSV or JSON.", all - rows.len());
            self.page.text(MARGIN + 3.0, self.y, SMALL, &text);
        }
    }

    fn table_head(&mut self, columns: &[Column]) {
        self.page.rectangle(MARGIN, self.y + 3.0, ROOM, LINE, SHADE);
        self.y += LINE;
        let mut x = MARGIN;
        for (title, share) in columns {
            self.page.text(x + 3.0, self.y, STRONG, title);
            x += share * ROOM;
        }
    }

    fn finish(mut self, content: &Content) -> Vec<u8> {
        self.pages.push(self.page);
        let count = self.pages.len();
        let made = format!("Bartizan, {}", moment(content.generated_at));
        for (page, number) in self.pages.iter_mut().zip(1..) {
            page.text(MARGIN, pdf::HEIGHT - 30.0, SMALL, &made);
            let text = format!("{number} of {count}");
            let x = pdf::WIDTH - MARGIN - pdf::width(&text, SMALL);
            page.text(x, pdf::HEIGHT - 30.0, SMALL, &text);
        }
        pdf::document(&format!("Security report of {}", content.client), "en", &self.pages)
    }
}

/// A number with a space between groups of three digits.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        assert_eq!(
            [0, 999, 1000, 1_234_567, -1000].map(grouped),
            ["0", "999", "1 000", "1 234 567", "-1 000"]
        );
    }
}
