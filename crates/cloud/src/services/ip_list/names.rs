//! Names of lists and types: as stored, in the current API, in the legacy API, and to nodes.

/// Which API spells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `allow`, `block`; `subnet`, `location`.
    Current,
    /// `white`, `black`; `ip_range`, `country`.
    Legacy,
}

impl Spelling {
    /// The member that names applications.
    #[must_use]
    pub const fn applications(self) -> &'static str {
        match self {
            Spelling::Current => "application_ids",
            Spelling::Legacy => "pools",
        }
    }
}

/// A list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Passed without inspection.
    Allow,
    /// Refused.
    Deny,
    /// Suspect.
    Gray,
}

impl List {
    /// Every list.
    pub const ALL: [List; 3] = [List::Allow, List::Deny, List::Gray];

    /// The name of the list in an API.
    #[must_use]
    pub const fn name(self, spelling: Spelling) -> &'static str {
        match (self, spelling) {
            (List::Allow, Spelling::Current) => "allow",
            (List::Deny, Spelling::Current) => "block",
            (List::Allow, Spelling::Legacy) => "white",
            (List::Deny, Spelling::Legacy) => "black",
            (List::Gray, _) => "gray",
        }
    }

    /// The name in the database: that of the current API.
    #[must_use]
    pub const fn stored(self) -> &'static str {
        self.name(Spelling::Current)
    }

    /// The list with this name in the database.
    #[must_use]
    pub fn of_stored(name: &str) -> Option<List> {
        List::ALL.into_iter().find(|list| list.stored() == name)
    }

    /// The list with this name in either API.
    #[must_use]
    pub fn parse(name: &str) -> Option<List> {
        List::ALL
            .into_iter()
            .find(|list| list.name(Spelling::Current) == name || list.name(Spelling::Legacy) == name)
    }
}

/// What the values of an entry are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleType {
    /// Addresses and subnets.
    Subnet,
    /// Countries and regions.
    Location,
    /// Hosting providers.
    Datacenter,
    /// Kinds of source.
    ProxyType,
}

impl RuleType {
    /// Every type.
    pub const ALL: [RuleType; 4] =
        [RuleType::Subnet, RuleType::Location, RuleType::Datacenter, RuleType::ProxyType];

    /// The name of the type in an API.
    #[must_use]
    pub const fn name(self, spelling: Spelling) -> &'static str {
        match (self, spelling) {
            (RuleType::Subnet, Spelling::Current) => "subnet",
            (RuleType::Subnet, Spelling::Legacy) => "ip_range",
            (RuleType::Location, Spelling::Current) => "location",
            (RuleType::Location, Spelling::Legacy) => "country",
            (RuleType::Datacenter, _) => "datacenter",
            (RuleType::ProxyType, _) => "proxy_type",
        }
    }

    /// The name in the database: that of the current API.
    #[must_use]
    pub const fn stored(self) -> &'static str {
        self.name(Spelling::Current)
    }

    /// The type with this name in the database.
    #[must_use]
    pub fn of_stored(name: &str) -> Option<RuleType> {
        RuleType::ALL.into_iter().find(|kind| kind.stored() == name)
    }

    /// The type with this name in either API.
    #[must_use]
    pub fn parse(name: &str) -> Option<RuleType> {
        RuleType::ALL
            .into_iter()
            .find(|kind| kind.name(Spelling::Current) == name || kind.name(Spelling::Legacy) == name)
    }

    /// What nodes call it.
    #[must_use]
    pub const fn node_kind(self) -> &'static str {
        match self {
            RuleType::Subnet => "ip",
            RuleType::Location => "country",
            RuleType::Datacenter => "datacenter",
            RuleType::ProxyType => "proxy",
        }
    }
}
