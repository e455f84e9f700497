//! Where in a request a value was found, as far as detection cares.
//!
//! The same bytes mean different things in different places: `sqlmap/1.8` is a tool in a user agent and a
//! search text in a query. Derived from the point of a walk in `inspect`.

/// A kind of place in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The raw target or a decoded form of it as a whole.
    Uri,
    /// A path segment.
    Path,
    /// A value of a query parameter.
    QueryValue,
    /// A name of a query parameter.
    QueryName,
    /// The user agent.
    UserAgent,
    /// The referring page.
    Referer,
    /// A value of any other header.
    HeaderValue,
    /// A name of a header.
    HeaderName,
    /// A value of a cookie.
    CookieValue,
    /// A name of a cookie.
    CookieName,
    /// A leaf of the body.
    BodyValue,
    /// A key, tag or field name of the body.
    BodyName,
    /// The name of an uploaded file.
    FileName,
    /// The content of an uploaded file, or a body that no parser took.
    FileContent,
}

impl Place {
    /// All places, in the order of their discriminants.
    pub(crate) const ALL: [Place; 14] = [
        Place::Uri,
        Place::Path,
        Place::QueryValue,
        Place::QueryName,
        Place::UserAgent,
        Place::Referer,
        Place::HeaderValue,
        Place::HeaderName,
        Place::CookieValue,
        Place::CookieName,
        Place::BodyValue,
        Place::BodyName,
        Place::FileName,
        Place::FileContent,
    ];

    /// Whether this is a name rather than a value.
    #[must_use]
    pub const fn is_name(self) -> bool {
        matches!(self, Place::QueryName | Place::HeaderName | Place::CookieName | Place::BodyName)
    }

    /// Whether this is somewhere in the header block, where nobody writes prose.
    #[must_use]
    pub const fn is_header(self) -> bool {
        matches!(
            self,
            Place::UserAgent
                | Place::Referer
                | Place::HeaderValue
                | Place::HeaderName
                | Place::CookieValue
                | Place::CookieName
        )
    }
}
