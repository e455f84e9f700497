//! The filter tree: read, checked, and turned into a filter of rows and conditions on groups
//! (`spec/events.md` section 5.3).

use bartizan_api::ApiError;
use bartizan_events_index::{Filter, Mark, Number, Text};
use serde_json::Value;

use super::{
    fields::{self, Field, Grain, Ops, Place},
    glob::Glob,
    metrics::{self, Metric},
    period::Zone,
    sql,
};
use crate::services::nearest::nearest;

mod value;

pub(super) use value::names_internal;
use value::{address_test, context_test, path_test, search_test, text_test, type_test};

/// Deepest group.
const MAX_DEPTH: usize = 10;
/// Most groups and conditions.
const MAX_NODES: usize = 100;
/// Most values of a condition.
const MAX_VALUES: usize = 1000;

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Equal,
    NotEqual,
    In,
    Greater,
    Less,
    AtLeast,
    AtMost,
}

impl Op {
    fn parse(name: &str) -> Option<Op> {
        Some(match name {
            "=" => Op::Equal,
            "!=" => Op::NotEqual,
            "in" => Op::In,
            // As `!=`, which takes several values, too.
            "not in" => Op::NotEqual,
            ">" => Op::Greater,
            "<" => Op::Less,
            ">=" => Op::AtLeast,
            "<=" => Op::AtMost,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Op::Equal => "=",
            Op::NotEqual => "!=",
            Op::In => "in",
            Op::Greater => ">",
            Op::Less => "<",
            Op::AtLeast => ">=",
            Op::AtMost => "<=",
        }
    }

    /// The numbers that compare so with this one.
    fn range(self, number: i64) -> std::ops::RangeInclusive<i64> {
        match self {
            Op::Equal | Op::NotEqual | Op::In => number..=number,
            Op::Greater => number.saturating_add(1)..=i64::MAX,
            Op::AtLeast => number..=i64::MAX,
            Op::Less => i64::MIN..=number.saturating_sub(1),
            Op::AtMost => i64::MIN..=number,
        }
    }
}

/// A condition on complete groups.
#[derive(Clone, Debug)]
pub(super) enum Having {
    All(Vec<Having>),
    Any(Vec<Having>),
    /// One of the ranges holds the metric, or none does.
    Number {
        metric: &'static Metric,
        ranges: Vec<std::ops::RangeInclusive<i64>>,
        negated: bool,
    },
    /// The status is among the names, or not.
    Status {
        names: Vec<String>,
        negated: bool,
    },
}

/// What a `where` stands for.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    pub(super) rows: Filter,
    pub(super) groups: Vec<Having>,
    /// The mark is asked for, so that marked rows are not hidden.
    pub(super) names_mark: bool,
    /// An internal type is asked for, so that those are not hidden.
    pub(super) names_internal: bool,
}

/// Reads a `where`: a tree, a text, or nothing.
pub(super) fn parse(value: &Value, zone: Zone) -> Result<Conditions, ApiError> {
    let mut reader = Reader { zone, nodes: 0, names_mark: false, names_internal: false };
    let node = match value {
        Value::Null => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(reader.node(&sql::parse(text)?, 1)?),
        Value::Object(map) if map.is_empty() => None,
        tree => Some(reader.node(tree, 1)?),
    };
    let mut conditions = Conditions {
        rows: Filter::All(vec![]),
        groups: vec![],
        names_mark: reader.names_mark,
        names_internal: reader.names_internal,
    };
    if let Some(node) = node {
        let (mut rows, mut groups) = (vec![], vec![]);
        node.split(&mut rows, &mut groups)?;
        conditions.rows = Filter::All(rows);
        conditions.groups = groups;
    }
    Ok(conditions)
}

fn bad(error: impl Into<String>, value: impl Into<Value>) -> ApiError {
    ApiError::field("where", error, value)
}

enum Node {
    Rows(Filter),
    Groups(Having),
    And(Vec<Node>),
    Or(Vec<Node>),
}

impl Node {
    /// Sorts an `and` into what rows decide and what groups decide.
    fn split(self, rows: &mut Vec<Filter>, groups: &mut Vec<Having>) -> Result<(), ApiError> {
        match self {
            Node::Rows(filter) => rows.push(filter),
            Node::Groups(having) => groups.push(having),
            Node::And(children) => {
                for child in children {
                    child.split(rows, groups)?;
                }
            }
            Node::Or(children) => {
                let (mut any_rows, mut any_groups) = (vec![], vec![]);
                for child in children {
                    let (mut of_rows, mut of_groups) = (vec![], vec![]);
                    child.split(&mut of_rows, &mut of_groups)?;
                    if !of_groups.is_empty() && !of_rows.is_empty() {
                        return Err(mixed());
                    }
                    if of_groups.is_empty() {
                        any_rows.push(Filter::All(of_rows));
                    } else {
                        any_groups.push(Having::All(of_groups));
                    }
                }
                match (any_rows.is_empty(), any_groups.is_empty()) {
                    (false, false) => return Err(mixed()),
                    (_, true) => rows.push(Filter::Any(any_rows)),
                    (true, false) => groups.push(Having::Any(any_groups)),
                }
            }
        }
        Ok(())
    }
}

fn mixed() -> ApiError {
    bad("an or group may not mix metrics and fields", Value::Null)
}

struct Reader {
    zone: Zone,
    nodes: usize,
    names_mark: bool,
    names_internal: bool,
}

impl Reader {
    fn node(&mut self, value: &Value, depth: usize) -> Result<Node, ApiError> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(bad("nested deeper than 10 levels", Value::Null));
        }
        if self.nodes > MAX_NODES {
            return Err(bad("more than 100 conditions and groups", Value::Null));
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        match text("kind") {
            Some("condition") => self.condition(value).map_err(|error| {
                // The text form says where it was.
                let column =
                    value.get("column").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
                column.map_or(error.clone(), |column| error.at_column(column))
            }),
            Some("group") => {
                let children = value.get("children").and_then(Value::as_array);
                let children = children.ok_or_else(|| bad("a group needs children", value.clone()))?;
                let children = children
                    .iter()
                    .map(|child| self.node(child, depth + 1))
                    .collect::<Result<Vec<_>, _>>()?;
                match text("op") {
                    // A group without children asks for nothing.
                    Some("and" | "or") if children.is_empty() => Ok(Node::And(vec![])),
                    Some("and") => Ok(Node::And(children)),
                    Some("or") => Ok(Node::Or(children)),
                    _ => Err(bad(
                        "op of a group must be and or or",
                        value.get("op").cloned().unwrap_or_default(),
                    )),
                }
            }
            _ => Err(bad("kind must be condition or group", value.get("kind").cloned().unwrap_or_default())),
        }
    }

    fn condition(&mut self, value: &Value) -> Result<Node, ApiError> {
        let name = value.get("field").and_then(Value::as_str);
        let name = name.ok_or_else(|| bad("a condition needs a field", value.clone()))?;
        let asked = value.get("op").and_then(Value::as_str).unwrap_or_default();
        let op = Op::parse(asked).ok_or_else(|| bad("unknown operator", asked))?;
        let values = values(value)?;
        if let Some(metric) = metrics::find(name) {
            return having(metric, op, &values).map(Node::Groups);
        }
        let field = fields::find(name).ok_or_else(|| {
            let known = fields::FIELDS.iter().map(|field| field.name);
            let known = known.chain(metrics::METRICS.iter().map(|metric| metric.name));
            bad("unknown field", name).did_you_mean(nearest(name, known))
        })?;
        if !field.ops.names().contains(&op.name()) {
            return Err(bad(format!("{name} does not take {}", op.name()), asked));
        }
        if !matches!(op, Op::Equal | Op::NotEqual | Op::In) && values.len() != 1 {
            return Err(bad(format!("{} takes one value", op.name()), values.len()));
        }
        if matches!(field.place, Place::BlockStatus) {
            let names = statuses(&values)?;
            return Ok(Node::Groups(Having::Status { names, negated: op == Op::NotEqual }));
        }
        self.names_mark |= matches!(field.place, Place::Mark);
        self.names_internal |= op != Op::NotEqual
            && matches!(field.place, Place::Type)
            && values.iter().any(|value| names_internal(value));
        let key = key(field, value)?;
        let any = Filter::Any(
            values.iter().map(|value| self.test(field, key, op, value)).collect::<Result<Vec<_>, _>>()?,
        );
        if field.ops == Ops::Search && values.len() != 1 {
            return Err(bad(format!("{name} takes one value"), values.len()));
        }
        Ok(Node::Rows(if op == Op::NotEqual { Filter::Not(Box::new(any)) } else { any }))
    }

    /// Rows that pass for one value, not negated.
    fn test(
        &self,
        field: &'static Field,
        key: Option<&str>,
        op: Op,
        value: &str,
    ) -> Result<Filter, ApiError> {
        if value == "__other__" {
            let known: Vec<String> = field.options().into_iter().map(|(value, _)| value).collect();
            return Ok(match field.place {
                _ if known.is_empty() => Filter::Any(vec![]),
                Place::Type => Filter::text(Text::Kind, move |text| !known.iter().any(|known| known == text)),
                Place::Text(column, _) => Filter::text(column, move |text| {
                    !text.is_empty() && !known.iter().any(|known| known == text)
                }),
                Place::Derived(column, derive) => {
                    Filter::text(column, move |text| derive(text).iter().any(|value| !known.contains(value)))
                }
                _ => Filter::Any(vec![]),
            });
        }
        let none = value == "__none__";
        let glob = (field.ops == Ops::Glob).then(|| Glob::parse(value)).flatten();
        Ok(match field.place {
            Place::Text(column, _) if none => Filter::text(column, str::is_empty),
            Place::Text(column, anywhere) => text_test(column, glob, anywhere, value),
            Place::Path if none => Filter::text(Text::Path, str::is_empty),
            Place::Path => path_test(glob, value),
            // Every hit has an address and a time.
            Place::Address | Place::Time(_) if none => Filter::Any(vec![]),
            Place::Address => address_test(glob, value)?,
            Place::Type => type_test(glob, value),
            Place::Derived(column, derive) if none => {
                Filter::text(column, move |text| derive(text).is_empty())
            }
            Place::Derived(column, derive) => {
                let value = value.to_owned();
                Filter::text(column, move |text| {
                    derive(text).iter().any(|item| match &glob {
                        Some(glob) => glob.matches(item),
                        None => *item == value,
                    })
                })
            }
            Place::Id(column) if none => Filter::number(column, 0..=0),
            Place::Number(_) | Place::Id(_) if none => Filter::Any(vec![]),
            Place::Number(column) | Place::Id(column) => {
                Filter::number(column, op.range(integer(field.name, value)?))
            }
            Place::StatusGroup if none => Filter::number(Number::Status, 0..=99),
            Place::StatusGroup => {
                let hundreds = value.strip_suffix("xx").and_then(|digit| digit.parse::<i64>().ok());
                let hundreds = hundreds.filter(|digit| (1..=5).contains(digit));
                let hundreds = hundreds.ok_or_else(|| bad("must be 1xx to 5xx", value))?;
                Filter::number(Number::Status, hundreds * 100..=hundreds * 100 + 99)
            }
            Place::Mark => {
                let mark = match value {
                    "" | "__none__" => Mark::None,
                    "fp" => Mark::False,
                    "tp" => Mark::True,
                    _ => return Err(bad("mark must be tp, fp or __none__", value)),
                };
                Filter::number(Number::Mark, mark.code()..=mark.code())
            }
            Place::Time(grain) => self.time_test(grain, op, value)?,
            Place::Request => Filter::Requests(vec![value.to_owned()]),
            Place::Search(column) => search_test(column, value)?,
            Place::Context => context_test(key, glob, none, value),
            // Handled before.
            Place::BlockStatus => Filter::All(vec![]),
        })
    }

    fn time_test(&self, grain: Grain, op: Op, value: &str) -> Result<Filter, ApiError> {
        let moment =
            self.zone.parse_moment(value).ok_or_else(|| bad("must be a date or Unix seconds", value))?;
        let start = self.zone.bucket(grain, moment);
        let (first, last) = (start * 1000, self.zone.next(grain, start) * 1000 - 1);
        Ok(Filter::number(
            Number::Time,
            match op {
                Op::Equal | Op::NotEqual | Op::In => first..=last,
                Op::Greater => last + 1..=i64::MAX,
                Op::AtLeast => first..=i64::MAX,
                Op::Less => i64::MIN..=first - 1,
                Op::AtMost => i64::MIN..=last,
            },
        ))
    }
}

fn values(condition: &Value) -> Result<Vec<String>, ApiError> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        other => Err(bad("values must be texts", other.clone())),
    };
    let values = match condition.get("values") {
        Some(Value::Array(values)) => values.iter().map(text).collect::<Result<Vec<_>, _>>()?,
        Some(Value::Null) | None => vec![],
        Some(single) => vec![text(single)?],
    };
    match values.len() {
        0 => Err(bad("a condition needs values", condition.clone())),
        count if count > MAX_VALUES => Err(bad("more than 1000 values", count)),
        _ => Ok(values),
    }
}

/// The key of a condition on a keyed field; none is any. Others have none.
fn key<'a>(field: &Field, condition: &'a Value) -> Result<Option<&'a str>, ApiError> {
    if !matches!(field.place, Place::Context) {
        return Ok(None);
    }
    match condition.get("key") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(key)) => Ok(Some(key.as_str()).filter(|key| !key.is_empty())),
        Some(other) => Err(bad("key must be a text", other.clone())),
    }
}

fn integer(field: &str, value: &str) -> Result<i64, ApiError> {
    value.trim().parse().map_err(|_| bad(format!("{field} takes whole numbers"), value))
}

fn having(metric: &'static Metric, op: Op, values: &[String]) -> Result<Having, ApiError> {
    if metric.name == "status" {
        if !matches!(op, Op::Equal | Op::In) {
            return Err(bad("status takes = and in", op.name()));
        }
        return Ok(Having::Status { names: statuses(values)?, negated: false });
    }
    let numbers = values.iter().map(|value| {
        if metric.is_scalar() {
            return integer(metric.name, value);
        }
        let moment = Zone::parse(None)?.parse_moment(value);
        moment.map(|unix| unix * 1000).ok_or_else(|| bad("must be a date or Unix seconds", value.as_str()))
    });
    let ranges =
        numbers.map(|number| number.map(|number| op.range(number))).collect::<Result<Vec<_>, _>>()?;
    Ok(Having::Number { metric, ranges, negated: op == Op::NotEqual })
}

fn statuses(values: &[String]) -> Result<Vec<String>, ApiError> {
    let known = |name: &&str| ["Blocked", "Partially Blocked", "Monitoring"].contains(name);
    values
        .iter()
        .map(|value| {
            // As rows of the legacy lists call them, too.
            let name = match value.as_str() {
                "blocked" => "Blocked",
                "partially_blocked" => "Partially Blocked",
                "monitored" | "monitoring" => "Monitoring",
                other => other,
            };
            Some(name).filter(known).map(str::to_owned).ok_or_else(|| bad("unknown status", value.as_str()))
        })
        .collect()
}
