//! The parsers by name, as `parser_state` rules and the local configuration switch them.

/// A parser or decoder that a rule can switch off at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the variants are the names listed by `name`")]
pub enum Parser {
    Base64,
    Cookie,
    FormUrlencoded,
    Gql,
    Grpc,
    Gzip,
    Hex,
    HtmlJs,
    JsonDoc,
    Jwt,
    Multipart,
    Percent,
    Php,
    Protobuf,
    Viewstate,
    Xml,
}

impl Parser {
    /// All parsers, in the order of their discriminants.
    pub const ALL: [Parser; 16] = [
        Parser::Base64,
        Parser::Cookie,
        Parser::FormUrlencoded,
        Parser::Gql,
        Parser::Grpc,
        Parser::Gzip,
        Parser::Hex,
        Parser::HtmlJs,
        Parser::JsonDoc,
        Parser::Jwt,
        Parser::Multipart,
        Parser::Percent,
        Parser::Php,
        Parser::Protobuf,
        Parser::Viewstate,
        Parser::Xml,
    ];

    /// The name in rules.
    pub const fn name(self) -> &'static str {
        match self {
            Parser::Base64 => "base64",
            Parser::Cookie => "cookie",
            Parser::FormUrlencoded => "form_urlencoded",
            Parser::Gql => "gql",
            Parser::Grpc => "grpc",
            Parser::Gzip => "gzip",
            Parser::Hex => "hex",
            Parser::HtmlJs => "htmljs",
            Parser::JsonDoc => "json_doc",
            Parser::Jwt => "jwt",
            Parser::Multipart => "multipart",
            Parser::Percent => "percent",
            Parser::Php => "php",
            Parser::Protobuf => "protobuf",
            Parser::Viewstate => "viewstate",
            Parser::Xml => "xml",
        }
    }

    /// Finds a parser by its rule name or by its name in the local configuration.
    pub fn from_name(name: &str) -> Option<Parser> {
        match name {
            "zlib" => Some(Parser::Gzip),
            "json" => Some(Parser::JsonDoc),
            "urlenc" => Some(Parser::FormUrlencoded),
            _ => Parser::ALL.into_iter().find(|parser| parser.name() == name),
        }
    }
}

/// Some of the parsers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ParserSet(u16);

impl ParserSet {
    const fn bit(parser: Parser) -> u16 {
        1 << parser as u16
    }

    /// Whether a parser is one of them.
    #[must_use]
    pub const fn contains(self, parser: Parser) -> bool {
        self.0 & ParserSet::bit(parser) != 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn intersection(self, other: ParserSet) -> ParserSet {
        ParserSet(self.0 & other.0)
    }
}

impl FromIterator<Parser> for ParserSet {
    fn from_iter<I: IntoIterator<Item = Parser>>(parsers: I) -> ParserSet {
        ParserSet(parsers.into_iter().fold(0, |set, parser| set | ParserSet::bit(parser)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        for one in Parser::ALL {
            let set: ParserSet = [one].into_iter().collect();
            assert!(Parser::ALL.into_iter().all(|parser| set.contains(parser) == (parser == one)));
        }
        let [first, second, ..] = Parser::ALL;
        let both: ParserSet = [first, second].into_iter().collect();
        assert_eq!(both.intersection([second].into_iter().collect()), [second].into_iter().collect());
    }
}
