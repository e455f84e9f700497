use bartizan_api::{
    filter::{Family, Field, Filter, Kind},
    list::{Order, Page},
};
use bartizan_store::{
    StoreError, TenantId, Tenants, entity,
    sea_orm::{ActiveModelTrait, ActiveValue::NotSet, IntoActiveModel},
    users,
};
use bartizan_testkit::store::TestStore;
use serde_json::{Value, json};

const FIELDS: &[Field] = &[
    Field::new("id", Kind::Int),
    Field::new("clientid", Kind::Int),
    Field::new("email", Kind::Text),
    Field::new("permissions", Kind::Text),
    Field::new("enabled", Kind::Bool),
    Field::new("query", Kind::Text),
];

fn user(client_id: i64, email: &str, permissions: &[&str]) -> entity::user::Model {
    entity::user::Model {
        id: 0,
        uuid: format!("uuid-{email}"),
        client_id,
        email: email.to_owned(),
        realname: "100% Real_Name".to_owned(),
        phone: None,
        job_title: None,
        permissions: json!(permissions),
        enabled: true,
        validated: true,
        password_hash: None,
        password_changed: 0,
        create_by: 0,
        created_at: 0,
        create_from: String::new(),
        profile: json!({}),
        login_history: json!([]),
        last_login_time: None,
        secret_mac: None,
        secret_created_at: None,
        secret_last_used_at: None,
        secret_last_used_ip: None,
        mfa_sealed: None,
        mfa_step: 0,
        mfa_recovery: None,
        auth_method: None,
        sso_subject: None,
        sso_groups: None,
        sso_seen_at: None,
        sso_disabled_by: None,
        scim_external_id: None,
        sso_managed: false,
        api_access: false,
        is_fallback: false,
        password_history: None,
    }
}

async fn insert(test: &TestStore, user: entity::user::Model) -> Result<(), StoreError> {
    let mut row = user.into_active_model();
    row.id = NotSet;
    row.insert(test.store.writer()).await.map(|_| ()).map_err(StoreError::of_insert)
}

async fn emails(test: &TestStore, tenants: &[i64], filter: Value) -> Vec<String> {
    let tenants = Tenants::new(tenants.iter().copied().map(TenantId).collect());
    let filter = Filter::parse(&filter, FIELDS, Family::Accounts).unwrap();
    let order = Order { field: "email", descending: true };
    let page = Page { limit: 1000, offset: 0 };
    let rows = users::list(test.store.reader(), &tenants, &filter, order, page).await.unwrap();
    rows.into_iter().map(|row| row.email).collect()
}

#[tokio::test]
async fn users_are_found_within_their_tenants_only() {
    let test = TestStore::open().await;
    insert(&test, user(1, "a@x.test", &["admin"])).await.unwrap();
    insert(&test, user(1, "b@x.test", &["view_rule", "view_attack"])).await.unwrap();
    insert(&test, user(2, "c@x.test", &["admin_ext"])).await.unwrap();
    let all = json!({});
    assert_eq!(emails(&test, &[1, 2], all.clone()).await, ["c@x.test", "b@x.test", "a@x.test"]);
    assert_eq!(emails(&test, &[2], all.clone()).await, ["c@x.test"]);
    assert_eq!(emails(&test, &[], all).await, Vec::<String>::new());
    assert_eq!(emails(&test, &[1], json!({"clientid": 2})).await, Vec::<String>::new());
    assert_eq!(emails(&test, &[1, 2], json!({"permissions": "admin"})).await, ["a@x.test"]);
    assert_eq!(emails(&test, &[1, 2], json!({"permissions": "view_attack"})).await, ["b@x.test"]);
    assert_eq!(emails(&test, &[1, 2], json!({"!permissions": "admin"})).await, ["c@x.test", "b@x.test"]);
    assert_eq!(emails(&test, &[1, 2], json!({"!id": []})).await.len(), 3);
    assert_eq!(emails(&test, &[1, 2], json!([{"email": "A@X.test"}, {"clientid": 2}])).await.len(), 2);
}

#[tokio::test]
async fn wildcards_in_a_search_are_plain_text() {
    let test = TestStore::open().await;
    insert(&test, user(1, "a@x.test", &["admin"])).await.unwrap();
    for (query, found) in [("100% real_", 1), ("100%r", 0), ("1__%", 0), ("A@x", 1), ("\\", 0)] {
        assert_eq!(emails(&test, &[1], json!({ "query": query })).await.len(), found, "{query}");
    }
}

#[tokio::test]
async fn a_second_user_of_an_address_is_a_duplicate() {
    let test = TestStore::open().await;
    insert(&test, user(1, "a@x.test", &["admin"])).await.unwrap();
    let twin = entity::user::Model { uuid: "other".to_owned(), ..user(2, "a@x.test", &["admin"]) };
    assert!(matches!(insert(&test, twin).await, Err(StoreError::Duplicate)));
}

#[tokio::test]
async fn a_stale_row_undoes_no_change_of_other_columns() {
    let test = TestStore::open().await;
    insert(&test, user(1, "a@x.test", &["admin"])).await.unwrap();
    let writer = test.store.writer();
    let read = users::find(writer, TenantId(1), 1).await.unwrap().unwrap();
    let disabled = entity::user::Model { enabled: false, password_hash: None, ..read.clone() };
    users::update(writer, &TenantId(1).into(), &read, disabled).await.unwrap();
    // Another request read the row before that.
    let renamed = entity::user::Model { realname: "Ada New".to_owned(), ..read.clone() };
    let after = users::update(writer, &TenantId(1).into(), &read, renamed).await.unwrap();
    assert_eq!((after.enabled, after.realname.as_str()), (false, "Ada New"));
    // Nothing differs: nothing is written, and the row comes back as it is.
    let same = users::update(writer, &TenantId(1).into(), &read, read.clone()).await.unwrap();
    assert_eq!(same, after);
}
