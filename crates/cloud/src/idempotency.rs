//! `Idempotency-Key`: a change of Bartizan's own endpoints that is sent again is answered again, not made again
//! (`spec/accounts.md` section 1.5).
//!
//! A key belongs to the credential that sent it and to one request: method, path, query and body. It is taken before the
//! request is handled, so of two at the same time only one is, and given back when the answer is no success. Handling
//! goes on when the client hangs up: an answer that got lost is what keys are for.

use std::panic::AssertUnwindSafe;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bartizan_api::ApiError;
use bartizan_store::{
    entity::idempotent_answer::Model,
    idempotency::{KeyTaken, Lease},
};
use futures_util::FutureExt;
use tracing::Instrument;

use crate::{
    access::{SECRET_ANSWERS, is_repeatable},
    auth::{Caller, Scheme},
    extract,
    failure::Failure,
    secrets,
    state::Cloud,
};

/// Header of the key.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Header of an answer that was kept.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Seconds that an answer is kept.
const KEPT_S: i64 = 86_400;
/// Seconds after which a request that never came to an end does not hold its key any more: the process died.
const LEASE_S: i64 = 300;
/// Longest key.
const LONGEST_KEY: usize = 64;
/// Largest answer that is kept, bytes.
const LARGEST_ANSWER: usize = 64 << 10;

/// Handles a request, or gives the answer of the one before that had its key.
pub(crate) async fn handle(
    cloud: &Cloud,
    caller: Option<&Caller>,
    path: &str,
    request: Request,
    next: Next,
) -> Response {
    let named = request.headers().contains_key(KEY) && is_repeatable(request.method(), path);
    let Some(caller) = caller.filter(|_| named) else { return next.run(request).await };
    match take(cloud, caller, path, request).await {
        Ok(Turn::Handle(lease, request)) => {
            let cloud = cloud.clone();
            let handling = async move {
                let response = answer_of(next.run(request)).await;
                keep(&cloud, &lease, response).await
            };
            let handled = tokio::spawn(handling.in_current_span());
            handled.await.unwrap_or_else(|_| ApiError::internal().into_response())
        }
        Ok(Turn::Answered(response)) => response,
        Err(failure) => failure.into_response(),
    }
}

/// The answer of a handler; 500 when it panics, so that the key is given back even if nobody waits any more.
async fn answer_of(handler: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(handler).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("the handler of a request with an Idempotency-Key panicked");
        ApiError::internal().into_response()
    })
}

/// Whose turn it is: the handler's, or that of an answer which is there.
enum Turn {
    Handle(Lease, Request),
    Answered(Response),
}

async fn take(cloud: &Cloud, caller: &Caller, path: &str, request: Request) -> Result<Turn, Failure> {
    let key = key_of(request.headers())?;
    if SECRET_ANSWERS.contains(&path) {
        let text = "answers with secrets are given once; send no Idempotency-Key here";
        return Err(ApiError::invalid(text, "Idempotency-Key").into());
    }
    let (parts, body) = request.into_parts();
    let body = extract::read(body, cloud.config.limits.body_bytes).await?;
    let target = parts.uri.path_and_query().map(|target| target.as_str()).unwrap_or_default();
    let request_mac = secrets::mac_of(
        &cloud.keys,
        "idempotency",
        &[parts.method.as_str().as_bytes(), target.as_bytes(), &body],
    );
    let now = cloud.now();
    let lease = Lease { credential: credential(caller), key: key.clone(), until: now + LEASE_S };
    let row = Model {
        credential: lease.credential.clone(),
        key: key.clone(),
        client_id: caller.client.id,
        request_mac: request_mac.clone(),
        status: None,
        answer: None,
        expires_at: lease.until,
    };
    match cloud.store.take_idempotency_key(row, cloud.config.limits.idempotency_keys, now).await? {
        KeyTaken::New => Ok(Turn::Handle(lease, Request::from_parts(parts, Body::from(body)))),
        KeyTaken::TooMany => Err(ApiError::rate_limited(3600).into()),
        KeyTaken::Before(before) if !secrets::same(&before.request_mac, &request_mac) => {
            Err(ApiError::invalid("the Idempotency-Key was sent with another request", key).into())
        }
        KeyTaken::Before(before) => Ok(Turn::Answered(replay(cloud, &before)?)),
    }
}

fn key_of(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut keys = headers.get_all(KEY).iter();
    let key = keys.next().and_then(|key| key.to_str().ok()).map(str::trim).unwrap_or_default();
    let printable = key.bytes().all(|byte| byte.is_ascii_graphic());
    if keys.next().is_some() || key.is_empty() || key.len() > LONGEST_KEY || !printable {
        let text = "Idempotency-Key must be one value of 1 to 64 printable characters without blanks";
        return Err(ApiError::invalid(text, "Idempotency-Key"));
    }
    Ok(key.to_owned())
}

/// What a key belongs to. The token form of a user's secret is that secret.
fn credential(caller: &Caller) -> String {
    match &caller.scheme {
        Scheme::Token { id: Some(id) } => format!("token:{id}"),
        Scheme::Token { id: None } | Scheme::UuidSecret => format!("user:{}", caller.user_id()),
        Scheme::Session { id_mac, .. } => format!("session:{id_mac}"),
    }
}

/// The answer that was given before, or what can be said of it.
fn replay(cloud: &Cloud, before: &Model) -> Result<Response, ApiError> {
    let conflict = |text: &str| ApiError {
        body: serde_json::json!({"error": text, "value": before.key}),
        ..ApiError::text(StatusCode::CONFLICT, "")
    };
    let Some(status) = before.status else {
        let error = conflict("the first request with this Idempotency-Key is still being handled");
        return Err(ApiError { retry_after_s: Some(1), ..error });
    };
    let answer = before.answer.as_deref().and_then(|sealed| secrets::unseal(&cloud.keys, sealed));
    let answer = answer.ok_or_else(|| conflict("the request was handled; its answer was not kept"))?;
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = (status.unwrap_or(StatusCode::OK), answer).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// Keeps a success for whoever asks again; after anything else the key is free. An answer that sets a cookie is for the
/// one who gets it.
async fn keep(cloud: &Cloud, lease: &Lease, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_else(|_| Bytes::new());
    let kept = if parts.status.is_success() && !parts.headers.contains_key(header::SET_COOKIE) {
        let text = std::str::from_utf8(&body).ok().filter(|text| text.len() <= LARGEST_ANSWER);
        let answer = text.and_then(|text| secrets::seal(&cloud.keys, text));
        let until = cloud.now() + KEPT_S;
        cloud.store.keep_idempotent_answer(lease, parts.status.as_u16(), answer, until).await
    } else {
        cloud.store.give_idempotency_key_back(lease).await
    };
    if let Err(error) = kept {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the answer of an Idempotency-Key was not kept"
        );
    }
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_answers_500() {
        assert_eq!(answer_of(panics()).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer_of(answers()).await.status(), StatusCode::CREATED);
    }

    async fn panics() -> Response {
        panic!("a fault of the handler")
    }

    async fn answers() -> Response {
        StatusCode::CREATED.into_response()
    }
}
