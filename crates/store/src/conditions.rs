//! Typed filters of the API as SQL conditions. Values are always bound, never spliced into text.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use bartizan_api::filter::{Condition as Asked, Filter, IpTest, Mask, Range, Test, folded, upper_case};
use sea_orm::{
    Condition,
    sea_query::{Expr, ExprTrait, Func, LikeExpr, SimpleExpr},
};

/// Where a filter field lives.
#[derive(Clone, Debug)]
pub enum Place {
    /// A column, compared as such.
    Column(&'static str),
    /// A text column holding `,a,b,`: a value matches when it is among them.
    CommaList(&'static str),
    /// A pair of columns: address text, and its 32 hex digits for ranges.
    Address(&'static str, &'static str),
    /// A text column that holds lower case; the value asked for is folded first.
    Folded(&'static str),
    /// A JSON column holding an array of strings: a value matches when it is among them.
    JsonList(&'static str),
    /// Text columns, any of which may contain the text asked for, whatever the case.
    Search(&'static [&'static str]),
    /// A text column whose null stands for a word.
    Or(&'static str, &'static str),
    /// A text column whose null stands for another column.
    OrColumn(&'static str, &'static str),
    /// The same value in every row, because nothing sets another yet; none is null.
    Constant(Option<&'static str>),
    /// Handled by the caller: left out here.
    Elsewhere,
}

/// The condition that a filter stands for. `place` maps a wire field to its column.
pub fn filter_condition(filter: &Filter, place: impl Fn(&str) -> Place) -> Condition {
    if filter.clauses.is_empty() {
        return Condition::all();
    }
    filter.clauses.iter().fold(Condition::any(), |any, clause| {
        any.add(clause.iter().fold(always(), |all, asked| match test(&place(asked.field), asked) {
            Some(condition) => all.add(condition),
            None => all,
        }))
    })
}

/// A conjunction that is true while empty. (An empty `Condition::all()` inside `any()` would vanish.)
fn always() -> Condition {
    Condition::all().add(Expr::val(1).eq(1))
}

/// What one condition of a filter stands for; none for [`Place::Elsewhere`].
#[must_use]
pub fn test(place: &Place, asked: &Asked) -> Option<Condition> {
    let tests: Vec<SimpleExpr> = match place {
        Place::Elsewhere => return None,
        Place::Column(column) => column_tests(column, &asked.test),
        Place::CommaList(column) => list_tests(column, &asked.test),
        Place::Address(text, key) => address_tests(text, key, &asked.test),
        Place::Folded(column) => column_tests(column, &lower_case(&asked.test)),
        Place::JsonList(column) => json_list_tests(column, &asked.test),
        Place::Search(columns) => search_tests(columns, &asked.test),
        Place::Or(column, word) => coalesced_tests([Expr::col(*column), Expr::val(*word)], &asked.test),
        Place::OrColumn(column, other) => {
            coalesced_tests([Expr::col(*column), Expr::col(*other)], &asked.test)
        }
        Place::Constant(value) => vec![Expr::val(i32::from(constant_passes(*value, &asked.test))).eq(1)],
    };
    let any = if tests.is_empty() { Condition::any().add(Expr::val(1).eq(0)) } else { any_of(tests) };
    Some(if asked.negated { negate(place, &asked.test, any) } else { any })
}

/// Tests of one chain of OR. SQLite takes expressions of a thousand levels, and in a chain each test is one.
const CHAIN: usize = 100;

/// Any of the tests, a long list in several chains.
fn any_of(tests: Vec<SimpleExpr>) -> Condition {
    if tests.len() <= CHAIN {
        return tests.into_iter().fold(Condition::any(), Condition::add);
    }
    let chain = |tests: &[SimpleExpr]| tests.iter().cloned().fold(Condition::any(), Condition::add);
    tests.chunks(CHAIN).map(chain).fold(Condition::any(), Condition::add)
}

/// NOT, with rows whose column is null on the passing side, unless null is what was asked about.
fn negate(place: &Place, test: &Test, condition: Condition) -> Condition {
    let negated = Condition::any().add(condition.not());
    match place {
        Place::Column(column) | Place::CommaList(column) | Place::Address(column, _)
            if *test != Test::Null =>
        {
            negated.add(Expr::col(*column).is_null())
        }
        _ => negated,
    }
}

fn coalesced_tests(values: [SimpleExpr; 2], test: &Test) -> Vec<SimpleExpr> {
    let Test::Texts(texts) = test else { return vec![] };
    let value: SimpleExpr = Func::coalesce(values).into();
    vec![value.is_in(texts.iter().cloned())]
}

fn constant_passes(value: Option<&str>, test: &Test) -> bool {
    match test {
        Test::Null | Test::Bool(false) => value.is_none(),
        Test::Texts(texts) => value.is_some_and(|value| texts.iter().any(|text| text == value)),
        _ => false,
    }
}

fn column_tests(column: &'static str, test: &Test) -> Vec<SimpleExpr> {
    let col = || Expr::col(column);
    match test {
        Test::Nothing | Test::All(_) | Test::Raw(_) => vec![],
        Test::Null => vec![col().is_null()],
        Test::Ints(values, ranges) => {
            let mut tests: Vec<SimpleExpr> = ranges.iter().map(|range| range_test(column, *range)).collect();
            if !values.is_empty() {
                tests.push(col().is_in(values.iter().copied()));
            }
            tests
        }
        Test::Texts(texts) => vec![col().is_in(texts.iter().cloned())],
        Test::Masks(masks) => masks.iter().map(|mask| mask_test(column, mask)).collect(),
        Test::Bool(true) => vec![col().eq(true)],
        Test::Bool(false) => vec![col().eq(false), col().is_null()],
        Test::Ips(tests) => tests.iter().map(|test| address_test(column, column, test)).collect(),
    }
}

fn list_tests(column: &'static str, test: &Test) -> Vec<SimpleExpr> {
    let holds = |text: &str| {
        // SQLite compares without case here anyway.
        let text = text.to_ascii_lowercase();
        let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let list = SimpleExpr::from(Func::lower(Expr::col(column)));
        list.like(LikeExpr::new(format!("%,{escaped},%")).escape('\\'))
    };
    match test {
        Test::Null => vec![Expr::col(column).eq("")],
        Test::Ints(values, _) => values.iter().map(|value| holds(&value.to_string())).collect(),
        Test::Texts(texts) => texts.iter().map(|text| holds(text)).collect(),
        // "has any", as booleans ask it of lists.
        Test::Bool(true) => vec![Expr::col(column).ne("")],
        Test::Bool(false) => vec![Expr::col(column).eq("")],
        Test::Nothing | Test::Masks(_) | Test::Ips(_) | Test::All(_) | Test::Raw(_) => vec![],
    }
}

fn lower_case(test: &Test) -> Test {
    match test {
        Test::Texts(texts) => Test::Texts(texts.iter().map(|text| text.to_lowercase()).collect()),
        other => other.clone(),
    }
}

/// JSON is stored as text by both databases, compact and with plain ASCII names.
fn json_list_tests(column: &'static str, test: &Test) -> Vec<SimpleExpr> {
    let Test::Texts(texts) = test else { return vec![] };
    let holds = |text: &String| contains(Expr::col(column).cast_as("text"), &format!("\"{text}\""));
    texts.iter().map(holds).collect()
}

fn search_tests(columns: &'static [&'static str], test: &Test) -> Vec<SimpleExpr> {
    let Test::Texts(texts) = test else { return vec![] };
    let tests = texts.iter().flat_map(|text| {
        let word = folded(text);
        columns
            .iter()
            .map(move |column| contains(folded_as(Expr::col(*column).cast_as("text"), &word), &word))
    });
    tests.collect()
}

/// Most different letters beyond ASCII that a column is folded for: each nests the expression once more, and the parser of
/// SQLite only takes so many levels. More of them are found in lower case only.
const MAX_FOLDED: usize = 16;

/// A text folded as far as a folded pattern can tell: both databases fold ASCII, and other letters only by name.
fn folded_as(column: SimpleExpr, pattern: &str) -> SimpleExpr {
    let letters: BTreeSet<char> = pattern.chars().filter(|c| !c.is_ascii()).collect();
    let pairs = letters.into_iter().filter_map(|lower| Some((upper_case(lower)?, lower)));
    pairs.take(MAX_FOLDED).fold(Func::lower(column).into(), |column, (upper, lower)| {
        // Letters, so nothing to bind: databases bind only so many values.
        let letter = |letter: char| Expr::cust(format!("'{letter}'"));
        Func::cust("REPLACE").args([column, letter(upper), letter(lower)]).into()
    })
}

fn contains(expression: SimpleExpr, text: &str) -> SimpleExpr {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    expression.like(LikeExpr::new(format!("%{escaped}%")).escape('\\'))
}

fn address_tests(text: &'static str, key: &'static str, test: &Test) -> Vec<SimpleExpr> {
    match test {
        Test::Ips(tests) => tests.iter().map(|test| address_test(text, key, test)).collect(),
        other => column_tests(text, other),
    }
}

fn address_test(text: &'static str, key: &'static str, test: &IpTest) -> SimpleExpr {
    match test {
        IpTest::Exact(address) => Expr::col(text).eq(address.clone()),
        IpTest::Between(from, to) => {
            let within = Expr::col(key).between(address_key(*from), address_key(*to));
            let (first, last) = (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::BROADCAST.into());
            if from.is_ipv4() || *to < mapped(first) || *from > mapped(last) {
                return within;
            }
            within.and(Expr::col(key).between(address_key(first), address_key(last)).not())
        }
        IpTest::Prefix(prefix) => Expr::col(text).like(format!("{prefix}%")),
    }
}

fn range_test(column: &'static str, range: Range) -> SimpleExpr {
    let col = || Expr::col(column);
    match (range.from, range.to) {
        (Some(from), Some(to)) => col().between(from, to),
        (Some(from), None) => col().gte(from),
        (None, Some(to)) => col().lte(to),
        (None, None) => col().is_not_null(),
    }
}

fn mask_test(column: &'static str, mask: &Mask) -> SimpleExpr {
    match mask {
        Mask::Exact(text) => Expr::col(column).eq(text.clone()),
        Mask::Like(pattern) => {
            folded_as(Expr::col(column), pattern).like(LikeExpr::new(pattern.clone()).escape('\\'))
        }
    }
}

/// An address as 32 hex digits in network order (IPv4 mapped into IPv6), so that text order is address order.
#[must_use]
pub fn address_key(address: IpAddr) -> String {
    let v6 = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    format!("{:032x}", u128::from(v6))
}

/// The place of an IPv4 address within IPv6.
fn mapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V6(v4.to_ipv6_mapped()),
        v6 @ IpAddr::V6(_) => v6,
    }
}
