//! Self sign-up.

use bartizan_testkit::{
    Credential, Reply, TestCloud,
    smtp::{MailServer, TakenLetter},
};
use serde_json::{Value, json};

use crate::letters::{start_with_mail, token};

async fn start(mail: &MailServer) -> TestCloud {
    start_with_mail(mail, |config| config.signup.enabled = true).await
}

async fn sign_up(cloud: &TestCloud, email: &str, password: &str) -> Reply {
    let body = json!({"client_name": "Shop", "realname": "Eve Low", "email": email, "password": password});
    cloud.post(&Credential::Anonymous, "/v1/signup", body).await
}

async fn confirm(cloud: &TestCloud, letter: &TakenLetter) -> u16 {
    let body = json!({"token": token(letter, "bze_")});
    cloud.post(&Credential::Anonymous, "/v1/user/email/confirm", body).await.status
}

async fn sign_in(cloud: &TestCloud, email: &str) -> Reply {
    let body = json!({"username": email, "password": "Correct2horse"});
    cloud.post(&Credential::Anonymous, "/v1/login", body).await
}

#[tokio::test]
async fn it_is_off_by_default_and_needs_a_mail_server() {
    let cloud = TestCloud::start().await;
    let refused = sign_up(&cloud, "eve@shop.test", "Correct2horse").await;
    assert_eq!((refused.status, refused.text.as_str()), (404, r#"{"status":404,"body":"Not found"}"#));
    let options = cloud.get(&Credential::Anonymous, "/v1/login/options").await.body();
    assert_eq!(options["signup"], false);
    let mut config = cloud.running.cloud.config.clone();
    config.signup.enabled = true;
    assert!(config.validate().unwrap_err().contains("mail.host"));
}

#[tokio::test]
async fn a_company_is_made_when_its_address_is_confirmed() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let asked = sign_up(&cloud, "Eve@Shop.test", "Correct2horse").await;
    assert_eq!((asked.status, asked.text.as_str()), (200, r#"{"status":200,"body":{}}"#));
    let letter = mail.next().await;
    assert_eq!(letter.to, ["eve@shop.test"]);
    assert_eq!(sign_in(&cloud, "eve@shop.test").await.status, 401);
    assert_eq!((confirm(&cloud, &letter).await, confirm(&cloud, &letter).await), (200, 400));
    let signed_in = sign_in(&cloud, "eve@shop.test").await;
    assert_ne!(signed_in.body()["client_id"], json!(cloud.client.id));
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let session = Credential::Cookie(cookie, String::new());
    let user = cloud.get(&session, "/v1/user").await.body();
    let seen = |name: &str| user[name].clone();
    assert_eq!(
        [seen("client_name"), seen("realname"), seen("permissions"), seen("validated")],
        [json!("Shop"), json!("Eve Low"), json!(["admin"]), json!(true)]
    );
    let log = cloud.get(&session, &format!("/v1/activity_log/{}/events", user["client_id"])).await.body();
    let made: Vec<Value> = log["objects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["action_type"] == "Create" && entry["object_type"] != "Sign-in")
        .map(|entry| entry["object_type"].clone())
        .collect();
    assert_eq!(made, [json!("User"), json!("Client")]);
}

#[tokio::test]
async fn the_answer_does_not_tell_whether_an_address_has_an_account() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let (known, new) = ("admin@acme.test", "eve@shop.test");
    for password in ["Correct2horse", "weak"] {
        let answers = [sign_up(&cloud, known, password).await, sign_up(&cloud, new, password).await];
        assert_eq!((answers[0].status, &answers[0].text), (answers[1].status, &answers[1].text));
    }
    let (one, two) = (mail.next().await, mail.next().await);
    let (to_known, to_new) = if one.to == [known] { (one, two) } else { (two, one) };
    assert!(to_known.data.contains("has an account already") && !to_known.data.contains("bze_"));
    // Two sign-ups of one address: whoever confirms first has it.
    sign_up(&cloud, new, "Correct2horse").await.body();
    let second = mail.next().await;
    assert_eq!((confirm(&cloud, &to_new).await, confirm(&cloud, &second).await), (200, 409));
    assert!(mail.now().await.is_none());
}

#[tokio::test]
async fn bad_fields_are_named_and_attempts_are_limited() {
    let mail = MailServer::start().await;
    let cloud = start_with_mail(&mail, |config| {
        config.signup.enabled = true;
        config.limits.password_checks_per_minute = 3;
    })
    .await;
    let body = |name: &str, value: Value| {
        let mut body = json!({
            "client_name": "Shop", "realname": "Eve Low", "email": "eve@shop.test", "password": "Correct2horse",
        });
        body[name] = value;
        body
    };
    for (name, value, said) in [
        ("client_name", json!(""), "name must have"),
        ("realname", json!(" "), "realname"),
        ("email", json!("nobody"), "invalid email"),
        ("plan", json!("gold"), "plan"),
    ] {
        let refused = cloud.post(&Credential::Anonymous, "/v1/signup", body(name, value)).await;
        assert!(refused.status == 400 && refused.text.contains(said), "{name}: {}", refused.text);
    }
    let weak = sign_up(&cloud, "eve@shop.test", "Qwerty123456").await;
    assert_eq!(weak.text, r#"{"status":400,"body":{"error":"weak password","value":["common"]}}"#);
    for expected in [200, 200, 429] {
        assert_eq!(sign_up(&cloud, "eve@shop.test", "Correct2horse").await.status, expected);
    }
}
