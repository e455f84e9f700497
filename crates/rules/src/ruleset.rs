//! The compiled ruleset: which rules apply to a request.
//!
//! The cloud puts the active hints of a tenant into a bundle ([`RulesetSource`]); a node compiles it once
//! ([`Ruleset::compile`]) and asks it about every request ([`Ruleset::select`]). Hints are grouped by
//! branch (distinct set of conditions); a decision tree over the conditions ([`index`]) finds the few
//! branches that may match, and only those are verified. What applies is ordered by specificity
//! (`spec/rules.md` section 2.7), computed at compile time.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::condition::{Condition, ConditionKind, Scope};
use crate::dialect::Pattern;
use crate::hint::HintType;

mod effect;
mod facts;
mod index;
mod select;
mod specificity;
mod spelling;

pub use effect::{
    Behaviour, Credentials, FileKind, GraphqlPolicy, HeaderMode, OverlimitMode, OverlimitSettings,
    PolicyMode, RateLimit, RateUnit, RegexRule, ResponseHeader, UploadLimit, Vpatch,
};
pub use facts::RequestFacts;
pub use select::Selection;

use effect::Effect;
use facts::{Facts, Test};
use index::Index;

/// Most bytes that the patterns of one ruleset may take.
const MAX_PATTERNS_BYTES: usize = 64 << 20;

/// The content of a ruleset bundle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RulesetSource {
    /// Version, ascending.
    pub version: i64,
    /// Tenant.
    pub clientid: i64,
    /// Active hints.
    pub hints: Vec<HintSource>,
}

/// A hint in a bundle. Type and scope stay raw here, so that one hint of a newer cloud cannot make a whole
/// bundle unreadable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HintSource {
    /// Id of the hint.
    pub id: i64,
    /// Wire name of the type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Conditions of its action.
    #[serde(default)]
    pub action: Value,
    /// Unix seconds.
    pub updated_at: i64,
    /// Normalised fields, server-assigned ones included.
    #[serde(default)]
    pub fields: Map<String, Value>,
}

/// Why a bundle does not compile. The node keeps the ruleset before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Hints that do not compile, each with its id.
    #[error("{} of the hints do not compile; the first is {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Hints(Vec<HintFault>),
    /// The patterns together are too large.
    #[error("the patterns take more than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
}

/// A hint that does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hint {id}: {reason}")]
pub struct HintFault {
    /// Id of the hint.
    pub id: i64,
    /// What is wrong.
    pub reason: String,
}

/// A compiled hint.
#[derive(Debug)]
struct Hint {
    id: i64,
    updated_at: i64,
    /// Specificity of its branch; higher is more specific, equal is a tie.
    rank: u32,
    effect: Effect,
}

/// Hints with the same conditions.
#[derive(Debug)]
struct Branch {
    tests: Vec<Test>,
    hints: Vec<Hint>,
}

/// The rules of one tenant, ready to be asked.
#[derive(Debug)]
pub struct Ruleset {
    version: i64,
    clientid: i64,
    branches: Vec<Branch>,
    index: Index,
    skipped: BTreeMap<String, u64>,
    hint_count: usize,
}

impl Ruleset {
    /// Compiles a bundle. Hints of unknown types are skipped and counted ([`Ruleset::skipped`]).
    ///
    /// # Errors
    /// [`RuleError`] with every hint that does not compile, or when the whole is too large.
    pub fn compile(source: &RulesetSource) -> Result<Ruleset, RuleError> {
        let mut skipped = BTreeMap::new();
        let mut faults = Vec::new();
        let mut patterns = Patterns::default();
        let mut scopes: HashMap<String, (Scope, Vec<Hint>)> = HashMap::new();
        let mut hint_count = 0;
        for hint in &source.hints {
            let Some(kind) = HintType::from_name(&hint.kind) else {
                *skipped.entry(hint.kind.clone()).or_default() += 1;
                continue;
            };
            let fields = spelling::as_in_requests(&hint.fields);
            let compiled = parse_scope(&hint.action)
                .and_then(|scope| Ok((scope, Effect::compile(kind, &fields, &mut patterns)?)));
            match compiled {
                Ok((_, None)) => {}
                Ok((scope, Some(effect))) => {
                    let compiled = Hint { id: hint.id, updated_at: hint.updated_at, rank: 0, effect };
                    let branch = scopes.entry(scope.conditions_hash()).or_insert((scope, Vec::new()));
                    branch.1.push(compiled);
                    hint_count += 1;
                }
                Err(reason) => faults.push(HintFault { id: hint.id, reason }),
            }
        }
        let mut branches: Vec<(Scope, Vec<Hint>)> = scopes.into_values().collect();
        let ranks = specificity::ranks(branches.iter().map(|(scope, _)| scope));
        let mut compiled = Vec::with_capacity(branches.len());
        for ((scope, hints), rank) in branches.iter_mut().zip(ranks) {
            hints.iter_mut().for_each(|hint| hint.rank = rank);
            let tests = scope.conditions().iter().map(|condition| compile_test(condition, &mut patterns));
            match tests.collect() {
                Ok(tests) => compiled.push(Branch { tests, hints: std::mem::take(hints) }),
                Err(reason) => {
                    let fault = |hint: &Hint| HintFault { id: hint.id, reason: String::clone(&reason) };
                    faults.extend(hints.iter().map(fault));
                }
            }
        }
        if !faults.is_empty() {
            return Err(RuleError::Hints(faults));
        }
        if patterns.bytes > MAX_PATTERNS_BYTES {
            return Err(RuleError::TooLarge { limit_bytes: MAX_PATTERNS_BYTES });
        }
        let index = Index::build(&compiled);
        Ok(Ruleset {
            version: source.version,
            clientid: source.clientid,
            branches: compiled,
            index,
            skipped,
            hint_count,
        })
    }

    /// What applies to a request.
    #[must_use]
    pub fn select(&self, request: &RequestFacts<'_, '_>) -> Selection<'_> {
        let facts = Facts::new(*request);
        let mut found = smallvec::SmallVec::<[u32; 16]>::new();
        self.index.candidates(&facts, &mut |branch| found.push(branch));
        found.sort_unstable();
        found.dedup();
        let branches = found.iter().filter_map(|&index| self.branches.get(usize::try_from(index).ok()?));
        let matching = branches.filter(|branch| branch.tests.iter().all(|test| facts.holds(test)));
        Selection::new(matching.flat_map(|branch| &branch.hints))
    }

    /// Version of the bundle.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Tenant of the bundle.
    #[must_use]
    pub fn clientid(&self) -> i64 {
        self.clientid
    }

    /// Number of hints in force.
    #[must_use]
    pub fn hint_count(&self) -> usize {
        self.hint_count
    }

    /// Number of distinct scopes.
    #[must_use]
    pub fn branch_count(&self) -> usize {
        self.branches.len()
    }

    /// Hints that were skipped because this build does not know their type, by type.
    #[must_use]
    pub fn skipped(&self) -> &BTreeMap<String, u64> {
        &self.skipped
    }
}

impl Default for Ruleset {
    /// No rules: every request gets an empty selection.
    fn default() -> Self {
        Ruleset {
            version: 0,
            clientid: 0,
            branches: Vec::new(),
            index: Index::build(&[]),
            skipped: BTreeMap::new(),
            hint_count: 0,
        }
    }
}

fn parse_scope(action: &Value) -> Result<Scope, String> {
    if action.is_null() {
        return Ok(Scope::default());
    }
    let scope: Scope = serde_json::from_value(action.clone()).map_err(|fault| fault.to_string())?;
    Ok(Scope::new(scope.conditions().to_vec()))
}

fn compile_test(condition: &Condition, patterns: &mut Patterns) -> Result<Test, String> {
    let value = condition.value().unwrap_or_default();
    Ok(Test {
        point: condition.point().clone(),
        check: match condition.kind() {
            ConditionKind::Absent => facts::Check::Absent,
            ConditionKind::Equal => facts::Check::Equal(value.into()),
            ConditionKind::Iequal => facts::Check::Iequal(value.into()),
            ConditionKind::Regex => facts::Check::Regex(patterns.compile(value)?),
        },
    })
}

/// Compiled patterns by text: rules often share them.
#[derive(Default)]
struct Patterns {
    by_text: HashMap<String, Arc<Pattern>>,
    bytes: usize,
}

impl Patterns {
    fn compile(&mut self, text: &str) -> Result<Arc<Pattern>, String> {
        if let Some(pattern) = self.by_text.get(text) {
            return Ok(Arc::clone(pattern));
        }
        if self.bytes > MAX_PATTERNS_BYTES {
            return Err("the patterns of the ruleset are too large together".into());
        }
        let pattern = Pattern::shared(text).map_err(|fault| format!("pattern {text:?} {fault}"))?;
        self.bytes += pattern.memory_bytes();
        self.by_text.insert(text.to_owned(), Arc::clone(&pattern));
        Ok(pattern)
    }
}

#[cfg(test)]
mod tests;
