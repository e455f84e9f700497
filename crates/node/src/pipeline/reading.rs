//! Mode and rules of a request, whichever way its path is read ([`crate::paths`]).
//!
//! A path that servers read in several ways is protected as its best protected reading: the most severe mode holds, what
//! guards one reading holds, and what spares only some of them does not.

use bartizan_request::{Host, Target};
use bartizan_rules::{FiltrationMode, ModeOverride, RequestFacts, Selection, effective_mode};
use http::Uri;

use super::{Context, Subject};
use crate::config::{Mode, ModeAllowOverride};
use crate::paths;
use crate::routes::{Routes, Settings};
use crate::state::Snapshot;

/// The mode of the configuration.
pub(crate) fn local_mode(mode: Mode) -> FiltrationMode {
    match mode {
        Mode::Off => FiltrationMode::Off,
        Mode::Monitoring => FiltrationMode::Monitoring,
        Mode::SafeBlocking => FiltrationMode::SafeBlocking,
        Mode::Block => FiltrationMode::Block,
    }
}

fn mode_override(setting: ModeAllowOverride) -> ModeOverride {
    match setting {
        ModeAllowOverride::Off => ModeOverride::Off,
        ModeAllowOverride::On => ModeOverride::On,
        ModeAllowOverride::Strict => ModeOverride::Strict,
    }
}

/// The mode that results from a route and what the cloud says.
pub(super) fn effective(settings: &Settings, cloud: Option<FiltrationMode>) -> FiltrationMode {
    effective_mode(local_mode(settings.mode), mode_override(settings.mode_allow_override), cloud)
}

/// Whether the route alone decides: there are no rules, and the path is read in one way.
pub(super) fn is_plain(context: &Context<'_>, uri: &Uri) -> bool {
    context.snapshot.ruleset.hint_count() == 0 && paths::readings(uri.path().as_bytes()).len() == 1
}

impl Subject<'_> {
    /// What of the ruleset applies, and the mode. `settings` are those of the route.
    pub(super) fn read<'s>(
        &self,
        routes: &Routes,
        settings: &Settings,
        snapshot: &'s Snapshot,
    ) -> (Option<Selection<'s>>, FiltrationMode) {
        let readings = paths::readings(self.target);
        if readings.len() == 1 && snapshot.ruleset.hint_count() == 0 {
            return (None, effective(settings, None));
        }
        let (mut mode, mut selected) = (FiltrationMode::Off, None::<Selection<'s>>);
        let several = (readings.len() > 1).then(|| {
            let host = Host::parse(self.header("host").unwrap_or_default());
            routes.of_host(host.name())
        });
        for target in &readings {
            let settings = several.map_or(settings, |routes| routes.find_read(paths::path_of(target)));
            let selection = self.select(target, snapshot, settings.application);
            mode = mode.max(effective(settings, selection.mode()));
            selected = Some(match selected {
                None => selection,
                Some(likely) => likely.reconciled(&selection),
            });
        }
        (selected.filter(|selection| !selection.is_empty()), mode)
    }

    fn select<'s>(&self, target: &[u8], snapshot: &'s Snapshot, application: i64) -> Selection<'s> {
        let target = Target::parse(target);
        snapshot.ruleset.select(&RequestFacts {
            instance: application,
            scheme: self.scheme(),
            method: self.method,
            proto: self.proto(),
            target: &target,
            headers: &self.headers,
        })
    }
}
