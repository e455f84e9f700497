//! Where payloads run, and where they only stand.

use super::*;

fn found(payload: &str, kind: &str, body: &str) -> bool {
    let headers = [(&b"content-type"[..], kind.as_bytes())];
    let response = ResponseParts { status: 200, headers: &headers, body: body.as_bytes(), parse_html: true };
    executable(payload, &response).is_some()
}

/// Whether a payload runs in a page that has it in place of `@`.
fn runs(payload: &str, page: &str) -> bool {
    found(payload, "text/html", &page.replace('@', payload))
}

#[test]
fn a_script_counts_where_it_runs() {
    let payload = "x<script>alert(1)</script>";
    assert!(found(payload, "text/html; charset=utf-8", "<p>x<script>alert(1)</script></p>"));
    assert!(!found(payload, "text/html", "<p>x&lt;script&gt;alert(1)&lt;/script&gt;</p>"));
    assert!(!found(payload, "application/json", "{\"q\":\"x<script>alert(1)</script>\"}"));
    assert!(!runs(payload, "<textarea>@</textarea>"));
    assert!(!runs(payload, "<!-- @ -->"));
    assert!(!runs(payload, "<input value=\"@\"><p>a"));
    assert!(!runs(payload, "<template>@</template>"));
    assert!(runs(payload, "<title>a</title><!-- c --> @"));
    assert!(runs(payload, "<!--> @"));
    assert!(runs("\"><script>alert(1)</script>", "<input value=\"@\">"));
    assert!(!runs("\"><script>alert(1)</script>", "<input value='@'>"));
}

#[test]
fn a_handler_counts_within_a_tag() {
    let payload = "\" onmouseover=alert(1) x=\"";
    assert!(runs(payload, "<input value=\"@\">"));
    assert!(!runs(payload, "<p>@</p>"));
    assert!(!runs(payload, "<input value='@'>"));
    assert!(!found(payload, "text/html", "<input value=\"&quot; onmouseover=alert(1) x=&quot;\">"));
    assert!(!found("plain words", "text/html", "plain words"));
    assert!(runs("x onfocus=alert(1) autofocus", "<input value=@>"));
    assert!(!runs("x onfocus=alert(1) autofocus", "<input value=\"@\">"));
}

#[test]
fn comments_and_lone_signs_make_no_tag() {
    for payload in ["\" onmouseover=\"alert(1)", "\" onfocus=bz409698() x=\""] {
        assert!(!runs(payload, "<html><body><!-- @ --></body></html>"), "{payload}");
        assert!(!runs(payload, "<script>if (a < b) s = \"@</script>"), "{payload}");
        assert!(!runs(payload, "<p>1 < 2 and @</p>"), "{payload}");
        assert!(!runs(payload, "<textarea><b @</textarea>"), "{payload}");
        assert!(!runs(payload, "</p @>"), "{payload}");
    }
}

#[test]
fn elements_of_text_can_be_closed() {
    assert!(runs("</textarea><script>alert(1)</script>", "<textarea>@</textarea>"));
    assert!(!runs("</textarea><script>alert(1)</script>", "<title>@</title>"));
    assert!(runs("--><script>alert(1)</script>", "<!-- @ -->"));
    assert!(runs("</script><svg onload=alert(1)>", "<script>var q=\"@\";</script>"));
    assert!(runs(
        "</script><svg onload=alert(1)>",
        "<script type=\"application/json\">{\"q\":\"@\"}</script>"
    ));
}

#[test]
fn strings_of_scripts_can_be_left() {
    for payload in [
        "\";alert(document.domain);var x=\"",
        "\";alert(1);//",
        "\"-alert(1)-\"",
        "\"+eval(name)+\"",
        "\"\nalert(1)//",
    ] {
        assert!(runs(payload, "<script>var q=\"@\";</script>"), "{payload}");
        assert!(!runs(payload, "<script>var q='@';</script>"), "{payload}");
        assert!(!runs(payload, "<script type=\"application/json\">{\"q\":\"@\"}</script>"), "{payload}");
        assert!(!runs(payload, "<p>var q=\"@\"</p>"), "{payload}");
        let escaped = payload.replace('"', "\\\"");
        let page = format!("<script>var q=\"{escaped}\";</script>");
        assert!(!found(payload, "text/html", &page), "{payload}");
    }
    // The application escapes quotes and not the backslash.
    assert!(found("\\\";alert(1);//", "text/html", "<script>q=\"\\\\\";alert(1);//\"</script>"));
    assert!(!runs("\" onmouseover=\"alert(1)", "<script>var q=\"@\";</script>"));
    assert!(!runs("\"; nothing here", "<script>var q=\"@\";</script>"));
    assert!(!runs("';alert(1);//", "<script>// it's so\nvar q=\"@\";</script>"));
    assert!(runs("';alert(1);//", "<script>var r=/'\"/, a=4/2; q='@';</script>"));
    assert!(runs("*/alert(1);/*", "<script>/* @ */</script>"));
    assert!(runs("${alert(1)}", "<script>q=`@`</script>"));
    assert!(runs("1;alert(1)", "<script>var id=@;</script>"));
    assert!(!runs("1;alert(1)", "<script>var id=\"@\";</script>"));
}

#[test]
fn answers_that_are_scripts_can_be_left() {
    let body = "cb({\"q\":\"\"});alert(1);//\"})";
    let payload = "\"});alert(1);//";
    assert!(found(payload, "application/javascript; charset=utf-8", body));
    assert!(found(payload, "text/javascript", body));
    assert!(!found(payload, "application/json", body));
    assert!(!found(payload, "text/javascript", "cb({\"q\":\"\\\"});alert(1);//\"})"));
    // The name of a callback is asked for by the page that includes it.
    assert!(!found("alert(1)", "text/javascript", "alert(1)({\"q\":1})"));
    assert!(!found("<script>alert(1)</script>", "text/javascript", "q=\"<script>alert(1)</script>\""));
}

#[test]
fn addresses_can_be_scripts() {
    let payload = "javascript:alert('1')";
    assert!(runs(payload, "<a href=\"@\">next</a>"));
    assert!(found(
        payload,
        "text/html",
        "<form action=\" JavaScript:x\"><a href='javascript:alert(&#39;1&#39;)'>"
    ));
    assert!(runs(payload, "<iframe src=\"@\"></iframe>"));
    assert!(!runs(payload, "<img src=\"@\">"));
    assert!(!runs(payload, "<a href=\"/go?to=@\">next</a>"));
    assert!(!runs(payload, "<a title=\"@\" href=\"/\">next</a>"));
    assert!(!runs(payload, "<p>@</p>"));
    assert!(!found("javascript:alert(1)", "text/html", "<a href=\"javascript:history.back()\">back</a>"));
}

#[test]
fn harmless_markup_is_no_script() {
    assert!(!runs("<b>bold</b> and more", "<p>@</p>"));
    assert!(!runs("<a href=\"https://shop.test/\">shop</a>", "<p>@</p>"));
    assert!(runs("<a href=javascript:alert(1)>x</a>", "<p>@</p>"));
    assert!(runs("<svg/onload=alert(1)>", "<p>@</p>"));
    assert!(runs("<iframe srcdoc='<b>'>", "<p>@</p>"));
}

#[test]
fn any_text_is_read_to_its_end() {
    // Pieces that open and never close, around a payload that stands in them or not.
    let pieces =
        ["<", "<!--", "<a b=\"", "<script>", "<script>/*", "<textarea>", "</", "<!", "<a ", "'", "`${", "\\"];
    for first in pieces {
        for second in pieces {
            runs("\";alert(1);//", &format!("{first}@{second}"));
            runs("<svg onload=alert(1)>", &format!("{first}{second}@"));
            found("\";alert(1);//", "text/javascript", &format!("{first}\";alert(1);//{second}"));
        }
    }
}
