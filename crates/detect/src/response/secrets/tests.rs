//! Secrets and what looks like them. Tokens are put together here, so that no file holds a whole one.

use super::super::{Asked, Proof, ResponseEngine, ResponseParts};
use super::*;

/// 36 characters as a machine makes them.
const RANDOM: &str = "k9Xw2QvR7mTz4LbN8cYp3HsJ6gDf1KqA5eUo";

fn proofs(kind: &str, credentials: &[&[u8]], body: &str) -> Vec<Proof> {
    let headers: [(&[u8], &[u8]); 1] = [(b"content-type", kind.as_bytes())];
    let asked = Asked { host: "shop.test", method: "GET", path: "/", credentials, attempts: &[] };
    let response = ResponseParts { status: 200, headers: &headers, body: body.as_bytes(), parse_html: true };
    ResponseEngine::new().inspect(&asked, &response)
}

/// What leaks, as words.
fn leaks(body: &str) -> Vec<&'static str> {
    proofs("text/html", &[], body).iter().map(|proof| proof.sign_class).collect()
}

/// Evidence as the node cuts it.
fn shown(body: &str) -> String {
    String::from_utf8(masked_excerpt(body.as_bytes(), 0..body.len())).unwrap()
}

fn random(length: usize) -> String {
    RANDOM.chars().cycle().take(length).collect()
}

/// Prefix and secret part of tokens.
fn tokens() -> Vec<(&'static str, String)> {
    vec![
        ("ghp_", random(36)),
        ("gho_", random(36)),
        ("ghs_", random(36)),
        ("github_pat_", format!("{}_{}", random(22), random(59))),
        ("sk_live_", random(24)),
        ("rk_live_", random(99)),
        ("xoxb-123456789012-1234567890123-", random(24)),
        ("xoxp-923456789012-1234567890123-9234567890123-", random(32)),
        ("https://hooks.slack.com/services/T02AB3CD4/B05EF6GH7/", random(24)),
        ("glpat-", random(20)),
        ("npm_", random(36)),
        ("SG.", format!("{}.{}", random(22), random(43))),
        ("GOCSPX-", random(28)),
        ("dop_v1_", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f03a08".to_owned()),
        ("sk-proj-", random(48)),
        ("sk-ant-api03-", random(95)),
    ]
}

#[test]
fn tokens_of_services_are_told_of_and_masked() {
    for (prefix, secret) in tokens() {
        for body in [
            format!("{{\"token\":\"{prefix}{secret}\",\"id\":7}}"),
            format!("<script>var token = '{prefix}{secret}';</script>"),
            format!("TOKEN IS {prefix}{secret}\n"),
        ] {
            assert_eq!(leaks(&body), ["access_token"], "{body}");
            let shown = shown(&body);
            assert!(shown.contains("****") && !shown.contains(&secret), "{shown}");
        }
    }
}

#[test]
fn what_only_looks_like_a_token_is_none() {
    for (prefix, secret) in tokens() {
        let shorter = secret.get(1..).unwrap();
        if !["rk_live_", "sk-proj-", "sk-ant-api03-", "xoxp-923456789012-1234567890123-9234567890123-"]
            .contains(&prefix)
        {
            assert_eq!(leaks(&format!("a {prefix}{shorter} b")), [""; 0], "too short: {prefix}{shorter}");
        }
        for stand_in in ["x", "X", "0", "1234567890", "abcdefghijklmnopqrstuvwxyz0123456789", "EXAMPLE1Token"]
        {
            let length = secret.len();
            let value: String = stand_in.chars().cycle().take(length).collect();
            let value = match prefix {
                "github_pat_" => format!("{}_{}", &value[..22], &value[23..]),
                "SG." => format!("{}.{}", &value[..22], &value[23..]),
                _ => value,
            };
            assert_eq!(leaks(&format!("a {prefix}{value} b")), [""; 0], "{prefix}{value}");
        }
        assert_eq!(leaks(&format!("for example {prefix}{secret}")), [""; 0], "{prefix}");
        assert_eq!(
            leaks(&format!("my{prefix}{secret}")).is_empty(),
            !prefix.starts_with("https"),
            "{prefix}"
        );
    }
    for text in [
        "ghp_<your token>",
        "npm_config_registry npm_lifecycle_event",
        "xoxb-not-a-real-token-at-all-really",
        "see SG.html and SG.UN in the list",
        "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
        "pk_live_51HqLyjWDarjtT1zdp7dcX92",
        "glpat-is-the-prefix-of-tokens",
        // Of the manuals of GitHub, SendGrid and Slack.
        concat!("gho", "_16C7e42F292c6912E7710c838347Ae178B4a"),
        concat!("SG", ".ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr"),
        concat!("xoxb", "-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqygy"),
    ] {
        assert_eq!(leaks(text), [""; 0], "{text}");
    }
}

#[test]
fn keys_of_google_that_pages_show_to_everybody_are_none() {
    let key = format!("AIza{}", random(35));
    for page in [
        format!(
            "<script src=\"https://maps.googleapis.com/maps/api/js?key={key}&libraries=places\"></script>"
        ),
        format!("const firebaseConfig = {{apiKey: \"{key}\", authDomain: \"shop.firebaseapp.com\"}};"),
        format!("<script>new Loader({{apiKey:\"{key}\",version:\"weekly\"}})</script>"),
        format!("{{\"googleMapsApiKey\":\"{key}\"}}"),
        format!("{{\"INNERTUBE_API_KEY\":\"{key}\"}}"),
        format!("e.exports={{REACT_APP_GOOGLE_MAPS_KEY:\"{key}\"}}"),
        format!("<meta name=\"maps-key\" content=\"{key}\">"),
        format!("<script>var a = \"{key}\", client_secret = null</script>"),
    ] {
        assert_eq!(leaks(&page), [""; 0], "{page}");
        assert!(!shown(&page).contains(RANDOM.get(..8).unwrap()), "{}", shown(&page));
    }
}

#[test]
fn a_key_that_the_client_shows_is_no_leak_to_it() {
    let token = format!("ghp_{RANDOM}");
    let (body, credential) = (format!("{{\"token\":\"{token}\"}}"), format!("Bearer {token}"));
    assert_eq!(proofs("application/json", &[credential.as_bytes()], &body), []);
    assert_eq!(proofs("application/json", &[b"Bearer other"], &body).len(), 1);
    // That of somebody else beside it is one.
    let other: String = RANDOM.chars().rev().collect();
    let both = format!("{{\"me\":\"{token}\",\"bob\":\"ghp_{other}\"}}");
    let found = proofs("application/json", &[credential.as_bytes()], &both);
    let place = both.find(&other).unwrap() - 4;
    assert_eq!(found.iter().map(|proof| proof.span.clone().unwrap().start).collect::<Vec<_>>(), [place]);
    // A workspace has many tokens and addresses.
    for prefix in
        ["xoxb-123456789012-1234567890123-", "https://hooks.slack.com/services/T02AB3CD4/B05EF6GH7/"]
    {
        let (own, others) = (format!("{prefix}{}", random(24)), format!("{prefix}{}", &other[..24]));
        let found = |body: &str| proofs("application/json", &[own.as_bytes()], body).len();
        assert_eq!((found(&own), found(&others)), (0, 1), "{prefix}");
    }
}

#[test]
fn keys_that_are_handed_to_their_owner_are_no_leaks() {
    let token = format!("{{\"token\":\"glpat-{}\"}}", random(20));
    let found = |method, path, credentials: &[&[u8]], status| {
        let asked = Asked { host: "shop.test", method, path, credentials, attempts: &[] };
        let response = ResponseParts { status, headers: &[], body: token.as_bytes(), parse_html: true };
        ResponseEngine::new().inspect(&asked, &response).len()
    };
    let session: &[&[u8]] = &[b"sid=1"];
    assert_eq!(found("POST", "/things", session, 201), 0);
    for path in ["/-/user_settings/personal_access_tokens", "/api-keys", "/v1/credentials/new", "/apikeys"] {
        assert_eq!(found("POST", path, session, 200), 0, "{path}");
        assert_eq!(found("PUT", path, session, 200), 0, "{path}");
        assert_eq!(found("GET", path, session, 200), 1, "{path}");
        assert_eq!(found("POST", path, &[], 201), 1, "{path}");
    }
    assert_eq!(found("POST", "/things", session, 200), 1);
    let (id, secret) = ("ASIAQYLPMN5HHHFPZAM2", "q9Zt3LxV7bN2mK5cR8wY1uE4sD6fG0hJpAoIi/zX");
    let lent = format!("{{\"accessKeyId\":\"{id}\",\"secretAccessKey\":\"{secret}\"");
    for name in ["sessionToken", "SessionToken", "aws_session_token"] {
        assert_eq!(leaks(&format!("{lent},\"{name}\":\"IQoJ\"}}")), [""; 0], "{name}");
    }
    assert_eq!(leaks(&format!("{lent}}}")), ["secret"]);
}

#[test]
fn pairs_of_keys_stand_together() {
    let (id, secret) = ("AKIAQYLPMN5HHHFPZAM2", "q9Zt3LxV7bN2mK5cR8wY1uE4sD6fG0hJpAoIi/zX");
    for body in [
        format!("[default]\nid = {id}\nkey = {secret}\n"),
        format!("{{\"a\":\"{id}\",\"b\":\"{secret}\"}}"),
        format!("{{\"b\":\"{secret}\",\"a\":\"{id}\"}}"),
        format!("new Client('{id}', '{secret}')"),
        format!("{id}:{secret}\n"),
    ] {
        assert_eq!(leaks(&body), ["secret"], "{body}");
        assert!(!shown(&body).contains(secret), "{body}");
    }
    let signed = format!(
        "https://b.s3.amazonaws.com/f?X-Amz-Credential={id}%2F20240101%2Feu&X-Amz-Signature={}",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    );
    let path = "https://b.s3.amazonaws.com/Photos/2026/Summer/holiday/IMG120042.jpg?X-Amz-Credential=";
    let token = format!("X-Amz-Security-Token=IQoJ%2F{secret}%2B");
    for body in [
        signed,
        format!("{path}{id}%2F20260101%2Feu"),
        format!("{path}{id}/20260101/eu&{token}"),
        format!("https://b.s3.amazonaws.com/f?AWSAccessKeyId={id}&{token}"),
        format!("{id} https://b.test.com/Photos/2026/Summer/holiday/IMG120042.jpg"),
        format!("{id} {token}"),
        format!("the id {id} alone"),
        format!("{id} at revision da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        format!("{id}{}{secret}", " ".repeat(400)),
        "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        format!("X{id} {secret}"),
        format!("{id}A {secret}"),
    ] {
        assert_eq!(leaks(&body), [""; 0], "{body}");
    }
}

/// A block of a key of this many letters.
fn block(kind: &str, letters: usize, end: &str) -> String {
    let lines: Vec<String> =
        random(letters).as_bytes().chunks(64).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    format!("-----BEGIN {kind}-----{end}{}{end}-----END {kind}-----{end}", lines.join(end))
}

#[test]
fn private_keys_are_whole_blocks() {
    for kind in ["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "DSA PRIVATE KEY"]
    {
        for body in [
            block(kind, 400, "\n"),
            block(kind, 64, "\r\n"),
            format!("{{\"private_key\": \"{}\"}}", block(kind, 1600, "\\n")),
        ] {
            assert_eq!(leaks(&body), ["secret"], "{body}");
            let shown = shown(&body);
            assert!(
                shown.contains("PRIVATE KEY-----****-----END") && !shown.contains(&RANDOM[..12]),
                "{shown}"
            );
        }
    }
    let whole = block("PRIVATE KEY", 1600, "\n");
    assert_eq!(leaks(&whole[..900]), ["secret"], "the answer is cut");
    for body in [
        "The file begins with -----BEGIN PRIVATE KEY----- and then the key follows in lines.".to_owned(),
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA...\n-----END RSA PRIVATE KEY-----".to_owned(),
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", "x".repeat(400)),
        "-----BEGIN PRIVATE KEY-----\n<your key here>\n-----END PRIVATE KEY-----".to_owned(),
        block("PUBLIC KEY", 400, "\n"),
        block("CERTIFICATE", 400, "\n"),
    ] {
        assert_eq!(leaks(&body), [""; 0], "{body}");
    }
}

#[test]
fn addresses_hold_passwords() {
    for (body, secret) in [
        ("jdbc:mysql://10.0.0.5:3306/shop?user=shop&password=t9kLm2vQ", "t9kLm2vQ"),
        ("jdbc:sqlserver://db:1433;databaseName=shop;user=sa;password=t9kLm2vQ;", "t9kLm2vQ"),
        ("jdbc:oracle:thin:shop/t9kLm2vQ@db:1521:orcl", "t9kLm2vQ"),
        ("jdbc:postgresql://shop:t9kLm2vQ@db/shop", "t9kLm2vQ"),
        ("\"url\":\"postgres://shop:t9kLm2vQ@db.internal:5432/shop\"", "t9kLm2vQ"),
        ("mysql://root:t9kLm2vQ@127.0.0.1/shop", "t9kLm2vQ"),
        ("mongodb+srv://shop:t9kLm2vQ@cluster0.mongodb.net/", "t9kLm2vQ"),
        ("redis://:t9kLm2vQ@cache:6379/0", "t9kLm2vQ"),
        ("amqp://shop:hunter22@mq", "hunter22"),
    ] {
        assert_eq!(leaks(body), ["connection_string"], "{body}");
        assert!(!shown(body).contains(secret), "{}", shown(body));
    }
    for body in [
        "jdbc:mysql://localhost:3306/shop",
        "jdbc:mysql://localhost/shop?user=shop&password=",
        "jdbc:mysql://localhost/shop?user=root&password=password",
        "jdbc:mysql://localhost/shop?user=root&password=${DB_PASSWORD}",
        "jdbc:mysql://localhost/shop?user=root&amp;password=&lt;password&gt;",
        "jdbc:mysql://localhost/shop?user=root&password=********",
        "postgres://user:pass@localhost/db",
        "postgres://user:secret@localhost/db",
        "postgresql://postgres:postgres@localhost:5432",
        "postgres://user:my-password@localhost/db",
        "postgres://user:{password}@localhost/db",
        "postgres://db.internal:5432/shop?mail=a@b.test",
        "mongodb://<user>:<password>@host",
        "redis://cache:6379",
        "the scheme mysql:// is followed by user:name@host",
    ] {
        assert_eq!(leaks(body), [""; 0], "{body}");
    }
}

#[test]
fn files_of_variables_are_told_from_pages_about_them() {
    let file = "# settings\nAPP_ENV=production\nAPP_URL=https://shop.test\n\nMAIL_HOST=smtp.shop.test\nMAIL_PASSWORD=t9kLm2vQ\n";
    assert_eq!(leaks(file), ["secret"]);
    let masked = shown(file);
    assert!(masked.contains("MAIL_PASSWORD=****") && masked.contains("APP_ENV=production"), "{masked}");
    for body in [
        "export A_TOKEN=\"t9kLm2vQx\"\nexport STAGE=prod\n",
        "STAGE=prod\nJWT_SECRET=t9kLm2vQx",
        "DB_PASSWORD=hunter22\n",
    ] {
        assert_eq!(leaks(body), ["secret"], "{body}");
    }
    for body in [
        "APP_ENV=production\nMAIL_PASSWORD=\n",
        "APP_ENV=local\nMAIL_PASSWORD=null\nJWT_SECRET=changeme\nAPI_KEY=your-api-key\n",
        "APP_ENV=local\nMAIL_PASSWORD=${MAIL}\n",
        "Set API_KEY=t9kLm2vQx and begin.",
        "<pre>\nAPP_ENV=local\nMAIL_PASSWORD=t9kLm2vQx\n</pre>",
        "{\"a\":\"\nAPP_ENV=local\nMAIL_PASSWORD=t9kLm2vQx\n\"}",
        "DB_PASSWORD=secret\n",
        "DB_PASSWORD=&lt;secret&gt;\nA_B=1\n",
        "DB_PASSWORD=&quot;s3cr3tWord&quot;\nA_B=1\n",
        "DB_PASSWORD=your_password\n",
        "GET /?PASSWORD=t9kLm2vQx\nHost: a\n",
    ] {
        assert_eq!(leaks(body), [""; 0], "{body}");
    }
}

#[test]
fn an_excerpt_hides_what_reaches_into_it() {
    let key = block("PRIVATE KEY", 1600, "\n");
    let body = format!("{key}Traceback (most recent call last)\npostgres://a:t9kLm2vQ@db ghp_{RANDOM} tail");
    let at = body.find("Traceback").unwrap();
    for from in [0, 20, 40, 700, 1600, at - 1, at] {
        for to in [from + 10, at + 50, at + 70, body.len() - 20, body.len(), body.len() + 9] {
            let shown = String::from_utf8(masked_excerpt(body.as_bytes(), from..to)).unwrap();
            for secret in [&RANDOM[..6], "t9kL", "mTz4Lb"] {
                assert!(!shown.contains(secret), "{from}..{to}: {shown}");
            }
        }
    }
    let whole = String::from_utf8(masked_excerpt(body.as_bytes(), 0..body.len())).unwrap();
    assert_eq!(
        whole,
        "-----BEGIN PRIVATE KEY-----****-----END PRIVATE KEY-----\nTraceback (most recent call last)\n\
         postgres://a:****@db ghp_**** tail"
    );
    for (kind, letters) in [("RSA PRIVATE KEY", 12_700), ("PGP PRIVATE KEY BLOCK", 3000)] {
        let key = block(kind, letters, "\n");
        let shown = masked_excerpt(key.as_bytes(), letters - 500..key.len());
        assert!(shown.starts_with(b"****-----END"), "{}", String::from_utf8_lossy(&shown));
    }
    let shadow = b"root:$6$Kz1x$9QmR7vT2bN8cYp3HsJ6gDf1KqA5eUo:19000:0:99999:7:::\nbin:*:19000";
    assert_eq!(masked_excerpt(shadow, 0..99), b"root:$6$****:19000:0:99999:7:::\nbin:*:19000");
    let metadata = b"\"AccessKeyId\" : \"ASIAX\",\n\"SecretAccessKey\" : \"q9Zt3Lx/V7bN\",";
    let shown = masked_excerpt(metadata, 0..metadata.len());
    assert_eq!(shown, b"\"AccessKeyId\" : \"ASIAX\",\n\"SecretAccessKey\" : \"****\",");
    assert_eq!(masked_excerpt(b"nothing to hide", 3..10), b"hing to");
    assert_eq!(masked_excerpt(b"short", 9..20), b"");
}

#[test]
fn work_is_bounded() {
    let key = "-----BEGIN PRIVATE KEY-----";
    for filler in [
        "ghp_",
        key,
        "AKIA",
        "AKIAQYLPMN5HHHFPZAM2 ",
        "jdbc:",
        "mysql://",
        "A_PASSWORD=",
        "xoxb-1-",
        "\nA_KEY=\n",
        "SG.",
    ] {
        let body = filler.repeat(super::super::RESPONSE_MAX / filler.len());
        assert_eq!(leaks(&body), [""; 0], "{filler}");
        assert!(masked_excerpt(body.as_bytes(), 100_000..104_096).len() <= 8192, "{filler}");
    }
}
