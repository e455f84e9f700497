//! Public ids of hits and attacks: the pair of index and id, and the forms clients send it in
//! (`spec/events.md` section 0.3).

use serde_json::Value;

/// Which table an index names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexed {
    /// `hits_…`
    Hits,
    /// `attacks_…`
    Attacks,
}

impl Indexed {
    const fn prefix(self) -> &'static str {
        match self {
            Indexed::Hits => "hits",
            Indexed::Attacks => "attacks",
        }
    }
}

/// What a public id names: a tenant and an id within it. The month of the index is not needed to find it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Tenant.
    pub clientid: i64,
    /// Id within the tenant.
    pub id: String,
}

/// The pair `["hits_production_5_202611_v_1", "<id>"]`; `month` is `YYYYMM`.
#[must_use]
pub fn pair(indexed: Indexed, clientid: i64, month: i64, id: &str) -> [String; 2] {
    [format!("{}_production_{clientid}_{month:06}_v_1", indexed.prefix()), id.to_owned()]
}

/// The keys in a filter value: one pair, a list of pairs, a list of joined strings, or one joined string. A pair
/// of another table names nothing and is left out.
///
/// # Errors
/// The offending item, when it is none of these forms.
pub fn parse(indexed: Indexed, value: &Value) -> Result<Vec<Key>, Value> {
    let items = match value {
        Value::String(_) => std::slice::from_ref(value),
        Value::Array(items) => items.as_slice(),
        other => return Err(other.clone()),
    };
    // Two strings without a colon are one pair.
    if let [Value::String(index), Value::String(id)] = items
        && !index.contains(':')
        && !id.contains(':')
    {
        return Ok(key(indexed, index, id).into_iter().collect());
    }
    let mut keys = Vec::new();
    for item in items {
        let (index, id) = match item {
            Value::String(joined) => joined.split_once(':').ok_or_else(|| item.clone())?,
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(index), Value::String(id)] => (index.as_str(), id.as_str()),
                _ => return Err(item.clone()),
            },
            _ => return Err(item.clone()),
        };
        keys.extend(key(indexed, index, id));
    }
    Ok(keys)
}

/// What the name of an index says: whose rows of which month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexSpan {
    /// Tenant.
    pub clientid: i64,
    /// `YYYYMM`.
    pub month: i64,
    /// First second of the month.
    pub from: i64,
    /// First second after it.
    pub to: i64,
}

/// Reads the name of an index.
#[must_use]
pub fn index(indexed: Indexed, name: &str) -> Option<IndexSpan> {
    let rest = name.strip_prefix(indexed.prefix())?.strip_prefix('_')?;
    let mut parts = rest.split('_').skip(1);
    let client = parts.next()?.parse().ok()?;
    let month: u32 = parts.next().filter(|text| text.len() == 6)?.parse().ok()?;
    let (year, month) = (i64::from(month / 100), i64::from(month % 100));
    (1..=12).contains(&month).then_some(())?;
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    Some(IndexSpan {
        clientid: client,
        month: year * 100 + month,
        from: first_second(year, month),
        to: first_second(next.0, next.1),
    })
}

/// The first second of a month, by the days of the proleptic Gregorian calendar.
fn first_second(year: i64, month: i64) -> i64 {
    // Years that begin in March have their leap day last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let days = of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5;
    (era * 146_097 + days - 719_468) * 86_400
}

fn key(indexed: Indexed, index: &str, id: &str) -> Option<Key> {
    // <table>_<environment>_<client>_<month>_v_1; the environment may hold anything but an underscore.
    let rest = index.strip_prefix(indexed.prefix())?.strip_prefix('_')?;
    let clientid = rest.split('_').nth(1)?.parse().ok()?;
    Some(Key { clientid, id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_four_forms_name_the_same() {
        let key = Key { clientid: 5, id: "abc".into() };
        for value in [
            json!(["hits_production_5_202611_v_1", "abc"]),
            json!([["hits_production_5_202611_v_1", "abc"]]),
            json!(["hits_production_5_202611_v_1:abc"]),
            json!("hits_production_5_202611_v_1:abc"),
        ] {
            assert_eq!(parse(Indexed::Hits, &value), Ok(vec![key.clone()]), "{value}");
        }
    }

    #[test]
    fn an_index_is_a_month_of_a_tenant() {
        let december = IndexSpan { clientid: 5, month: 202_512, from: 1_764_547_200, to: 1_767_225_600 };
        assert_eq!(index(Indexed::Hits, "hits_production_5_202512_v_1"), Some(december));
        let leap = index(Indexed::Hits, "hits_production_5_202402_v_1").unwrap();
        assert_eq!((leap.from, leap.to), (1_706_745_600, 1_709_251_200));
        assert_eq!(index(Indexed::Attacks, "hits_production_5_202512_v_1"), None);
        assert_eq!(index(Indexed::Hits, "hits_production_5_202513_v_1"), None);
    }

    #[test]
    fn other_tables_name_nothing_and_other_forms_are_errors() {
        assert_eq!(parse(Indexed::Hits, &json!("attacks_production_5_202611_v_1:abc")), Ok(vec![]));
        assert_eq!(parse(Indexed::Hits, &json!(["lonely"])), Err(json!("lonely")));
        assert_eq!(parse(Indexed::Hits, &json!(7)), Err(json!(7)));
    }
}
