//! Forms of a signed-in user that change something and that other sites could send as well.
//!
//! Decided by one page, so in doubt nothing is told: a hidden field that may be a token, a page that speaks of tokens
//! anywhere, a cookie that browsers keep from other sites, searches and sign-in forms are all passed by.

use super::{Asked, Proof, ResponseParts, reflection};

/// Most forms of a page that are looked at.
const MAX_FORMS: usize = 32;
/// Hidden values from this length on may be tokens.
const TOKEN: usize = 16;
/// Names of cookies by which applications know who is signed in, in lower case.
const SESSIONS: [&[u8]; 6] = [b"sess", b"sid=", b"auth", b"token", b"jwt", b"login"];
/// Fields of searches.
const SEARCHES: [&[u8]; 6] = [b"q", b"s", b"query", b"search", b"keyword", b"keywords"];
/// Words of pages that have tokens, in lower case.
const TOKENS: [&[u8]; 6] =
    [b"csrf", b"xsrf", b"authenticity_token", b"nonce", b"requestverification", b"_token"];

/// A form that is sent by `POST`, to this host, with what the user enters and without a token.
pub(super) fn without_token(asked: &Asked<'_>, response: &ResponseParts<'_>) -> Option<Proof> {
    if !reflection::is_page(response) || response.status != 200 || !is_signed_in(asked) {
        return None;
    }
    let page = response.body.to_ascii_lowercase();
    let holds = |word: &[u8]| memchr::memmem::find(&page, word).is_some();
    let is_kept = response.headers.iter().any(|(name, value)| {
        let value = value.to_ascii_lowercase();
        let same_site = |kind: &[u8]| memchr::memmem::find(&value, kind).is_some();
        name.eq_ignore_ascii_case(b"set-cookie")
            && (same_site(b"samesite=lax") || same_site(b"samesite=strict"))
            || memchr::memmem::find(&name.to_ascii_lowercase(), b"csrf").is_some()
    });
    if is_kept || !holds(b"<form") || TOKENS.iter().any(|word| holds(word)) {
        return None;
    }
    let starts: Vec<usize> = memchr::memmem::find_iter(&page, b"<form").take(MAX_FORMS + 1).collect();
    let form = starts.iter().take(MAX_FORMS).enumerate().find_map(|(place, start)| {
        let end = starts.get(place + 1).copied().unwrap_or(page.len());
        let form = page.get(*start..end)?;
        let form = memchr::memmem::find(form, b"</form").map_or(form, |end| form.get(..end).unwrap_or(form));
        is_open(form, asked.host).then_some(*start..*start + form.len())
    })?;
    Some(Proof {
        vuln_type: "csrf",
        attempt: None,
        sign: "A form of a signed-in user without a token",
        meaning: "Another site can send this form for the user, unless the session cookie is kept from it.",
        // Its first tag; what the form holds may be the user's.
        text: head(response.body.get(form.clone()).unwrap_or_default()),
        span: None,
        needs_baseline: false,
    })
}

fn is_signed_in(asked: &Asked<'_>) -> bool {
    asked.credentials.iter().any(|value| {
        let value = value.to_ascii_lowercase();
        SESSIONS.iter().any(|name| {
            // A cookie has a name and a value; other credentials are not sent by browsers on their own.
            memchr::memmem::find_iter(&value, name).any(|at| {
                let rest = value.get(at..).unwrap_or_default();
                let name = rest.iter().take_while(|byte| !matches!(byte, b'=' | b';' | b' ')).count();
                rest.get(name) == Some(&b'=') && rest.len() > name + 8
            })
        })
    })
}

/// Whether others could send a form, all in lower case, and it is worth it.
fn is_open(form: &[u8], host: &str) -> bool {
    let Some(head) = tag(form) else { return false };
    if attribute(head, b"method") != Some(b"post") || !is_here(attribute(head, b"action"), host) {
        return false;
    }
    let (mut entered, mut has_password) = (0, false);
    let mut rest = form.get(head.len()..).unwrap_or_default();
    while let Some(at) = memchr::memchr(b'<', rest) {
        rest = rest.get(at..).unwrap_or_default();
        let is_field = [&b"<input"[..], b"<textarea", b"<select"].iter().any(|name| rest.starts_with(name));
        if !is_field {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let Some(field) = tag(rest) else { break };
        rest = rest.get(field.len()..).unwrap_or_default();
        let name = attribute(field, b"name").unwrap_or_default();
        match attribute(field, b"type").unwrap_or(b"text") {
            b"hidden" if attribute(field, b"value").is_some_and(|value| value.len() >= TOKEN) => {
                return false;
            }
            b"hidden" | b"submit" | b"button" | b"reset" | b"image" => {}
            b"password" => has_password = true,
            _ if SEARCHES.contains(&name) => return false,
            _ if !name.is_empty() => entered += 1,
            _ => {}
        }
    }
    // With a password it is a sign-in, or asks for what another site does not know.
    entered > 0 && !has_password
}

/// From `<` to before `>`.
fn tag(text: &[u8]) -> Option<&[u8]> {
    text.get(..memchr::memchr(b'>', text)?)
}

/// The value of an attribute of a tag in lower case.
fn attribute<'t>(tag: &'t [u8], name: &[u8]) -> Option<&'t [u8]> {
    let at = memchr::memmem::find_iter(tag, name).find(|at| {
        let before = at.checked_sub(1).and_then(|before| tag.get(before));
        before.is_some_and(u8::is_ascii_whitespace)
            && tag.get(at + name.len()..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
    })?;
    let value = tag.get(at + name.len()..)?.trim_ascii_start().get(1..)?.trim_ascii_start();
    match value.first() {
        Some(quote @ (b'"' | b'\'')) => {
            let value = value.get(1..)?;
            value.get(..memchr::memchr(*quote, value)?)
        }
        _ => value.split(u8::is_ascii_whitespace).next(),
    }
}

/// Whether an action leads to the same host.
fn is_here(action: Option<&[u8]>, host: &str) -> bool {
    let action = action.unwrap_or_default();
    let rest = [&b"https://"[..], b"http://", b"//"].iter().find_map(|scheme| action.strip_prefix(*scheme));
    match rest {
        Some(rest) => rest.split(|byte| matches!(byte, b'/' | b'?')).next() == Some(host.as_bytes()),
        None => !action.starts_with(b"javascript:") && !action.starts_with(b"mailto:"),
    }
}

fn head(form: &[u8]) -> String {
    let head = tag(form).unwrap_or_default();
    String::from_utf8_lossy(head.get(..256).unwrap_or(head)).into_owned() + ">"
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str =
        r#"<FORM Method="POST" action="/profile"><input name=email value="x"><button>Save</button></FORM>"#;

    fn found(page: &str, cookie: &str, headers: &[(&[u8], &[u8])]) -> Option<String> {
        let mut all: Vec<(&[u8], &[u8])> = vec![(b"content-type", b"text/html; charset=utf-8")];
        all.extend(headers);
        let response = ResponseParts { status: 200, headers: &all, body: page.as_bytes(), parse_html: true };
        let asked = Asked { host: "shop.test", credentials: &[cookie.as_bytes()], attempts: &[] };
        without_token(&asked, &response).map(|proof| proof.text)
    }

    #[test]
    fn open_forms_are_found() {
        let cookie = "theme=dark; PHPSESSID=0123456789abcdef";
        assert_eq!(found(FORM, cookie, &[]).unwrap(), r#"<FORM Method="POST" action="/profile">"#);
        for page in [
            "<form method=post><textarea name='text'></textarea></form>",
            "<form action='https://shop.test/x' method='post'><select name=role></select>",
            "<form><input name=q></form><form method=post><input type=checkbox name=admin></form>",
        ] {
            assert!(found(page, cookie, &[]).is_some(), "{page}");
        }
    }

    #[test]
    fn what_is_guarded_or_harmless_is_passed_by() {
        let cookie = "PHPSESSID=0123456789abcdef";
        for page in [
            "<form><input name=email></form>",
            "<form method=get><input name=email></form>",
            "<form method=post action='https://pay.test/'><input name=email></form>",
            "<form method=post><input type=hidden name=x value=8f14e45fceea167a><input name=email></form>",
            "<form method=post><input type=hidden name=csrf value=1><input name=email></form>",
            "<meta name=csrf-token content=1><form method=post><input name=email></form>",
            "<form method=post><input name=query></form>",
            "<form method=post><input name=user><input type=password name=pass></form>",
            "<form method=post><button>Sign out</button></form>",
            "<form method=post",
            "<form",
            "",
        ] {
            assert_eq!(found(page, cookie, &[]), None, "{page}");
        }
        // Nobody is signed in, or other sites get no cookie.
        for cookie in ["", "theme=dark", "Bearer authtokenauthtoken", "session="] {
            assert_eq!(found(FORM, cookie, &[]), None, "{cookie}");
        }
        assert_eq!(found(FORM, cookie, &[(b"set-cookie", b"PHPSESSID=1; SameSite=Lax")]), None);
        assert_eq!(found(FORM, cookie, &[(b"x-csrf-token", b"1")]), None);
    }

    #[test]
    fn work_is_bounded() {
        let cookie = "PHPSESSID=0123456789abcdef";
        for filler in ["<form ", "<form method=post>", "<form method=post><input ", "<", "method=", "<input "]
        {
            let page = format!("<form method=post>{}", filler.repeat(30_000));
            assert_eq!(found(&page, cookie, &[]), None, "{filler}");
        }
    }
}
