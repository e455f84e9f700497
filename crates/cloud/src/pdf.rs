//! A writer of simple PDF documents (ISO 32000-1): text in two weights, filled rectangles, pages.
//!
//! What reports need and no more, so that no library is needed: A4 pages, the two Helvetica fonts that every reader
//! has, compressed content. Those fonts hold the letters of western Europe; other characters show as `?`.

use std::{fmt::Write as _, io::Write as _};

use flate2::{Compression, write::ZlibEncoder};

/// Width of a page, points.
pub const WIDTH: f64 = 595.0;
/// Height of a page, points.
pub const HEIGHT: f64 = 842.0;

/// A weight of the font.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Helvetica.
    Regular,
    /// Helvetica Bold.
    Bold,
}

/// Red, green, blue, each 0 to 1.
pub type Color = [f64; 3];

/// How text looks.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Size, points.
    pub size: f64,
    /// Weight.
    pub weight: Weight,
    /// Color.
    pub color: Color,
}

/// One page: the operators that draw it. Places are points from the left and from the top.
#[derive(Clone, Debug, Default)]
pub struct Page {
    content: String,
}

impl Page {
    /// Writes a line of text whose baseline begins at (x, y).
    pub fn text(&mut self, x: f64, y: f64, style: Style, text: &str) {
        let [red, green, blue] = style.color;
        let font = match style.weight {
            Weight::Regular => "F1",
            Weight::Bold => "F2",
        };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            self.content,
            "BT {red:.3} {green:.3} {blue:.3} rg /{font} {:.1} Tf {x:.2} {:.2} Td ({}) Tj ET",
            style.size,
            HEIGHT - y,
            literal(text)
        );
    }

    /// Fills a rectangle whose upper left corner is (x, y).
    pub fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, color: Color) {
        let [red, green, blue] = color;
        let _ = writeln!(
            self.content,
            "{red:.3} {green:.3} {blue:.3} rg {x:.2} {:.2} {width:.2} {height:.2} re f",
            HEIGHT - y - height
        );
    }
}

/// The document of these pages.
#[must_use]
pub fn document(title: &str, language: &str, pages: &[Page]) -> Vec<u8> {
    let mut file = File::default();
    let kids: Vec<String> = (0..pages.len()).map(|index| format!("{} 0 R", page_number(index))).collect();
    file.object(1, &format!("<< /Type /Catalog /Pages 2 0 R /Lang ({}) >>", literal(language)));
    file.object(2, &format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()));
    for (number, font) in [(3, "Helvetica"), (4, "Helvetica-Bold")] {
        let text = format!("<< /Type /Font /Subtype /Type1 /BaseFont /{font} /Encoding /WinAnsiEncoding >>");
        file.object(number, &text);
    }
    file.object(5, &format!("<< /Title ({}) /Producer (Bartizan) >>", literal(title)));
    for (index, page) in pages.iter().enumerate() {
        let number = page_number(index);
        let text = format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {} 0 R \
             /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>",
            number + 1
        );
        file.object(number, &text);
        file.stream(number + 1, page.content.as_bytes());
    }
    file.finish()
}

/// The number of the object of a page; its content has the next one.
fn page_number(index: usize) -> usize {
    6 + 2 * index
}

/// A file while it is written. Objects come in the order of their numbers, from 1.
struct File {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl Default for File {
    fn default() -> File {
        // The second line tells programs that the file is not text.
        File { bytes: b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec(), offsets: vec![] }
    }
}

impl File {
    fn object(&mut self, number: usize, text: &str) {
        debug_assert_eq!(number, self.offsets.len() + 1);
        self.offsets.push(self.bytes.len());
        self.bytes.extend_from_slice(format!("{number} 0 obj\n{text}\nendobj\n").as_bytes());
    }

    fn stream(&mut self, number: usize, content: &[u8]) {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        // Writing to memory cannot fail; what is empty is a blank page.
        let packed = encoder.write_all(content).and_then(|()| encoder.finish()).unwrap_or_default();
        debug_assert_eq!(number, self.offsets.len() + 1);
        self.offsets.push(self.bytes.len());
        let head = format!("{number} 0 obj\n<< /Length {} /Filter /FlateDecode >>\nstream\n", packed.len());
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(&packed);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
    }

    fn finish(mut self) -> Vec<u8> {
        let start = self.bytes.len();
        let count = self.offsets.len() + 1;
        let mut end = format!("xref\n0 {count}\n0000000000 65535 f \n");
        for offset in &self.offsets {
            let _ = writeln!(end, "{offset:010} 00000 n ");
        }
        let _ =
            write!(end, "trailer\n<< /Size {count} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{start}\n%%EOF\n");
        self.bytes.extend_from_slice(end.as_bytes());
        self.bytes
    }
}

/// The text as the inside of a literal string, in ASCII.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for character in text.chars() {
        match win_ansi(character) {
            byte @ (b'(' | b')' | b'\\') => {
                literal.push('\\');
                literal.push(char::from(byte));
            }
            byte @ 0x20..=0x7e => literal.push(char::from(byte)),
            byte => {
                let _ = write!(literal, "\\{byte:03o}");
            }
        }
    }
    literal
}

/// The code of a character in Windows code page 1252; `?` for what is not in it.
fn win_ansi(character: char) -> u8 {
    match character {
        '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(character)).unwrap_or(b'?'),
        '\t' | '\n' | '\r' => b' ',
        '€' => 0x80,
        '‚' => 0x82,
        '„' => 0x84,
        '…' => 0x85,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        '™' => 0x99,
        _ => b'?',
    }
}

/// Widths of Helvetica from space to `~`, in thousandths of its size (from the metrics that Adobe publishes).
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// The width of a text, points. Of bold text and of letters outside of ASCII an upper estimate.
#[must_use]
pub fn width(text: &str, style: Style) -> f64 {
    let units: u32 = text.chars().map(|character| u32::from(units_of(character))).sum();
    let bold = if style.weight == Weight::Bold { 1.12 } else { 1.0 };
    f64::from(units) / 1000.0 * style.size * bold
}

fn units_of(character: char) -> u16 {
    let place = usize::from(win_ansi(character)).checked_sub(0x20);
    // The widest letters outside of ASCII are as wide as this.
    place.and_then(|place| WIDTHS.get(place).copied()).unwrap_or(1000)
}

/// As much of a text as fits, with an ellipsis where it was cut.
#[must_use]
pub fn fitted(text: &str, style: Style, room: f64) -> String {
    if width(text, style) <= room {
        return text.to_owned();
    }
    let dots = width("…", style);
    let mut cut = String::new();
    let mut used = dots;
    for character in text.chars() {
        used += width(character.encode_utf8(&mut [0; 4]), style);
        if used > room {
            break;
        }
        cut.push(character);
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { size: 10.0, weight: Weight::Regular, color: [0.0; 3] };

    #[test]
    fn every_object_is_where_the_table_says() {
        let mut page = Page::default();
        page.text(10.0, 10.0, STYLE, "a (b) \\ é – 漢");
        page.rectangle(0.0, 0.0, 5.0, 5.0, [1.0, 0.0, 0.0]);
        let file = document("Title (1)", "en", &[page, Page::default()]);
        let text = String::from_utf8_lossy(&file).into_owned();
        assert!(text.starts_with("%PDF-1.4") && text.ends_with("%%EOF\n"));
        let start: usize =
            text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        let table = std::str::from_utf8(&file[start..]).unwrap();
        let offsets: Vec<usize> =
            table.lines().skip(3).take(9).map(|line| line[..10].parse().unwrap()).collect();
        for (index, offset) in offsets.iter().enumerate() {
            assert!(file[*offset..].starts_with(format!("{} 0 obj", index + 1).as_bytes()), "{index}");
        }
        assert!(text.contains("/Title (Title \\(1\\))") && text.contains("/Count 2"));
    }

    #[test]
    fn text_is_escaped_and_never_breaks_out() {
        assert_eq!(literal("a (b) \\ é – 漢\n)"), "a \\(b\\) \\\\ \\351 \\226 ? \\)");
    }

    #[test]
    fn text_is_cut_to_its_room() {
        let cut = fitted("a long text that does not fit", STYLE, 50.0);
        assert!(cut.ends_with('…') && width(&cut, STYLE) <= 50.0, "{cut}");
        assert_eq!(fitted("short", STYLE, 50.0), "short");
    }
}
