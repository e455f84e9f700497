//! Passwords of login forms in the parts of a request that are reported (`spec/node.md` section 7.6).
//!
//! A field is known by its name. Its value is masked in place where the place is certain; otherwise the whole is.

use bartizan_request::{Element, Point, Step};

use super::MASK;

/// Whether a field of this name holds a password.
pub(super) fn is_password(name: &str) -> bool {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    ["password", "passwd", "passphrase", "passcode", "passwort"].iter().any(|end| name.ends_with(end))
        || matches!(name.as_str(), "pass" | "pwd" | "psw" | "userpass" | "userpwd" | "loginpass")
}

/// Whether a value is such a field or a part of one.
pub(super) fn holds_password(point: &Point) -> bool {
    is_field(point)
        && point.steps().iter().any(|step| matches!(step, Step::Keyed(_, name) if is_password(name)))
}

/// Whether a value may contain the password of the body: the body, or what is not below a field of it.
pub(super) fn may_contain_password(point: &Point) -> bool {
    let is_field = |step: &Step| {
        let containers = [Element::FormUrlencoded, Element::Hash, Element::Multipart, Element::JsonObj];
        matches!(step, Step::Keyed(element, _) if containers.contains(element))
    };
    is_in_body(point) && !point.steps().iter().any(is_field)
}

/// Whether a payload names a field of its own that holds a password: where servers end a field at `;`, the walk does not.
pub(super) fn is_named_in(payload: &str) -> bool {
    payload
        .split([';', '&', '\n'])
        .any(|piece| piece.split_once('=').is_some_and(|(name, _)| is_password(name.trim())))
}

fn is_in_body(point: &Point) -> bool {
    matches!(point.steps().first(), Some(Step::Simple(Element::Post)))
}

fn is_field(point: &Point) -> bool {
    is_in_body(point) || matches!(point.steps().first(), Some(Step::Keyed(Element::Get, _)))
}

/// A body with its passwords masked; `None` when it has none.
pub(super) fn masked(body: &str, content_type: &[u8]) -> Option<String> {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if essence.len() >= 10 && essence.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"))
    {
        return multipart_names(body).any(is_password).then(|| MASK.to_owned());
    }
    if body.trim_start().starts_with(['{', '[']) { masked_json(body) } else { masked_form(body) }
}

/// Whether there may be a password in the part of a body that is not reported, but that a payload may be an excerpt of.
pub(super) fn may_follow(rest: &[u8]) -> bool {
    let names: [&[u8]; 6] = [b"pass", b"Pass", b"PASS", b"pwd", b"Pwd", b"PWD"];
    names.iter().any(|name| memchr::memmem::find(rest, name).is_some())
}

fn multipart_names(body: &str) -> impl Iterator<Item = &str> {
    body.split("name=").skip(1).map(|rest| {
        let rest = rest.strip_prefix('"').unwrap_or(rest);
        rest.split(['"', ';', '\r', '\n']).next().unwrap_or_default()
    })
}

fn masked_form(body: &str) -> Option<String> {
    let mut found = false;
    let pieces: Vec<String> = body
        .split('&')
        .map(|piece| match super::query::masked_piece(piece, &is_password) {
            Some(masked) => {
                found = true;
                masked
            }
            None => piece.to_owned(),
        })
        .collect();
    found.then(|| pieces.join("&"))
}

/// Masks the values of members by their names, however deep. What is cut or no JSON is masked up to where it ends.
fn masked_json(body: &str) -> Option<String> {
    let (mut masked, mut rest, mut found) = (String::with_capacity(body.len()), body, false);
    while let Some(open) = rest.find('"') {
        let end = open + string_length(rest.get(open..).unwrap_or_default());
        let (before, after) = rest.split_at(end.min(rest.len()));
        masked.push_str(before);
        rest = after;
        let literal = before.get(open..).unwrap_or_default();
        let name = serde_json::from_str::<String>(literal).unwrap_or_else(|_| literal.to_owned());
        let value = after.trim_start();
        let Some(value) = value.strip_prefix(':').map(str::trim_start) else { continue };
        if is_password(&name) {
            found = true;
            masked.push_str(":\"");
            masked.push_str(MASK);
            masked.push('"');
            rest = value.get(value_length(value)..).unwrap_or_default();
        }
    }
    masked.push_str(rest);
    found.then_some(masked)
}

/// Bytes of the string literal at the start, quotes included; all there is when it does not end.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Bytes of the value at the start. Of an object or a list, all that is left: a password is neither.
fn value_length(value: &str) -> usize {
    match value.as_bytes().first() {
        Some(b'"') => string_length(value),
        Some(b'{' | b'[') => value.len(),
        _ => value.find([',', '}', ']']).unwrap_or(value.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_known_by_the_names_of_their_fields() {
        for name in
            ["password", "newPassword", "user[password]", "j_password", "confirm-passwd", "pwd", "PASS"]
        {
            assert!(is_password(name), "{name}");
        }
        for name in ["passenger", "compass", "passport", "word", "bypass"] {
            assert!(!is_password(name), "{name}");
        }
    }

    #[test]
    fn a_payload_may_name_a_field_of_its_own() {
        for payload in ["1;password=hunter2' or 1=1--", "1; user[pass] =x", "x' or 1=1\n&pwd=1"] {
            assert!(is_named_in(payload), "{payload}");
        }
        for payload in ["1' or password like 'a%'", "1;passenger=2", "password", "1;drop table users"] {
            assert!(!is_named_in(payload), "{payload}");
        }
    }

    #[test]
    fn values_of_passwords_are_masked_where_they_stand() {
        for (body, wanted) in [
            ("user=a&password=hunter2&b=c", "user=a&password=********&b=c"),
            ("user=a&pass%77ord=hunter2", "user=a&pass%77ord=********"),
            ("a=1;password=hunter2&b=c", "a=********&b=c"),
            (r#"{"user":"a","password":"hun\"ter2","b":1}"#, r#"{"user":"a","password":"********","b":1}"#),
            (r#"{"u":{"pass\u0077ord" : 1234},"b":1}"#, r#"{"u":{"pass\u0077ord":"********"},"b":1}"#),
            (r#"[{"password":["hunter2"]},1]"#, r#"[{"password":"********""#),
            (r#"{"password":"hunt"#, r#"{"password":"********""#),
        ] {
            assert_eq!(masked(body, b"").as_deref(), Some(wanted), "{body}");
        }
        let multipart = "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n--b--";
        assert_eq!(masked(multipart, b"multipart/form-data; boundary=b").as_deref(), Some(MASK));
        for body in ["user=a&q=password", r#"{"q":"password","a":"b"}"#, "", "password"] {
            assert_eq!(masked(body, b""), None, "{body}");
        }
        assert!(may_follow(b"&userPassword=hunter2") && !may_follow(b"a=1&b=2"));
    }
}
