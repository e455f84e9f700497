//! Evidence per class: what fires, and what must not.

use super::*;

struct Case<'a> {
    attempts: &'a [(AttackType, &'a str)],
    status: u16,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
}

fn proofs(case: &Case<'_>) -> Vec<Proof> {
    let headers: Vec<(&[u8], &[u8])> =
        case.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let attempts: Vec<Attempt<'_>> = case
        .attempts
        .iter()
        .map(|(attack_type, value)| Attempt { attack_type: *attack_type, parameter: "", value })
        .collect();
    let asked = Asked { host: "shop.test", method: "GET", path: "/", credentials: &[], attempts: &attempts };
    let body = case.body.as_bytes();
    let response = ResponseParts { status: case.status, headers: &headers, body, parse_html: true };
    ResponseEngine::new().inspect(&asked, &response)
}

fn types(attempts: &[(AttackType, &str)], status: u16, body: &str) -> Vec<(&'static str, bool)> {
    let case = Case { attempts, status, headers: &[("content-type", "text/html")], body };
    proofs(&case).iter().map(|proof| (proof.vuln_type, proof.attempt.is_some())).collect()
}

#[test]
fn effects_prove_attacks() {
    use AttackType::{Ldapi, Nosqli, Ptrav, Rce, Sqli, Ssrf, Ssti, Xss, Xxe};
    let passwd = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:";
    for (attack, payload, status, body, expected) in [
        (Ptrav, "../../etc/passwd", 200, passwd, "ptrav"),
        (Xxe, "file:///etc/passwd", 200, passwd, "xxe"),
        (Ptrav, "..\\..\\boot.ini", 200, "[boot loader]\ntimeout=30", "ptrav"),
        (Sqli, "1'", 500, "You have an error in your SQL syntax; check", "sqli"),
        (Sqli, "1'", 200, "unterminated quoted string at or near", "sqli"),
        (Nosqli, "{$gt:1}", 500, "MongoServerError: unknown operator", "nosqli"),
        (Ldapi, "*)(uid=*", 500, "javax.naming.directory.InvalidSearchFilterException", "ldapi"),
        (Rce, ";id", 200, "uid=33(www-data) gid=33(www-data)", "rce"),
        (Rce, ";id", 200, "uid=1000(CORP\\bob) gid=1000(users)", "rce"),
        (Rce, ";ls -l", 200, "total 12\ndrwxr-xr-x 2 root", "rce"),
        (Ssti, "{{1234*4}}", 200, "Hello 4936", "ssti"),
        (Ssrf, "http://169.254.169.254/latest/meta-data", 200, "ami-id\nami-launch-index\nhostname", "ssrf"),
        (Xss, "<svg onload=alert(1)>", 200, "<p><svg onload=alert(1)></p>", "xss"),
    ] {
        assert_eq!(types(&[(attack, payload)], status, body), [(expected, true)], "{payload}");
    }
}

#[test]
fn without_the_effect_an_attempt_proves_nothing() {
    use AttackType::{Ptrav, Rce, Sqli, Xss};
    for (attack, payload, status, body) in [
        (Ptrav, "../../etc/passwd", 404, "not found: ../../etc/passwd"),
        (Ptrav, "root:x:0:0:", 200, "you sent root:x:0:0:"),
        (Sqli, "1' or 1=1", 200, "3 items found"),
        (Rce, ";id", 200, "uid=abc"),
        (Xss, "<svg onload=alert(1)>", 200, "&lt;svg onload=alert(1)&gt;"),
    ] {
        assert_eq!(types(&[(attack, payload)], status, body), [], "{payload}");
    }
}

#[test]
fn leaks_need_no_attack_and_articles_are_none() {
    assert_eq!(types(&[], 500, "Traceback (most recent call last):\n"), [("infoleak", false)]);
    assert_eq!(types(&[], 500, "SQLSTATE[42000]: Syntax error"), [("infoleak", false)]);
    assert_eq!(types(&[], 200, "APP=1\nDB_PASSWORD=hunter22\n"), [("infoleak", false)]);
    assert_eq!(types(&[], 200, "<title>Index of /backup</title>"), [("infoleak", false)]);
    assert_eq!(types(&[], 200, "<?php echo 1;"), [("infoleak", false)]);
    assert_eq!(types(&[], 200, "How to read Traceback (most recent call last)"), []);
    assert_eq!(types(&[], 200, "the line root:x:0:0: explained"), []);
    assert_eq!(types(&[], 200, "DB_PASSWORD=\n"), []);
}

/// The leaks of an answer to a harmless request.
fn leaks(status: u16, body: &str) -> Vec<&'static str> {
    let case = Case { attempts: &[], status, headers: &[("content-type", "text/html")], body };
    proofs(&case).iter().map(|proof| proof.sign_class).collect()
}

#[test]
fn frames_of_ruby_are_a_trace() {
    assert_eq!(leaks(500, "app/users_controller.rb:12:in `show'"), ["stack_trace"]);
    assert_eq!(leaks(500, "app/users_controller.rb:12:in 'Users#show'"), ["stack_trace"]);
    assert_eq!(leaks(500, "<pre>app/a.rb:7:in &#39;show&#39;</pre>"), ["stack_trace"]);
    assert!(leaks(500, "see config/routes.rb:12 for more").is_empty());
    assert!(leaks(200, "app/users_controller.rb:12:in `show'").is_empty());
}

#[test]
fn errors_that_php_writes_into_pages_are_leaks_whatever_the_status() {
    let error = "<br />\n<b>Fatal error</b>:  Uncaught Error: x in /var/www/a.php:3\nStack trace:\n#0 {main}\n  thrown in \
                 <b>/var/www/a.php</b> on line <b>3</b><br />";
    assert_eq!(leaks(200, error), ["stack_trace"]);
    let warning =
        "<br />\n<b>Warning</b>:  Undefined variable $x in <b>/var/www/a.php</b> on line <b>12</b><br />";
    assert_eq!(leaks(200, warning), ["stack_trace"]);
    assert!(leaks(200, "<p><b>Warning</b>: hot surface</p>").is_empty());
    assert!(leaks(200, "<p><b>Fatal error</b>: what this message of PHP means</p>").is_empty());
}

#[test]
fn the_settings_of_php_are_a_leak_and_prove_code() {
    let page = "<title>PHP 8.1.2 - phpinfo()</title></head><h1 class=\"p\">PHP Version 8.1.2</h1>";
    assert_eq!(leaks(200, page), ["settings"]);
    assert_eq!(leaks(200, "<title>phpinfo()</title><h1>PHP Version 7.4.3</h1>"), ["settings"]);
    assert_eq!(types(&[(AttackType::Rce, ";phpinfo();")], 200, page), [("rce", true)]);
    assert!(leaks(200, "<title>How to use phpinfo()</title><p>PHP Version 8</p>").is_empty());
    assert!(leaks(200, "<title>PHP tutorial</title><p>PHP Version 8</p>").is_empty());
}

#[test]
fn keys_of_clouds_are_secrets_in_any_notation() {
    let key = "q9Zt3LxV7bN2mK5cR8wY1uE4sD6fG0hJpAoIiTzX";
    for body in [
        format!("{{\"aws_access_key_id\":\"AKIAQYLPMN5HHHFPZAM2\",\"aws_secret_access_key\":\"{key}\"}}"),
        format!("aws:\n  aws_secret_access_key: {key}\n"),
        format!("AWS_SECRET_ACCESS_KEY: '{key}'"),
        format!("new Client({{secretAccessKey: \"{key}\"}})"),
    ] {
        assert_eq!(leaks(200, &body), ["secret"], "{body}");
    }
    for value in [
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "****",
        "",
        "${SECRET}",
    ] {
        let body = format!("{{\"aws_secret_access_key\":\"{value}\"}}");
        assert!(leaks(200, &body).is_empty(), "{body}");
    }
    assert!(leaks(200, "set aws_secret_access_key to your key").is_empty());
}

#[test]
fn the_name_of_the_system_proves_commands() {
    let uname = "Linux web01 5.10.0-21-amd64 #1 SMP Debian 5.10.162-1 x86_64 GNU/Linux";
    let attack = [(AttackType::Rce, ";uname -a")];
    assert_eq!(types(&attack, 200, uname), [("rce", true)]);
    assert_eq!(types(&attack, 200, "Linux and open source"), []);
    assert_eq!(types(&attack, 200, "Linux kernel 6.1 is out, see issue #1"), []);
    assert_eq!(types(&[], 200, uname), []);
}

#[test]
fn errors_may_be_the_same_for_everybody() {
    let body = "You have an error in your SQL syntax";
    let case = Case { attempts: &[(AttackType::Sqli, "'")], status: 500, headers: &[], body };
    assert!(proofs(&case)[0].needs_baseline);
}

#[test]
fn pages_about_files_and_services_hold_none() {
    use AttackType::{Ptrav, Ssrf, Ssti, Xss};
    for (attack, payload, body) in [
        (Ptrav, "../../etc/passwd", "Requires Linux version 5.4 or later."),
        (Ptrav, "..\\..\\boot.ini", "Edit [boot loader] in boot.ini"),
        (Ptrav, "../../etc/hosts", "Map 127.0.0.1 to localhost first"),
        (Ptrav, "/proc/self/environ", "export PATH=/usr/local/bin:$PATH"),
        (Ssrf, "http://169.254.169.254/latest/meta-data/", "ask computeMetadata/v1 for it"),
        (
            Ssti,
            "{{7*7}}",
            "<html><body><h1>Shop</h1><p>Price 49 EUR, delivered within two days</p></body></html>",
        ),
    ] {
        assert_eq!(types(&[(attack, payload)], 200, body), [], "{payload}");
    }
    // What no browser shows as a page runs nothing.
    let attempts = [(Xss, "<script>alert(1)</script>")];
    let body = "<a href=/x>here</a><script>alert(1)</script>";
    let html = ("content-type", "text/html");
    for (status, headers) in [
        (302, [html, ("location", "/x")]),
        (200, [html, ("content-disposition", "Attachment; filename=report.html")]),
    ] {
        assert_eq!(proofs(&Case { attempts: &attempts, status, headers: &headers, body }), [], "{status}");
    }
    for (status, headers) in [(302, [html, html]), (200, [html, ("content-disposition", "inline")])] {
        assert_eq!(
            proofs(&Case { attempts: &attempts, status, headers: &headers, body }).len(),
            1,
            "{status}"
        );
    }
}

#[test]
fn more_files_and_databases_are_known() {
    use AttackType::{Ptrav, Sqli, Ssrf};
    let kernel =
        "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0)";
    for (attack, payload, body, expected) in [
        (Ptrav, "../../proc/version", kernel, "ptrav"),
        (Ptrav, "../../etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n", "ptrav"),
        (Ptrav, "/proc/self/environ", "HOSTNAME=web\0PATH=/usr/bin:/bin\0HOME=/root\0", "ptrav"),
        (Ptrav, "../WEB-INF/web.xml", "<web-app xmlns=\"http://xmlns.jcp.org/xml/ns/javaee\">", "ptrav"),
        (Ssrf, "http://metadata.google.internal/", "instance/\nservice-accounts/\n", "ssrf"),
        (Sqli, "'", "DB2 SQL Error: SQLCODE=-104, SQLSTATE=42601", "sqli"),
        (Sqli, "'", "org.h2.jdbc.JdbcSQLSyntaxErrorException: Syntax error", "sqli"),
        (Sqli, "'", "DB::Exception: Syntax error: failed at position 5", "sqli"),
    ] {
        assert_eq!(types(&[(attack, payload)], 200, body), [(expected, true)], "{payload}");
    }
}

#[test]
fn heads_prove_redirects_and_banners() {
    let headers = [("location", "https://evil.example/"), ("server", "Apache/2.4.49")];
    let attempts = [(AttackType::Redir, "https://evil.example/")];
    let case = Case { attempts: &attempts, status: 302, headers: &headers, body: "" };
    let found: Vec<_> = proofs(&case).iter().map(|proof| proof.vuln_type).collect();
    assert_eq!(found, ["redir", "vuln_component"]);
}

/// The types proven by attempts at named places.
fn proven(attempts: &[(AttackType, &str, &str)], body: &str) -> Vec<(&'static str, Option<usize>)> {
    let attempts: Vec<Attempt<'_>> = attempts
        .iter()
        .map(|(attack_type, parameter, value)| Attempt { attack_type: *attack_type, parameter, value })
        .collect();
    let asked = Asked { host: "shop.test", method: "GET", path: "/", credentials: &[], attempts: &attempts };
    let response = ResponseParts { status: 200, headers: &[], body: body.as_bytes(), parse_html: true };
    let proofs = ResponseEngine::new().inspect(&asked, &response);
    proofs.iter().map(|proof| (proof.vuln_type, proof.attempt)).collect()
}

#[test]
fn a_file_is_shown_by_the_entity_that_names_it() {
    use AttackType::{Ptrav, Xxe};
    let passwd = "root:x:0:0:root:/root:/bin/bash";
    let entity = (Xxe, "POST_XML_XML_DTD_ENTITY_0_value", "");
    let named = (Ptrav, "POST_XML_XML_DTD_ENTITY_0_value", "file:///etc/passwd");
    let expanded = (Ptrav, "POST_XML_HASH_a_value", "file:///etc/passwd");
    let query = (Ptrav, "GET_f_value", "../../etc/passwd");
    assert_eq!(proven(&[named, expanded, entity], passwd), [("xxe", Some(2))]);
    assert_eq!(proven(&[expanded, entity], passwd), [("xxe", Some(1))]);
    assert_eq!(proven(&[query, entity], passwd), [("ptrav", Some(0))]);
    // A document that is not parsed has one place.
    let raw = [(Ptrav, "POST_value", "file:///etc/passwd"), (Xxe, "POST_value", "<!ENTITY")];
    assert_eq!(proven(&raw, passwd), [("xxe", Some(1))]);
}

#[test]
fn attacks_in_two_parameters_are_two_proofs_where_each_shows_in_its_place() {
    use AttackType::Xss;
    let (a, b) =
        ((Xss, "GET_a_value", "<svg onload=alert(1)>"), (Xss, "GET_b_value", "<img src=x onerror=alert(2)>"));
    let both = "<p><svg onload=alert(1)></p><p><img src=x onerror=alert(2)></p>";
    assert_eq!(proven(&[a, b], both), [("xss", Some(0)), ("xss", Some(1))]);
    assert_eq!(proven(&[a, b], "<p><img src=x onerror=alert(2)></p>"), [("xss", Some(1))]);
    // The same payload, shown once: nobody can tell which of them it was.
    let twin = (Xss, "GET_b_value", a.2);
    assert_eq!(proven(&[a, twin], "<p><svg onload=alert(1)></p>"), [("xss", Some(0))]);
    // Two findings in one parameter are one flaw.
    let again = (Xss, "GET_a_value", b.2);
    assert_eq!(proven(&[a, again], both), [("xss", Some(0))]);
}

#[test]
fn an_attempt_that_sends_the_sign_itself_leaves_it_to_the_others() {
    use AttackType::{Ptrav, Rce};
    let sent = (Rce, "GET_q_value", "echo root:x:0:0:");
    assert_eq!(proven(&[sent], "root:x:0:0:root"), []);
    let other = (Ptrav, "GET_f_value", "../../etc/passwd");
    assert_eq!(proven(&[sent, other], "root:x:0:0:root"), [("ptrav", Some(1))]);
}

#[test]
fn pages_that_go_on_to_the_injected_host_are_redirects() {
    let attempts = [(AttackType::Redir, "https://evil.example/")];
    let html = ("content-type", "text/html");
    let asks =
        "<button id=go></button><script>go.onclick=function(){location='https://evil.example/'}</script>";
    assert_eq!(proofs(&Case { attempts: &attempts, status: 200, headers: &[html], body: asks }), []);
    for (headers, body, sign) in [
        (vec![("refresh", "0; url=https://evil.example/")], "", "Refresh names the injected host"),
        (
            vec![html],
            "<meta http-equiv=\"refresh\" content=\"0;url=https://evil.example/\">",
            "The page goes on to the injected host",
        ),
        (
            vec![html],
            "<script>window.location.href = \"https://evil.example/\";</script>",
            "A script of the page goes to the injected host",
        ),
    ] {
        let found = proofs(&Case { attempts: &attempts, status: 200, headers: &headers, body });
        let found: Vec<_> = found.iter().map(|proof| (proof.vuln_type, proof.attempt, proof.sign)).collect();
        assert_eq!(found, [("redir", Some(0), sign)]);
    }
    for body in [
        "<a href=\"https://evil.example/\">leave</a>",
        "<script>location.href = \"/login?next=https://evil.example/\"</script>",
        "<script>location.href = \"https://shop.test/?next=https://evil.example/\"</script>",
    ] {
        let found = proofs(&Case { attempts: &attempts, status: 200, headers: &[html], body });
        assert_eq!(found, [], "{body}");
    }
}
