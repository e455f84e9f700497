use super::*;

/// Where an answer with a body of this type leads.
fn led(kind: &str, headers: &[(&str, &str)], body: &str) -> Vec<(Via, String)> {
    let mut all: Vec<(&[u8], &[u8])> = vec![(b"content-type", kind.as_bytes())];
    all.extend(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    let response = ResponseParts { status: 200, headers: &all, body: body.as_bytes(), parse_html: true };
    destinations(&response).into_iter().map(|found| (found.via, found.address)).collect()
}

fn page(body: &str) -> Vec<(Via, String)> {
    led("text/html; charset=utf-8", &[], body)
}

const EVIL: &str = "https://evil.example/a?b=1&c=2";

#[test]
fn a_refresh_in_head_or_page_leads_elsewhere() {
    for value in [
        format!("0; url={EVIL}"),
        format!("0;URL='{EVIL}'"),
        format!("5, url = \"{EVIL}\""),
        format!("0.5;{EVIL}"),
        format!("0 url={EVIL}"),
    ] {
        assert_eq!(
            led("text/plain", &[("refresh", &value)], ""),
            [(Via::Refresh, EVIL.to_owned())],
            "{value}"
        );
        let content = value.replace('&', "&amp;").replace('"', "&quot;");
        let body = format!("<html><head><META content=\"{content}\" HTTP-EQUIV=Refresh></head>");
        assert_eq!(page(&body), [(Via::Meta, EVIL.to_owned())], "{body}");
    }
    let body = "<meta http-equiv='refresh' content='0;url=https&#x3a;&#47;&sol;evil.example'>";
    assert_eq!(page(body), [(Via::Meta, "https://evil.example".to_owned())]);
}

#[test]
fn a_script_that_sets_the_address_leads_elsewhere() {
    for code in [
        format!("location = \"{EVIL}\";"),
        format!("window.location='{EVIL}'"),
        format!("top.location.href = `{EVIL}`;"),
        format!("document.location . href=\"{EVIL}\""),
        format!("if (ok) location.replace( '{EVIL}' );"),
        format!("setTimeout(function(){{self.location.assign(\"{EVIL}\")}}, 100)"),
        format!("location.href=\"{}\"", EVIL.replace('/', "\\/")),
        format!("location.href=\"{}\"", EVIL.replace('/', "\\u002f").replace(':', "\\x3a")),
    ] {
        let code = if code.contains(" . ") { code.replace(" . ", ".") } else { code };
        let body = format!("<p>Wait</p><script>{code}</script>");
        assert_eq!(page(&body), [(Via::Script, EVIL.to_owned())], "{code}");
        assert_eq!(led("application/javascript", &[], &code), [(Via::Script, EVIL.to_owned())], "{code}");
    }
}

#[test]
fn what_only_speaks_of_addresses_leads_nowhere() {
    for body in [
        format!("<a href='{EVIL}'>go</a>"),
        format!("<!-- <meta http-equiv=refresh content='0;url={EVIL}'> -->"),
        format!("<textarea><meta http-equiv=refresh content='0;url={EVIL}'></textarea>"),
        format!("<meta name=refresh content='0;url={EVIL}'>"),
        "<meta http-equiv=refresh content='30'>".to_owned(),
        format!("<pre>location.href = \"{EVIL}\"</pre>"),
        format!("<script>// location.href = \"{EVIL}\"\n</script>"),
        format!("<script>/* location = \"{EVIL}\" */ var a = \"location = '{EVIL}'\";</script>"),
        format!("<script>if (location == \"{EVIL}\") stay()</script>"),
        format!("<script>if (location.href === \"{EVIL}\") stay()</script>"),
        format!("<script>store.location = \"{EVIL}\"; this.location = \"{EVIL}\"</script>"),
        format!("<script>var location = \"{EVIL}\"; relocation = \"{EVIL}\"</script>"),
        format!(
            "<script>o = {{location: \"{EVIL}\"}}; f(location, \"{EVIL}\"); location.hash = \"{EVIL}\"</script>"
        ),
        format!("<script type='application/json'>location = \"{EVIL}\"</script>"),
        "<script>location = next</script>".to_owned(),
        String::new(),
    ] {
        assert_eq!(page(&body), [], "{body}");
    }
    let body = format!("<script>location = \"{EVIL}\"</script>");
    assert_eq!(led("application/json", &[], &body), []);
    assert_eq!(led("text/plain", &[], &body), []);
    assert_eq!(led("text/html", &[("content-disposition", "attachment")], &body), []);
}

#[test]
fn code_that_waits_for_somebody_leads_nowhere() {
    for code in [
        format!("document.getElementById(\"go\").onclick=function(){{window.location.href=\"{EVIL}\"}}"),
        format!("go.onclick = () => location.href = \"{EVIL}\""),
        format!("go.addEventListener('click', () => {{ location.assign('{EVIL}') }})"),
        format!("go.addEventListener('click', e => (location = '{EVIL}'))"),
        format!("(function(){{ go.onclick = function(){{ location = '{EVIL}' }} }})()"),
        format!("function leave() {{ setTimeout(function(){{ location = '{EVIL}' }}, 9) }}"),
        format!("go.onclick = () => setTimeout(() => {{ location = '{EVIL}' }}, 9)"),
        format!("if (confirm('Leave?')) location = '{EVIL}'"),
        format!("if (agreed) {{ location = '{EVIL}' }}"),
        format!("class A {{ leave() {{ location = '{EVIL}' }} }}"),
        "location.href.replace(\"https://a.example\",\"\")".to_owned(),
        "location.href.assign(\"https://a.example\")".to_owned(),
    ] {
        assert_eq!(page(&format!("<button id=go>Go on</button><script>{code}</script>")), [], "{code}");
    }
    for code in [
        format!("function a() {{ return {{}} }} location = '{EVIL}'"),
        format!("(function(){{ var a = {{b: 1}}; location = '{EVIL}' }})()"),
        format!("(() => {{ location = '{EVIL}' }})()"),
        format!("var t = setTimeout(() => {{ location = '{EVIL}' }}, 9)"),
        format!("setTimeout(() => location.replace('{EVIL}'), 9)"),
        format!("window.onload = function() {{ try {{ location = '{EVIL}' }} catch (e) {{}} }}"),
        format!("document.addEventListener('DOMContentLoaded', () => {{ location = '{EVIL}' }})"),
        format!("}} }} location = '{EVIL}'"),
    ] {
        let found = page(&format!("<script>{code}</script>"));
        assert_eq!(found, [(Via::Script, EVIL.to_owned())], "{code}");
    }
}

#[test]
fn comments_end_where_browsers_end_them() {
    let meta = format!("<meta http-equiv=refresh content='0;url={EVIL}'>");
    for comment in
        ["<!--a-->", "<!--a--!>", "<!----->", "<!---->", "<!-->", "<!--->", "<!-- > -> --->", "<!--->-->"]
    {
        assert_eq!(page(&format!("{comment}{meta}")).len(), 1, "{comment}");
    }
    for comment in ["<!--a", "<!--a->", "<!--a--", "<!--a-- >"] {
        assert_eq!(page(&format!("{comment}{meta}")), [], "{comment}");
    }
}

#[test]
fn of_a_redirect_only_its_location_counts() {
    let headers: [(&[u8], &[u8]); 2] = [(b"location", b"/here"), (b"refresh", b"0;url=https://evil.example")];
    let response = ResponseParts { status: 302, headers: &headers, body: b"", parse_html: true };
    let found: Vec<_> = destinations(&response).into_iter().map(|found| found.address).collect();
    assert_eq!(found, ["/here"]);
}

#[test]
fn work_is_bounded() {
    for filler in [
        "<meta http-equiv=refresh content='0;url=//e.x'>",
        "<script>location='//e.x'</script>",
        "<script>",
        "<",
        "<a ",
        "<!--",
        "<!--a-->",
        "<!-- > ",
        "location",
        "{location=>",
        "}{",
        "&#x",
        "\\u",
    ] {
        let many = filler.repeat(super::super::RESPONSE_MAX / filler.len());
        assert!(page(&many).len() <= MAX, "{filler}");
        let code = format!("<script>{many}");
        assert!(page(&code).len() <= MAX, "{filler}");
    }
}
