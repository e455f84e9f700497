//! Tables as comma-separated values (RFC 4180), safe to open in a spreadsheet.

/// A table being written.
pub struct Table {
    text: String,
}

impl Table {
    /// A table with its header.
    #[must_use]
    pub fn new(header: &[&str]) -> Table {
        let mut table = Table { text: String::new() };
        table.row(header);
        table
    }

    /// Adds a row.
    pub fn row(&mut self, cells: &[&str]) {
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            push(&mut self.text, cell);
        }
        self.text.push_str("\r\n");
    }

    /// The whole text.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }
}

/// A cell that a spreadsheet would take for a formula begins with an apostrophe; quotes only where needed.
fn push(text: &mut String, cell: &str) {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    let quoted = cell.contains(['"', ',', '\r', '\n']);
    if quoted {
        text.push('"');
    }
    if formula {
        text.push('\'');
    }
    text.push_str(&cell.replace('"', "\"\""));
    if quoted {
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        let mut table = Table::new(&["a", "b"]);
        table.row(&["=1+1", "x,\"y\""]);
        table.row(&["-1", "@cmd"]);
        assert_eq!(table.finish(), "a,b\r\n'=1+1,\"x,\"\"y\"\"\"\r\n-1,'@cmd\r\n");
    }
}
