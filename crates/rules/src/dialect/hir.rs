//! Patterns without `&` and `~`, handed to `regex-automata`: prefilters, lazy automata, linear time.

use regex_automata::dfa::StartKind;
use regex_automata::dfa::dense;
use regex_automata::meta;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, Look, Repetition};

use super::ast::Ast;
use super::{MAX_AUTOMATON_BYTES, MAX_STATES, PatternError};

/// Most bytes of the nondeterministic automaton; bounds what nested counts can unfold to.
const MAX_NFA_BYTES: usize = 4 << 20;
/// Most bytes that the lazily built states of one pattern take per thread.
const LAZY_CACHE_BYTES: usize = 256 << 10;

/// The expression for `regex-syntax`; `None` when it intersects or complements.
pub(super) fn translate(ast: &Ast) -> Option<Hir> {
    Some(match ast {
        Ast::And(_) | Ast::Not(_) => return None,
        Ast::Alt(nodes) => Hir::alternation(nodes.iter().map(translate).collect::<Option<_>>()?),
        Ast::Concat(nodes) => Hir::concat(nodes.iter().map(translate).collect::<Option<_>>()?),
        Ast::Bytes(set) => {
            let ranges = set.iter().map(|byte| ClassBytesRange::new(byte, byte));
            Hir::class(Class::Bytes(ClassBytes::new(ranges)))
        }
        Ast::Start => Hir::look(Look::Start),
        Ast::End => Hir::look(Look::End),
        &Ast::Repeat { ref node, min, max } => {
            Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(translate(node)?) })
        }
    })
}

/// Builds the matcher.
pub(super) fn compile(hir: &Hir) -> Result<meta::Regex, PatternError> {
    let config = meta::Config::new()
        .utf8_empty(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(MAX_NFA_BYTES))
        .hybrid_cache_capacity(LAZY_CACHE_BYTES);
    meta::Builder::new().configure(config).build_from_hir(hir).map_err(|_| PatternError::TooComplex)
}

/// Determinises the search automaton within the budget of states and bytes.
pub(super) fn check_size(hir: &Hir) -> Result<(), PatternError> {
    let config = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(MAX_NFA_BYTES));
    let nfa = thompson::Compiler::new()
        .configure(config)
        .build_from_hir(hir)
        .map_err(|_| PatternError::TooComplex)?;
    // A few rows of the table are dead, quit and start states; a state has four bytes for each class.
    let table_bytes = (MAX_STATES + 16) << (nfa.byte_classes().stride2() + 2);
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(Some(table_bytes.min(MAX_AUTOMATON_BYTES)))
        .determinize_size_limit(Some(2 * MAX_AUTOMATON_BYTES));
    dense::Builder::new()
        .configure(config)
        .build_from_nfa(&nfa)
        .map(drop)
        .map_err(|_| PatternError::TooComplex)
}
