//! Forms of a signed-in user that change something and that other sites could send as well.
//!
//! Decided by one answer, so in doubt nothing is told: a hidden field that may be a token, a page that speaks
//! of tokens anywhere, a page of which only the beginning is here, searches and sign-in forms are all passed by.
//! Whether browsers keep a cookie from other sites is known only where it is set: a page counts when its answer
//! sets a session cookie, without `SameSite=Lax` or `Strict`. What was said of it at sign-in is not seen.

use super::{Asked, Proof, ResponseParts, reflection};

/// Most forms of a page that are looked at.
const MAX_FORMS: usize = 32;
/// Hidden values from this length on may be tokens.
const TOKEN: usize = 16;
/// Parts of names of cookies by which applications know who is signed in, in lower case; `sid` at the end of a
/// name is another.
const SESSIONS: [&[u8]; 5] = [b"sess", b"auth", b"token", b"jwt", b"login"];
/// Shortest value of a cookie by which somebody is signed in.
const SESSION: usize = 8;
/// Fields of searches.
const SEARCHES: [&[u8]; 6] = [b"q", b"s", b"query", b"search", b"keyword", b"keywords"];
/// Words of pages that have tokens, in lower case.
const TOKENS: [&[u8]; 6] =
    [b"csrf", b"xsrf", b"authenticity_token", b"nonce", b"requestverification", b"_token"];

/// A form that is sent by `POST`, to this host, with what the user enters and without a token.
pub(super) fn without_token(asked: &Asked<'_>, response: &ResponseParts<'_>) -> Option<Proof> {
    if !reflection::is_page(response) || response.status != 200 || response.is_cut() {
        return None;
    }
    if !is_signed_in(asked) || !sets_open_session(response) {
        return None;
    }
    let page = response.body.to_ascii_lowercase();
    let holds = |word: &[u8]| memchr::memmem::find(&page, word).is_some();
    if !holds(b"<form") || TOKENS.iter().any(|word| holds(word)) {
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
        sign_class: "",
        attempt: None,
        sign: "A form of a signed-in user without a token",
        meaning: "Another site can send this form for the user: no SameSite keeps the session cookie from it.",
        // Its first tag; what the form holds may be the user's.
        text: head(response.body.get(form.clone()).unwrap_or_default()),
        span: None,
        needs_baseline: false,
    })
}

fn is_signed_in(asked: &Asked<'_>) -> bool {
    // Other credentials than cookies are not sent by browsers on their own, and have no such form.
    let mut cookies = asked.credentials.iter().flat_map(|value| value.split(|byte| *byte == b';'));
    cookies.any(is_session)
}

/// Whether a cookie, as `name=value`, tells who is signed in.
fn is_session(cookie: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'=', cookie) else { return false };
    let (name, value) = cookie.split_at(at);
    let name = name.trim_ascii().to_ascii_lowercase();
    let holds = |word: &[u8]| memchr::memmem::find(&name, word).is_some();
    // With the `=` before it.
    value.trim_ascii().len() > SESSION
        && !name.iter().any(|byte| matches!(byte, b' ' | b','))
        && !holds(b"csrf")
        && !holds(b"xsrf")
        && (name.ends_with(b"sid") || SESSIONS.iter().any(|word| holds(word)))
}

/// Whether an answer sets a session cookie that `SameSite` does not keep from other sites, and no other cookie
/// or header speaks of guards.
fn sets_open_session(response: &ResponseParts<'_>) -> bool {
    let mut is_open = false;
    for (name, value) in response.headers {
        let name = name.to_ascii_lowercase();
        if memchr::memmem::find(&name, b"csrf").is_some() {
            return false;
        }
        if name != b"set-cookie" {
            continue;
        }
        let mut parts = value.split(|byte| *byte == b';');
        is_open |= parts.next().is_some_and(is_session);
        if parts.any(is_kept) {
            return false;
        }
    }
    is_open
}

/// Whether an attribute of a cookie keeps it from other sites.
fn is_kept(attribute: &[u8]) -> bool {
    let attribute: Vec<u8> =
        attribute.to_ascii_lowercase().into_iter().filter(|byte| *byte != b' ').collect();
    matches!(attribute.as_slice(), b"samesite=lax" | b"samesite=strict")
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
    use crate::response::RESPONSE_MAX;

    const FORM: &str =
        r#"<FORM Method="POST" action="/profile"><input name=email value="x"><button>Save</button></FORM>"#;

    const COOKIE: &str = "theme=dark; PHPSESSID=0123456789abcdef";
    const SET: (&[u8], &[u8]) = (b"set-cookie", b"PHPSESSID=0123456789abcdef; Path=/; HttpOnly");

    fn found(page: &str, cookie: &str, headers: &[(&[u8], &[u8])]) -> Option<String> {
        let mut all: Vec<(&[u8], &[u8])> = vec![(b"content-type", b"text/html; charset=utf-8")];
        all.extend(headers);
        let response = ResponseParts { status: 200, headers: &all, body: page.as_bytes(), parse_html: true };
        let asked = Asked {
            host: "shop.test",
            method: "GET",
            path: "/",
            credentials: &[cookie.as_bytes()],
            attempts: &[],
        };
        without_token(&asked, &response).map(|proof| proof.text)
    }

    #[test]
    fn open_forms_are_found() {
        assert_eq!(found(FORM, COOKIE, &[SET]).unwrap(), r#"<FORM Method="POST" action="/profile">"#);
        for page in [
            "<form method=post><textarea name='text'></textarea></form>",
            "<form action='https://shop.test/x' method='post'><select name=role></select>",
            "<form><input name=q></form><form method=post><input type=checkbox name=admin></form>",
        ] {
            assert!(found(page, COOKIE, &[SET]).is_some(), "{page}");
        }
        for set in [
            &b"connect.sid=0123456789abcdef"[..],
            b"session=0123456789abcdef; SameSite=None; Secure",
            b"auth_token=0123456789abcdef; samesite",
        ] {
            assert!(found(FORM, COOKIE, &[(b"Set-Cookie", set)]).is_some(), "{}", set.escape_ascii());
        }
    }

    #[test]
    fn what_is_guarded_or_harmless_is_passed_by() {
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
            assert_eq!(found(page, COOKIE, &[SET]), None, "{page}");
        }
        // Nobody is signed in.
        for cookie in [
            "",
            "theme=dark",
            "Bearer authtokenauthtoken",
            "Digest auth=0, token=0123456789",
            "session=",
            "session=; theme=0123456789abcdef",
            "XSRF-TOKEN=0123456789abcdef",
        ] {
            assert_eq!(found(FORM, cookie, &[SET]), None, "{cookie}");
        }
    }

    #[test]
    fn without_an_open_session_cookie_in_the_answer_nothing_is_told() {
        assert_eq!(found(FORM, COOKIE, &[]), None);
        for set in [
            &b"PHPSESSID=0123456789abcdef; SameSite=Lax"[..],
            b"PHPSESSID=0123456789abcdef; path=/; samesite = STRICT; Secure",
            b"PHPSESSID=deleted; path=/",
            b"theme=0123456789abcdef",
            b"xsrf-token=0123456789abcdef",
            b"session",
            b"",
        ] {
            assert_eq!(found(FORM, COOKIE, &[(b"set-cookie", set)]), None, "{}", set.escape_ascii());
        }
        let kept: (&[u8], &[u8]) = (b"set-cookie", b"id=1; SameSite=Lax");
        assert_eq!(found(FORM, COOKIE, &[SET, kept]), None);
        assert_eq!(found(FORM, COOKIE, &[SET, (b"x-csrf-token", b"1")]), None);
    }

    #[test]
    fn pages_that_are_cut_off_are_passed_by() {
        let long = format!("{FORM}{}", " ".repeat(RESPONSE_MAX));
        assert_eq!(found(long.get(..RESPONSE_MAX).unwrap(), COOKIE, &[SET]), None);
        assert!(found(long.get(..RESPONSE_MAX - 1).unwrap(), COOKIE, &[SET]).is_some());
        assert_eq!(found(FORM, COOKIE, &[SET, (b"content-length", b"5000")]), None);
        assert!(found(FORM, COOKIE, &[SET, (b"content-length", b"20")]).is_some());
        // The length of what is compressed says nothing.
        let coded: [(&[u8], &[u8]); 2] = [(b"content-length", b"5000"), (b"content-encoding", b"gzip")];
        assert!(found(FORM, COOKIE, &[SET, coded[0], coded[1]]).is_some());
    }

    #[test]
    fn work_is_bounded() {
        for filler in ["<form ", "<form method=post>", "<form method=post><input ", "<", "method=", "<input "]
        {
            let count = (RESPONSE_MAX - 64) / filler.len();
            let page = format!("<form method=post>{}", filler.repeat(count));
            assert_eq!(found(&page, COOKIE, &[SET]), None, "{filler}");
        }
        for filler in ["sess", "sess;", "sess=", "sess=;", "=", ";"] {
            assert_eq!(found(FORM, &format!("a={}", filler.repeat(16_384)), &[SET]), None, "{filler}");
        }
        assert!(found(FORM, &format!("{}=0123456789abcdef", "sess".repeat(16_384)), &[SET]).is_some());
    }
}
