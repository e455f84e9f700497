//! The text form of a filter: a small subset of SQL, read into the same tree that clients may send as JSON.
//!
//! Nothing of the text reaches a database. `NOT` is pushed down to the conditions, so that the tree needs none.

use bartizan_api::ApiError;
use serde_json::{Value, json};

/// Longest text, bytes.
const MAX_LENGTH: usize = 64 << 10;
/// Deepest parentheses. The tree has a limit of its own; this one keeps the parser's stack small.
const MAX_DEPTH: usize = 64;

/// Reads a filter text.
pub(super) fn parse(text: &str) -> Result<Value, ApiError> {
    if text.len() > MAX_LENGTH {
        return Err(fail("is too long", MAX_LENGTH));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, depth: 0 };
    let tree = parser.or(false)?;
    match parser.tokens.first() {
        None => Ok(tree),
        Some(token) => {
            Err(fail(format!("unexpected text at column {}", token.column), text).at_column(token.column))
        }
    }
}

fn fail(error: impl Into<String>, value: impl Into<Value>) -> ApiError {
    ApiError::field("where", error, value)
}

#[derive(Debug, PartialEq)]
enum Kind {
    Word(String),
    Text(String),
    Number(String),
    Sign(&'static str),
}

struct Token {
    kind: Kind,
    /// First character, from 1.
    column: usize,
}

const SIGNS: [&str; 10] = ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ","];

fn tokens(text: &str) -> Result<Vec<Token>, ApiError> {
    let mut tokens = vec![];
    let mut rest = text;
    // Counted from token to token, so that a long text is walked once.
    let (mut column, mut counted) = (1, 0);
    loop {
        rest = rest.trim_start();
        let start = text.len() - rest.len();
        column += text.get(counted..start).map_or(0, |passed| passed.chars().count());
        counted = start;
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let kind = if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            rest = rest.get(sign.len()..).unwrap_or_default();
            Kind::Sign(sign)
        } else if first == '\'' {
            let (literal, after) = literal(rest).ok_or_else(|| {
                fail(format!("a text has no end at column {column}"), Value::Null).at_column(column)
            })?;
            rest = after;
            Kind::Text(literal)
        } else {
            let end =
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c))).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.is_empty() {
                let error = format!("unexpected character at column {column}");
                return Err(fail(error, first.to_string()).at_column(column));
            }
            rest = after;
            let number = word.parse::<i64>().is_ok();
            if number { Kind::Number(word.to_owned()) } else { Kind::Word(word.to_owned()) }
        };
        tokens.push(Token { kind, column });
    }
}

/// A text in single quotes, in which two of them stand for one.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let end = rest.find('\'')?;
        value.push_str(rest.get(..end)?);
        rest = rest.get(end + 1..)?;
        match rest.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Some((value, rest)),
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self, negated: bool) -> Result<Value, ApiError> {
        self.list("OR", if negated { "and" } else { "or" }, |parser| {
            parser.list("AND", if negated { "or" } else { "and" }, |parser| parser.factor(negated))
        })
    }

    fn list(
        &mut self,
        word: &str,
        op: &str,
        mut member: impl FnMut(&mut Self) -> Result<Value, ApiError>,
    ) -> Result<Value, ApiError> {
        let mut members = vec![member(self)?];
        while self.take_word(word) {
            members.push(member(self)?);
        }
        match members.len() {
            1 => Ok(members.pop().unwrap_or_default()),
            _ => Ok(json!({"kind": "group", "op": op, "children": members})),
        }
    }

    fn factor(&mut self, negated: bool) -> Result<Value, ApiError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(fail("nested too deep", Value::Null));
        }
        let factor = if self.take_word("NOT") {
            self.factor(!negated)
        } else if self.take_sign("(") {
            let inner = self.or(negated)?;
            if self.take_sign(")") { Ok(inner) } else { Err(self.unexpected("expected )")) }
        } else {
            self.comparison(negated)
        };
        self.depth -= 1;
        factor
    }

    fn comparison(&mut self, negated: bool) -> Result<Value, ApiError> {
        let Some(Token { kind: Kind::Word(field), column }) = self.tokens.first() else {
            return Err(self.unexpected("expected a field"));
        };
        self.next();
        let condition = |op, values: &[String]| condition(field, op, values, *column);
        if self.take_word("IS") {
            let op = if self.take_word("NOT") != negated { "!=" } else { "=" };
            if !self.take_word("NULL") {
                return Err(self.unexpected("expected NULL"));
            }
            return Ok(condition(op, &["__none__".to_owned()]));
        }
        let not = self.take_word("NOT");
        if self.take_word("IN") {
            let values = self.values()?;
            return Ok(condition(if not == negated { "in" } else { "!=" }, &values));
        }
        if not {
            return Err(self.unexpected("expected IN"));
        }
        let op = match self.tokens.first().map(|token| &token.kind) {
            Some(Kind::Sign("<>" | "!=")) => "!=",
            Some(Kind::Sign(sign @ ("=" | "<" | ">" | "<=" | ">="))) => sign,
            _ => return Err(self.unexpected("expected =, !=, <>, <, >, <=, >=, IN or IS")),
        };
        self.next();
        let op = match (negated, op) {
            (false, op) => op,
            (true, "=") => "!=",
            (true, "!=") => "=",
            (true, "<") => ">=",
            (true, ">") => "<=",
            (true, "<=") => ">",
            (true, _) => "<",
        };
        let value = self.value()?;
        Ok(condition(op, &[value]))
    }

    fn values(&mut self) -> Result<Vec<String>, ApiError> {
        if !self.take_sign("(") {
            return Err(self.unexpected("expected ("));
        }
        let mut values = vec![self.value()?];
        while self.take_sign(",") {
            values.push(self.value()?);
        }
        if self.take_sign(")") { Ok(values) } else { Err(self.unexpected("expected , or )")) }
    }

    fn value(&mut self) -> Result<String, ApiError> {
        let Some(Kind::Text(text) | Kind::Number(text)) = self.tokens.first().map(|token| &token.kind) else {
            return Err(self.unexpected("expected a text in single quotes or a whole number"));
        };
        self.next();
        Ok(text.clone())
    }

    fn next(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.first(), Some(Token { kind: Kind::Word(found), .. }) if found.eq_ignore_ascii_case(word));
        if found {
            self.next();
        }
        found
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found =
            matches!(self.tokens.first(), Some(Token { kind: Kind::Sign(found), .. }) if *found == sign);
        if found {
            self.next();
        }
        found
    }

    fn unexpected(&self, expected: &str) -> ApiError {
        match self.tokens.first() {
            Some(token) => {
                fail(format!("{expected} at column {}", token.column), Value::Null).at_column(token.column)
            }
            None => fail(format!("{expected} at the end"), Value::Null),
        }
    }
}

/// A condition, with the place of its field for what is said of it.
fn condition(field: &str, op: &str, values: &[String], column: usize) -> Value {
    json!({"kind": "condition", "field": field, "op": op, "values": values, "column": column})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn not_moves_to_the_conditions() {
        let tree =
            parse("NOT (attack_type = 'sqli' OR status_code >= 500) AND host IN ('a', 'b''c')").unwrap();
        assert_eq!(
            tree,
            json!({"kind": "group", "op": "and", "children": [
                {"kind": "group", "op": "and", "children": [
                    {"kind": "condition", "field": "attack_type", "op": "!=", "values": ["sqli"], "column": 6},
                    {"kind": "condition", "field": "status_code", "op": "<", "values": ["500"], "column": 30},
                ]},
                {"kind": "condition", "field": "host", "op": "in", "values": ["a", "b'c"], "column": 54},
            ]})
        );
        assert_eq!(parse("country IS NOT NULL").unwrap()["op"], "!=");
        assert_eq!(parse("not country is not null").unwrap()["op"], "=");
        assert_eq!(parse("not ip not in ('1.2.3.4')").unwrap()["op"], "in");
    }

    #[test]
    fn what_is_not_of_the_subset_is_refused() {
        for text in [
            "attack_type",
            "attack_type =",
            "attack_type = sqli",
            "(a = 1",
            "a = 'x",
            "a = 1; DROP TABLE hits",
            "a = 1 -- x",
            "a like 'x'",
            "a = 1 b = 2",
            "a IN ()",
            "1 = 1",
            "a = (SELECT 1)",
            "a = 'x' UNION b = 1",
            "a = \"x\"",
            "/* */ a = 1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&format!("{}a = 1{}", "(".repeat(100), ")".repeat(100))).is_err());
    }

    #[test]
    fn mistakes_are_told_with_the_column_of_what_is_wrong() {
        for (text, column) in [
            ("host = NULL", 8),
            ("status_code = 500.5", 15),
            ("host = host", 8),
            ("host IN ()", 10),
            ("host IN 'a'", 9),
            ("host LIKE 'a'", 6),
            ("host = 'a' AND = 'b'", 16),
            ("(host = 'a'", 0),
            ("host = 'a' host", 12),
            ("host = 'a", 8),
            ("host = ;", 8),
            ("host = 'é' AND = 'b'", 16),
            ("host = '日本' host", 13),
            ("host = 'a' é", 12),
            ("host = 'é' AND ''", 16),
        ] {
            let error = parse(text).unwrap_err().body["where"].clone();
            assert_eq!(error["column"].as_u64().unwrap_or_default(), column, "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[ a-z'()=<>!,0-9_.*é-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
