//! Filters of SCIM: one comparison for equality, which is what identity providers ask before they push.

use super::Refusal;
use bartizan_store::scim::Asked;

/// What a filter asks for. `name` is the attribute that holds the name, in lower case.
///
/// # Errors
/// 400 `invalidFilter` for anything but `attribute eq "value"` of an attribute that can be asked for.
pub fn parse(filter: Option<&str>, name: &str) -> Result<Asked, Refusal> {
    let Some(filter) = filter.map(str::trim).filter(|filter| !filter.is_empty()) else {
        return Ok(Asked::All);
    };
    let refused = || {
        let detail =
            format!("filter must be: {name}, externalId or id, then eq, then a text in quotation marks");
        Refusal::invalid("invalidFilter", detail)
    };
    let (attribute, rest) = filter.split_once(' ').ok_or_else(refused)?;
    let (operator, value) = rest.trim_start().split_once(' ').ok_or_else(refused)?;
    if !operator.eq_ignore_ascii_case("eq") {
        return Err(refused());
    }
    let value: String = serde_json::from_str(value.trim()).map_err(|_| refused())?;
    match attribute.to_ascii_lowercase() {
        attribute if attribute == name.to_ascii_lowercase() => Ok(Asked::Name(value)),
        attribute if attribute == "externalid" => Ok(Asked::ExternalId(value)),
        // What is no number is the id of nothing.
        attribute if attribute == "id" => Ok(Asked::Id(value.parse().unwrap_or(0))),
        _ => Err(refused()),
    }
}

/// The value of `members[value eq "12"]`.
#[must_use]
pub fn member(path: &str) -> Option<String> {
    let inner = path.strip_prefix("members[").or_else(|| path.strip_prefix("Members["))?.strip_suffix(']')?;
    let (attribute, rest) = inner.trim().split_once(' ')?;
    let (operator, value) = rest.trim_start().split_once(' ')?;
    let fits = attribute.eq_ignore_ascii_case("value") && operator.eq_ignore_ascii_case("eq");
    serde_json::from_str(value.trim()).ok().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comparison_is_understood() {
        let asked = |filter: &str| parse(Some(filter), "userName");
        assert_eq!(asked(r#"userName eq "eve@acme.test""#), Ok(Asked::Name("eve@acme.test".to_owned())));
        assert_eq!(asked(r#"USERNAME EQ "a\"b""#), Ok(Asked::Name("a\"b".to_owned())));
        assert_eq!(asked(r#"externalId eq "x y""#), Ok(Asked::ExternalId("x y".to_owned())));
        assert_eq!(asked(r#"id eq "12""#), Ok(Asked::Id(12)));
        assert_eq!((asked(""), parse(None, "userName")), (Ok(Asked::All), Ok(Asked::All)));
        for wrong in [
            "userName",
            "userName eq",
            "userName eq eve",
            "userName sw \"e\"",
            "title eq \"x\"",
            r#"userName eq "a" or id eq "1""#,
        ] {
            assert_eq!(asked(wrong).unwrap_err().kind, Some("invalidFilter"), "{wrong}");
        }
    }

    #[test]
    fn a_member_is_named_by_its_value() {
        assert_eq!(member(r#"members[value eq "12"]"#).as_deref(), Some("12"));
        assert_eq!(member("members"), None);
        assert_eq!(member(r#"members[display eq "12"]"#), None);
    }
}
