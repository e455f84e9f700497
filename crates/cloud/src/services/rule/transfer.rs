//! Rules of a tenant in a document: numbers of expressions and names of counters that mean something only there.

use std::collections::HashMap;

use bartizan_api::{ApiError, configuration::SectionReport};
use bartizan_rules::{HintSource, HintSpec, HintType, RuleError, Ruleset, RulesetSource};
use bartizan_store::{
    TenantId, config_versions,
    entity::{action, hint},
    hints,
    sea_orm::ConnectionTrait,
};
use serde_json::{Map, Value, json};

use super::{
    Verb, applications, assign, counters, fill, find_or_create_action, new_row, refused, require, stored,
};
use crate::{
    failure::Failure,
    services::{
        configuration::{Author, Work, at, canonical, place, plan},
        provision::DEFAULT_BRANCH_HASH,
    },
};

/// What the server assigns: no part of what a document says of a rule.
const ASSIGNED: [&str; 3] = ["regex_id", "counter", "suffix"];
/// Ids of one statement.
const STEP: usize = 500;

/// The rules of a tenant, those that win over others last.
///
/// # Errors
/// 500 when the store fails.
pub(in crate::services) async fn export<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Vec<Map<String, Value>>, Failure> {
    let mut numbers: HashMap<i64, usize> = HashMap::new();
    let mut rules = Vec::new();
    let rows = hints::all(connection, tenant).await?;
    let specs = rows.iter().filter(|(row, _)| !row.system).map(|(row, action)| stored(row, action));
    let specs = specs.map(|hint| Ok(hint?.spec)).collect::<Result<Vec<_>, Failure>>()?;
    for spec in specs.iter().filter(|spec| spec.kind.has_regex_id()) {
        let next = numbers.len() + 1;
        numbers.insert(spec.regex_id().unwrap_or_default(), next);
    }
    for spec in &specs {
        let mut rule = entry(spec);
        if let Some(id) = spec.regex_id() {
            let Some(number) = numbers.get(&id) else { continue };
            rule.insert("regex_id".to_owned(), json!(number));
        }
        if let Some(counter) = spec.fields.get("counter").and_then(Value::as_str) {
            rule.insert("counter".to_owned(), json!(local_counter(counter)));
        }
        rules.push(rule);
    }
    Ok(rules)
}

/// What a user says to create a rule, without what goes without saying.
fn entry(spec: &HintSpec) -> Map<String, Value> {
    let mut entry = Map::new();
    let mut put = |name: &str, value: Value| {
        entry.insert(name.to_owned(), value);
    };
    put("type", json!(spec.kind));
    put("action", spec.action.to_json());
    for (name, flag, usual) in [
        ("active", spec.active, true),
        ("validated", spec.validated, false),
        ("variativity_disabled", spec.variativity_disabled, spec.kind.variativity_disabled()),
    ] {
        if flag != usual {
            put(name, json!(flag));
        }
    }
    for (name, text) in [("title", &spec.title), ("set", &spec.set), ("comment", &spec.comment)] {
        if let Some(text) = text {
            put(name, json!(text));
        }
    }
    // By name: PostgreSQL has an order of its own for the members of what it stores.
    let said = |(name, value): &(&String, &Value)| !ASSIGNED.contains(&name.as_str()) && !value.is_null();
    let mut fields: Vec<(&String, &Value)> = spec.fields.iter().filter(said).collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    for (name, value) in fields {
        put(name, serde_json::from_str(&canonical(value)).unwrap_or_else(|_| value.clone()));
    }
    entry
}

/// `b:7:00112233445566aa` without the tenant.
pub(in crate::services) fn local_counter(counter: &str) -> String {
    let mut parts = counter.split(':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(prefix), Some(_), Some(random)) => format!("{prefix}:{random}"),
        _ => counter.to_owned(),
    }
}

/// `b:00112233445566aa` with the tenant.
pub(in crate::services) fn own_counter(local: &str, tenant: TenantId) -> Option<String> {
    let (prefix, random) = local.split_once(':')?;
    let hex = random.len() == 16 && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (hex && ["b", "d", "i"].contains(&prefix)).then(|| format!("{prefix}:{}:{random}", tenant.0))
}

/// A rule of a document.
struct Wanted {
    spec: HintSpec,
    /// Number of its expression in the document.
    number: Option<i64>,
    /// Name of its counter.
    counter: Option<String>,
}

/// The rules of a document.
pub(in crate::services) struct Rules {
    wanted: Vec<Wanted>,
    /// For each `disable_regex` rule the rule whose expression it names.
    targets: HashMap<usize, usize>,
    /// What tells the rules apart, in their order.
    keys: Vec<String>,
}

/// Reads the rules of a document for a tenant, and compiles them as nodes would.
///
/// # Errors
/// 400 with the rule and field at fault.
pub(in crate::services) fn read(entries: &[Value], tenant: TenantId) -> Result<Rules, Failure> {
    let wanted = entries.iter().enumerate().map(|(index, entry)| parse(index, entry, tenant));
    let wanted = wanted.collect::<Result<Vec<_>, Failure>>()?;
    let is_general = |rule: &Wanted| rule.spec.kind == HintType::WallarmMode && rule.spec.action.is_default();
    if !wanted.iter().any(is_general) {
        let error = "should have a wallarm_mode rule for all traffic: the general filtration mode";
        return Err(ApiError::field("rules", error, Value::Null).into());
    }
    let targets = targets(&wanted)?;
    compile(&wanted, &targets, tenant)?;
    Ok(Rules { keys: keys(&wanted, &targets), wanted, targets })
}

/// Makes the rules of a tenant those of a document. Where its triggers stay as they are, so do the counters that they
/// name.
///
/// # Errors
/// 403 for a type that the author may not create or delete.
pub(in crate::services) async fn import(
    work: &Work<'_>,
    rules: Rules,
    triggers_stay: bool,
) -> Result<SectionReport, Failure> {
    let Rules { mut wanted, targets, keys } = rules;
    let rows = hints::all(work.transaction, work.tenant).await?;
    let own = rows.into_iter().filter(|(row, _)| !row.system).collect::<Vec<_>>();
    let mut plan = plan(keyed(own)?, &keys);
    if triggers_stay {
        let held = counters::held(work.transaction, work.tenant).await?;
        plan.gone.retain(|(row, _)| !counters::is_among(row, &held));
    }
    for (index, (rule, kept)) in wanted.iter().zip(&plan.kept).enumerate() {
        if kept.is_some() {
            continue;
        }
        allow(work.author, Verb::Create, &rule.spec)?;
        if let Author::Caller(caller) = work.author
            && let Some(fault) =
                applications::foreign(work.transaction, caller, work.tenant, &rule.spec.action).await?
        {
            return Err(at(&place("rules", index), fault));
        }
    }
    for (row, action) in &plan.gone {
        allow(work.author, Verb::Delete, &stored(row, action)?.spec)?;
    }
    number(work, &mut wanted, &targets, &plan.kept).await?;
    let mut report = SectionReport { deleted: plan.gone.len(), ..SectionReport::default() };
    write(work, &wanted, plan.kept, &mut report).await?;
    let gone: Vec<hint::Model> = plan.gone.into_iter().map(|(row, _)| row).collect();
    for step in gone.chunks(STEP) {
        hints::delete(work.transaction, work.tenant, step, DEFAULT_BRANCH_HASH).await?;
    }
    Ok(report)
}

fn allow(author: Author<'_>, verb: Verb, spec: &HintSpec) -> Result<(), ApiError> {
    match author {
        Author::Caller(caller) => require(caller, verb, spec.kind, spec.action.is_default()),
        Author::Operator => Ok(()),
    }
}

fn parse(index: usize, entry: &Value, tenant: TenantId) -> Result<Wanted, Failure> {
    let place = place("rules", index);
    let wrong = |field: &str, error: &str, value: Value| at(&place, ApiError::field(field, error, value));
    let Some(mut body) = entry.as_object().cloned() else {
        return Err(ApiError::field(&place, "should be an object", Value::Null).into());
    };
    let kind = body.get("type").and_then(Value::as_str).and_then(HintType::from_name);
    let mut number = None;
    if kind.is_some_and(HintType::has_regex_id)
        && let Some(sent) = body.shift_remove("regex_id")
    {
        number = Some(sent.as_i64().ok_or_else(|| wrong("regex_id", "should be a number", sent.clone()))?);
    }
    let mut counter = None;
    if let Some(prefix) = kind.and_then(HintType::counter_prefix)
        && let Some(sent) = body.shift_remove("counter")
    {
        let own = sent.as_str().filter(|text| text.starts_with(prefix));
        let own = own.and_then(|text| own_counter(text, tenant));
        counter = Some(own.ok_or_else(|| wrong("counter", "is invalid", sent.clone()))?);
    }
    if let Some(sent) = body.get("clientid") {
        return Err(wrong("clientid", "belongs to no document", sent.clone()));
    }
    let spec = HintSpec::create(&body).map_err(|faults| at(&place, refused(&faults)))?;
    Ok(Wanted { spec, number, counter })
}

/// For each `disable_regex` rule the rule whose expression it names.
fn targets(wanted: &[Wanted]) -> Result<HashMap<usize, usize>, Failure> {
    let mut numbered = HashMap::new();
    for (index, rule) in wanted.iter().enumerate() {
        if let Some(number) = rule.number
            && let Some(first) = numbered.insert(number, index)
        {
            let error = ApiError::field("regex_id", format!("is that of rules[{first}], too"), number);
            return Err(at(&place("rules", index), error));
        }
    }
    let named = |(index, rule): (usize, &Wanted)| {
        let number = rule.spec.regex_id().unwrap_or_default();
        let target = numbered.get(&number).copied().ok_or_else(|| {
            let error = ApiError::field("regex_id", "names no expression of this document", number);
            at(&place("rules", index), error)
        })?;
        Ok((index, target))
    };
    let disabling = |(_, rule): &(usize, &Wanted)| rule.spec.kind == HintType::DisableRegex;
    wanted.iter().enumerate().filter(disabling).map(named).collect()
}

/// Tells rules that say the same apart where others name them: the words, and how many said so before.
#[derive(Default)]
struct Occurrences(HashMap<String, usize>);

impl Occurrences {
    fn name(&mut self, words: &str) -> String {
        let count = self.0.entry(words.to_owned()).or_default();
        *count += 1;
        format!("{words}#{count}")
    }
}

fn words(spec: &HintSpec) -> String {
    canonical(&Value::Object(entry(spec)))
}

/// What tells the rules of a document apart.
fn keys(wanted: &[Wanted], targets: &HashMap<usize, usize>) -> Vec<String> {
    let words: Vec<String> = wanted.iter().map(|rule| words(&rule.spec)).collect();
    let mut occurrences = Occurrences::default();
    let names: Vec<String> = words.iter().map(|words| occurrences.name(words)).collect();
    let key = |(index, rule): (usize, &Wanted)| {
        let own = words.get(index).cloned().unwrap_or_default();
        match (targets.get(&index).and_then(|target| names.get(*target)), &rule.counter) {
            (Some(target), _) => format!("{own}\n{target}"),
            (None, Some(counter)) => format!("{own}\n{counter}"),
            (None, None) => own,
        }
    };
    wanted.iter().enumerate().map(key).collect()
}

type Row = (hint::Model, action::Model);

/// What tells the rules of a tenant apart, in the same words.
fn keyed(rows: Vec<Row>) -> Result<Vec<(String, Row)>, Failure> {
    let specs = rows
        .iter()
        .map(|(row, action)| Ok(stored(row, action)?.spec))
        .collect::<Result<Vec<_>, Failure>>()?;
    let mut occurrences = Occurrences::default();
    let mut names: HashMap<i64, String> = HashMap::new();
    for spec in &specs {
        let name = occurrences.name(&words(spec));
        if spec.kind.has_regex_id() {
            names.insert(spec.regex_id().unwrap_or_default(), name);
        }
    }
    let key = |spec: &HintSpec| {
        let counter = spec.fields.get("counter").and_then(Value::as_str);
        match (spec.kind == HintType::DisableRegex, counter) {
            (true, _) => {
                let target = names.get(&spec.regex_id().unwrap_or_default());
                format!("{}\n{}", words(spec), target.map_or("", String::as_str))
            }
            (false, Some(counter)) => format!("{}\n{counter}", words(spec)),
            (false, None) => words(spec),
        }
    };
    Ok(specs.iter().map(key).zip(rows).collect())
}

/// Gives new rules what the server assigns, and `disable_regex` rules the numbers of the tenant.
async fn number(
    work: &Work<'_>,
    wanted: &mut [Wanted],
    targets: &HashMap<usize, usize>,
    kept: &[Option<Row>],
) -> Result<(), Failure> {
    let is_new = |index: usize| kept.get(index).is_some_and(Option::is_none);
    let new =
        wanted.iter().enumerate().filter(|(index, rule)| is_new(*index) && rule.spec.kind.has_regex_id());
    let count = i64::try_from(new.count()).map_err(|_| ApiError::internal())?;
    let mut next = config_versions::reserve_ruleset(work.transaction, work.tenant, count).await?;
    let mut ids = HashMap::new();
    for (index, (rule, kept)) in wanted.iter_mut().zip(kept).enumerate() {
        if let Some((row, _)) = kept {
            ids.insert(index, row.regex_id.unwrap_or_default());
            continue;
        }
        assign(&mut rule.spec, work.tenant, next);
        if rule.spec.kind.has_regex_id() {
            ids.insert(index, next);
            next += 1;
        }
        if let Some(counter) = &rule.counter {
            rule.spec.assign_counter(counter);
        }
    }
    for (index, target) in targets {
        if let (Some(rule), Some(id)) = (wanted.get_mut(*index), ids.get(target)) {
            rule.spec.assign_regex_id(*id);
        }
    }
    Ok(())
}

/// Inserts new rules and keeps the order of the document where the last changed one wins.
async fn write(
    work: &Work<'_>,
    wanted: &[Wanted],
    kept: Vec<Option<Row>>,
    report: &mut SectionReport,
) -> Result<(), Failure> {
    let (transaction, tenant) = (work.transaction, work.tenant);
    let mut actions: HashMap<String, action::Model> = hints::actions(transaction, tenant)
        .await?
        .into_iter()
        .map(|action| (action.conditions_hash.clone(), action))
        .collect();
    let mut last = (i64::MIN, 0);
    for (index, (rule, kept)) in wanted.iter().zip(kept).enumerate() {
        let row = if let Some((mut row, _)) = kept {
            report.unchanged += 1;
            if (row.updated_at, row.id) < last {
                // The later of two rules for the same wins: another order is a change.
                allow(work.author, Verb::Update, &rule.spec)
                    .map_err(|error| at(&place("rules", index), error))?;
                row.updated_at = last.0 + i64::from(row.id < last.1);
                row = hints::update(transaction, row).await?;
            }
            row
        } else {
            report.created += 1;
            let hash = rule.spec.action.conditions_hash();
            if !actions.contains_key(&hash) {
                let made = find_or_create_action(transaction, tenant, &rule.spec.action, work.now).await?;
                actions.insert(hash.clone(), made);
            }
            let action_id = actions.get(&hash).map(|action| action.id).ok_or_else(ApiError::internal)?;
            let mut row = new_row(tenant, action_id, work.author.user_id(), work.now);
            fill(&mut row, &rule.spec);
            row.updated_at = work.now.max(last.0);
            row.expires_at = counters::first_end(rule.spec.kind, work.now);
            hints::touch_action(transaction, tenant, action_id, row.updated_at).await?;
            hints::insert(transaction, row).await?
        };
        last = (row.updated_at, row.id);
    }
    Ok(())
}

/// Refuses rules that nodes could not compile, as one ruleset under numbers of its own.
fn compile(wanted: &[Wanted], targets: &HashMap<usize, usize>, tenant: TenantId) -> Result<(), Failure> {
    let number = |index: usize| i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1);
    let hint = |(index, rule): (usize, &Wanted)| {
        let mut spec = rule.spec.clone();
        assign(&mut spec, tenant, number(index));
        if let Some(target) = targets.get(&index) {
            spec.assign_regex_id(number(*target));
        }
        HintSource {
            id: number(index),
            kind: spec.kind.name().to_owned(),
            action: spec.action.to_json(),
            updated_at: 0,
            fields: spec.fields,
        }
    };
    let active = wanted.iter().enumerate().filter(|(_, rule)| rule.spec.active);
    let source = RulesetSource { version: 0, clientid: tenant.0, hints: active.map(hint).collect() };
    match Ruleset::compile(&source) {
        Ok(_) => Ok(()),
        Err(RuleError::TooLarge { .. }) => {
            Err(ApiError::field("rules", "are too complex together", Value::Null).into())
        }
        Err(RuleError::Hints(faults)) => {
            let fault = faults.first().ok_or_else(ApiError::internal)?;
            // Places count from 0, the numbers given above from 1.
            let place = usize::try_from(fault.id)
                .map_or_else(|_| "rules".to_owned(), |number| place("rules", number.saturating_sub(1)));
            Err(ApiError::field(&place, "does not compile", fault.reason.clone()).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_compile_is_named_by_its_place() {
        let rule =
            json!({"type": "regex", "regex": "a", "attack_type": "xss", "point": [["uri"]], "action": []});
        let spec = HintSpec::create(rule.as_object().unwrap()).unwrap();
        let mut wanted: Vec<Wanted> =
            (0..3).map(|_| Wanted { spec: spec.clone(), number: None, counter: None }).collect();
        compile(&wanted, &HashMap::new(), TenantId(1)).unwrap();
        wanted[2].spec.fields.insert("regex".to_owned(), json!("("));
        let refused = compile(&wanted, &HashMap::new(), TenantId(1)).unwrap_err();
        assert_eq!(refused.0.body["rules[2]"]["error"], "does not compile");
    }

    #[test]
    fn counters_lose_their_tenant_and_get_another() {
        assert_eq!(local_counter("b:7:00112233445566aa"), "b:00112233445566aa");
        assert_eq!(own_counter("b:00112233445566aa", TenantId(9)).unwrap(), "b:9:00112233445566aa");
        for bad in ["b:9:00112233445566aa", "x:00112233445566aa", "b:0011", "b:00112233445566AA", ""] {
            assert_eq!(own_counter(bad, TenantId(9)), None, "{bad}");
        }
    }
}
