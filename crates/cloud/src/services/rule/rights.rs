//! Which permission a change of a rule needs: it depends on the type.

use bartizan_api::{ApiError, Permission};
use bartizan_rules::HintType;

use crate::auth::Caller;

/// What is done to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Update,
    Delete,
}

/// Refuses a caller who may not do this to a rule of this type.
pub(super) fn require(
    caller: &Caller,
    verb: Verb,
    kind: HintType,
    is_default_branch: bool,
) -> Result<(), ApiError> {
    caller.require(match (kind, verb) {
        (HintType::DisableStamp, Verb::Create | Verb::Update) => Permission::UpdateDisableStamp,
        // The mode of the default branch is the general filtration mode.
        (HintType::WallarmMode, _) if is_default_branch => Permission::UpdateWallarmMode,
        (kind, Verb::Create) if kind.is_mitigation() => Permission::CreateMitigationControl,
        (kind, Verb::Update) if kind.is_mitigation() => Permission::UpdateMitigationControl,
        (kind, Verb::Delete) if kind.is_mitigation() => Permission::DeleteMitigationControl,
        (_, Verb::Create) => Permission::CreateRule,
        (_, Verb::Update) => Permission::UpdateRule,
        (_, Verb::Delete) => Permission::DeleteRule,
    })
}

/// The types that a caller may not see.
pub(super) fn hidden(caller: &Caller) -> Vec<&'static str> {
    let (rules, controls) = (caller.may(Permission::ViewRule), caller.may(Permission::ViewMitigationControl));
    let is_hidden = |kind: &&HintType| if kind.is_mitigation() { !controls } else { !rules };
    HintType::ALL.iter().filter(is_hidden).map(|kind| kind.name()).collect()
}

/// The types that a caller does not find in lists: also credential rules, which have a list of their own.
pub(super) fn unlisted(caller: &Caller) -> Vec<&'static str> {
    let mut types = hidden(caller);
    if !caller.may(Permission::UpdateDisableStamp) {
        types.extend([HintType::CredentialsPoint.name(), HintType::CredentialsRegex.name()]);
    }
    types
}
