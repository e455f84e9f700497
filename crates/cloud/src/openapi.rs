//! The OpenAPI document: generated from the routes, completed with what every operation shares.

use std::borrow::Cow;

use axum::http::Method;
use bartizan_api::{ErrorBody, scim::ScimError};
use serde_json::{Value, json};
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::{
        ObjectBuilder, OpenApi as Document, RefOr, Required, Response, ResponseBuilder, Type,
        content::ContentBuilder,
        path::{Operation, ParameterBuilder, ParameterIn},
        schema::Ref,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    access::{SECRET_ANSWERS, is_repeatable},
    endpoints,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bartizan API",
        description = "Manage users, nodes, rules and IP lists, and read hits, attacks and vulnerabilities. Successful answers are wrapped as `{\"status\":200,\"body\":…}`. Authenticate with an API token, with UUID and secret, or with a Console session.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ErrorBody)),
    modifiers(&Shared)
)]
struct Base;

struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let header = |name: &str, text: &str| {
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, text)))
        };
        components.add_security_scheme(
            "ApiToken",
            header("X-WallarmApi-Token", "API token of Settings → API tokens."),
        );
        components.add_security_scheme(
            "Uuid",
            header("X-WallarmAPI-UUID", "UUID of Settings → API credentials; goes with the secret."),
        );
        components.add_security_scheme(
            "Secret",
            header("X-WallarmAPI-Secret", "Secret of Settings → API credentials; goes with the UUID."),
        );
        let session = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "Console session; the API Console fills it in after you sign in to the Console.",
        ));
        components.add_security_scheme("Session", SecurityScheme::Http(session.build()));
        let scim = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("Token of an identity provider, from Settings → Single sign-on."));
        components.add_security_scheme("Scim", SecurityScheme::Http(scim.build()));
    }
}

/// The whole document.
#[must_use]
pub fn document() -> Document {
    let (_, mut document) = utoipa_axum::router::OpenApiRouter::with_openapi(Base::openapi())
        .merge(endpoints::routes())
        .split_for_parts();
    add_shared_errors(&mut document);
    let none: [&str; 0] = [];
    document.security = Some(vec![
        SecurityRequirement::new("ApiToken", none),
        SecurityRequirement::new("Uuid", none).add("Secret", none),
        SecurityRequirement::new("Session", none),
    ]);
    for (path, item) in &mut document.paths.paths {
        for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
            .into_iter()
            .flatten()
        {
            add_errors(path, operation);
        }
        let methods = [
            (Method::POST, &mut item.post),
            (Method::PUT, &mut item.put),
            (Method::DELETE, &mut item.delete),
        ];
        for (method, operation) in methods {
            let repeatable = is_repeatable(&method, path) && !SECRET_ANSWERS.contains(&path.as_str());
            if let Some(operation) = operation.as_mut().filter(|_| repeatable) {
                add_idempotency(path, operation);
            }
        }
    }
    document
}

/// The header that makes a change repeatable, and its own refusal.
fn add_idempotency(path: &str, operation: &mut Operation) {
    let text = "Makes the change repeatable: within 24 hours the same request with the same key, by the same \
                credential, is answered as the first time and changes nothing (`Idempotency-Replayed: true`). \
                With another request the key is refused with 400.";
    let key = ObjectBuilder::new().schema_type(Type::String).max_length(Some(64)).examples(["8e03978e-40d5"]);
    let parameter = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(text))
        .schema(Some(key))
        .build();
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
    add_error(path, operation, &KEY_IN_USE);
}

/// An error that many operations answer: described once, named by each.
struct SharedError {
    name: &'static str,
    status: &'static str,
    text: &'static str,
}

impl SharedError {
    const fn new(status: &'static str, name: &'static str, text: &'static str) -> SharedError {
        SharedError { name, status, text }
    }
}

const INVALID: SharedError =
    SharedError::new("400", "Invalid", "The request is not valid; the body names the field");
const SESSION_EXPIRED: SharedError = SharedError::new("401", "SessionExpired", "The session expired");
const QUOTA_USED_UP: SharedError =
    SharedError::new("402", "QuotaUsedUp", "The quota of the client is used up");
const DENIED: SharedError = SharedError::new("403", "Denied", "Not authenticated, or the right is missing");
const NOT_FOUND: SharedError = SharedError::new("404", "NotFound", "There is no such thing");
const KEY_IN_USE: SharedError = SharedError::new(
    "409",
    "KeyInUse",
    "The first request with this `Idempotency-Key` is still being handled, or its answer was not kept",
);
const TOO_SLOW: SharedError = SharedError::new("408", "TooSlow", "The body came too slowly");
const TOO_LARGE: SharedError = SharedError::new("413", "TooLarge", "The body is larger than the limit");
const OTHER_TYPE: SharedError =
    SharedError::new("415", "OtherType", "The body is of another type than the operation takes");
const TOO_MANY: SharedError = SharedError::new("429", "TooMany", "Too many requests; see `Retry-After`");
/// Every one of them.
const SHARED_ERRORS: [&SharedError; 10] = [
    &INVALID,
    &SESSION_EXPIRED,
    &QUOTA_USED_UP,
    &DENIED,
    &NOT_FOUND,
    &KEY_IN_USE,
    &TOO_SLOW,
    &TOO_LARGE,
    &OTHER_TYPE,
    &TOO_MANY,
];
/// Errors of SCIM have a form of their own, and names that begin so.
const SCIM: &str = "Scim";

/// Describes the shared errors, for each family in its form. Not by the modifier: merging routes keeps schemas only.
fn add_shared_errors(document: &mut Document) {
    let components = document.components.get_or_insert_default();
    for error in SHARED_ERRORS {
        for (family, form) in [
            ("", (ErrorBody::name(), "application/json")),
            (SCIM, (ScimError::name(), "application/scim+json")),
        ] {
            let name = format!("{family}{}", error.name);
            components.responses.insert(name, RefOr::T(error_response(error.text, form)));
        }
    }
}

/// The errors that any operation may answer, by name.
fn add_errors(path: &str, operation: &mut Operation) {
    let mut shared = vec![&INVALID, &SESSION_EXPIRED, &DENIED, &TOO_MANY];
    // Nodes go on, whatever their tenant used.
    if !path.starts_with("/node/") {
        shared.push(&QUOTA_USED_UP);
    }
    if names_a_thing(path) {
        shared.push(&NOT_FOUND);
    }
    if operation.request_body.is_some() {
        shared.extend([&TOO_SLOW, &TOO_LARGE, &OTHER_TYPE]);
    }
    for error in shared {
        add_error(path, operation, error);
    }
}

/// Names a shared error, unless the operation says something of its own about the status.
fn add_error(path: &str, operation: &mut Operation, error: &SharedError) {
    let family = if is_scim(path) { SCIM } else { "" };
    let named = Ref::from_response_name(format!("{family}{}", error.name));
    operation.responses.responses.entry(error.status.to_owned()).or_insert(RefOr::Ref(named));
}

fn is_scim(path: &str) -> bool {
    path.starts_with("/scim/")
}

/// Whether a path leads to one thing that may be absent. Clients of others are refused instead: 403.
fn names_a_thing(path: &str) -> bool {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.into_iter().any(|name| !matches!(name, "client_id" | "clientid" | "partnerid"))
}

fn error_response(text: &str, (schema, kind): (Cow<'static, str>, &str)) -> Response {
    let schema = Ref::from_schema_name(schema);
    ResponseBuilder::new()
        .description(text)
        .content(kind, ContentBuilder::new().schema(Some(schema)).build())
        .build()
}

/// The document as the checked-in file holds it.
///
/// # Errors
/// When it does not serialise, which would be a bug in a declaration.
pub fn document_json() -> Result<String, serde_json::Error> {
    let mut document = serde_json::to_value(document())?;
    describe_principal(&mut document);
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

/// The principal is a user whose time of creation is a text. Derived, it would be both: a user, whose time is a
/// number, and an object whose time is a text, which nothing can be.
fn describe_principal(document: &mut Value) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return;
    };
    let own = schemas.get("PrincipalView").and_then(|view| view.pointer("/allOf/1/properties")).cloned();
    let (Some(Value::Object(own)), Some(mut view)) = (own, schemas.get("UserView").cloned()) else { return };
    if let Some(required) = view.pointer_mut("/required").and_then(Value::as_array_mut) {
        required.push("client_id".into());
    }
    if let Some(properties) = view.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.extend(own);
    }
    if let Some(text) = view.pointer_mut("/description") {
        *text = "The current principal: a user, with `client_id`, and `create_at` as RFC 3339.".into();
    }
    schemas.insert("PrincipalView".to_owned(), view);
    // The envelope holds the derived form again.
    if let Some(body) =
        schemas.get_mut("Envelope_PrincipalView").and_then(|it| it.pointer_mut("/properties/body"))
    {
        *body = json!({"$ref": "#/components/schemas/PrincipalView"});
    }
}
