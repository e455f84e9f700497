//! `bartizan check regex`: which values an expression of a rule matches.
//!
//! Judges as the cloud does when a rule is saved, and matches as nodes do. One word per value, as public testers of this
//! dialect print it: `0` for a match, `FAIL` for none.

use std::io::BufRead;

use bartizan_rules::Pattern;

use crate::{outcome::Failure, output::print_to};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Expression, as in the field `regex` of a rule.
    pattern: String,
}

/// Reads values from standard input, one per line.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let refused = |fault: &dyn std::fmt::Display| Failure::usage(format!("{}: {fault}", args.pattern));
    Pattern::check(&args.pattern).map_err(|fault| refused(&fault))?;
    let pattern = Pattern::compile(&args.pattern).map_err(|fault| refused(&fault))?;
    let mut out = std::io::stdout().lock();
    for value in std::io::stdin().lock().split(b'\n') {
        let value = value.map_err(Failure::fault)?;
        let value = value.strip_suffix(b"\r").unwrap_or(&value);
        if print_to(&mut out, &if pattern.is_match(value) { "0" } else { "FAIL" })?.is_break() {
            break;
        }
    }
    Ok(())
}
