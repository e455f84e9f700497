//! The columns of a row.

/// A dictionary-coded text column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Text {
    /// Attack type.
    Kind,
    /// Technique.
    Subtype,
    /// Source address.
    Ip,
    /// Country of the source, or empty.
    Country,
    /// Host.
    Host,
    /// Path.
    Path,
    /// HTTP method.
    Method,
    /// `http` or `https`.
    Scheme,
    /// HTTP version.
    Protocol,
    /// API protocol.
    ApiProtocol,
    /// Authentication protocols, `,a,b,`.
    AuthProtocol,
    /// Rendered point.
    Parameter,
    /// Malicious payload.
    Payload,
    /// CVE ids and tags, `,a,b,`.
    KnownAttack,
    /// API session as the application names it, or empty.
    Session,
    /// Data centre of the source, or empty.
    Datacenter,
    /// `tor`, or empty.
    Tor,
    /// Node that saw it.
    Node,
    /// Ids of the signatures that matched, `,1,2,`.
    Stamps,
    /// User of the application, or empty.
    User,
    /// Role of the user, or empty.
    UserRole,
    /// Context parameters of the session, a JSON list of pairs, or empty.
    Context,
}

impl Text {
    /// Every text column, in the order they are stored.
    pub const ALL: [Text; 22] = [
        Text::Kind,
        Text::Subtype,
        Text::Ip,
        Text::Country,
        Text::Host,
        Text::Path,
        Text::Method,
        Text::Scheme,
        Text::Protocol,
        Text::ApiProtocol,
        Text::AuthProtocol,
        Text::Parameter,
        Text::Payload,
        Text::KnownAttack,
        Text::Session,
        Text::Datacenter,
        Text::Tor,
        Text::Node,
        Text::Stamps,
        Text::User,
        Text::UserRole,
        Text::Context,
    ];

    /// Place among [`Text::ALL`].
    pub(crate) const fn slot(self) -> usize {
        self as usize
    }
}

/// A column of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Number {
    /// Row number of the hit.
    Id,
    /// Request time, Unix milliseconds.
    Time,
    /// Row number of the attack.
    Attack,
    /// HTTP status, 0 without a response.
    Status,
    /// Application.
    Application,
    /// Milliseconds.
    ResponseTime,
    /// Bytes.
    ResponseSize,
    /// Bytes.
    RequestSize,
    /// Characters of the address with its query.
    UriLength,
    /// 1 when the request was blocked.
    Blocked,
    /// Rule or control that reacted, 0 for none.
    Control,
    /// Identical hits that this one stands for, itself included.
    Count,
    /// What the hit's vector is known by: any number, of which few rows have the same.
    Vector,
    /// A [`Mark`]; changes after the row was written.
    Mark,
    /// The vulnerability that the hit exploited, 0 for none; changes after the row was written.
    Issue,
}

impl Number {
    /// Number columns that are written with the row, in the order they are stored.
    pub(crate) const STORED: [Number; 13] = [
        Number::Id,
        Number::Time,
        Number::Attack,
        Number::Status,
        Number::Application,
        Number::ResponseTime,
        Number::ResponseSize,
        Number::RequestSize,
        Number::UriLength,
        Number::Blocked,
        Number::Control,
        Number::Count,
        Number::Vector,
    ];

    /// Place among [`Number::STORED`]; none for what is kept beside the rows.
    pub(crate) fn slot(self) -> Option<usize> {
        (!matches!(self, Number::Mark | Number::Issue)).then_some(self as usize)
    }
}

/// How a person judged a hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Not judged.
    #[default]
    None,
    /// False positive.
    False,
    /// True positive.
    True,
}

impl Mark {
    /// The value of [`Number::Mark`].
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Mark::None => 0,
            Mark::False => 1,
            Mark::True => 2,
        }
    }
}

/// One hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Request id; hits of one request share it.
    pub request: String,
    texts: [String; Text::ALL.len()],
    numbers: [i64; Number::STORED.len()],
}

impl Row {
    /// A row of this number; everything else is empty or 0.
    #[must_use]
    pub fn new(id: i64, request: impl Into<String>) -> Row {
        let mut row =
            Row { request: request.into(), texts: Default::default(), numbers: [0; Number::STORED.len()] };
        row.set_number(Number::Id, id);
        row
    }

    /// The row with a text.
    #[must_use]
    pub fn with_text(mut self, column: Text, value: impl Into<String>) -> Row {
        if let Some(text) = self.texts.get_mut(column.slot()) {
            *text = value.into();
        }
        self
    }

    /// The row with a number; marks and issues are not part of a row and ignored.
    #[must_use]
    pub fn with_number(mut self, column: Number, value: i64) -> Row {
        self.set_number(column, value);
        self
    }

    fn set_number(&mut self, column: Number, value: i64) {
        if let Some(number) = column.slot().and_then(|slot| self.numbers.get_mut(slot)) {
            *number = value;
        }
    }

    /// A text.
    #[must_use]
    pub fn text(&self, column: Text) -> &str {
        self.texts.get(column.slot()).map_or("", String::as_str)
    }

    /// A number.
    #[must_use]
    pub fn number(&self, column: Number) -> i64 {
        column.slot().and_then(|slot| self.numbers.get(slot)).copied().unwrap_or_default()
    }

    /// Row number.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.number(Number::Id)
    }

    pub(crate) fn texts(&self) -> &[String] {
        &self.texts
    }

    pub(crate) fn numbers(&self) -> &[i64] {
        &self.numbers
    }
}
