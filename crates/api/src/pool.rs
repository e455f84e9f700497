//! Shapes of applications, called pools on the wire (`spec/accounts.md` section 5).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::lenient;

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PoolView {
    /// Application id: -1 is the default application, others are 1 to 2147483647.
    pub id: i64,
    /// Tenant.
    pub clientid: i64,
    /// Name.
    pub name: String,
    /// Whether it was deleted; its events stay.
    pub deleted: bool,
}

/// `POST /v1/objects/pool/create`.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct PoolCreate {
    /// Application id, 1 to 2147483647; the next free one when absent.
    #[serde(default, deserialize_with = "lenient::int")]
    #[schema(example = 42)]
    pub id: Option<i64>,
    /// Tenant; the caller's own by default.
    #[serde(default, deserialize_with = "lenient::int")]
    pub clientid: Option<i64>,
    /// The same, by another name.
    #[serde(default, deserialize_with = "lenient::int")]
    pub client_id: Option<i64>,
    /// Name, 1 to 255 characters.
    #[serde(default)]
    #[schema(example = "Shop", required = true)]
    pub name: String,
}

/// `POST /v1/objects/pool/update`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"filter": {"id": 42, "clientid": [7]}, "fields": {"name": "Shop"}}))]
pub struct PoolUpdate {
    /// Which applications.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filter: Value,
    /// What to change.
    #[serde(default)]
    pub fields: PoolFields,
}

/// Changes of an application.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct PoolFields {
    /// Name, 1 to 255 characters.
    #[serde(default)]
    pub name: Option<String>,
}
