use std::collections::BTreeSet;

use bartizan_cloud::access::TABLE;

/// Every documented operation has a row in the access table and the other way round.
#[test]
fn routes_and_access_table_agree() {
    let document = serde_json::to_value(bartizan_cloud::openapi::document()).unwrap();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| ["get", "post", "put", "delete"].contains(&key.as_str()))
        {
            documented.insert((method.to_uppercase(), path.clone()));
        }
    }
    let declared: BTreeSet<_> = TABLE
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .filter(|(_, path)| path != "/openapi.json")
        .collect();
    assert_eq!(documented, declared);
}
