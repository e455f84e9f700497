//! A decision tree that finds the branches that may match a request without looking at the others.
//!
//! Each split asks for one request part and sends a branch to the subtree of the value that it requires
//! (`equal`, `iequal`), of absence, or of "does not say" (no condition there, or a pattern). A request
//! follows the subtree of its value and that of "does not say". Every branch sits in one leaf, so memory is
//! linear in branches. The part asked first is the one that divides the branches best, usually the host,
//! then path segments.
//!
//! Where no part divides well because branches look at many different headers or parameters, they are keyed
//! by the header or parameter that they need, and a request looks up those that it has ([`Named`]).

use std::collections::HashMap;

use super::Branch;
use super::facts::{Check, Facts, folded};
use crate::condition::ConditionPoint;

/// Leaves this small are verified one by one.
const LEAF_SIZE: usize = 4;
/// A split must take at least this part of the branches out of the largest subtree; bounds the depth.
const MIN_GAIN: usize = 8;

#[derive(Debug)]
pub(super) struct Index(Tree);

#[derive(Debug)]
enum Tree {
    Leaf(Box<[u32]>),
    Named(Box<Named>),
    Split(Box<Split>),
}

/// Branches that need a certain header or parameter to exist, and the others.
#[derive(Debug)]
struct Named {
    needing: HashMap<ConditionPoint, Tree>,
    others: Box<[u32]>,
}

#[derive(Debug)]
struct Split {
    point: ConditionPoint,
    equal: HashMap<Box<[u8]>, Tree>,
    iequal: HashMap<Box<[u8]>, Tree>,
    absent: Option<Tree>,
    unsaid: Option<Tree>,
}

/// Where a split sends a branch.
#[derive(PartialEq, Eq, Hash)]
enum Way<'b> {
    Absent,
    Equal(&'b str),
    Iequal(&'b str),
    Unsaid,
}

impl Index {
    pub(super) fn build(branches: &[Branch]) -> Index {
        let all: Vec<u32> = (0..).take(branches.len()).collect();
        Index(build(branches, all))
    }

    /// Calls `each` with every branch that may match, possibly more than once.
    pub(super) fn candidates(&self, facts: &Facts<'_, '_>, each: &mut impl FnMut(u32)) {
        visit(&self.0, facts, each);
    }
}

fn way_of<'b>(branch: &'b Branch, point: &ConditionPoint) -> Way<'b> {
    let tests = branch.tests.iter().filter(|test| test.point == *point);
    let mut ways = tests.filter_map(|test| match &test.check {
        Check::Absent => Some(Way::Absent),
        Check::Equal(value) => Some(Way::Equal(value)),
        Check::Iequal(value) => Some(Way::Iequal(value)),
        Check::Regex(_) => None,
    });
    ways.next().unwrap_or(Way::Unsaid)
}

fn branch_at(branches: &[Branch], index: u32) -> Option<&Branch> {
    branches.get(usize::try_from(index).ok()?)
}

fn build(branches: &[Branch], members: Vec<u32>) -> Tree {
    let Some(point) = best_split(branches, &members) else { return build_named(branches, members) };
    let mut ways: HashMap<Way<'_>, Vec<u32>> = HashMap::new();
    for index in members {
        if let Some(branch) = branch_at(branches, index) {
            ways.entry(way_of(branch, point)).or_default().push(index);
        }
    }
    let point = point.clone();
    let mut split =
        Split { point, equal: HashMap::new(), iequal: HashMap::new(), absent: None, unsaid: None };
    for (way, members) in ways {
        let tree = build(branches, members);
        match way {
            Way::Absent => split.absent = Some(tree),
            Way::Equal(value) => {
                split.equal.insert(value.as_bytes().into(), tree);
            }
            Way::Iequal(value) => {
                split.iequal.insert(value.as_bytes().into(), tree);
            }
            Way::Unsaid => split.unsaid = Some(tree),
        }
    }
    Tree::Split(Box::new(split))
}

/// Keys branches by a header or parameter that they need; a leaf when most need none or all the same one.
fn build_named(branches: &[Branch], members: Vec<u32>) -> Tree {
    if members.len() <= LEAF_SIZE {
        return Tree::Leaf(members.into());
    }
    let mut needing: HashMap<&ConditionPoint, Vec<u32>> = HashMap::new();
    let mut others = Vec::new();
    for &index in &members {
        match branch_at(branches, index).and_then(needed_name) {
            Some(point) => needing.entry(point).or_default().push(index),
            None => others.push(index),
        }
    }
    let largest = needing.values().map(Vec::len).max().unwrap_or(0);
    if others.len() + largest + members.len() / MIN_GAIN >= members.len() {
        return Tree::Leaf(members.into());
    }
    let needing = needing.into_iter().map(|(point, members)| (point.clone(), build(branches, members)));
    Tree::Named(Box::new(Named { needing: needing.collect(), others: others.into() }))
}

/// A header or parameter without which the branch cannot match.
fn needed_name(branch: &Branch) -> Option<&ConditionPoint> {
    let tests = branch.tests.iter().filter(|test| !matches!(test.check, Check::Absent));
    tests
        .map(|test| &test.point)
        .find(|point| matches!(point, ConditionPoint::Header(_) | ConditionPoint::Get(_)))
}

/// The part that leaves the fewest branches on a request's worst way, if that is worth a split.
fn best_split<'b>(branches: &'b [Branch], members: &[u32]) -> Option<&'b ConditionPoint> {
    if members.len() <= LEAF_SIZE {
        return None;
    }
    let mut ways: HashMap<&ConditionPoint, HashMap<Way<'_>, usize>> = HashMap::new();
    for &index in members {
        let Some(branch) = branch_at(branches, index) else { continue };
        for (at, test) in branch.tests.iter().enumerate() {
            let is_first = branch.tests.iter().take(at).all(|earlier| earlier.point != test.point);
            let way = way_of(branch, &test.point);
            if is_first && way != Way::Unsaid {
                *ways.entry(&test.point).or_default().entry(way).or_default() += 1;
            }
        }
    }
    let cost = |ways: &HashMap<Way<'_>, usize>| {
        let said: usize = ways.values().sum();
        let largest = ways.values().copied().max().unwrap_or(0);
        members.len() - said + largest
    };
    let best = ways.iter().map(|(point, ways)| (cost(ways), *point)).min()?;
    (best.0 + members.len() / MIN_GAIN < members.len()).then_some(best.1)
}

fn visit(tree: &Tree, facts: &Facts<'_, '_>, each: &mut impl FnMut(u32)) {
    let split = match tree {
        Tree::Leaf(members) => return members.iter().copied().for_each(each),
        Tree::Named(named) => {
            named.others.iter().copied().for_each(&mut *each);
            facts.names(&mut |point| {
                if let Some(tree) = named.needing.get(point) {
                    visit(tree, facts, each);
                }
            });
            return;
        }
        Tree::Split(split) => split,
    };
    let mut exists = false;
    facts.any_value(&split.point, |value| {
        exists = true;
        if let Some(tree) = split.equal.get(value) {
            visit(tree, facts, each);
        }
        if !split.iequal.is_empty()
            && let Some(tree) = split.iequal.get(&*folded(value))
        {
            visit(tree, facts, each);
        }
        false
    });
    if let (false, Some(tree)) = (exists, &split.absent) {
        visit(tree, facts, each);
    }
    if let Some(tree) = &split.unsaid {
        visit(tree, facts, each);
    }
}
