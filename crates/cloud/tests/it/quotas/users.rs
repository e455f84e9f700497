//! As many users as a client may have, whichever way they come.

use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

use super::{CLOSED, refusal};
use crate::billing::operator;

/// Sells a client a number of users; what to ask to sell another.
pub(crate) async fn sell(cloud: &TestCloud, client: i64, users: u32) -> (Credential, String) {
    let operator = operator(cloud).await;
    let path = format!("/v1/clients/{client}/billing/subscriptions");
    let sold = json!({"plan_id": 1, "properties": {"max_users": users}});
    let sold = cloud.post(&operator, &path, sold).await;
    assert_eq!(sold.status, 200, "{}", sold.text);
    (operator, format!("{path}/{}", sold.json()["id"]))
}

/// Sells the same subscription with another number of users.
pub(crate) async fn sell_again(cloud: &TestCloud, (operator, path): &(Credential, String), users: u32) {
    let sold = json!({"properties": {"max_users": users}});
    let sold = cloud.call(operator, Method::PUT, path, Some(&sold)).await;
    assert_eq!(sold.status, 200, "{}", sold.text);
}

/// Addresses of the users of a client.
async fn addresses(cloud: &TestCloud, by: &Credential, client: i64) -> Vec<String> {
    let users = json!({"filter": {"clientid": client}, "order_by": "email"});
    let users = cloud.post(by, "/v1/objects/user", users).await.body();
    users.as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn users_move_to_a_client_only_while_it_has_places() {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    let global = cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    let global = cloud.pair_of(&global).await;
    cloud.add_user(linked.id, "root@linked.test", &["admin"]).await;
    let mut movers = Vec::new();
    for email in ["a@home.test", "b@home.test"] {
        movers.push(cloud.add_user(home.id, email, &["auditor"]).await.id);
    }
    let sold = sell(&cloud, linked.id, 2).await;
    let go = async |ids: &[i64], client: i64| {
        let update = json!({"filter": {"id": ids}, "fields": {"clientid": client}});
        cloud.post(&global, "/v1/objects/user/update", update).await
    };
    // All or none: one place is not enough for two.
    assert_eq!(refusal(&go(&movers, linked.id).await), CLOSED);
    assert_eq!(addresses(&cloud, &global, linked.id).await, ["root@linked.test"]);
    let moved = go(&movers[..1], linked.id).await.body();
    assert_eq!((moved[0]["id"].as_i64(), moved[0]["clientid"].as_i64()), (Some(movers[0]), Some(linked.id)));
    assert_eq!(refusal(&go(&movers[1..], linked.id).await), CLOSED);
    // Who is there already takes no further place, and whoever leaves makes room.
    assert_eq!(go(&movers[..1], linked.id).await.status, 200);
    assert_eq!(go(&movers[..1], home.id).await.status, 200);
    assert_eq!(go(&movers[1..], linked.id).await.status, 200);
    sell_again(&cloud, &sold, 3).await;
    assert_eq!(go(&movers[..1], linked.id).await.status, 200);
    let there = addresses(&cloud, &global, linked.id).await;
    assert_eq!(there, ["a@home.test", "b@home.test", "root@linked.test"]);
}

#[tokio::test]
async fn of_two_that_are_made_at_once_for_one_place_one_is_refused() {
    let cloud = TestCloud::start().await;
    sell(&cloud, cloud.client.id, 2).await;
    let admin = cloud.admin_pair().await;
    let create = async |name: &str| {
        let user: Value = json!({"email": format!("{name}@acme.test"), "realname": "Eve Low",
            "permissions": ["auditor"], "password": "Correct1horse"});
        cloud.post(&admin, "/v1/objects/user/create", user).await.status
    };
    let (one, two, three) = tokio::join!(create("one"), create("two"), create("three"));
    let mut answers = [one, two, three];
    answers.sort_unstable();
    assert_eq!(answers, [200, 402, 402]);
}
