//! Requests to Amazon Web Services: Signature Version 4, and taking on a role.
//!
//! The signature covers method, path, body and every header that is set here, so that a request cannot be changed, or
//! used for another service, region or day. Written here: it is forty lines over hashes that are in the build anyway,
//! held to the published examples; the SDK is some hundred crates.

use chrono::DateTime;
use hmac::{Hmac, Mac};
use reqwest::{
    Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use sha2::{Digest, Sha256};

use super::{DeliveryError, Message, accepted};
use crate::{outgoing::OutgoingRequest, services::sso::saml::xml, state::Cloud};

/// Namespace of the answers of the token service.
const STS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// How long what a role gives is good for, seconds: the least that there is.
const ROLE_LASTS_S: &str = "900";

/// What opens an account.
pub(super) struct Credentials {
    pub(super) key_id: String,
    pub(super) secret: String,
    /// Of a role that was taken on.
    pub(super) session_token: Option<String>,
}

/// The service that a request is for.
#[derive(Clone, Copy)]
pub(super) struct Service<'a> {
    pub(super) region: &'a str,
    pub(super) name: &'a str,
}

/// The domain of the services of a region.
pub(super) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// Signs a request whose path is encoded as the service does, and which has no query.
pub(super) fn sign(
    request: &mut OutgoingRequest,
    service: Service<'_>,
    credentials: &Credentials,
    now: i64,
) -> Result<(), DeliveryError> {
    let time = DateTime::from_timestamp(now, 0).unwrap_or_default();
    let (time, date) = (time.format("%Y%m%dT%H%M%SZ").to_string(), time.format("%Y%m%d").to_string());
    let body = hex::encode(Sha256::digest(&request.body));
    let mut insert = |name: &'static str, value: &str| -> Result<(), DeliveryError> {
        request.headers.insert(HeaderName::from_static(name), header(value)?);
        Ok(())
    };
    insert("x-amz-date", &time)?;
    // This service wants it in a header, too.
    if service.name == "s3" {
        insert("x-amz-content-sha256", &body)?;
    }
    if let Some(token) = &credentials.session_token {
        insert("x-amz-security-token", token)?;
    }
    let mut headers: Vec<(&str, &str)> = Vec::new();
    for (name, value) in &request.headers {
        headers.push((name.as_str(), value.to_str().map_err(|_| no_header())?.trim()));
    }
    let host = host(&request.url);
    headers.push(("host", &host));
    headers.sort_unstable();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!("{}\n{}\n\n{lines}\n{names}\n{body}", request.method, request.url.path());
    let scope = format!("{date}/{}/{}/aws4_request", service.region, service.name);
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
    let mut key = format!("AWS4{}", credentials.secret).into_bytes();
    for part in [&date, service.region, service.name, "aws4_request"] {
        key = hmac(&key, part)?;
    }
    let signature = hex::encode(hmac(&key, &to_sign)?);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.key_id
    );
    request.headers.insert(AUTHORIZATION, header(&authorization)?);
    Ok(())
}

fn hmac(key: &[u8], text: &str) -> Result<Vec<u8>, DeliveryError> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key)
        .map_err(|_| DeliveryError::Unusable("the key cannot sign".to_owned()))?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

fn header(value: &str) -> Result<HeaderValue, DeliveryError> {
    HeaderValue::from_str(value).map_err(|_| no_header())
}

fn no_header() -> DeliveryError {
    DeliveryError::Unusable("a header cannot hold its value".to_owned())
}

/// As the connection will name it.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Takes on a role of a tenant. The external id is the UUID of the tenant, so that no tenant can name the role that
/// another one made for this cloud.
pub(super) async fn assume(
    cloud: &Cloud,
    region: &str,
    role: &str,
    message: &Message,
) -> Result<Credentials, DeliveryError> {
    let services = &cloud.config.integrations;
    if services.aws_access_key_id.is_empty() {
        return Err(DeliveryError::Unusable("this cloud has no key of AWS to take on roles by".to_owned()));
    }
    let own = Credentials {
        key_id: services.aws_access_key_id.clone(),
        secret: services.aws_secret_access_key.clone(),
        session_token: None,
    };
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("Action", "AssumeRole")
        .append_pair("Version", "2011-06-15")
        .append_pair("RoleArn", role)
        .append_pair("RoleSessionName", "bartizan")
        .append_pair("ExternalId", &message.sender.client_uuid)
        .append_pair("DurationSeconds", ROLE_LASTS_S)
        .finish();
    let address = match services.aws_sts_url.as_str() {
        "" => format!("https://sts.{region}.{}/", domain(region)),
        relay => relay.to_owned(),
    };
    let url = Url::parse(&address)
        .map_err(|_| DeliveryError::Unusable("integrations.aws_sts_url is not a URL".to_owned()))?;
    let mut request = OutgoingRequest::post(url, body.into_bytes());
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    sign(&mut request, Service { region, name: "sts" }, &own, cloud.now())?;
    let answer = accepted(cloud.outgoing.send(request).await?)?;
    credentials(&String::from_utf8_lossy(&answer.body))
        .ok_or_else(|| DeliveryError::Unusable("the answer of AWS holds no credentials".to_owned()))
}

/// What a role gave.
fn credentials(answer: &str) -> Option<Credentials> {
    let document = xml::parse(answer).ok()?;
    let mut node = xml::only(&document, document.root(), STS, "AssumeRoleResponse")?;
    for name in ["AssumeRoleResult", "Credentials"] {
        node = xml::only(&document, node, STS, name)?;
    }
    let member = |name: &str| xml::text(&document, xml::only(&document, node, STS, name)?);
    Some(Credentials {
        key_id: member("AccessKeyId")?,
        secret: member("SecretAccessKey")?,
        session_token: Some(member("SessionToken")?),
    })
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::*;

    fn authorization(request: &mut OutgoingRequest, service: &str, key: (&str, &str), now: i64) -> String {
        let credentials = Credentials { key_id: key.0.into(), secret: key.1.into(), session_token: None };
        sign(request, Service { region: "us-east-1", name: service }, &credentials, now).unwrap();
        request.headers[AUTHORIZATION].to_str().unwrap().to_owned()
    }

    /// The test suite of Signature Version 4: `get-vanilla` and `post-x-www-form-urlencoded`.
    #[test]
    fn the_published_test_suite_is_signed_as_published() {
        let key = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let url = Url::parse("https://example.amazonaws.com/").unwrap();
        let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
        let mut get = OutgoingRequest::get(url.clone(), 0);
        assert_eq!(
            authorization(&mut get, "service", key, 1_440_938_160),
            format!(
                "{scope}, SignedHeaders=host;x-amz-date, \
                 Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
            )
        );
        let mut post = OutgoingRequest::post(url, b"Param1=value1".to_vec());
        post.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        assert_eq!(
            authorization(&mut post, "service", key, 1_440_938_160),
            format!(
                "{scope}, SignedHeaders=content-type;host;x-amz-date, \
                 Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
            )
        );
    }

    /// The examples of the manual of S3: "GET Object" and "PUT Object".
    #[test]
    fn the_examples_of_the_manual_are_signed_as_published() {
        let key = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let url = |path: &str| Url::parse(&format!("https://examplebucket.s3.amazonaws.com{path}")).unwrap();
        let mut get = OutgoingRequest::get(url("/test.txt"), 0);
        get.headers.insert("range", HeaderValue::from_static("bytes=0-9"));
        let sent = authorization(&mut get, "s3", key, 1_369_353_600);
        assert!(
            sent.ends_with(
                "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
                 Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
            ),
            "{sent}"
        );
        let mut put = OutgoingRequest {
            method: Method::PUT,
            ..OutgoingRequest::post(url("/test%24file.text"), b"Welcome to Amazon S3.".to_vec())
        };
        put.headers.insert("date", HeaderValue::from_static("Fri, 24 May 2013 00:00:00 GMT"));
        put.headers.insert("x-amz-storage-class", HeaderValue::from_static("REDUCED_REDUNDANCY"));
        let sent = authorization(&mut put, "s3", key, 1_369_353_600);
        assert!(
            sent.ends_with("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
            "{sent}"
        );
    }

    #[test]
    fn only_a_complete_answer_gives_credentials() {
        let answer = |token: &str| {
            format!(
                "<AssumeRoleResponse xmlns=\"{STS}\"><AssumeRoleResult><Credentials>\
                 <AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>s/+=</SecretAccessKey>{token}\
                 <Expiration>2026-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
            )
        };
        let got = credentials(&answer("<SessionToken>IQo=</SessionToken>")).unwrap();
        assert_eq!(
            (got.key_id.as_str(), got.secret.as_str(), got.session_token.as_deref()),
            ("ASIAX", "s/+=", Some("IQo="))
        );
        assert!(credentials(&answer("")).is_none());
        assert!(credentials("<html>").is_none());
    }
}
