//! What goes out by mail and comes back by its links.

use bartizan_testkit::{
    Credential, Reply, TestCloud,
    cloud::PASSWORD,
    smtp::{MailServer, TakenLetter},
};
use reqwest::Method;
use serde_json::{Value, json};

const ANYBODY: Credential = Credential::Anonymous;

pub(crate) async fn start(mail: &MailServer) -> TestCloud {
    start_with_mail(mail, |_| {}).await
}

/// A cloud that sends its letters to this server.
pub(crate) async fn start_with_mail(
    mail: &MailServer,
    change: impl FnOnce(&mut bartizan_cloud::CloudConfig),
) -> TestCloud {
    let port = mail.port;
    TestCloud::start_with(move |config| {
        config.mail.host = "127.0.0.1".to_owned();
        config.mail.port = Some(port);
        config.mail.tls = bartizan_cloud::config::MailTls::None;
        config.mail.from = "Bartizan <cloud@bartizan.test>".to_owned();
        change(config);
    })
    .await
}

/// What a letter says, undone from quoted-printable as far as plain ASCII goes.
pub(crate) fn text(letter: &TakenLetter) -> String {
    letter.data.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")
}

/// The token behind the `#` of a link.
pub(crate) fn token(letter: &TakenLetter, prefix: &str) -> String {
    let text = text(letter);
    let begin = text.find(prefix).unwrap_or_else(|| panic!("no {prefix} in {text}"));
    text[begin..].split_whitespace().next().unwrap().to_owned()
}

async fn sign_in(cloud: &TestCloud, email: &str, password: &str) -> u16 {
    cloud.post(&ANYBODY, "/v1/login", json!({"username": email, "password": password})).await.status
}

async fn accept(cloud: &TestCloud, body: Value) -> Reply {
    cloud.post(&ANYBODY, "/v1/invitations/accept", body).await
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_link_that_works_once() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let session = cloud.sign_in("admin@acme.test").await;
    for email in ["nobody@acme.test", "Admin@Acme.test"] {
        let reply = cloud.post(&ANYBODY, "/v1/password/forgot", json!({ "email": email })).await;
        assert_eq!((reply.status, reply.text.as_str()), (200, r#"{"status":200,"body":{}}"#));
    }
    let letter = mail.next().await;
    assert_eq!(letter.to, ["admin@acme.test"]);
    let token = token(&letter, "bzr_");
    let reset = async |token: &str, password: &str| {
        let body = json!({"token": token, "password": password});
        cloud.post(&ANYBODY, "/v1/password/reset", body).await.status
    };
    assert_eq!(reset(&token, "weak").await, 400);
    assert_eq!(reset("bzr_x", "Correct2horse").await, 400);
    assert_eq!(reset(&token, "Correct2horse").await, 200);
    assert_eq!(reset(&token, "Correct3horse").await, 400);
    assert_eq!(cloud.get(&session, "/v1/session").await.status, 401);
    assert_eq!(
        (
            sign_in(&cloud, "admin@acme.test", PASSWORD).await,
            sign_in(&cloud, "admin@acme.test", "Correct2horse").await
        ),
        (401, 200)
    );
    assert!(mail.now().await.is_none(), "a letter went to nobody");
}

#[tokio::test]
async fn who_asks_for_a_link_tells_nobody_and_signs_nothing() {
    use bartizan_store::{
        entity::delivery,
        sea_orm::{EntityTrait, PaginatorTrait},
    };
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let admin = cloud.admin_pair().await;
    let integration = json!({"type": "email", "target": ["ops@acme.test"], "events": [{"event": "system", "active": true}]});
    assert_eq!(cloud.post(&admin, "/v2/integration", integration).await.status, 200);
    let reader = cloud.running.cloud.store.reader();
    let before = delivery::Entity::find().count(reader).await.unwrap();
    cloud.post(&ANYBODY, "/v1/password/forgot", json!({"email": "admin@acme.test"})).await.body();
    // The letter goes out when the entry is written.
    token_to(&mail, "admin@acme.test", "bzr_").await;
    assert_eq!(delivery::Entity::find().count(reader).await.unwrap(), before);
    let path = format!("/v1/activity_log/{}/events?filter[object_types][]=user", cloud.client.id);
    let log = cloud.get(&admin, &path).await.body();
    assert!(log.to_string().contains("asked for"), "{log}");
    let initiator = &log["objects"][0]["initiator"];
    assert_eq!((&initiator["id"], &initiator["name"]), (&Value::Null, &json!("Somebody not signed in")));
    // A change is told, so that the silence says something.
    cloud.post(&admin, "/v1/objects/pool/create", json!({"name": "Shop"})).await.body();
    assert_eq!(delivery::Entity::find().count(reader).await.unwrap(), before + 1);
}

#[tokio::test]
async fn a_reset_link_ends_after_an_hour() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    cloud.post(&ANYBODY, "/v1/password/forgot", json!({"email": "admin@acme.test"})).await.body();
    let token = token(&mail.next().await, "bzr_");
    cloud.running.cloud.clock.shift_ms(3_601_000);
    let body = json!({"token": token, "password": "Correct2horse"});
    assert_eq!(cloud.post(&ANYBODY, "/v1/password/reset", body).await.status, 400);
}

#[tokio::test]
async fn a_user_without_a_password_is_invited() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let admin = cloud.admin_pair().await;
    let new = json!({"email": "eve@acme.test", "realname": "Eve Low", "permissions": ["analytic"]});
    let user = cloud.post(&admin, "/v1/objects/user/create", new).await.body();
    assert_eq!((&user["invited"], &user["validated"]), (&json!(true), &json!(false)));
    let first = token(&mail.next().await, "bzi_");
    let again = format!("/v1/user/{}/resend_invitation", user["id"]);
    let link = cloud.post(&admin, &again, json!({})).await.body();
    assert!(link["url"].is_null() && link["expires_at"].is_i64(), "{link}");
    let second = token(&mail.next().await, "bzi_");
    let preview = async |token: &str| cloud.get(&ANYBODY, &format!("/v1/invitations/token/{token}")).await;
    let gone = preview(&first).await;
    assert_eq!(gone.text, r#"{"status":404,"body":{"error":"invitation not found","value":null}}"#);
    assert_eq!((gone.status, preview("bzi_x").await.status, preview("x").await.text), (404, 404, gone.text));
    assert_eq!(
        preview(&second).await.body(),
        json!({"email": "eve@acme.test", "client_name": "Acme", "realname": "Eve Low", "sso": false})
    );
    let differs = json!({"token": second, "password": "Correct2horse", "password_confirmation": "x"});
    assert_eq!(accept(&cloud, differs).await.status, 400);
    let body =
        json!({"token": second, "password": "Correct2horse", "password_confirmation": "Correct2horse"});
    assert_eq!(accept(&cloud, body.clone()).await.status, 200);
    assert_eq!(accept(&cloud, body).await.status, 400);
    assert_eq!(sign_in(&cloud, "eve@acme.test", "Correct2horse").await, 200);
    assert_eq!(cloud.post(&admin, &again, json!({})).await.status, 400);
}

#[tokio::test]
async fn a_link_that_the_mail_server_does_not_take_is_handed_over() {
    let mail = MailServer::start().await;
    // A port that was free a moment ago and that nobody listens on.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cloud = start_with_mail(&mail, |config| config.mail.port = Some(nobody)).await;
    let admin = cloud.admin_pair().await;
    let invite =
        json!({"email": "kim@acme.test", "realname": "Kim", "permissions": ["auditor"], "send": true});
    let made = cloud.post(&admin, "/v1/invitations", invite).await.body();
    let link = made["url"].as_str().expect("no link to hand over").to_owned();
    let token = link.split_once('#').unwrap().1;
    // As after every link by hand, the address is confirmed before the user may sign in.
    let body = json!({"token": token, "realname": "Kim", "password": "Correct2horse"});
    assert_eq!(accept(&cloud, body).await.status, 200);
    assert_ne!(sign_in(&cloud, "kim@acme.test", "Correct2horse").await, 200);
}

#[tokio::test]
async fn a_link_makes_a_user() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let admin = cloud.admin_pair().await;
    let invite = json!({"email": "Bob@acme.test", "permissions": ["auditor"], "ttl": "week", "send": true});
    let made = cloud.post(&admin, "/v1/invitations", invite).await;
    insta::assert_json_snapshot!(made.json(), {".body.expires_at" => "[time]"});
    let listed = cloud.get(&admin, "/v1/invitations").await.json();
    insta::assert_json_snapshot!(listed, {".**.created_at" => "[time]", ".**.expires_at" => "[time]"});
    let token = token(&mail.next().await, "bzi_");
    // Who invited does not see it.
    assert!(made.body()["url"].is_null() && !made.text.contains(&token), "{}", made.text);
    let body = json!({"token": token, "realname": "Bob Builder", "password": "Correct2horse"});
    assert_eq!(accept(&cloud, body).await.status, 200);
    let bob =
        cloud.post(&admin, "/v1/objects/user", json!({"filter": {"email": "bob@acme.test"}})).await.body();
    assert_eq!((&bob[0]["permissions"], &bob[0]["create_by"]), (&json!(["auditor"]), &json!(cloud.admin.id)));
    let welcome = mail.next().await;
    assert!(welcome.to == ["bob@acme.test"] && welcome.data.contains("ready"), "{}", welcome.data);
    let log = format!("/v1/activity_log/{}/events?filter[object_types][]=user", cloud.client.id);
    let entry = cloud.get(&admin, &log).await.body()["objects"][0].clone();
    assert_eq!(
        (&entry["action_type"], &entry["object"]["name"]),
        (&json!("Create"), &json!("bob@acme.test"))
    );
    assert_eq!(cloud.get(&admin, "/v1/invitations").await.body(), json!([]));
    let taken = cloud
        .post(&admin, "/v1/invitations", json!({"email": "bob@acme.test", "permissions": ["auditor"]}))
        .await;
    assert_eq!((taken.status, taken.text.as_str()), (409, r#"{"status":409,"body":"Already exists"}"#));
}

#[tokio::test]
async fn whoever_was_handed_a_link_confirms_the_address_with_the_password() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let admin = cloud.admin_pair().await;
    let invite = async |email: &str| {
        let body = json!({"email": email, "permissions": ["auditor"], "send": false});
        let link = cloud.post(&admin, "/v1/invitations", body).await.body();
        let token = link["url"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
        let body = json!({"token": token, "realname": "Bob Low", "password": "Correct2horse"});
        assert_eq!(accept(&cloud, body).await.body(), json!({"confirm_email": true}));
        token_to(&mail, email, "bze_").await
    };
    let confirm = async |token: &str, password: Value| {
        let body = json!({"token": token, "password": password});
        let reply = cloud.post(&ANYBODY, "/v1/user/email/confirm", body).await;
        (reply.status, reply.text)
    };
    let token = invite("bob@acme.test").await;
    let bob = json!({"filter": {"email": "bob@acme.test"}});
    let bob = cloud.post(&admin, "/v1/objects/user", bob).await.body()[0].clone();
    assert_eq!((&bob["validated"], &bob["enabled"]), (&json!(false), &json!(true)));
    assert_eq!(sign_in(&cloud, "bob@acme.test", "Correct2horse").await, 401);
    // Who reads the letters must be who chose the password.
    assert_eq!(confirm(&token, Value::Null).await.0, 400);
    let wrong = (403, r#"{"status":403,"body":"Invalid password"}"#.to_owned());
    assert_eq!(confirm(&token, json!("Correct3horse")).await, wrong);
    assert_eq!(confirm(&token, json!("Correct2horse")).await.0, 200);
    assert_eq!(confirm(&token, json!("Correct2horse")).await.0, 400, "a link works once");
    assert_eq!(sign_in(&cloud, "bob@acme.test", "Correct2horse").await, 200);
    let welcome = mail.next().await;
    assert!(welcome.to == ["bob@acme.test"] && welcome.data.contains("ready"), "{}", welcome.data);
    // A link that ends, or whose account got another address, confirms nothing; a new invitation by letter helps.
    let token = invite("eve@acme.test").await;
    cloud.running.cloud.clock.shift_ms(86_401_000);
    assert_eq!(confirm(&token, json!("Correct2horse")).await.0, 400);
    let eve = json!({"filter": {"email": "eve@acme.test"}});
    let eve = cloud.post(&admin, "/v1/objects/user", eve).await.body()[0]["id"].clone();
    cloud.post(&admin, &format!("/v1/user/{eve}/resend_invitation"), json!({})).await.body();
    let again = token_to(&mail, "eve@acme.test", "bzi_").await;
    let body = json!({"token": again, "password": "Correct4horse"});
    assert_eq!(accept(&cloud, body).await.body(), json!({"confirm_email": false}));
    assert_eq!(sign_in(&cloud, "eve@acme.test", "Correct4horse").await, 200);
    let token = invite("tom@acme.test").await;
    let tom = json!({"filter": {"email": "tom@acme.test"}, "fields": {"email": "thomas@acme.test"}});
    cloud.post(&admin, "/v1/objects/user/update", tom).await.body();
    assert_eq!(confirm(&token, json!("Correct2horse")).await.0, 400);
}

#[tokio::test]
async fn without_a_mail_server_a_link_that_was_handed_over_is_enough() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    // Nothing is sent, so there is nobody else whom the link could reach.
    for (email, send) in [("bob@acme.test", false), ("eve@acme.test", true)] {
        let body = json!({"email": email, "permissions": ["auditor"], "send": send});
        let link = cloud.post(&admin, "/v1/invitations", body).await.body();
        let token = link["url"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
        let body = json!({"token": token, "realname": "Bob Low", "password": "Correct2horse"});
        assert_eq!(accept(&cloud, body).await.body(), json!({"confirm_email": false}));
        assert_eq!(sign_in(&cloud, email, "Correct2horse").await, 200);
    }
}

#[tokio::test]
async fn an_invitation_is_no_more_than_who_invited_has() {
    let cloud = TestCloud::start().await;
    let rights: Vec<&str> = bartizan_api::Role::Admin.permissions().into_iter().map(|p| p.code()).collect();
    let helper = cloud.add_user(cloud.client.id, "h@acme.test", &rights).await;
    let by = cloud.pair_of(&helper).await;
    let invite = async |email: &str, role: &str| {
        cloud.post(&by, "/v1/invitations", json!({"email": email, "permissions": [role]})).await
    };
    assert_eq!(invite("x@acme.test", "partner_admin").await.status, 403);
    let link = invite("x@acme.test", "analytic").await.body();
    let token = link["url"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
    let revoked = invite("y@acme.test", "analytic").await.body();
    let admin = cloud.admin_pair().await;
    let path = format!("/v1/invitations/{}", revoked["id"]);
    assert_eq!(cloud.call(&admin, Method::DELETE, &path, None).await.status, 200);
    assert_eq!(cloud.call(&admin, Method::DELETE, &path, None).await.status, 404);
    let other = cloud.add_company("Other").await;
    let there = cloud.add_user(other.id, "root@other.test", &["admin"]).await;
    let there = cloud.pair_of(&there).await;
    let foreign = format!("/v1/invitations/{}", link["id"]);
    assert_eq!(cloud.call(&there, Method::DELETE, &foreign, None).await.status, 403);
    let narrow = json!({"filter": {"id": helper.id}, "fields": {"permissions": ["auditor"]}});
    cloud.post(&admin, "/v1/objects/user/update", narrow).await.body();
    let body = json!({"token": token, "realname": "X Y", "password": "Correct2horse"});
    assert_eq!(accept(&cloud, body).await.status, 400);
}

#[tokio::test]
async fn an_address_changes_when_its_new_owner_says_so() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let session = cloud.sign_in("admin@acme.test").await;
    let ask = async |password: &str| {
        let body = json!({"email": "Ada@New.test", "password": password});
        cloud.post(&session, "/v1/user/email", body).await.status
    };
    assert_eq!(ask("wrong").await, 403);
    assert_eq!(ask(PASSWORD).await, 200);
    let (one, two) = (mail.next().await, mail.next().await);
    let confirmation = if one.to == ["ada@new.test"] { one } else { two };
    let confirm = json!({"token": token(&confirmation, "bze_")});
    assert_eq!(sign_in(&cloud, "ada@new.test", PASSWORD).await, 401);
    cloud.post(&ANYBODY, "/v1/user/email/confirm", confirm.clone()).await.body();
    assert_eq!(cloud.post(&ANYBODY, "/v1/user/email/confirm", confirm).await.status, 400);
    assert_eq!(sign_in(&cloud, "ada@new.test", PASSWORD).await, 200);
}

#[tokio::test]
async fn owners_are_warned_once_of_tokens_that_end() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let session = cloud.sign_in("admin@acme.test").await;
    let now = cloud.running.cloud.now();
    for (name, end) in [("soon", now + 4 * 86_400), ("short", now + 86_400)] {
        cloud.post(&session, "/v1/api_tokens", json!({"name": name, "expires_at": end})).await.body();
    }
    let clean = async || bartizan_cloud::services::accounts::clean(&cloud.running.cloud).await;
    clean().await;
    assert!(mail.now().await.is_none());
    cloud.running.cloud.clock.shift_ms(2 * 86_400_000 - 3_600_000 * 12);
    clean().await;
    clean().await;
    let letter = mail.next().await;
    assert_eq!(letter.to, ["admin@acme.test"]);
    assert!(letter.data.contains("soon"), "{}", letter.data);
    assert!(mail.now().await.is_none());
}

#[tokio::test]
async fn the_value_of_a_token_is_read_again_with_the_password() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let made = cloud.post(&session, "/v1/api_tokens", json!({"name": "CI"})).await.body();
    let Credential::Cookie(cookie, _) = session.clone() else { unreachable!() };
    let read = async |proof: &str| {
        let path = format!("{}/v1/api_tokens/{}/value", cloud.url, made["id"]);
        let request = reqwest::Client::new().get(path).header("Cookie", &cookie).header("X-Reauth", proof);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(read("bzp_x").await.0, 403);
    assert_eq!(cloud.post(&session, "/v1/session/reauth", json!({"password": "wrong"})).await.status, 403);
    let proof = cloud.post(&session, "/v1/session/reauth", json!({"password": PASSWORD})).await.body();
    let proof = proof["ticket"].as_str().unwrap();
    assert_eq!(read(proof).await, (200, json!({"status": 200, "body": {"token": made["token"]}})));
    cloud.running.cloud.clock.shift_ms(901_000);
    assert_eq!(read(proof).await.0, 403);
}

/// The token of the next letter to an address that has one; notices, and letters to others, are passed over: letters
/// of one call go out side by side.
async fn token_to(mail: &MailServer, address: &str, prefix: &str) -> String {
    loop {
        let letter = mail.next().await;
        if letter.to == [address] && letter.data.contains(prefix) {
            return token(&letter, prefix);
        }
    }
}

#[tokio::test]
async fn links_end_with_the_password_and_the_address_they_were_made_for() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let session = cloud.sign_in("admin@acme.test").await;
    let ask = async |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        cloud.post(&session, "/v1/user/email", body).await.body();
        token_to(&mail, email, "bze_").await
    };
    let confirm = async |token: &str| {
        cloud.post(&ANYBODY, "/v1/user/email/confirm", json!({ "token": token })).await.status
    };
    let forgot = async |email: &str| {
        cloud.post(&ANYBODY, "/v1/password/forgot", json!({ "email": email })).await.body();
        token_to(&mail, email, "bzr_").await
    };
    let reset = async |token: &str| {
        let body = json!({"token": token, "password": "Correct4horse"});
        cloud.post(&ANYBODY, "/v1/password/reset", body).await.status
    };
    // Somebody who knew the password asked for another address; the owner changes the password.
    let (move_away, old_reset) = (ask("thief@evil.test", PASSWORD).await, forgot("admin@acme.test").await);
    let new = "Correct2horse";
    let change = json!({"current_password": PASSWORD, "password": new, "password_confirmation": new});
    cloud.call(&session, Method::PUT, "/v1/user/password", Some(&change)).await.body();
    assert_eq!((confirm(&move_away).await, reset(&old_reset).await), (400, 400));
    // A reset link went to the address of before.
    let (moved, reset_link) = (ask("ada@new.test", new).await, forgot("admin@acme.test").await);
    assert_eq!((confirm(&moved).await, reset(&reset_link).await), (200, 400));
    // And one that an administrator changed.
    let other = cloud.add_user(cloud.client.id, "root@acme.test", &["admin"]).await;
    let other = cloud.pair_of(&other).await;
    let reset_link = forgot("ada@new.test").await;
    let update = json!({"filter": {"id": cloud.admin.id}, "fields": {"email": "ada@newer.test"}});
    cloud.post(&other, "/v1/objects/user/update", update).await.body();
    assert_eq!(reset(&reset_link).await, 400);
    assert_eq!(sign_in(&cloud, "ada@newer.test", new).await, 200);
}

#[tokio::test]
async fn an_invitation_ends_when_the_account_is_somebody_elses() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let admin = cloud.admin_pair().await;
    let invite = async |email: &str| {
        let new = json!({"email": email, "realname": "Eve Low", "permissions": ["analytic"]});
        let user = cloud.post(&admin, "/v1/objects/user/create", new).await.body();
        (user["id"].clone(), token_to(&mail, email, "bzi_").await)
    };
    let update = async |id: &Value, fields: Value| {
        let body = json!({"filter": {"id": id}, "fields": fields});
        cloud.post(&admin, "/v1/objects/user/update", body).await.body()
    };
    let take =
        async |token: &str| accept(&cloud, json!({"token": token, "password": "Correct2horse"})).await.status;
    let (id, link) = invite("one@acme.test").await;
    update(&id, json!({"email": "two@acme.test"})).await;
    assert_eq!(take(&link).await, 400);
    let (id, link) = invite("three@acme.test").await;
    update(&id, json!({"password": "Correct3horse"})).await;
    assert_eq!(take(&link).await, 400);
    assert_eq!(sign_in(&cloud, "three@acme.test", "Correct3horse").await, 200);
    let (id, link) = invite("four@acme.test").await;
    update(&id, json!({"permissions": ["auditor"]})).await;
    assert_eq!(take(&link).await, 200);
}

#[tokio::test]
async fn a_link_gives_no_more_than_who_made_it_had_even_if_the_account_got_more() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let helper =
        cloud.add_user(cloud.client.id, "h@acme.test", &["create_user", "update_user", "view_user"]).await;
    let new = json!({"email": "eve@acme.test", "realname": "Eve Low", "permissions": ["view_user"]});
    let by = cloud.pair_of(&helper).await;
    let user = cloud.post(&by, "/v1/objects/user/create", new).await.body();
    let again = format!("/v1/user/{}/resend_invitation", user["id"]);
    let link = cloud.post(&by, &again, json!({})).await.body();
    let token = link["url"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
    let more = json!({"filter": {"id": user["id"]}, "fields": {"permissions": ["admin"]}});
    cloud.post(&admin, "/v1/objects/user/update", more).await.body();
    assert_eq!(accept(&cloud, json!({"token": token, "password": "Correct2horse"})).await.status, 400);
}

#[tokio::test]
async fn an_invitation_by_a_shared_token_ends_with_the_token() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let made = json!({"name": "CI", "type": "shared", "permissions": ["admin"]});
    let made = cloud.post(&session, "/v1/api_tokens", made).await.body();
    let shared = Credential::Token(made["token"].as_str().unwrap().to_owned());
    let invite = async |email: &str| {
        let body = json!({"email": email, "permissions": ["analytic"]});
        let link = cloud.post(&shared, "/v1/invitations", body).await.body();
        let token = link["url"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
        json!({"token": token, "realname": "X Y", "password": "Correct2horse"})
    };
    let (before, after) = (invite("x@acme.test").await, invite("y@acme.test").await);
    assert_eq!(accept(&cloud, before).await.status, 200);
    let path = format!("/v1/api_tokens/{}", made["id"]);
    cloud.call(&session, Method::DELETE, &path, None).await.body();
    assert_eq!(accept(&cloud, after).await.status, 400);
}

#[tokio::test]
async fn the_first_administrator_of_a_new_client_is_invited() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let (home, _) = cloud.add_global_account().await;
    cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    let session = cloud.sign_in("global@home.test").await;
    let create = async |name: &str, email: &str| {
        let body = json!({"name": name, "admin": {"email": email, "realname": "Eve Low"}});
        cloud.post(&session, "/v1/objects/client/create", body).await
    };
    assert_eq!(create("Shop", "not an address").await.status, 400);
    assert_eq!(create("Shop", "admin@acme.test").await.status, 409);
    // What was refused left no client behind.
    let client = create("Shop", "Eve@shop.test").await.body();
    let letter = mail.next().await;
    assert_eq!(letter.to, ["eve@shop.test"]);
    let token = token(&letter, "bzi_");
    let accepted = json!({
        "token": token, "realname": "Eve Low", "password": PASSWORD, "password_confirmation": PASSWORD,
    });
    assert_eq!(accept(&cloud, accepted).await.status, 200);
    let eve = cloud.sign_in("eve@shop.test").await;
    let user = cloud.get(&eve, "/v1/user").await.body();
    assert_eq!((&user["clientid"], &user["permissions"]), (&client["id"], &json!(["admin"])));
}
