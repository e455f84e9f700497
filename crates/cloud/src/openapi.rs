//! The OpenAPI document: generated from the routes, completed with what every operation shares.

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
    let conflict =
        "The first request with this `Idempotency-Key` is still being handled, or its answer was not kept";
    let responses = &mut operation.responses.responses;
    responses.entry("409".to_owned()).or_insert_with(|| RefOr::T(error_response(path, conflict)));
}

/// The errors that any operation may answer, declared once.
fn add_errors(path: &str, operation: &mut Operation) {
    let mut shared = vec![
        ("400", "The request is not valid; the body names the field"),
        ("401", "The session expired"),
        ("403", "Not authenticated, or the right is missing"),
        ("429", "Too many requests; see `Retry-After`"),
    ];
    // Nodes go on, whatever their tenant used.
    if !path.starts_with("/node/") {
        shared.push(("402", "The quota of the client is used up"));
    }
    if names_a_thing(path) {
        shared.push(("404", "There is no such thing"));
    }
    if operation.request_body.is_some() {
        shared.push(("413", "The body is larger than the limit"));
        shared.push(("415", "The body is of another type than the operation takes"));
    }
    for (status, text) in shared {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(error_response(path, text)));
    }
}

/// Whether a path leads to one thing that may be absent. Clients of others are refused instead: 403.
fn names_a_thing(path: &str) -> bool {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.into_iter().any(|name| !matches!(name, "client_id" | "clientid" | "partnerid"))
}

fn error_response(path: &str, text: &str) -> Response {
    let (name, kind) = if path.starts_with("/scim/") {
        (ScimError::name(), "application/scim+json")
    } else {
        (ErrorBody::name(), "application/json")
    };
    let schema = Ref::from_schema_name(name);
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
