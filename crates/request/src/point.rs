//! Points: the address of one value inside a request, as rules and hits carry it.
//!
//! A [`Point`] is an owned chain of [`Step`]s. On the wire it is a flat JSON array
//! (`["post","json_doc","hash","id"]`); the two-dimensional form (`[["post"],["json_doc"],["hash","id"]]`)
//! is accepted too. During a walk the current chain is a borrowed [`PointPath`];
//! [`Point::selects`] and [`Point::covers`] compare the two without allocating.

use serde::de::Error as _;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::element::{Arity, Element};
use crate::path::{PointPath, StepRef};

/// One step of a point.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// An element that stands alone.
    Simple(Element),
    /// An element with a string key.
    Keyed(Element, Box<str>),
    /// An element with an index.
    Indexed(Element, u32),
}

impl Step {
    /// The element of the step.
    pub const fn element(&self) -> Element {
        match self {
            Step::Simple(element) | Step::Keyed(element, _) | Step::Indexed(element, _) => *element,
        }
    }

    /// The same step, borrowed.
    pub fn as_ref(&self) -> StepRef<'_> {
        match self {
            Step::Simple(element) => StepRef::Simple(*element),
            Step::Keyed(element, key) => StepRef::Keyed(*element, key),
            Step::Indexed(element, index) => StepRef::Indexed(*element, *index),
        }
    }
}

/// The address of a value inside a request. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point(Box<[Step]>);

/// Why a JSON value is not a point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// The chain has no element.
    #[error("a point needs at least one element")]
    Empty,
    /// The value is not an array of elements.
    #[error("a point is a list of elements")]
    NotAList,
    /// There is no such element.
    #[error("unknown point element {0:?}")]
    UnknownElement(String),
    /// A keyed or indexed element is not followed by its key.
    #[error("point element {0} needs a key")]
    MissingKey(Element),
    /// The index of an indexed element is not a small non-negative number.
    #[error("point element {0} needs a numeric index")]
    BadIndex(Element),
    /// An inner list holds more than one element and its key.
    #[error("point element {0} is followed by too many items")]
    TooManyItems(Element),
}

impl Point {
    /// Makes a point of steps.
    ///
    /// # Errors
    /// [`PointError::Empty`] when there are none.
    pub fn new(steps: Vec<Step>) -> Result<Point, PointError> {
        if steps.is_empty() { Err(PointError::Empty) } else { Ok(Point(steps.into_boxed_slice())) }
    }

    /// For chains that are known to have a step.
    pub(crate) fn from_steps(steps: Vec<Step>) -> Point {
        debug_assert!(!steps.is_empty(), "a path has at least its root");
        Point(steps.into_boxed_slice())
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Parses the flat or the two-dimensional JSON form.
    ///
    /// # Errors
    /// A [`PointError`] saying which element does not fit.
    pub fn from_json(value: &Value) -> Result<Point, PointError> {
        let items = value.as_array().ok_or(PointError::NotAList)?;
        let mut steps = Vec::with_capacity(items.len());
        if items.iter().all(Value::is_array) {
            for item in items {
                let inner = item.as_array().ok_or(PointError::NotAList)?;
                let mut rest = inner.iter();
                let step = Self::next_step(&mut rest)?.ok_or(PointError::Empty)?;
                if rest.next().is_some() {
                    return Err(PointError::TooManyItems(step.element()));
                }
                steps.push(step);
            }
        } else {
            let mut rest = items.iter();
            while let Some(step) = Self::next_step(&mut rest)? {
                steps.push(step);
            }
        }
        Point::new(steps)
    }

    fn next_step<'v>(items: &mut impl Iterator<Item = &'v Value>) -> Result<Option<Step>, PointError> {
        let Some(item) = items.next() else { return Ok(None) };
        let name = item.as_str().ok_or(PointError::NotAList)?;
        let element = Element::from_name(name).ok_or_else(|| PointError::UnknownElement(name.to_owned()))?;
        let mut key = || items.next().ok_or(PointError::MissingKey(element));
        Ok(Some(match element.arity() {
            Arity::Simple => Step::Simple(element),
            Arity::Keyed => match key()? {
                Value::String(key) => Step::Keyed(element, key.as_str().into()),
                // Protobuf field numbers arrive as numbers from some clients.
                Value::Number(number) => Step::Keyed(element, number.to_string().into()),
                _ => return Err(PointError::MissingKey(element)),
            },
            Arity::Indexed => {
                let index = match key()? {
                    Value::Number(number) => number.as_u64().and_then(|n| u32::try_from(n).ok()),
                    Value::String(text) => text.parse().ok(),
                    _ => None,
                };
                Step::Indexed(element, index.ok_or(PointError::BadIndex(element))?)
            }
        }))
    }

    /// The two-dimensional JSON form.
    pub fn to_nested(&self) -> Value {
        let steps = self.0.iter().map(|step| match step {
            Step::Simple(element) => vec![Value::from(element.name())],
            Step::Keyed(element, key) => vec![element.name().into(), Value::from(&**key)],
            Step::Indexed(element, index) => vec![element.name().into(), Value::from(*index)],
        });
        Value::Array(steps.map(Value::Array).collect())
    }

    /// The human form used as a hit's parameter: `POST_JSON_DOC_HASH_id_value`.
    pub fn parameter(&self) -> String {
        let mut out = String::new();
        for step in &self.0 {
            out.push_str(&step.element().name().to_ascii_uppercase());
            out.push('_');
            match step {
                Step::Simple(_) => {}
                Step::Keyed(_, key) => {
                    out.push_str(key);
                    out.push('_');
                }
                Step::Indexed(_, index) => {
                    out.push_str(&index.to_string());
                    out.push('_');
                }
            }
        }
        out.push_str("value");
        out
    }

    /// Whether `path` is the very point that this one names, counting equivalent spellings and norms.
    pub fn selects(&self, path: &PointPath<'_>) -> bool {
        path.is_selected_by(&self.0)
    }

    /// Whether `path` is this point or lies below it.
    pub fn covers(&self, path: &PointPath<'_>) -> bool {
        path.ancestors().any(|ancestor| ancestor.is_selected_by(&self.0))
    }

    /// Calls `f` with this point as a borrowed path, to compare points with points.
    pub fn with_path<R>(&self, f: impl FnOnce(&PointPath<'_>) -> R) -> R {
        fn extend<R>(path: &PointPath<'_>, rest: &[Step], f: impl FnOnce(&PointPath<'_>) -> R) -> R {
            match rest.split_first() {
                None => f(path),
                Some((step, rest)) => extend(&path.child(step.as_ref()), rest, f),
            }
        }
        match self.0.split_first() {
            Some((first, rest)) => extend(&PointPath::root(first.as_ref()), rest, f),
            None => f(&PointPath::root(StepRef::Simple(Element::Uri))),
        }
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { " " };
            match step {
                Step::Simple(element) => write!(f, "{separator}{element}")?,
                Step::Keyed(element, key) => write!(f, "{separator}{element} {key}")?,
                Step::Indexed(element, index) => write!(f, "{separator}{element} {index}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for step in &self.0 {
            seq.serialize_element(step.element().name())?;
            match step {
                Step::Simple(_) => {}
                Step::Keyed(_, key) => seq.serialize_element(key)?,
                Step::Indexed(_, index) => seq.serialize_element(index)?,
            }
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Point, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Point::from_json(&value).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
