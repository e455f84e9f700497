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
    fn other_tables_name_nothing_and_other_forms_are_errors() {
        assert_eq!(parse(Indexed::Hits, &json!("attacks_production_5_202611_v_1:abc")), Ok(vec![]));
        assert_eq!(parse(Indexed::Hits, &json!(["lonely"])), Err(json!("lonely")));
        assert_eq!(parse(Indexed::Hits, &json!(7)), Err(json!(7)));
    }
}
