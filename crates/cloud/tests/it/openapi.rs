use std::path::Path;

/// The checked-in document is what the routes generate. `UPDATE_OPENAPI=1 cargo test -p bartizan-cloud openapi`
/// refreshes it.
#[test]
fn the_checked_in_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/bartizan.json");
    let generated = bartizan_cloud::openapi::document_json().unwrap();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == generated,
        "openapi/bartizan.json is stale; refresh it with: UPDATE_OPENAPI=1 cargo test -p bartizan-cloud openapi"
    );
}
