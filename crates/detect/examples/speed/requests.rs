//! The requests that are measured: ordinary traffic, and the worst that is known.

use bartizan_request::RequestParts;

/// One request.
pub(crate) struct Sample {
    /// What kind of request it is.
    pub(crate) name: String,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    extra: Vec<(&'static str, String)>,
}

impl Sample {
    fn post(name: &str, content_type: &'static str, body: impl Into<Vec<u8>>) -> Sample {
        Sample {
            name: name.to_owned(),
            method: "POST",
            target: "/v1/orders?dry_run=false".to_owned(),
            content_type,
            body: body.into(),
            extra: Vec::new(),
        }
    }

    /// The request with the given headers.
    pub(crate) fn parts<'s>(&'s self, headers: &'s [(&'s [u8], &'s [u8])]) -> RequestParts<'s> {
        RequestParts {
            method: self.method,
            target: self.target.as_bytes(),
            headers,
            body: &self.body,
            body_truncated: false,
        }
    }

    /// Names and values in order, as a browser or a client library sends them.
    pub(crate) fn headers(&self) -> Vec<(&[u8], &[u8])> {
        let mut headers: Vec<(&[u8], &[u8])> = vec![
            (b"host", b"api.example.com"),
            (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0"),
            (b"accept", b"application/json, text/plain, */*"),
            (b"accept-language", b"en-US,en;q=0.5"),
            (b"accept-encoding", b"gzip, deflate, br"),
            (b"cookie", b"session=9v4k2l8m1n0b3c5x7z; theme=dark"),
        ];
        if !self.content_type.is_empty() {
            headers.push((b"content-type", self.content_type.as_bytes()));
        }
        headers.extend(self.extra.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        headers
    }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const TEXT: &str = "text/plain";

/// Ordinary traffic of an API.
pub(crate) fn benign() -> Vec<Sample> {
    let prose = "Thanks for the quick reply. We'd like to move the delivery to Thursday afternoon if that is still \
                 possible; the second pallet can follow a week later. Kind regards, Jane. ";
    let form: Vec<String> = (0..60).map(|i| format!("field_{i}=value+{i}+of+the+form")).collect();
    // No two paragraphs are equal: one that is repeated would be taken out as padding.
    let prose: String = (1..=50).map(|order| format!("Order {order}: {prose}")).collect();
    let document = serde_json::json!({ "title": "Notes", "body": prose });
    vec![
        Sample::post("JSON order, 80 values", JSON, order(12)),
        Sample::post("JSON order, 800 values", JSON, order(130)),
        Sample::post("JSON with 8 KB of prose", JSON, document.to_string()),
        Sample::post("form, 60 fields", FORM, form.join("&")),
        Sample {
            method: "GET",
            target: "/v1/products?page=2&sort=price".into(),
            ..Sample::post("GET, 6 headers", "", "")
        },
        Sample {
            method: "GET",
            target: "/v1/products".into(),
            extra: vec![
                ("referer", "https://shop.example.com/catalogue/lamps?page=3&sort=price".into()),
                ("authorization", format!("Bearer {}", "d4f1a9c07b3e".repeat(6))),
                ("x-request-id", "8f14e45f-ceea-467f-9d3a-6a3f1c2b9e10".into()),
                ("if-none-match", "W/\"5d8c72a5edda8d6a\"".into()),
                ("sec-ch-ua", "\"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"".into()),
                ("x-client-version", "ios 5.12.0 (build 4471)".into()),
            ],
            ..Sample::post("GET, 12 headers", "", "")
        },
    ]
}

/// An order of a shop: 6 values per item and some more. 12 items are 2.3 KB.
fn order(items: usize) -> String {
    let words =
        ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbor", "island", "juniper"];
    let word = |i: usize| words.get(i % 10).copied().unwrap_or_default();
    let items: Vec<_> = (0..items)
        .map(|i| {
            serde_json::json!({
                "sku": format!("{}-{}", word(i), 1000 + i), "name": format!("{} {}", word(i), word(i * 3)),
                "quantity": i % 7 + 1, "price": format!("{}.25", i + 3), "gift": i % 2 == 0,
                "note": format!("shelf {i}, row {}", i % 4),
            })
        })
        .collect();
    serde_json::json!({
        "order": "A-20931",
        "customer": {
            "id": 48213, "name": "Maria Lindqvist", "email": "maria@example.test", "city": "Gothenburg",
            "street": "Harbor street 12",
        },
        "items": items,
        "comment": "Please leave the parcel with the neighbours on the second floor, thank you. ".repeat(12),
    })
    .to_string()
}

/// Size of the worst requests: large enough that what they cost per request does not count.
const SIZE: usize = 16 << 10;

/// Requests made to be slow.
pub(crate) fn worst() -> Vec<Sample> {
    let fill = |piece: &str| piece.repeat(SIZE / piece.len());
    let list = |piece: &str| format!("[{}0]", format!("\"{piece}\",").repeat(SIZE / (piece.len() + 3)));
    // As long as a value may be that is no document.
    let picture = format!("{}{}</svg>", "<svg>".repeat(32), "on".repeat(650));
    vec![
        Sample::post("quotes and operators in one value", JSON, list(&"' or 1=1 and ".repeat(90))),
        Sample::post("short values with candidates of many kinds", JSON, list("sh id|(x=1;a)")),
        Sample::post("near misses of unions", JSON, list("1 union selec from users")),
        Sample::post("near misses of tags", TEXT, fill("<img src=x on error=")),
        Sample::post("percent storm", TEXT, fill("%25%32%35")),
        Sample::post("percent of percent", FORM, format!("a={}", fill("%2525252525"))),
        Sample::post("mixed escapes", TEXT, fill("%26amp;\\u0026&#x25;41")),
        Sample::post("base64 of base64", JSON, list(&nested_base64())),
        Sample::post("tiny parameters", FORM, fill("a=1&b=2&")),
        Sample::post("parameters of one name", FORM, fill("a=%27&")),
        Sample::post("empty arrays", JSON, format!("[{}0]", "[],".repeat(SIZE / 3))),
        Sample::post(
            "deep nesting",
            JSON,
            format!("{}1{}", "{\"a\":[".repeat(120), "]}".repeat(120)).repeat(SIZE / 1000),
        ),
        Sample::post("escaped strings", JSON, list("\\u003c\\n\\u0027")),
        Sample::post("XML of small tags", "text/xml", format!("<a>{}</a>", fill("<b c='d'>e</b>"))),
        Sample::post("quoted shell words", JSON, list(&"c'a't /e\\tc/p$@asswd ".repeat(40))),
        Sample::post("comments in SQL", JSON, list(&"1/**/or/**/1 ".repeat(60))),
        Sample::post("functions", JSON, list(&"sleep(a(b(c(".repeat(60))),
        Sample::post("paths", TEXT, fill("../..\\%2e%2e/")),
        Sample::post("letters in pictures", JSON, list(&picture)),
        Sample::post("templates", TEXT, fill("{{a}}${b}<%=c%>")),
        Sample { target: format!("/?{}", fill("a[b][c]=1&")), ..Sample::post("subscripts", "", "") },
        Sample { extra: vec![("cookie", fill("a=b; "))], ..Sample::post("cookies", "", "") },
    ]
}

/// A short text, encoded again and again.
fn nested_base64() -> String {
    use base64::Engine as _;

    let mut text = "select".to_owned();
    while text.len() < 600 {
        text = base64::engine::general_purpose::STANDARD.encode(&text);
    }
    text
}
