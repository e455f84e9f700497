//! The index against a model that knows nothing of codes, blocks or files.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::{
    Aggregation, Condition, Dimension, Filter, Group, Index, IndexError, Mark, Metric, Number, Options,
    Order, Row, Subject, Text, Value, ranking::Turns, tenant::Tenant,
};

const TENANT: i64 = 7;

fn open(folder: &std::path::Path) -> Index {
    Index::open(Options { folder: folder.to_owned(), cache_bytes: 1 << 20 }).unwrap()
}

prop_compose! {
    fn row()(
        request in 0_u8..40, kind in 0_usize..4, ip in 0_u8..12, host in 0_u8..3, path in 0_u8..9,
        payload in "[ab%]{0,4}", time in 0_i64..400_000_000, status in prop::sample::select(vec![0, 200, 201, 403, 500]),
        size in prop_oneof![0_i64..5000, Just(i64::from(u32::MAX) * 3)], blocked in 0_i64..2, attack in 1_i64..9,
    ) -> Row {
        let kind = ["sqli", "xss", "rce", ""][kind];
        Row::new(0, format!("r{request}"))
            .with_text(Text::Kind, kind)
            .with_text(Text::Ip, format!("192.0.2.{ip}"))
            .with_text(Text::Host, format!("h{host}"))
            .with_text(Text::Path, format!("/{path}"))
            .with_text(Text::Payload, payload)
            .with_number(Number::Time, time)
            .with_number(Number::Status, status)
            .with_number(Number::RequestSize, size)
            .with_number(Number::Blocked, blocked)
            .with_number(Number::Attack, attack)
            .with_number(Number::Count, 1 + size % 7)
    }
}

/// Rows with ascending numbers that have gaps.
fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(row(), 0..most).prop_map(|rows| {
        rows.into_iter()
            .enumerate()
            .map(|(place, row)| row.with_number(Number::Id, 3 * place as i64 + 1))
            .collect()
    })
}

fn filters() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        "[ab]".prop_map(|text| Filter::text(Text::Payload, move |value| value.contains(&text))),
        Just(Filter::text(Text::Kind, |kind| kind == "sqli")),
        (0_i64..600).prop_map(|from| Filter::number(Number::Status, from..=from + 200)),
        (0_i64..400_000_000).prop_map(|from| Filter::number(Number::Time, from..=i64::MAX)),
        (0_u8..45).prop_map(|request| Filter::Requests(vec![format!("r{request}")])),
        Just(Filter::number(Number::Mark, 1..=1)),
        Just(Filter::AnyOf(Number::Status, vec![0, 403])),
        prop::collection::vec(0_i64..12, 0..5).prop_map(|attacks| Filter::AnyOf(Number::Attack, attacks)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::Any),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

fn number(row: &Row, column: Number, marks: &BTreeMap<i64, i64>) -> i64 {
    match column {
        Number::Mark => marks.get(&row.id()).copied().unwrap_or(0),
        column => row.number(column),
    }
}

fn passes(filter: &Filter, row: &Row, marks: &BTreeMap<i64, i64>) -> bool {
    match filter {
        Filter::All(members) => members.iter().all(|filter| passes(filter, row, marks)),
        Filter::Any(members) => members.iter().any(|filter| passes(filter, row, marks)),
        Filter::Not(filter) => !passes(filter, row, marks),
        Filter::Text(column, test) => test(row.text(*column)),
        Filter::Number(column, ranges) => {
            ranges.iter().any(|range| range.contains(&number(row, *column, marks)))
        }
        Filter::AnyOf(column, values) => values.contains(&number(row, *column, marks)),
        Filter::Requests(ids) => ids.contains(&row.request),
    }
}

fn dimensions() -> Vec<Dimension> {
    vec![
        Dimension::Time(std::sync::Arc::new(|start| start / 86_400)),
        Dimension::Text(Text::Kind),
        Dimension::Number(Number::Status, 100),
        // Two values for one kind, none for another.
        Dimension::Mapped(
            Text::Kind,
            std::sync::Arc::new(|kind| match kind {
                "rce" => vec!["78".to_owned(), "94".to_owned()],
                "sqli" => vec!["89".to_owned()],
                _ => vec![],
            }),
        ),
        Dimension::Since { number: Number::Time, unit: 1000, from: 200_000, length: 100_000, parts: 3 },
    ]
}

fn values(dimension: &Dimension, row: &Row) -> Vec<Value> {
    match dimension {
        Dimension::Text(column) => vec![Value::Text(row.text(*column).to_owned())],
        Dimension::Mapped(column, map) => {
            let values = map(row.text(*column));
            let values = if values.is_empty() { vec![String::new()] } else { values };
            values.into_iter().map(Value::Text).collect()
        }
        Dimension::Number(column, by) => vec![Value::Number(row.number(*column).div_euclid(*by))],
        Dimension::Since { number, unit, from, length, parts } => {
            let beyond = row.number(*number).div_euclid(*unit) - from;
            vec![Value::Number((beyond * parts).div_euclid(*length))]
        }
        Dimension::Time(map) => {
            vec![Value::Number(map(row.number(Number::Time).div_euclid(900_000) * 900))]
        }
        Dimension::Request => vec![Value::Text(row.request.clone())],
    }
}

fn metrics() -> Vec<Metric> {
    vec![
        Metric::Rows(None),
        Metric::Rows(Some(Condition(Number::Blocked, 1..=1))),
        Metric::Distinct(Subject::Requests, None),
        Metric::Distinct(Subject::Requests, Some(Condition(Number::Status, 200..=299))),
        Metric::Distinct(Subject::Text(Text::Ip), None),
        Metric::Distinct(Subject::Text(Text::Kind), None),
        Metric::Distinct(Subject::Number(Number::RequestSize), None),
        Metric::Distinct(Subject::Endpoints, None),
        Metric::Sum(Number::RequestSize),
        Metric::RequestSum(Number::RequestSize),
        Metric::Min(Number::Time),
        Metric::Max(Number::Time),
    ]
}

fn measured(metric: &Metric, rows: &[&Row]) -> i64 {
    let meets = |row: &&&Row, condition: &Option<Condition>| {
        condition.as_ref().is_none_or(|Condition(column, range)| range.contains(&row.number(*column)))
    };
    let distinct = |values: BTreeSet<String>| values.len() as i64;
    match metric {
        Metric::Rows(condition) => rows.iter().filter(|row| meets(row, condition)).count() as i64,
        Metric::Distinct(subject, condition) => distinct(
            rows.iter()
                .filter(|row| meets(row, condition))
                .map(|row| match subject {
                    Subject::Requests => row.request.clone(),
                    Subject::Text(column) => row.text(*column).to_owned(),
                    Subject::Number(column) => row.number(*column).to_string(),
                    Subject::Endpoints => {
                        [Text::Host, Text::Path, Text::Method].map(|column| row.text(column)).join(" ")
                    }
                })
                .filter(|value| !value.is_empty())
                .collect(),
        ),
        Metric::Sum(column) => rows.iter().map(|row| row.number(*column)).sum(),
        Metric::RequestSum(column) => {
            let mut seen = BTreeSet::new();
            rows.iter().filter(|row| seen.insert(&row.request)).map(|row| row.number(*column)).sum()
        }
        Metric::Min(column) => rows.iter().map(|row| row.number(*column)).min().unwrap(),
        Metric::Max(column) => rows.iter().map(|row| row.number(*column)).max().unwrap(),
        Metric::RequestAverage(_) => unreachable!("not asked"),
    }
}

/// Groups of the model, by key, with their metrics.
fn model(
    rows: &[Row],
    filter: &Filter,
    dimensions: &[Dimension],
    marks: &BTreeMap<i64, i64>,
) -> BTreeMap<Vec<Value>, Vec<i64>> {
    let mut groups: BTreeMap<Vec<Value>, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| passes(filter, row, marks)) {
        let keys = dimensions.iter().fold(vec![vec![]], |keys: Vec<Vec<Value>>, dimension| {
            let with = |key: &Vec<Value>, value| [key.clone(), vec![value]].concat();
            keys.iter()
                .flat_map(|key| values(dimension, row).into_iter().map(move |value| with(key, value)))
                .collect()
        });
        for key in keys {
            groups.entry(key).or_default().push(row);
        }
    }
    groups
        .into_iter()
        .map(|(key, rows)| (key, metrics().iter().map(|metric| measured(metric, &rows)).collect()))
        .collect()
}

fn asked(filter: &Filter, dimensions: Vec<Dimension>) -> Aggregation {
    let tops = vec![(Dimension::Text(Text::Ip), 3)];
    Aggregation {
        filter: filter.clone(),
        dimensions,
        metrics: metrics(),
        details: metrics(),
        tops,
        weight: None,
    }
}

/// What the rows of each attack measure, sorted; marked rows count nowhere.
fn ranks(rows: &[Row], measure: &Metric, marks: &BTreeMap<i64, i64>) -> Vec<(i64, i64)> {
    let mut attacks: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let counted = attacks.entry(row.number(Number::Attack)).or_default();
        counted.extend(Some(row).filter(|row| !marks.contains_key(&row.id())));
    }
    let rank = |rows: Vec<&Row>| if rows.is_empty() { 0 } else { measured(measure, &rows) };
    let mut ranks: Vec<(i64, i64)> = attacks.into_iter().map(|(attack, rows)| (rank(rows), attack)).collect();
    ranks.sort_unstable();
    ranks
}

/// The rows of other attacks.
fn without(rows: &[Row], attacks: &BTreeSet<i64>) -> Vec<Row> {
    rows.iter().filter(|row| !attacks.contains(&row.number(Number::Attack))).cloned().collect()
}

fn remove(index: &Index, attacks: &BTreeSet<i64>) {
    index.remove_attacks(TENANT, 1, &attacks.iter().copied().collect::<Vec<_>>()).unwrap();
}

fn all_groups(index: &Index, asked: &Aggregation) -> Vec<Group> {
    index.aggregate(TENANT, asked, |table| (0..table.len()).collect()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_ranking_follows_new_rows_and_marks(
        rows in rows(120), split in 0_usize..120, after in (0_i64..4, 0_i64..10),
        marked in prop::collection::vec(prop::collection::btree_set(0_i64..120, 0..40), 3),
        removed in prop::collection::vec(prop::collection::btree_set(1_i64..9, 0..4), 3),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let index = open(folder.path());
        let split = split.min(rows.len());
        let mut gone = BTreeSet::new();
        for (step, (count, marked)) in
            [(split, &marked[0]), (rows.len(), &marked[1]), (rows.len(), &marked[2])].into_iter().enumerate()
        {
            let known = 3 * count as i64;
            // An attack that was removed gets no more hits.
            let rows: Vec<Row> = without(&rows[..count], &gone);
            index.append(TENANT, &rows).unwrap();
            remove(&index, &removed[step]);
            gone.extend(removed[step].iter().copied());
            let rows = without(&rows, &gone);
            let marks: BTreeMap<i64, i64> =
                marked.iter().map(|place| (3 * place + 1, 1)).filter(|(id, _)| *id < known).collect();
            let changes: Vec<_> = marks.keys().map(|id| (*id, Mark::False, 0)).collect();
            index.set_changes(TENANT, 1, &changes).unwrap();
            for measure in [Metric::Distinct(Subject::Text(Text::Ip), None), Metric::Min(Number::Status)] {
                let asked = Order { measure: &measure, descending: false, after: None, limit: 100 };
                let mut expected = ranks(&rows, &measure, &marks);
                prop_assert_eq!(&index.ranked(TENANT, &asked).unwrap(), &expected);
                let behind = Order { after: Some(after), limit: 2, ..asked.clone() };
                let page: Vec<_> = expected.iter().copied().filter(|one| *one > after).take(2).collect();
                prop_assert_eq!(&index.ranked(TENANT, &behind).unwrap(), &page);
                expected.reverse();
                let down = Order { descending: true, ..asked };
                prop_assert_eq!(&index.ranked(TENANT, &down).unwrap(), &expected);
                let behind = Order { after: Some(after), limit: 2, ..down };
                let page: Vec<_> = expected.into_iter().filter(|one| *one < after).take(2).collect();
                prop_assert_eq!(&index.ranked(TENANT, &behind).unwrap(), &page);
            }
        }
    }

    #[test]
    fn a_ranking_is_of_one_moment_whatever_comes_between_its_turns(
        rows in rows(120), turn in (1_usize..60, 1_usize..4),
        steps in prop::collection::vec(
            (0_usize..30, prop::collection::btree_set(0_i64..120, 0..20), prop::option::weighted(0.2, 1_i64..9)),
            1..25,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let index = open(folder.path());
        let measure = Metric::Distinct(Subject::Text(Text::Ip), None);
        let asked = Order { measure: &measure, descending: false, after: None, limit: 100 };
        let (mut count, mut marks, mut gone, mut steps) = (0, BTreeMap::new(), BTreeSet::new(), steps.into_iter());
        loop {
            let mut between = || {
                let Some((more, marked, removed)) = steps.next() else { return };
                count = (count + more).min(rows.len());
                index.append(TENANT, &without(&rows[..count], &gone)).unwrap();
                gone.extend(removed);
                remove(&index, &gone);
                // Of rows that came: marks come and go with them.
                marks = marked.into_iter().map(|place| (3 * place + 1, 1)).filter(|(id, _)| *id < 3 * count as i64).collect();
                let changes: Vec<_> = marks.keys().map(|id| (*id, Mark::False, 0)).collect();
                index.set_changes(TENANT, 1, &changes).unwrap();
            };
            between();
            let turns = Turns { rows: turn.0, attacks: turn.1, between: &mut between };
            let ranked = index.ranked_in(TENANT, &asked, turns).unwrap();
            prop_assert_eq!(ranked, ranks(&without(&rows[..count], &gone), &measure, &marks));
            if steps.len() == 0 {
                break;
            }
        }
    }

    #[test]
    fn groups_and_lists_agree_with_the_model(
        rows in rows(120), filter in filters(), split in 0_usize..120, marked in prop::collection::btree_set(0_i64..120, 0..20),
        picked in prop::collection::vec(0_usize..5, 0..3), purged in 0_i64..400_000_000,
        kept in prop::collection::btree_set(1_i64..9, 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let index = open(folder.path());
        // In two uploads that overlap, with a restart in between.
        index.append(TENANT, &rows[..split.min(rows.len())]).unwrap();
        index.flush().unwrap();
        drop(index);
        let index = open(folder.path());
        index.append(TENANT, &rows).unwrap();
        let marks: BTreeMap<i64, i64> = marked.into_iter().map(|place| (3 * place + 1, 1)).collect();
        let changes: Vec<_> = marks.keys().map(|id| (*id, Mark::False, 0)).collect();
        index.set_changes(TENANT, 1, &changes).unwrap();

        let mut last: BTreeMap<i64, i64> = BTreeMap::new();
        for row in &rows {
            let time = last.entry(row.number(Number::Attack)).or_insert(i64::MIN);
            *time = row.number(Number::Time).max(*time);
        }
        let mut ended: Vec<i64> = last.into_iter().filter(|(_, time)| *time < purged).map(|(id, _)| id).collect();
        prop_assert_eq!(&index.ended_before(TENANT, purged).unwrap(), &ended);
        // Some came in after the purge and are still there.
        ended.retain(|attack| !kept.contains(attack));
        index.remove_attacks(TENANT, purged, &ended).unwrap();
        prop_assert_eq!(index.seen(TENANT).unwrap().purged_before, Some(purged));
        let rows = without(&rows, &ended.into_iter().collect());
        prop_assert_eq!(index.rows(TENANT).unwrap(), rows.len());

        let dimensions: Vec<Dimension> = picked.into_iter().map(|place| dimensions()[place].clone()).collect();
        let expected = model(&rows, &filter, &dimensions, &marks);
        let groups = all_groups(&index, &asked(&filter, dimensions));
        let found: BTreeMap<_, _> = groups.iter().map(|group| (group.key.clone(), group.metrics.clone())).collect();
        prop_assert_eq!(found.len(), groups.len());
        prop_assert_eq!(&found, &expected);
        for group in &groups {
            prop_assert_eq!(&group.details, &group.metrics);
            prop_assert_eq!(group.tops[0].count as i64, group.metrics[4]);
            prop_assert!(group.tops[0].values.len() <= 3);
        }

        let mut weights: BTreeMap<Value, i64> = BTreeMap::new();
        for row in rows.iter().filter(|row| passes(&filter, row, &marks)) {
            *weights.entry(Value::Text(row.text(Text::Ip).to_owned())).or_default() += row.number(Number::Count);
        }
        let mut weights: Vec<(Value, i64)> = weights.into_iter().collect();
        weights.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let weighted = Aggregation {
            tops: vec![(Dimension::Text(Text::Ip), usize::MAX)],
            weight: Some(Number::Count),
            ..asked(&filter, vec![])
        };
        let found = all_groups(&index, &weighted).into_iter().next().map(|group| group.tops[0].values.clone());
        prop_assert_eq!(found.unwrap_or_default(), weights);

        let mut matching: Vec<(i64, i64)> = rows
            .iter()
            .filter(|row| passes(&filter, row, &marks))
            .map(|row| (row.number(Number::Time), row.id()))
            .collect();
        matching.sort_unstable_by(|a, b| b.cmp(a));
        let mut paged: Vec<(i64, i64)> = vec![];
        loop {
            let page = index.newest(TENANT, &filter, paged.last().copied(), 7).unwrap();
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        prop_assert_eq!(paged, matching);
    }
}

/// Enough rows for two full blocks and a part of a third.
fn many() -> Vec<Row> {
    (1..=140_000)
        .map(|id| {
            Row::new(id, format!("r{}", id / 3))
                .with_text(Text::Kind, if id % 5 == 0 { "xss" } else { "sqli" })
                .with_text(Text::Ip, format!("198.51.{}.{}", id % 50, id % 7))
                .with_text(Text::Payload, format!("' or {}={0} --", id % 1000))
                .with_number(Number::Time, id * 1000)
                .with_number(Number::Status, 200 + id % 3 * 100)
        })
        .collect()
}

fn by_kind(index: &Index) -> Vec<Group> {
    all_groups(index, &asked(&Filter::All(vec![]), vec![Dimension::Text(Text::Kind)]))
}

#[test]
fn a_restart_keeps_what_was_flushed_and_tells_where_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let rows = many();
    let index = open(folder.path());
    index.append(TENANT, &rows[..139_000]).unwrap();
    index.flush().unwrap();
    index.append(TENANT, &rows[139_000..]).unwrap();
    let before = by_kind(&index);
    // Dropped without a flush, as by a kill: the last thousand rows are not in the file.
    drop(index);
    let index = open(folder.path());
    assert_eq!(index.position(TENANT).unwrap(), 139_000);
    index.append(TENANT, &rows).unwrap();
    assert_eq!(by_kind(&index), before);
    assert_eq!(before.iter().map(|group| group.metrics[0]).sum::<i64>(), 140_000);
}

#[test]
fn a_file_cut_anywhere_loses_at_most_its_last_block() {
    let folder = tempfile::tempdir().unwrap();
    let rows = many();
    let index = open(folder.path());
    index.append(TENANT, &rows).unwrap();
    index.flush().unwrap();
    let expected = by_kind(&index);
    drop(index);
    let path = folder.path().join("7.events");
    let whole = std::fs::read(&path).unwrap();
    for lost in [1, 13, 1000, 40_000] {
        std::fs::write(&path, &whole[..whole.len() - lost]).unwrap();
        let index = open(folder.path());
        assert_eq!(index.position(TENANT).unwrap(), 131_072, "{lost}");
        index.append(TENANT, &rows).unwrap();
        assert_eq!(by_kind(&index), expected);
    }
}

#[test]
fn removed_attacks_stay_hidden_when_their_block_is_full_and_come_back_to_be_removed_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Row> =
        many().into_iter().map(|row| row.clone().with_number(Number::Attack, row.id() % 1000)).collect();
    let index = open(folder.path());
    let first: BTreeSet<i64> = (0..10).collect();
    index.append(TENANT, &rows[..60_000]).unwrap();
    remove(&index, &first);
    assert_eq!(index.rows(TENANT).unwrap(), 59_400);
    let others = without(&rows[60_000..], &first);
    index.append(TENANT, &others).unwrap();
    assert_eq!(index.rows(TENANT).unwrap(), 59_400 + others.len());
    let second: BTreeSet<i64> = (500..503).collect();
    remove(&index, &second);
    let both: BTreeSet<i64> = &first | &second;
    let left = without(&rows, &both).len();
    assert_eq!(index.rows(TENANT).unwrap(), left);
    assert_eq!(by_kind(&index).iter().map(|group| group.metrics[0]).sum::<i64>(), left as i64);
    let kept = Filter::AnyOf(Number::Attack, vec![5, 501, 700]);
    assert_eq!(index.matching(TENANT, &kept).unwrap().len(), 140);
    index.flush().unwrap();
    drop(index);
    let index = open(folder.path());
    assert_eq!(index.seen(TENANT).unwrap(), crate::Seen::default(), "it has to be told again");
    remove(&index, &both);
    assert_eq!(index.rows(TENANT).unwrap(), left);
}

#[test]
fn damage_is_told_and_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let rows = many();
    let index = open(folder.path());
    index.append(TENANT, &rows).unwrap();
    index.flush().unwrap();
    let expected = by_kind(&index);
    drop(index);
    let path = folder.path().join("7.events");
    let whole = std::fs::read(&path).unwrap();
    for at in (16..whole.len() / 2).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, damaged).unwrap();
        let index = open(folder.path());
        let asked = asked(&Filter::All(vec![]), vec![Dimension::Text(Text::Kind)]);
        match index.aggregate(TENANT, &asked, |table| (0..table.len()).collect()) {
            Err(IndexError::Corrupt { tenant: TENANT, .. }) => {}
            // A column that was not asked for.
            Ok(groups) => assert_eq!(groups, expected, "{at}"),
            Err(error) => panic!("{at}: {error}"),
        }
        assert!(index.set_aside(TENANT).unwrap().exists());
        assert_eq!(index.position(TENANT).unwrap(), 0);
        index.append(TENANT, &rows).unwrap();
        assert_eq!(by_kind(&index), expected);
    }
}

#[test]
fn a_file_of_another_version_is_forgotten_and_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("7.events");
    let rows = [Row::new(1, "a"), Row::new(2, "b")];
    for change in [0x01, 0x80] {
        let index = open(folder.path());
        index.begin(TENANT, 3).unwrap();
        index.append(TENANT, &rows).unwrap();
        index.flush().unwrap();
        drop(index);
        let mut other = std::fs::read(&path).unwrap();
        other[7] ^= change;
        std::fs::write(&path, other).unwrap();
        let index = open(folder.path());
        let begun = (index.position(TENANT).unwrap(), index.epoch(TENANT).unwrap());
        assert_eq!((begun, index.rows(TENANT).unwrap()), ((0, 0), 0));
        index.append(TENANT, &rows).unwrap();
        index.flush().unwrap();
        drop(index);
        let index = open(folder.path());
        assert_eq!((index.position(TENANT).unwrap(), index.rows(TENANT).unwrap()), (2, 2));
        assert!(!path.with_extension("damaged").exists());
    }
}

#[test]
fn tenants_do_not_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    index.append(1, &[Row::new(1, "a")]).unwrap();
    index.append(2, &[Row::new(2, "b"), Row::new(3, "b")]).unwrap();
    assert_eq!((index.rows(1).unwrap(), index.rows(2).unwrap()), (1, 2));
    index.forget(1).unwrap();
    assert_eq!((index.rows(1).unwrap(), index.rows(2).unwrap()), (0, 2));
}

#[test]
fn the_newest_are_found_whatever_block_they_are_in() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    // Late ones among them: blocks overlap in time.
    let rows: Vec<Row> = many()
        .into_iter()
        .map(|row| {
            let id = row.id();
            let time = id * 7919 % 140_009 * 1000;
            row.with_number(Number::Time, if time % 3 == 0 { id } else { time })
        })
        .collect();
    index.append(TENANT, &rows).unwrap();
    for filter in [Filter::All(vec![]), Filter::text(Text::Payload, |payload| payload.contains("=77 "))] {
        let mut expected = index.matching(TENANT, &filter).unwrap();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        for start in [0, 1, expected.len() / 2, expected.len() - 3] {
            let after = start.checked_sub(1).map(|place| expected[place]);
            let page = index.newest(TENANT, &filter, after, 50).unwrap();
            assert_eq!(page, expected[start..(start + 50).min(expected.len())], "{start}");
        }
    }
}

#[test]
fn a_disk_that_cannot_be_written_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rows = many();
    let path = folder.path().join("7.events");
    let mut tenant = Tenant::open(folder.path(), TENANT).unwrap();
    tenant.append(&rows[..60_000]).unwrap();
    // As a full disk does, every write fails.
    let writable = tenant.replace_file(std::sync::Arc::new(std::fs::File::open(&path).unwrap()));
    let mut known = 60_000;
    while known < rows.len() {
        // The follower asks from where to go on, and tries again.
        match tenant.append(&rows[known..(known + 1000).min(rows.len())]) {
            Ok(()) => known += 1000,
            Err(IndexError::Io { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(tenant.append(&rows[known..]).is_err() && tenant.flush().is_err());
    assert_eq!(tenant.view.position(), 65_536, "a full block does not grow");
    tenant.replace_file(writable);
    tenant.append(&rows).unwrap();
    tenant.flush().unwrap();
    drop(tenant);
    let index = open(folder.path());
    assert_eq!(index.position(TENANT).unwrap(), 140_000);
    assert_eq!(by_kind(&index).iter().map(|group| group.metrics[0]).sum::<i64>(), 140_000);
}

#[test]
fn columns_whose_bounds_decide_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(Options { folder: folder.path().to_owned(), cache_bytes: 1 << 26 }).unwrap();
    let rows: Vec<Row> = (1..=140_000)
        .map(|id| {
            Row::new(id, format!("r{id}"))
                .with_number(Number::Attack, id % 3001)
                .with_number(Number::Time, id)
                .with_number(Number::Status, 200 + id % 5)
                .with_number(Number::RequestSize, 7)
        })
        .collect();
    index.append(TENANT, &rows).unwrap();
    let found = |other: Filter| {
        let filter = Filter::All(vec![Filter::AnyOf(Number::Attack, vec![3, 16]), other]);
        index.matching(TENANT, &filter).unwrap().len()
    };
    let all = rows.iter().filter(|row| [3, 16].contains(&(row.id() % 3001))).count();
    assert_eq!(found(Filter::All(vec![])), all);
    let read = index.cached_columns();
    assert!(read > 0);
    for (other, expected) in [
        (Filter::AnyOf(Number::Status, vec![1, 403]), 0),
        (Filter::AnyOf(Number::RequestSize, vec![7, 8]), all),
        (Filter::Number(Number::Status, vec![0..=199, 205..=900]), 0),
        (Filter::number(Number::Status, 200..=204), all),
        (Filter::Not(Box::new(Filter::number(Number::Status, 300..=400))), all),
    ] {
        assert_eq!(found(other.clone()), expected, "{other:?}");
        assert_eq!(index.cached_columns(), read, "{other:?}");
    }
    let of_some = rows.iter().filter(|row| [3, 16].contains(&(row.id() % 3001)) && row.id() % 5 == 1).count();
    assert_eq!(found(Filter::AnyOf(Number::Status, vec![201])), of_some);
    assert!(index.cached_columns() > read);
}

#[test]
fn rows_of_few_attacks_are_the_same_in_full_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    let attack = |id: i64| id * id % 3001;
    let rows: Vec<Row> = (1..=140_000)
        .map(|id| {
            Row::new(id, format!("r{id}"))
                .with_text(Text::Ip, format!("192.0.2.{}", id % 200))
                .with_number(Number::Attack, attack(id))
                .with_number(Number::Time, id)
        })
        .collect();
    index.append(TENANT, &rows).unwrap();
    let wanted = [3_i64, 4, 16, 2999];
    let filter = Filter::All(vec![
        Filter::AnyOf(Number::Attack, wanted.to_vec()),
        Filter::Not(Box::new(Filter::text(Text::Ip, |ip| ip.ends_with('7')))),
    ]);
    let mut found = index.matching(TENANT, &filter).unwrap();
    found.sort_unstable();
    let expected: Vec<(i64, i64)> = rows
        .iter()
        .filter(|row| wanted.contains(&attack(row.id())) && !row.text(Text::Ip).ends_with('7'))
        .map(|row| (row.id(), row.id()))
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
    // After it is ranked, one more row changes one attack.
    let measure = Metric::Distinct(Subject::Text(Text::Ip), None);
    let asked = Order { measure: &measure, descending: true, after: None, limit: 10_000 };
    assert_eq!(index.ranked(TENANT, &asked).unwrap().len(), ranks(&rows, &measure, &BTreeMap::new()).len());
    let more = Row::new(150_000, "more").with_text(Text::Ip, "198.51.100.1").with_number(Number::Attack, 4);
    index.append(TENANT, std::slice::from_ref(&more)).unwrap();
    let mut ranked = index.ranked(TENANT, &asked).unwrap();
    ranked.reverse();
    assert_eq!(ranked, ranks(&[rows, vec![more]].concat(), &measure, &BTreeMap::new()));
}

#[test]
fn rows_can_be_added_while_a_ranking_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    let rows: Vec<Row> = (1..=150_000)
        .map(|id| {
            Row::new(id, format!("r{id}"))
                .with_text(Text::Ip, format!("192.0.2.{}", id % 97 % 30))
                .with_number(Number::Attack, id * id % 2003)
        })
        .collect();
    let mut count = 140_000;
    index.append(TENANT, &rows[..count]).unwrap();
    let mut between = || {
        count = (count + 1).min(rows.len());
        // Would wait for ever if the tenant were held.
        index.append(TENANT, &rows[..count]).unwrap();
    };
    let measure = Metric::Distinct(Subject::Text(Text::Ip), None);
    let asked = Order { measure: &measure, descending: false, after: None, limit: 10_000 };
    let turns = Turns { rows: 10_000, attacks: 1, between: &mut between };
    let ranked = index.ranked_in(TENANT, &asked, turns).unwrap();
    assert!(count > 140_014, "{count}");
    assert_eq!(ranked, ranks(&rows[..count], &measure, &BTreeMap::new()));
    index.append(TENANT, &rows).unwrap();
    assert_eq!(index.ranked(TENANT, &asked).unwrap(), ranks(&rows, &measure, &BTreeMap::new()));
}

#[test]
fn rows_come_in_and_short_questions_are_answered_while_a_long_one_is_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let index = std::sync::Arc::new(open(folder.path()));
    let rows = many();
    index.append(TENANT, &rows[..60_000]).unwrap();
    let all = Filter::All(vec![]);
    let rows_now = {
        let (index, all) = (std::sync::Arc::clone(&index), all.clone());
        move || index.matching(TENANT, &all).unwrap().len()
    };
    // While the words of a filter are looked at, and while the groups are chosen: both would wait for ever if the tenant
    // were held, for it is this thread that would have to let go of it.
    let in_filter = {
        let (index, rows, rows_now) = (std::sync::Arc::clone(&index), rows.clone(), rows_now.clone());
        Filter::text(Text::Kind, move |kind| {
            let (known, last) = (rows_now(), rows.len());
            index.append(TENANT, &rows[..(known + 10).min(last)]).unwrap();
            index.flush().unwrap();
            assert_eq!(rows_now(), (known + 10).min(last));
            kind != "xss"
        })
    };
    let asked = asked(&in_filter, vec![Dimension::Text(Text::Payload)]);
    let groups = index.aggregate(TENANT, &asked, |table| {
        // A full block and a new one, new words and requests, marks, and attacks that leave.
        index.append(TENANT, &rows).unwrap();
        index.set_changes(TENANT, 1, &[(2, Mark::False, 0)]).unwrap();
        let new = Row::new(150_000, "new").with_text(Text::Payload, "new").with_number(Number::Attack, 1);
        index.append(TENANT, &[new]).unwrap();
        index.remove_attacks(TENANT, 1, &[0]).unwrap();
        assert_eq!(rows_now(), 1);
        (0..table.len()).collect()
    });
    let found: BTreeMap<_, _> = groups
        .unwrap()
        .into_iter()
        .map(|group| (group.key.clone(), (group.metrics, group.details)))
        .collect();
    let left = Filter::text(Text::Kind, |kind| kind != "xss");
    let expected = model(&rows[..60_000], &left, &[Dimension::Text(Text::Payload)], &BTreeMap::new());
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(key, metrics)| (key, (metrics.clone(), metrics))).collect();
    assert_eq!(found, expected, "all of it is of the moment when it was asked");
}

#[test]
fn rankings_count_in_the_cache_and_leave_with_their_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let cache_bytes = 200_000;
    let index = Index::open(Options { folder: folder.path().to_owned(), cache_bytes }).unwrap();
    let rows: Vec<Row> = (1..=1000)
        .map(|id| {
            let row = Row::new(id, "r").with_text(Text::Ip, format!("192.0.2.{}", id % 7));
            row.with_number(Number::Attack, id % 900).with_number(Number::Status, id % 5)
        })
        .collect();
    let measures = [Metric::Distinct(Subject::Text(Text::Ip), None), Metric::Min(Number::Status)];
    let ask = |tenant: i64, measure: &Metric| {
        let asked = Order { measure, descending: false, after: None, limit: 10_000 };
        assert_eq!(index.ranked(tenant, &asked).unwrap(), ranks(&rows, measure, &BTreeMap::new()));
        index.held()
    };
    index.append(1, &rows).unwrap();
    let (bytes, count) = ask(1, &measures[0]);
    assert!(count == 1 && bytes > 900 * 40, "{bytes}");
    assert_eq!(ask(1, &measures[0]), (bytes, 1), "it is kept");
    for tenant in 2..=20 {
        index.append(tenant, &rows).unwrap();
        for measure in &measures {
            assert!(ask(tenant, measure).0 <= cache_bytes);
        }
    }
    let (held, count) = index.held();
    assert!((2..=5).contains(&count), "{count}");
    // The last ones stayed; the first one is made again.
    assert_eq!(ask(20, &measures[1]), (held, count));
    ask(1, &measures[0]);
    let (held, count) = index.held();
    index.forget(1).unwrap();
    assert_eq!(index.held(), (held - bytes, count - 1));
    index.close().unwrap();
    assert_eq!(index.held(), (0, 0));
}
