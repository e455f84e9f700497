//! What there is of SCIM here, as providers ask for it (RFC 7644 section 4).

use bartizan_api::scim::{GROUP, LIST, USER};
use serde_json::{Value, json};

use super::{MAX_COUNT, Refusal, url};
use crate::state::Cloud;

/// What this side can do.
#[must_use]
pub fn service_provider_config(cloud: &Cloud) -> Value {
    let no = json!({"supported": false});
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": MAX_COUNT},
        "changePassword": no, "sort": no, "etag": no,
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "Bearer token", "primary": true,
            "description": "The token of Settings → Single sign-on.",
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{}/ServiceProviderConfig", url(cloud)),
        },
    })
}

/// The kinds of resources.
#[must_use]
pub fn resource_types(cloud: &Cloud) -> Vec<Value> {
    let kind = |name: &str, schema: &str, text: &str| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name, "name": name, "endpoint": format!("/{name}s"), "description": text, "schema": schema,
            "meta": {"resourceType": "ResourceType", "location": format!("{}/ResourceTypes/{name}", url(cloud))},
        })
    };
    vec![
        kind("User", USER, "People who sign in by the identity provider"),
        kind("Group", GROUP, "Groups, whose names are mapped to roles"),
    ]
}

/// The schemas of the resources.
#[must_use]
pub fn schemas(cloud: &Cloud) -> Vec<Value> {
    vec![
        schema(cloud, USER, "User", "A person", &user_attributes()),
        schema(cloud, GROUP, "Group", "A group of people", &group_attributes()),
    ]
}

fn user_attributes() -> Vec<Value> {
    let part = |name: &str, text: &str| attribute(name, "string", text);
    vec![
        json!({
            "name": "userName", "type": "string", "description": "E-mail address", "multiValued": false,
            "required": true, "caseExact": false, "mutability": "readWrite", "returned": "default",
            "uniqueness": "server",
        }),
        complex(
            "name",
            "Name in parts",
            false,
            "readWrite",
            &[
                part("formatted", "As a whole"),
                part("givenName", "What comes first"),
                part("familyName", "The rest"),
            ],
        ),
        attribute("displayName", "string", "Name"),
        attribute("active", "boolean", "Whether the person may work"),
        complex(
            "emails",
            "The address again",
            true,
            "readOnly",
            &[part("value", "Address"), part("type", "work"), attribute("primary", "boolean", "True")],
        ),
        complex(
            "groups",
            "Groups that the person is in",
            true,
            "readOnly",
            &[part("value", "Identity"), part("display", "Name"), part("$ref", "Where it is")],
        ),
    ]
}

fn group_attributes() -> Vec<Value> {
    let part = |name: &str, text: &str| attribute(name, "string", text);
    vec![
        json!({
            "name": "displayName", "type": "string", "description": "Name, by which roles are mapped",
            "multiValued": false, "required": true, "caseExact": true, "mutability": "readWrite",
            "returned": "default", "uniqueness": "server",
        }),
        complex(
            "members",
            "Users in it",
            true,
            "readWrite",
            &[part("value", "Identity"), part("display", "Address"), part("$ref", "Where it is")],
        ),
    ]
}

fn attribute(name: &str, kind: &str, text: &str) -> Value {
    json!({
        "name": name, "type": kind, "description": text, "multiValued": false, "required": false,
        "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none",
    })
}

fn complex(name: &str, text: &str, several: bool, mutability: &str, parts: &[Value]) -> Value {
    json!({
        "name": name, "type": "complex", "description": text, "multiValued": several, "required": false,
        "mutability": mutability, "returned": "default", "uniqueness": "none", "subAttributes": parts,
    })
}

fn schema(cloud: &Cloud, id: &str, name: &str, text: &str, attributes: &[Value]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": id, "name": name, "description": text, "attributes": attributes,
        "meta": {"resourceType": "Schema", "location": format!("{}/Schemas/{id}", url(cloud))},
    })
}

/// All of some descriptions.
#[must_use]
pub fn all(resources: &[Value]) -> Value {
    json!({
        "schemas": [LIST], "totalResults": resources.len(), "startIndex": 1, "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

/// One of some descriptions.
///
/// # Errors
/// 404.
pub fn one(resources: Vec<Value>, id: &str) -> Result<Value, Refusal> {
    let found = resources.into_iter().find(|resource| resource.get("id").and_then(Value::as_str) == Some(id));
    found.ok_or_else(|| Refusal::absent(id))
}
