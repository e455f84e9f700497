//! What the head of a request decides: mode, lists (`spec/node.md` sections 2.2 to 2.4).

use std::cell::OnceCell;

use bartizan_api::AttackType;
use bartizan_api::node::ListName;
use bartizan_rules::FiltrationMode;
use http::{HeaderMap, Method, Uri, Version};

use super::{Admission, Context, Denial, Plan, Subject, reading, size_of_head};
use crate::config::Role;
use crate::hits::Report;
use crate::sampler::Identity;
use crate::sources::Source;
use crate::state::Snapshot;

/// Decides what the head alone decides.
pub(crate) fn admit<'s>(
    context: &Context<'s>,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    version: Version,
) -> Admission<'s> {
    let snapshot: &'s Snapshot = context.snapshot;
    let application = context.settings.application;
    // Also the list of headers is made only for those who ask; without rules and lists nobody does.
    let subject = || Subject::new(method, uri, version, headers, context.connection.secure);
    let (selection, mode) = if reading::is_plain(context, uri) {
        (None, reading::effective(context.settings, None))
    } else {
        subject().read(&context.state.routes, context.settings, snapshot)
    };
    if mode == FiltrationMode::Off {
        context.stats.passed_off.add(1);
        return Admission::Proxy { selection };
    }
    context.stats.requests.add(1);
    context.note_app(|app| app.requests.add(1));
    let mut plan = Plan { mode, selection, graylisted: false, denied: None };
    let is_copy = context.state.config.role == Role::Mirror;
    if is_copy || !context.state.config.acl.enabled || snapshot.lists.is_empty() {
        return Admission::Inspect(plan);
    }
    let now = crate::clock::unix_seconds();
    let listed = Listed { context, source: OnceCell::new(), application, now };
    if listed.on(ListName::Allow).is_some() {
        context.stats.acl_allow_list.add(1);
        return Admission::Proxy { selection: plan.selection };
    }
    if let Some(denial) = listed.on(ListName::Deny) {
        if context.state.config.acl.early && context.state.config.enforces() {
            return deny(context, &subject(), plan, denial, now);
        }
        plan.denied = Some(denial);
    }
    plan.graylisted = mode == FiltrationMode::SafeBlocking && listed.on(ListName::Gray).is_some();
    if plan.graylisted {
        context.stats.acl_gray_list.add(1);
    }
    Admission::Inspect(plan)
}

/// The lists, asked about one client.
struct Listed<'c, 's> {
    context: &'c Context<'s>,
    /// Looked up when the first list needs it.
    source: OnceCell<Source>,
    application: i64,
    now: i64,
}

impl Listed<'_, '_> {
    /// The live entry of a list for the client, by its address first.
    fn on(&self, list: ListName) -> Option<Denial> {
        let (lists, ip) = (&self.context.snapshot.lists, self.context.client.ip);
        let denial = |attack_type: Option<AttackType>, by| Denial {
            attack_type: attack_type.unwrap_or(AttackType::BlockedSource),
            by,
        };
        if let Some(listing) = lists.find(list, ip, self.application, self.now) {
            return Some(denial(listing.attack_type, "ip"));
        }
        if !lists.name_sources() {
            return None;
        }
        let source = self.source.get_or_init(|| self.context.state.sources.of(ip));
        let (listing, by) = lists.find_source(list, source, self.application, self.now)?;
        Some(denial(listing.attack_type, by))
    }
}

fn deny<'s>(
    context: &Context<'_>,
    subject: &Subject<'_>,
    plan: Plan<'s>,
    denial: Denial,
    now: i64,
) -> Admission<'s> {
    context.note_blocked();
    context.note_denied(denial.attack_type);
    context.stats.bytes_blocked_by_acl_in.add(size_of_head(subject));
    let hits = sample(context, subject, now).map(|count| {
        let mut report = Report::new(context, subject, plan.mode);
        report.denied(denial, count, true);
        if let Some(selection) = &plan.selection {
            report.mask(selection);
        }
        report.pending()
    });
    Admission::Refuse { denial, hits, selection: plan.selection }
}

/// How many refusals an event stands for, if there is to be one.
pub(super) fn sample(context: &Context<'_>, subject: &Subject<'_>, now: i64) -> Option<u32> {
    if !context.state.config.acl.export {
        return None;
    }
    let path = subject.target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let identity = Identity {
        ip: context.client.ip,
        host: std::str::from_utf8(subject.header("host").unwrap_or_default()).unwrap_or_default(),
        path: std::str::from_utf8(path).unwrap_or_default(),
        method: subject.method,
    };
    let mut sampler = context.state.sampler.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    sampler.note(identity, now)
}
