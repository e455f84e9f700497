//! Vulnerabilities of two tenants that differ in everything that can be asked, among them equal and absent values.

use bartizan_store::{
    entity::{incident, vuln},
    sea_orm::{ActiveModelTrait, ActiveValue::NotSet, IntoActiveModel},
};
use bartizan_testkit::{Credential, TestCloud};
use serde_json::{Value, json};

/// How many there are.
pub(super) const ROWS: i64 = 40;
/// How many of them are of the linked tenant.
const LINKED: i64 = 8;

/// The cloud with its vulnerabilities.
pub(super) struct Varied {
    pub(super) cloud: TestCloud,
    /// Reads both tenants.
    pub(super) caller: Credential,
    pub(super) home: i64,
    pub(super) linked: i64,
    /// When the first was found.
    pub(super) start: i64,
}

fn one_of<T: Copy>(list: &[T], index: i64) -> T {
    list[usize::try_from(index).unwrap() % list.len()]
}

/// The cycles are of different lengths, so that values meet in many combinations.
fn row(index: i64, client_id: i64, start: i64) -> vuln::Model {
    let method = one_of(&["GET", "POST", "DELETE"], index / 4);
    vuln::Model {
        id: 0,
        client_id,
        wid: format!("BRTZ-{index}"),
        status: one_of(&["open", "closed", "falsepositive"], index / 2).into(),
        kind: one_of(&["sqli", "xss", "idor", "vuln_component", "infoleak", "csrf", "weak_auth"], index)
            .into(),
        target: one_of(&["server", "client", "database"], index / 6).into(),
        threat: one_of(&[0, 19, 20, 39, 40, 69, 70, 94, 95, 100], index * 3),
        title: one_of(&["SQL injection", "leak of Keys", "Weak token"], index / 5).into(),
        description: String::new(),
        additional: String::new(),
        exploit_example: String::new(),
        method: method.into(),
        domain: one_of(&["a.test", "api.a.test", "b_test", "B.test"], index / 3).into(),
        path: one_of(&["/", "/a", "/A", "/orders/1"], index / 2).into(),
        parameter: one_of(&["", "GET_q_value", "POST_b_value", "HEADER_X_value"], index / 4).into(),
        template: one_of(&["", "sqli_generic", "own"], index).into(),
        detection_method: one_of(
            &["passive", "attack_rechecker", "schema_testing", "aasm", "scanner", "manual"],
            index,
        )
        .into(),
        validate_time: start + index * 7 % 11,
        invalidate_time: (index % 4 != 0).then_some(start + index % 6),
        last_check: (index % 5 != 0).then_some(start + index % 7),
        validated: index % 4 != 2,
        hidden: index % 5 == 4,
        vpatched: false,
        vuln_recheck_type: one_of(&[None, Some("auto"), Some("manual")], index / 3).map(str::to_owned),
        scope: json!([]),
        template_params: json!({}),
        pool: (index % 3 != 0).then_some(1 + index % 2),
        testrun_id: (index % 4 != 1).then_some(100 + index % 3),
        volume: Some(1 + index * 11 % 5),
        last_seen: None,
        created_at: Some(start + index * 5 % 13),
        mitigation_rule_id: None,
        false_positive_rule_id: None,
        recheck_requested_at: None,
        ticket_status: None,
        ticket_history: None,
        scheme: None,
        evidence: None,
        sign_class: None,
    }
}

pub(super) async fn scene() -> Varied {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    let user = cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    let caller = cloud.pair_of(&user).await;
    let start = cloud.running.cloud.now() - 1000;
    let writer = cloud.running.cloud.store.writer();
    for index in 0..ROWS {
        let client_id = if index < ROWS - LINKED { home.id } else { linked.id };
        let mut row = row(index, client_id, start).into_active_model();
        row.id = NotSet;
        let made = row.insert(writer).await.unwrap();
        if index % 6 == 1 {
            let exploit = incident::Model { vuln_id: made.id, attack_id: index, client_id, time: start };
            exploit.into_active_model().insert(writer).await.unwrap();
        }
    }
    Varied { cloud, caller, home: home.id, linked: linked.id, start }
}

impl Varied {
    /// Rows of a list without an envelope.
    pub(super) async fn issues(&self, path: &str, body: Value) -> Vec<Value> {
        let reply = self.cloud.post(&self.caller, &format!("/v1/security_issues{path}"), body.clone()).await;
        assert_eq!(reply.status, 200, "{body}: {}", reply.text);
        assert!(!reply.headers.contains_key("x-bartizan-ignored-filter"), "{body}");
        reply.json().as_array().unwrap().clone()
    }

    /// Vulnerabilities of both tenants, hidden ones too.
    pub(super) async fn vulns(&self, mut body: Value) -> Vec<Value> {
        let of_both = |hidden: bool| json!({"clientid": [self.home, self.linked], "hidden": hidden});
        body["filter"] = json!([of_both(true), of_both(false)]);
        let rows = self.cloud.post(&self.caller, "/v1/objects/vuln", body).await.body();
        rows.as_array().unwrap().clone()
    }
}
