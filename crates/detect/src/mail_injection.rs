//! Mail injection: line breaks followed by mail headers or by commands of SMTP, IMAP and POP3.
//!
//! Benign look-alikes: quoted mail in a support ticket (documents), `data` or `list` in a sentence.

use bartizan_api::attack_type::AttackType;

use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::MailInjection,
    signatures: &[
        Signature {
            stamp: 26001,
            subtype: "mail_injection_header",
            gate: &["\r", "\n", "%0a", "%0d", "\\n"],
            needs: "\r\n%\\",
            test: Test::Checked(
                r"\S*@?\S*(?:[\r\n]|%0[ad]|\\r?\\n)+[\s]*(?:b?cc|to|reply-to|subject|from|mime-version|content-type|x-mailer|return-path)[\s]*:[\s]*\S",
                |context, _| !context.is_header_block(),
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 26002,
            subtype: "mail_injection_smtp",
            gate: &[
                "mail from",
                "rcpt to",
                "ehlo",
                "helo ",
                "vrfy",
                "expn",
                "data\r",
                "\nquit",
                "\nrset",
                "starttls",
                "\nauth ",
            ],
            needs: "\r\n",
            test: Test::Pattern(
                r"[\r\n][\s]*(?:mail[\s]+from[\s]*:[\s]*<?|rcpt[\s]+to[\s]*:[\s]*<?|(?:ehlo|helo)[\s]+[\w.-]+|vrfy[\s]+\S+|expn[\s]+\S+|data[\s]*[\r\n]|rset[\s]*$|quit[\s]*$|starttls\b|noop\b|auth[\s]+(?:(?:login|plain|cram|digest)|\w+[\s]+[\w+/]{8,}={0,2}[\s]*$))",
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 26004,
            subtype: "mail_injection_smtp",
            gate: &["rcpt"],
            needs: "\r\n",
            test: Test::Pattern(
                r"[\r\n]mail[\s+]+from[\s+]*:[\s+]*<?[^\r\n<>]{0,80}>?[\s]*[\r\n]+rcpt[\s+]+to[\s+]*:[\s+]*<?[^\r\n<>]{0,80}>?[\s]*[\r\n]+data[\s]*[\r\n]",
            ),
            trust: Trust::Any,
            places: Places::Values,
        },
        Signature {
            stamp: 26005,
            subtype: "mail_injection_imap",
            gate: &["append"],
            needs: "\r\n",
            test: Test::Pattern(
                r"[\r\n][\s]*\w{1,8}[\s]+append[\s]+\S{1,80}[\s]+(?:\([^()\r\n]{0,80}\)[\s]+)?\{\d{1,9}\+?\}[\s]*[\r\n]",
            ),
            trust: Trust::Any,
            places: Places::Values,
        },
        Signature {
            stamp: 26003,
            subtype: "mail_injection_imap",
            gate: &[
                "login",
                "logout",
                "fetch",
                "select",
                "examine",
                "capability",
                "authenticate",
                "subscribe",
                "search",
                "append",
                "status",
                "lsub",
                "rename",
                "delete",
                "create",
                "store",
                "copy",
                "uid ",
                "list",
                "noop",
                "expunge",
                "check",
                "close",
                "starttls",
                "retr",
                "dele",
                "user ",
                "pass ",
                "stat",
                "apop",
                "top ",
                "uidl",
                "capa",
                "stls",
                "quit",
            ],
            needs: "\r\n",
            test: Test::Pattern(
                r"[\r\n][\s]*(?:[a-z]\d{1,4}|\w{1,5}\d{2,4}|\*|\+)[\s]+(?:login|logout|fetch|select|examine|capability|authenticate|subscribe|unsubscribe|search|append|status|list|lsub|rename|delete|create|store|copy|uid|noop|expunge|check|close|starttls)\b|[\r\n][\s]*(?:retr[\s]+\d+|dele[\s]+\d+|top[\s]+\d+[\s]+\d+|uidl\b|apop[\s]+\w+[\s]+\w|capa[\s]*$|stls[\s]*$|user[\s]+\w+[\s]*[\r\n]|pass[\s]+\w+[\s]*[\r\n]|stat[\s]*$|list(?:[\s]+\d+)?[\s]*$|quit[\s]*$|rset[\s]*$)",
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
    ],
};
