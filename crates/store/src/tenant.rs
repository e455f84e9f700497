//! The tenant as a type.

use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};

/// The id of a client (tenant).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub i64);

/// The tenants that a query may see: never all, always named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenants(Vec<TenantId>);

impl Tenants {
    /// These tenants; an empty list sees nothing.
    #[must_use]
    pub fn new(ids: Vec<TenantId>) -> Tenants {
        Tenants(ids)
    }

    /// The tenants.
    #[must_use]
    pub fn ids(&self) -> &[TenantId] {
        &self.0
    }

    /// Whether a tenant is among them.
    #[must_use]
    pub fn contains(&self, id: TenantId) -> bool {
        self.0.contains(&id)
    }

    /// The condition that `column` names one of the tenants.
    pub fn holds<C: sea_orm::sea_query::IntoColumnRef>(&self, column: C) -> SimpleExpr {
        Expr::col(column).is_in(self.0.iter().map(|id| id.0))
    }

    /// The same of `client_id`, for a statement that names rows by their numbers. Without statistics SQLite takes a tenant
    /// for a handful of rows and would walk through all of them; an expression leaves it the row numbers to go by.
    #[must_use]
    pub fn holds_named(&self) -> SimpleExpr {
        Expr::cust("+client_id").is_in(self.0.iter().map(|id| id.0))
    }
}

impl From<TenantId> for Tenants {
    fn from(id: TenantId) -> Tenants {
        Tenants(vec![id])
    }
}
