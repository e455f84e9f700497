//! Filtration modes and their precedence (`spec/node.md` section 2.2).

use serde::{Deserialize, Serialize};

/// What the node does with attacks; ordered by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FiltrationMode {
    /// Requests are not analysed.
    Off,
    /// Attacks are recorded.
    #[default]
    Monitoring,
    /// Attacks from graylisted sources are blocked.
    SafeBlocking,
    /// Attacks are blocked.
    Block,
}

impl FiltrationMode {
    /// Every mode, by severity.
    pub const ALL: [FiltrationMode; 4] = [
        FiltrationMode::Off,
        FiltrationMode::Monitoring,
        FiltrationMode::SafeBlocking,
        FiltrationMode::Block,
    ];

    /// Name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FiltrationMode::Off => "off",
            FiltrationMode::Monitoring => "monitoring",
            FiltrationMode::SafeBlocking => "safe_blocking",
            FiltrationMode::Block => "block",
        }
    }

    /// The mode with this name; `default` is none of them.
    #[must_use]
    pub fn from_name(name: &str) -> Option<FiltrationMode> {
        FiltrationMode::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// Whether rules of the cloud may change the local mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeOverride {
    /// The cloud decides.
    #[default]
    On,
    /// The cloud can only make it more severe.
    Strict,
    /// The local mode stays.
    Off,
}

/// The mode in force: the local one, what rules may do to it, and what they say
/// ([`Selection::mode`](crate::Selection::mode); `None` is no opinion).
#[must_use]
pub fn effective_mode(
    local: FiltrationMode,
    may_override: ModeOverride,
    cloud: Option<FiltrationMode>,
) -> FiltrationMode {
    match (may_override, cloud) {
        (ModeOverride::Off, _) | (_, None) => local,
        (ModeOverride::On, Some(cloud)) => cloud,
        (ModeOverride::Strict, Some(cloud)) => local.max(cloud),
    }
}
