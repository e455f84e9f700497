//! Shapes of provisioning by SCIM 2.0 (RFC 7643, RFC 7644), as much of it as there is here.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Schema of users.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Schema of groups.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// Schema of lists.
pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// Schema of changes.
pub const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Schema of errors.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// A user.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimUser {
    /// Schemas.
    #[schema(example = json!([USER]))]
    pub schemas: Vec<String>,
    /// Identity here.
    #[schema(example = "12")]
    pub id: String,
    /// Identity at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// E-mail address, which is the name to sign in with.
    #[schema(example = "eve@example.com")]
    pub user_name: String,
    /// Name in parts.
    pub name: ScimName,
    /// Name.
    #[schema(example = "Eve Low")]
    pub display_name: String,
    /// The address again.
    pub emails: Vec<ScimEmail>,
    /// Whether the person may work.
    pub active: bool,
    /// Groups that the person is in.
    pub groups: Vec<ScimReference>,
    /// About the resource.
    pub meta: ScimMeta,
}

/// The name of a person.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimName {
    /// As a whole.
    pub formatted: String,
    /// What comes first.
    pub given_name: String,
    /// The rest.
    pub family_name: String,
}

/// An address.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScimEmail {
    /// Address.
    pub value: String,
    /// `work`.
    #[serde(rename = "type")]
    pub kind: String,
    /// True.
    pub primary: bool,
}

/// A user in a group, or a group of a user.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScimReference {
    /// Identity.
    pub value: String,
    /// Name.
    pub display: String,
    /// Where it is.
    #[serde(rename = "$ref")]
    pub reference: String,
}

/// About a resource.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimMeta {
    /// `User` or `Group`.
    pub resource_type: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// When it was changed, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Where it is.
    pub location: String,
}

/// A group.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimGroup {
    /// Schemas.
    #[schema(example = json!([GROUP]))]
    pub schemas: Vec<String>,
    /// Identity here.
    #[schema(example = "3")]
    pub id: String,
    /// Identity at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Name, by which roles are mapped.
    #[schema(example = "security")]
    pub display_name: String,
    /// Users in it.
    pub members: Vec<ScimReference>,
    /// About the resource.
    pub meta: ScimMeta,
}

/// A part of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimList {
    /// Schemas.
    #[schema(example = json!([LIST]))]
    pub schemas: Vec<String>,
    /// How many there are.
    pub total_results: u64,
    /// Which one the first of this part is, from 1 on.
    pub start_index: u64,
    /// How many are in this part.
    pub items_per_page: usize,
    /// Users, groups, schemas or kinds.
    #[serde(rename = "Resources")]
    #[schema(value_type = Vec<Object>)]
    pub resources: Vec<Value>,
}

/// An error.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimError {
    /// Schemas.
    #[schema(example = json!([ERROR]))]
    pub schemas: Vec<String>,
    /// HTTP status again, as a text.
    #[schema(example = "400")]
    pub status: String,
    /// What kind of a 400 or 409 it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "invalidValue")]
    pub scim_type: Option<String>,
    /// What is wrong.
    pub detail: String,
}

/// A user as a provider sends one. Attributes that are not named here are ignored.
#[derive(Clone, Debug, Default, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ScimUserInput {
    /// E-mail address.
    #[schema(example = "eve@example.com")]
    pub user_name: String,
    /// Identity at the provider, at most 255 characters.
    pub external_id: Option<String>,
    /// Name, 1 to 255 characters; else `name.formatted`, or its parts.
    #[schema(example = "Eve Low")]
    pub display_name: Option<String>,
    /// Whether the person may work; absent is true.
    pub active: Option<bool>,
}

/// A group as a provider sends one.
#[derive(Clone, Debug, Default, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ScimGroupInput {
    /// Name, 1 to 255 characters.
    #[schema(example = "security")]
    pub display_name: String,
    /// Identity at the provider, at most 255 characters.
    pub external_id: Option<String>,
    /// Users in it, by `value`.
    #[schema(value_type = Vec<Object>)]
    pub members: Option<Vec<Value>>,
}

/// Changes of a user or group, in order; all or none.
#[derive(Clone, Debug, Default, ToSchema)]
pub struct ScimPatch {
    /// `[{"op", "path", "value"}]`, at most 1000; `op` is `add`, `replace` or `remove`.
    #[schema(rename = "Operations", value_type = Vec<Object>, example = json!([{"op": "replace", "path": "active", "value": false}]))]
    pub operations: Vec<Value>,
}

/// Which part of a list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScimListQuery {
    /// One comparison.
    #[serde(default)]
    pub filter: Option<String>,
    /// From 1 on.
    #[serde(default)]
    pub start_index: Option<String>,
    /// Most resources.
    #[serde(default)]
    pub count: Option<String>,
    /// Attributes to answer with.
    #[serde(default)]
    pub attributes: Option<String>,
    /// Attributes to leave out.
    #[serde(default)]
    pub excluded_attributes: Option<String>,
}

/// `POST /v1/sso/scim/token`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScimToken {
    /// The token; it is shown once.
    pub token: String,
    /// Where the provider sends users and groups to.
    pub url: String,
    /// Unix seconds.
    pub created_at: i64,
}
