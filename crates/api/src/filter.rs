//! Filters of list endpoints: one parser, with the differences between endpoint families as options.
//!
//! A filter is an object, or an array of objects meaning OR. All keys of one object must hold, a value may be a
//! scalar or an array (OR), a leading `!` negates. `spec/accounts.md` section 1.4 and `spec/events.md`
//! section 0.2 differ in empty arrays, unknown keys, range ends and masks; a [`Family`] says which holds.
//! The result is typed: the store sees fields it declared and values of the right kind, nothing else.

use std::{borrow::Cow, collections::BTreeSet, net::IpAddr};

use serde_json::{Value, json};

use crate::ApiError;

mod query;
pub use query::{query_to_json, undecodable};

/// Most objects in an OR array.
pub const MAX_CLAUSES: usize = 20;
/// Most keys in one object.
pub const MAX_KEYS: usize = 50;
/// Most values of one key. Ranges, masks and lists become one SQL term each, and databases (SQLite: 1000
/// levels) and the query builder (its stack) only take so many in a row.
pub const MAX_TERMS: usize = 250;
/// Most plain numbers of one key, and exact texts of security events, where they become a single `IN`.
pub const MAX_NUMBERS: usize = 1000;
/// Most values of a whole filter: a query binds each, some more than once, and SQLite binds 32766.
pub const MAX_VALUES: usize = 5000;

/// What kind of values a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers, with ranges.
    Int,
    /// Times: Unix seconds; a flat pair is one range.
    Time,
    /// Exact text.
    Text,
    /// Text with the masks `*` and `?`, then case-insensitive.
    Mask,
    /// True or false.
    Bool,
    /// Addresses: exact, subnet, `a-b`, or a prefix ending in a dot.
    Ip,
    /// Handed over as sent, for endpoints with a grammar of their own.
    Raw,
}

/// A field that a filter may name.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Wire name, without `!`.
    pub name: &'static str,
    /// Kind of its values.
    pub kind: Kind,
    /// Whether `null` asks for IS NULL; otherwise `null` is no condition.
    pub nullable: bool,
    /// Whether each value is looked for by a term of its own, as in lists.
    pub listed: bool,
}

impl Field {
    /// A field that is never null.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Field {
        Field { name, kind, nullable: false, listed: false }
    }

    /// A field that may be null.
    #[must_use]
    pub const fn nullable(name: &'static str, kind: Kind) -> Field {
        Field { name, kind, nullable: true, listed: false }
    }

    /// The same with a term for each value.
    #[must_use]
    pub const fn listed(self) -> Field {
        Field { listed: true, ..self }
    }
}

/// Which dialect of the filter language an endpoint family speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `spec/accounts.md`: an empty array matches nothing, unknown keys are refused, ranges are half-open.
    Accounts,
    /// `spec/events.md`: an empty array is no condition, unknown keys are ignored and reported, ranges closed.
    Events,
    /// `spec/rules.md`: as accounts, but errors are keyed by field and unknown keys are ignored.
    Rules,
}

/// A range with either end open; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First value, or none.
    pub from: Option<i64>,
    /// Last value, or none.
    pub to: Option<i64>,
}

impl Range {
    /// Whether it ends before it begins.
    #[must_use]
    pub fn is_reversed(self) -> bool {
        self.from.zip(self.to).is_some_and(|(from, to)| to < from)
    }
}

/// What is wrong with a range that ends before it begins.
pub const REVERSED: &str = "the range ends before it begins";

/// An address test. IPv4 mapped into IPv6 (`::ffff:192.0.2.1`) is IPv4, and a range holds addresses of its family alone:
/// `::/0` is every IPv6 address and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IpTest {
    /// This address, in canonical text.
    Exact(String),
    /// Addresses between two of one family, both included.
    Between(IpAddr, IpAddr),
    /// Text prefix ending in a dot.
    Prefix(String),
}

impl IpTest {
    /// An address, a subnet, `a-b`, or a prefix ending in a dot.
    #[must_use]
    pub fn parse(text: &str) -> Option<IpTest> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(IpTest::Exact(address.to_canonical().to_string()));
        }
        let of_family = |from: IpAddr, to: IpAddr| {
            let (from, to) = (from.to_canonical(), to.to_canonical());
            (from.is_ipv4() == to.is_ipv4()).then_some(IpTest::Between(from, to))
        };
        if let Ok(net) = text.parse::<ipnet::IpNet>() {
            // A subnet that holds all of IPv4 has its ends beyond, and stays of IPv6.
            return of_family(net.network(), net.broadcast())
                .or(Some(IpTest::Between(net.network(), net.broadcast())));
        }
        if let Some((from, to)) = text.split_once('-')
            && let (Ok(from), Ok(to)) = (from.trim().parse::<IpAddr>(), to.trim().parse::<IpAddr>())
        {
            return of_family(from, to);
        }
        (text.ends_with('.') && text.chars().all(|c| c.is_ascii_digit() || c == '.'))
            .then(|| IpTest::Prefix(text.to_owned()))
    }

    /// Whether an address passes, given in canonical text.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        match self {
            IpTest::Exact(address) => text == address,
            IpTest::Prefix(prefix) => text.starts_with(prefix.as_str()),
            IpTest::Between(from, to) => text.parse::<IpAddr>().is_ok_and(|address| {
                let address = address.to_canonical();
                address.is_ipv4() == from.is_ipv4() && (*from..=*to).contains(&address)
            }),
        }
    }

    /// Whether it is a range that ends before it begins.
    #[must_use]
    pub fn is_reversed(&self) -> bool {
        matches!(self, IpTest::Between(from, to) if to < from)
    }
}

/// What a condition asks of its field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// No row passes (an empty array, in families where that means so).
    Nothing,
    /// IS NULL.
    Null,
    /// One of the values or within one of the ranges.
    Ints(Vec<i64>, Vec<Range>),
    /// One of the texts, exactly.
    Texts(Vec<String>),
    /// One of the masks: `%` and `_` patterns for LIKE, lower case, `\` escapes.
    Masks(Vec<Mask>),
    /// True or false, null counted as false.
    Bool(bool),
    /// One of the address tests.
    Ips(Vec<IpTest>),
    /// All of the conditions, which name fields of their own.
    All(Vec<Condition>),
    /// As sent.
    Raw(Value),
}

/// A text to compare exactly, or a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Exact, case-sensitive.
    Exact(String),
    /// LIKE pattern in lower case, escaped with `\`.
    Like(String),
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Wire name of the field.
    pub field: &'static str,
    /// Whether the row must not pass the test.
    pub negated: bool,
    /// The test.
    pub test: Test,
}

impl Condition {
    /// Whether every row passes: "not one of none".
    fn is_void(&self) -> bool {
        self.negated && self.test == Test::Nothing
    }
}

/// A parsed filter: OR over clauses, AND within one. No clause at all means everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// The alternatives.
    pub clauses: Vec<Vec<Condition>>,
    /// Keys that the endpoint does not know, in families that ignore them.
    pub ignored: Vec<String>,
}

impl Filter {
    /// Parses `value` (`null` and absent are empty) against the fields of an endpoint.
    ///
    /// # Errors
    /// 400 naming the field, in the error form of the family.
    pub fn parse(value: &Value, fields: &[Field], family: Family) -> Result<Filter, ApiError> {
        let objects: Vec<&Value> = match value {
            Value::Null => return Ok(Filter::default()),
            Value::Array(items) => items.iter().collect(),
            other => vec![other],
        };
        if objects.len() > MAX_CLAUSES {
            return Err(refuse(family, "filter", "too many filter objects", Value::from(objects.len())));
        }
        let mut filter = Filter::default();
        let mut values = 0;
        for object in objects {
            let Value::Object(map) = object else {
                return Err(refuse(family, "filter", "filter must be an object", object.clone()));
            };
            if map.len() > MAX_KEYS {
                return Err(refuse(family, "filter", "too many filter fields", Value::from(map.len())));
            }
            let mut clauses = vec![Vec::new()];
            for (key, value) in map {
                values += value.as_array().map_or(1, Vec::len);
                if values > MAX_VALUES {
                    return Err(refuse(family, "filter", "too many values", Value::from(values)));
                }
                let (name, negated) =
                    key.strip_prefix('!').map_or((key.as_str(), false), |name| (name, true));
                match fields.iter().find(|field| field.name == name) {
                    Some(field) => {
                        clauses = with(&clauses, &conditions(field, negated, value, family)?);
                        if clauses.len() > MAX_CLAUSES {
                            return Err(refuse(family, field.name, "too many alternatives", value.clone()));
                        }
                    }
                    None if family == Family::Accounts => {
                        return Err(ApiError::invalid("unknown filter field", key.as_str()));
                    }
                    None => filter.ignored.push(key.clone()),
                }
            }
            filter.clauses.extend(clauses);
        }
        Ok(filter)
    }

    /// The rows of this filter for which these conditions hold in addition.
    #[must_use]
    pub fn and(&self, conditions: &[Condition]) -> Filter {
        let whole = [vec![]];
        let clauses = if self.clauses.is_empty() { whole.as_slice() } else { self.clauses.as_slice() };
        let clauses = clauses.iter().map(|clause| [clause, conditions].concat()).collect();
        Filter { clauses, ignored: self.ignored.clone() }
    }

    /// Whether no condition at all is left: a change must refuse such a filter.
    #[must_use]
    pub fn is_unconstrained(&self) -> bool {
        self.clauses.iter().all(Vec::is_empty) || self.clauses.iter().any(Vec::is_empty)
    }

    /// Reads `field: 0` as no condition, as clients that send zero values mean it.
    pub fn drop_zero(&mut self, field: &str) {
        for clause in &mut self.clauses {
            clause.retain(|condition| {
                condition.field != field || condition.test != Test::Ints(vec![0], vec![])
            });
        }
    }

    /// Refuses a filter with an alternative that asks for nothing but the tenant: a change must name its rows.
    ///
    /// # Errors
    /// 400 `Empty filter`.
    pub fn require_selective(&self, tenant_fields: &[&str]) -> Result<(), ApiError> {
        let selective = |clause: &Vec<Condition>| {
            clause.iter().any(|asked| !tenant_fields.contains(&asked.field) && !asked.is_void())
        };
        if !self.clauses.is_empty() && self.clauses.iter().all(selective) {
            Ok(())
        } else {
            Err(ApiError::empty_filter())
        }
    }

    /// The whole numbers that a non-negated condition on `field` names, over all clauses.
    #[must_use]
    pub fn ints(&self, field: &str) -> Vec<i64> {
        self.conditions(field)
            .filter_map(|condition| match &condition.test {
                Test::Ints(values, _) => Some(values.clone()),
                _ => None,
            })
            .flatten()
            .collect()
    }

    /// Non-negated conditions on a field, over all clauses.
    pub fn conditions<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a Condition> {
        self.clauses.iter().flatten().filter(move |condition| condition.field == field && !condition.negated)
    }
}

fn refuse(family: Family, field: &str, error: &str, value: Value) -> ApiError {
    match family {
        Family::Accounts => ApiError::invalid(format!("{field}: {error}"), value),
        Family::Events | Family::Rules => ApiError::field(field, error, value),
    }
}

/// Alternatives in which one of several conditions holds in addition, or all of them where they say what must not be.
fn with(clauses: &[Vec<Condition>], conditions: &[Condition]) -> Vec<Vec<Condition>> {
    if conditions.iter().all(|condition| condition.negated) || conditions.len() < 2 {
        return clauses.iter().map(|clause| [clause, conditions].concat()).collect();
    }
    let split = |clause: &Vec<Condition>| {
        let one = |condition: &Condition| [clause.as_slice(), std::slice::from_ref(condition)].concat();
        conditions.iter().map(one).collect::<Vec<_>>()
    };
    clauses.iter().flat_map(split).collect()
}

/// The conditions that one key stands for: "absent or one of these" are two.
fn conditions(
    field: &Field,
    negated: bool,
    value: &Value,
    family: Family,
) -> Result<Vec<Condition>, ApiError> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    let some: Vec<Value> = items.iter().filter(|item| !item.is_null()).cloned().collect();
    let is_mixed = !some.is_empty() && some.len() < items.len();
    // In a pair of times null is an open end.
    if !is_mixed || !field.nullable || field.kind == Kind::Time || family != Family::Events {
        return Ok(condition(field, negated, value, family)?.into_iter().collect());
    }
    let absent = condition(field, negated, &Value::Null, family)?;
    let given = condition(field, negated, &Value::Array(some), family)?;
    Ok(absent.into_iter().chain(given).collect())
}

/// The condition that one key stands for; none when the family reads it as no condition.
fn condition(
    field: &Field,
    negated: bool,
    value: &Value,
    family: Family,
) -> Result<Option<Condition>, ApiError> {
    let of = |test| Ok(Some(Condition { field: field.name, negated, test }));
    let count = value.as_array().map_or(1, Vec::len);
    if count > most_values(field, value, family) {
        return Err(refuse(family, field.name, "too many values", Value::from(count)));
    }
    if field.kind == Kind::Raw {
        let nothing =
            value.is_null() || value.as_array().is_some_and(Vec::is_empty) && family == Family::Events;
        return if nothing { Ok(None) } else { of(Test::Raw(value.clone())) };
    }
    let items: Vec<&Value> = match value {
        Value::Null => return if field.nullable { of(Test::Null) } else { Ok(None) },
        Value::Array(items) => items.iter().collect(),
        scalar => vec![scalar],
    };
    if items.is_empty() {
        return if family == Family::Events { Ok(None) } else { of(Test::Nothing) };
    }
    if items.iter().all(|item| item.is_null()) {
        return if field.nullable { of(Test::Null) } else { Ok(None) };
    }
    let bad = |item: &Value, expected: &str| {
        refuse(family, field.name, expected, if item.is_null() { value.clone() } else { item.clone() })
    };
    match field.kind {
        Kind::Int | Kind::Time => ints(field, &items, family).and_then(of),
        Kind::Text => {
            let texts = items.iter().map(|item| text(item).ok_or_else(|| bad(item, "must be a string")));
            of(Test::Texts(texts.collect::<Result<_, _>>()?))
        }
        Kind::Mask => {
            masks(&items).map_err(|item| bad(&item, "must be a string")).and_then(|masks| match masks {
                Some(masks) => of(Test::Masks(masks)),
                None => Ok(None),
            })
        }
        Kind::Bool => {
            let flags = items
                .iter()
                .map(|item| boolean(item).ok_or_else(|| bad(item, "must be true or false")))
                .collect::<Result<BTreeSet<bool>, _>>()?;
            Ok(flag_test(&flags, negated, family).map(|(negated, test)| Condition {
                field: field.name,
                negated,
                test,
            }))
        }
        Kind::Ip => {
            let tests = items.iter().map(|item| {
                let test = item.as_str().and_then(IpTest::parse);
                match test.ok_or_else(|| bad(item, "must be an address or subnet"))? {
                    test if family == Family::Events && test.is_reversed() => Err(bad(item, REVERSED)),
                    test => Ok(test),
                }
            });
            of(Test::Ips(tests.collect::<Result<_, _>>()?))
        }
        Kind::Raw => Ok(None),
    }
}

/// What flags ask for, and whether that is negated; none where it is no condition.
fn flag_test(flags: &BTreeSet<bool>, negated: bool, family: Family) -> Option<(bool, Test)> {
    match (flags.first(), flags.len()) {
        // Clients of events and rules serialise zero values: `"!experimental": false` must not hide rows.
        (Some(false), 1) if negated && family != Family::Accounts => None,
        (Some(flag), 1) => Some((negated, Test::Bool(*flag))),
        // What is not true and, as above, whatever is not false.
        _ if negated && family != Family::Accounts => Some((negated, Test::Bool(true))),
        // Both are everything, said by name: a list that leaves something out unless asked must not.
        _ => Some((!negated, Test::Nothing)),
    }
}

/// How many values a key may have: many where they become one `IN`.
fn most_values(field: &Field, value: &Value, family: Family) -> usize {
    let plain = || value.as_array().is_some_and(|items| items.iter().all(|item| !item.is_array()));
    match field.kind {
        Kind::Raw => MAX_NUMBERS,
        Kind::Int if !field.listed && plain() => MAX_NUMBERS,
        Kind::Text if !field.listed && family == Family::Events => MAX_NUMBERS,
        _ => MAX_TERMS,
    }
}

fn ints(field: &Field, items: &[&Value], family: Family) -> Result<Test, ApiError> {
    let bad = |item: &Value| {
        let sent = if item.is_null() { json!(items) } else { item.clone() };
        refuse(family, field.name, "must be a number", sent)
    };
    let closed = |ends: &[&Value], sent: &Value| {
        let range = range(ends, family == Family::Accounts).ok_or_else(|| bad(sent))?;
        if family == Family::Events && range.is_reversed() {
            return Err(refuse(family, field.name, REVERSED, json!(ends)));
        }
        Ok(range)
    };
    if let (Kind::Time, [from, to]) = (field.kind, items)
        && !from.is_array()
        && !to.is_array()
    {
        return Ok(Test::Ints(vec![], vec![closed(&[from, to], from)?]));
    }
    let (mut values, mut ranges) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Value::Array(ends) => ranges.push(closed(&ends.iter().collect::<Vec<_>>(), item)?),
            scalar => values.push(int(scalar).ok_or_else(|| bad(scalar))?),
        }
    }
    Ok(Test::Ints(values, ranges))
}

fn range(ends: &[&Value], half_open: bool) -> Option<Range> {
    let end = |value: Option<&&Value>| match value {
        None | Some(Value::Null) => Some(None),
        Some(value) => int(value).map(Some),
    };
    if ends.is_empty() || ends.len() > 2 {
        return None;
    }
    let to = end(ends.get(1))?;
    let to = if half_open { to.map(|last| last.saturating_sub(1)) } else { to };
    Some(Range { from: end(ends.first())?, to })
}

/// A whole number, given as one or as a string of digits.
#[must_use]
pub fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A flag: JSON, or words and digits for it.
#[must_use]
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_i64().map(|number| number != 0),
        Value::String(text) => match text.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The masks of a text field; `None` when one of them matches everything. Fails with the offending item.
fn masks(items: &[&Value]) -> Result<Option<Vec<Mask>>, Value> {
    let mut masks = Vec::new();
    for item in items {
        let text = text(item).ok_or_else(|| (*item).clone())?;
        if !text.is_empty() && text.chars().all(|c| c == '*') {
            return Ok(None);
        }
        masks.push(if text.contains(['*', '?']) {
            Mask::Like(like_pattern(&text))
        } else {
            Mask::Exact(text)
        });
    }
    Ok(Some(masks))
}

/// A text as masks and searches compare it, whatever its case. Letters without a single counterpart stay as they are.
#[must_use]
pub fn folded(text: &str) -> Cow<'_, str> {
    // Nearly all texts are ASCII, and searches fold millions of them.
    if text.is_ascii() {
        let is_folded = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        return if is_folded { Cow::Borrowed(text) } else { Cow::Owned(text.to_ascii_lowercase()) };
    }
    Cow::Owned(text.chars().map(folded_char).collect())
}

/// The lower case of a letter if that is one letter, whose upper case is this one.
fn folded_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    only(c.to_lowercase()).filter(|lower| upper_case(*lower) == Some(c)).unwrap_or(c)
}

/// The other letter that [`folded`] makes this one of.
#[must_use]
pub fn upper_case(lower: char) -> Option<char> {
    only(lower.to_uppercase()).filter(|upper| *upper != lower && only(upper.to_lowercase()) == Some(lower))
}

fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

/// A `*`/`?` mask as a lower-case LIKE pattern escaped with `\`.
#[must_use]
pub fn like_pattern(mask: &str) -> String {
    let mut pattern = String::with_capacity(mask.len() + 4);
    for c in folded(mask).chars() {
        match c {
            '*' => pattern.push('%'),
            '?' => pattern.push('_'),
            '%' | '_' | '\\' => pattern.extend(['\\', c]),
            c => pattern.push(c),
        }
    }
    pattern
}

#[cfg(test)]
mod tests;
