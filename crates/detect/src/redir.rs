//! Open redirect: spellings of a foreign host that no honest redirect parameter uses.
//!
//! An absolute URL in a `return_to` parameter is normal; what counts is a host hidden from a naive check.

use bartizan_api::attack_type::AttackType;

use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Redir,
    signatures: &[
        Signature {
            stamp: 7001,
            subtype: "redir_obscured_host",
            gate: &[
                "//",
                "\\",
                "/\t",
                "/\r",
                "/\n",
                "/%09",
                "/%0",
                "/%5c",
                "\u{3002}",
                "%e3%80%82",
                "/%2f",
                "http:",
                "https:",
                "\u{3031}",
                "\u{3035}",
                "\u{309d}",
                "\u{30fd}",
                "\u{30fc}",
                "\u{ff70}",
                "\u{ff0f}",
                "/.",
                "https%3a",
                "http%3a",
                "%e2%80%ae",
                "\u{202e}",
                "www.",
            ],
            needs: "",
            test: Test::Pattern(
                r"^(?:/[\\/]+[\\/]+|\\{2,}|/+\\|(?:\\/){1,3}|/+[\t\r\n]+/*|https?:/*[\t\r\n]+/*|/%(?:09|5c|2f|0d|0a)|https?:[\\/]*\\+|https?:/{3,}|https?:\\/)[\w.@-]{1,64}\.[a-z]{2,12}(?:[/\\?#]|$)|^/{1,4}https?:/*[\w\\\[]|^(?:https?:)?[/\\]+[^/\s@:?#]{0,64}[\w-]\.(?:com|org|net|io|dev|app|co|gov|edu|example|de|me|info|biz|ru|cn|uk|tld|test|internal|local)(?:@|%40)[\w.\[-]+|^https?:[/\\]*[^/\s@?#:]{1,64}@(?:\[|0x|0\d|\d{1,3}\.\d)|^https?:[\d\[][\w.:\]]|^https?:/{0,2}(?:\d{1,3}\.){0,3}(?:25[6-9]|2[6-9]\d|[3-9]\d\d)\.\d|^/?(?:\xe3\x83\xbc|\xef\xbd\xb0)[\w.-]+\.[a-z]{2,12}|^/?<>//[\w.-]+|^/+\\;?@|^https?://[\w.-]+[\\&][\w-]+\.[\w.-]+$|^(?:https?:)?//[\w.-]+\.[a-z]{2,12}(?::\d+)?/{1,2}\.\.(?:[/\\]|$)|^/\.[\w-]{3,}\.(?:com|org|net)/?$|[?&](?:url|next|redir\w*|rurl|dest\w*|return\w*)=(?:https?:)?/?[/\\]{1,2}[^&\s]{1,80}&(?:url|next|redir\w*|rurl|dest\w*|return\w*)=(?:https?:)?/?[/\\]|^(?:https?:)?//[^\s/]{0,40}(?:\xe3\x80\x82|%e3%80%82)[\w.-]+|^https?:/?[\w-]{2,64}(?:\.[\w-]{2,64}){0,4}\.[a-z]{2,12}(?:[/\\?#]|$)|^https?://[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|dev|app|co|gov|edu|example|de|me|info|biz|ru|cn|uk)(?:@|%40)[\w.-]+\.[a-z]{2,12}|^/?(?:\xe3\x80[\xb1\xb5]|\xe3\x82\x9d|\xe3\x83\xbd)[\w.-]+\.[a-z]{2,12}|^(?:https?:)?//[^\s/]{0,64}[\\#?;&]@[\w.-]+\.[a-z]{2,12}|^(?:https?:)?//[\w.-]{1,64}\xef\xbc\x8f[\w.-]+|^https?://[\w.-]{1,64}/:\w{1,24}@(?:\w{1,24}@)?[\w.-]+\.[a-z]{2,12}(?:[/?#]|$)|^(?:https?:)?//[\w.-]{4,64}%(?:00|0d|0a|23|2f|40|5c)[\w@.-]+|^https?%3a/[^%/]|^(?:https?:)?//[^\s/?#]{0,100}[\w.][+;]?@[^\s/?#]{1,100}@[^\s/?#]|^https?://[^\s/?#]{1,100}(?:\+|\xef\xb9\x94|\xe2\x81\xba)@|^(?:%0[0-9a-f]|[\x00-\x1f]){1,4}(?:https?:)?//?[\w.-]+\.[a-z]{2,12}|^(?:https?://)?[\w.-]{4,64}(?:%09|\t|%(?:25)?2e)[.\w\xe2\xef\xf0-]|^https?://[^\s]{0,100}(?:%e2%80%ae|\xe2\x80\xae)|(?:https?(?::|%3a)/{0,2}|^//|^<>//|^www\.|@)[^\s/?#]{0,64}(?:\xf0\x9d[\x90-\x9f]|\xe2\x92[\xb6-\xbf]|\xe2\x93[\x80-\xa9]|\xef\xbd\xa1)",
            ),
            trust: Trust::Tight,
            places: Places::Arguments,
        },
        Signature {
            stamp: 7002,
            subtype: "redir_path",
            gate: &["/\\", "/%5c", "/%2f", "//"],
            needs: "",
            test: Test::Pattern(
                r"^/+(?:\\|%5c|%2f)[\\/]*[\w-]+(?:\.[\w-]+)*\.[a-z]{2,12}(?:[/?#]|$)|^/{2,}[\w-]+(?:\.[\w-]+)*\.[a-z]{2,12}/(?:%2e%2e|\.\.|$|/)",
            ),
            trust: Trust::Tight,
            places: Places::Target,
        },
        Signature {
            stamp: 7004,
            subtype: "redir_foreign_host",
            gate: &["//"],
            needs: "",
            test: Test::Pattern(r"^//[\w-]+(?:\.[\w-]+)*\.[a-z]{2,12}/{0,2}$"),
            trust: Trust::Tight,
            places: Places::Query,
        },
        Signature {
            stamp: 7003,
            subtype: "redir_foreign_host",
            gate: &["//", "@", "\u{3002}"],
            needs: "",
            test: Test::Pattern(
                r"^//[\w-]+(?:\.[\w-]+)*\.[a-z]{2,12}(?::\d+)?(?:[/?#]\S*)?$|^@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,12}(?:[/?#]\S*)?$|^[\w.-]{1,64}\xe3\x80\x82[\w.-]{2,64}$",
            ),
            trust: Trust::Tight,
            places: Places::Query,
        },
    ],
};
