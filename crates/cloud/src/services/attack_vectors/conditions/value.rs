//! What one value of a condition asks of a column.

use aho_corasick::AhoCorasick;
use bartizan_api::{
    ApiError, AttackType,
    filter::{IpTest, REVERSED, folded},
};
use bartizan_events_index::{Filter, Text};
use serde_json::Value;

use super::{
    super::{fields, glob::Glob, normal},
    bad,
};

/// Shortest text to look for, characters.
const MIN_SEARCH: usize = 3;

pub(super) fn text_test(column: Text, glob: Option<Glob>, anywhere: bool, value: &str) -> Filter {
    if let Some(glob) = glob {
        return Filter::text(column, move |text| glob.matches(text));
    }
    let value = value.to_owned();
    if anywhere {
        let value = folded(&value).into_owned();
        return Filter::text(column, move |text| folded(text).contains(&value));
    }
    Filter::text(column, move |text| text == value)
}

/// Whether a parameter of this name, or of any, has the value. The contract leaves open how a value without wildcards is
/// compared; it is compared whole, since values may be hashes.
pub(super) fn context_test(key: Option<&str>, glob: Option<Glob>, none: bool, value: &str) -> Filter {
    let (key, value) = (key.map(str::to_owned), value.to_owned());
    Filter::text(Text::Context, move |stored| {
        let mut params = fields::context(stored)
            .into_iter()
            .filter(|(name, _)| key.as_ref().is_none_or(|key| key == name));
        if none {
            return params.all(|(_, value)| value.is_empty());
        }
        params.any(|(_, param)| match &glob {
            Some(glob) => glob.matches(&param),
            None => param == value,
        })
    })
}

/// As it was received, or as the endpoint has it.
pub(super) fn path_test(glob: Option<Glob>, value: &str) -> Filter {
    let value = folded(value).into_owned();
    let passes = move |path: &str| match &glob {
        Some(glob) => glob.matches(path),
        None => folded(path).contains(&value),
    };
    Filter::text(Text::Path, move |path| passes(path) || passes(&normal::path(path)))
}

pub(super) fn address_test(glob: Option<Glob>, value: &str) -> Result<Filter, ApiError> {
    if let Some(glob) = glob {
        return Ok(Filter::text(Text::Ip, move |text| glob.matches(text)));
    }
    // The same as the object endpoints take.
    let test = IpTest::parse(value).ok_or_else(|| bad("must be an address, a network or a mask", value))?;
    if test.is_reversed() {
        return Err(bad(REVERSED, value));
    }
    Ok(Filter::text(Text::Ip, move |ip| test.holds(ip)))
}

/// Whether a value of the attack type stands for types that no list offers.
pub(in crate::services::attack_vectors) fn names_internal(value: &str) -> bool {
    value == "__other__" || AttackType::named(value).into_iter().any(AttackType::is_internal)
}

pub(super) fn type_test(glob: Option<Glob>, value: &str) -> Filter {
    if let Some(glob) = glob {
        return Filter::text(Text::Kind, move |kind| glob.matches(kind));
    }
    // Without wildcards a value is compared exactly; `Enum` is an alias.
    if value != "Enum" && value.chars().any(char::is_uppercase) {
        return Filter::Any(vec![]);
    }
    if let Some(subtype) = AttackType::subtype_named(value) {
        return Filter::text(Text::Subtype, move |text| text == subtype);
    }
    let kinds: Vec<&'static str> = AttackType::named(value).into_iter().map(AttackType::code).collect();
    Filter::text(Text::Kind, move |kind| kinds.contains(&kind))
}

pub(super) fn search_test(column: Text, value: &str) -> Result<Filter, ApiError> {
    if value.chars().count() < MIN_SEARCH {
        return Err(bad("needs at least 3 characters", value));
    }
    if !value.is_ascii() {
        let value = folded(value).into_owned();
        return Ok(Filter::text(column, move |text| folded(text).contains(&value)));
    }
    let searcher = AhoCorasick::builder().ascii_case_insensitive(true).build([value]);
    let searcher = searcher.map_err(|_| bad("is too long", Value::Null))?;
    Ok(Filter::text(column, move |text| searcher.is_match(text)))
}
