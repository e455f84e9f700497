//! Rights that differ from tenant to tenant, as groups of an identity provider give them.
//!
//! Whoever has such rights is narrowed for each request, before anything is permitted: to the tenants in which the
//! route is allowed, and the one that its path names, and to what is held in every one of those. So a right of one
//! tenant never counts in another, whatever the handler does; at worst too little is allowed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bartizan_api::{Grant, Permission, Role};
use bartizan_store::{TenantId, Tenants};

use super::Caller;
use crate::services::grants;

/// What somebody may do in which tenant. Tenants that are not in it are out of reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantRights(BTreeMap<TenantId, BTreeSet<Permission>>);

impl TenantRights {
    /// The rights of a role in each tenant.
    #[must_use]
    pub fn of_roles(roles: &BTreeMap<TenantId, Role>) -> TenantRights {
        TenantRights(roles.iter().map(|(tenant, role)| (*tenant, role.permissions())).collect())
    }

    /// The tenants in reach, `own` first where it is one.
    #[must_use]
    pub fn tenants(&self, own: TenantId) -> Tenants {
        let others = self.0.keys().copied().filter(|id| *id != own);
        Tenants::new(self.0.contains_key(&own).then_some(own).into_iter().chain(others).collect())
    }

    /// What is held in every tenant.
    #[must_use]
    pub fn everywhere(&self) -> BTreeSet<Permission> {
        let mut sets = self.0.values();
        let first = sets.next().cloned().unwrap_or_default();
        sets.fold(first, |held, set| held.intersection(set).copied().collect())
    }

    /// What is held in one tenant.
    #[must_use]
    pub fn within(&self, tenant: TenantId) -> Option<&BTreeSet<Permission>> {
        self.0.get(&tenant)
    }

    /// What remains of the rights for a credential that may do less, in some of the tenants.
    #[must_use]
    pub fn bounded(&self, grant: &Grant, tenants: &Tenants) -> TenantRights {
        let most = grant.permissions();
        let kept = self.0.iter().filter(|(id, _)| tenants.contains(**id));
        TenantRights(kept.map(|(id, held)| (*id, held.intersection(&most).copied().collect())).collect())
    }

    /// The part that a route can use: tenants in which one of the permissions is held (any, when none is needed), and
    /// only the one that is named.
    fn on_route(&self, needs: &[Permission], named: Option<TenantId>) -> TenantRights {
        let fits = |id: TenantId, held: &BTreeSet<Permission>| {
            named.is_none_or(|named| named == id)
                && (needs.is_empty() || needs.iter().any(|permission| held.contains(permission)))
        };
        let kept = self.0.iter().filter(|(id, held)| fits(**id, held));
        TenantRights(kept.map(|(id, held)| (*id, held.clone())).collect())
    }
}

impl Caller {
    /// The caller as a route sees it that needs one of some permissions and whose path may name a tenant.
    #[must_use]
    pub fn narrowed(self, needs: &[Permission], named: Option<TenantId>) -> Caller {
        let Some(rights) = self.rights.as_ref().map(|rights| rights.on_route(needs, named)) else {
            return self;
        };
        let tenants = rights.tenants(self.tenant());
        Caller { tenants, permissions: Arc::new(rights.everywhere()), rights: Some(Arc::new(rights)), ..self }
    }

    /// Whether the caller can do all that an administrator can, in a tenant that it reaches.
    #[must_use]
    pub fn administers(&self, tenant: TenantId) -> bool {
        match &self.rights {
            Some(rights) => {
                rights.within(tenant).is_some_and(|held| Role::Admin.permissions().is_subset(held))
            }
            None => grants::is_administrator(&self.grant),
        }
    }

    /// The tenants in which the caller holds a permission.
    #[must_use]
    pub fn tenants_with(&self, permission: Permission) -> Tenants {
        match &self.rights {
            Some(rights) => rights.on_route(&[permission], None).tenants(self.tenant()),
            None if self.may(permission) => self.tenants.clone(),
            None => Tenants::new(vec![]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(roles: &[(i64, Role)]) -> TenantRights {
        TenantRights::of_roles(&roles.iter().map(|(id, role)| (TenantId(*id), *role)).collect())
    }

    #[test]
    fn a_right_of_one_tenant_does_not_count_in_another() {
        let held = rights(&[(1, Role::Admin), (2, Role::Auditor)]);
        assert_eq!(held.everywhere(), Role::Auditor.permissions());
        let changing = held.on_route(&[Permission::CreateRule], None);
        assert_eq!(changing, rights(&[(1, Role::Admin)]));
        assert_eq!(changing.everywhere(), Role::Admin.permissions());
        assert_eq!(held.on_route(&[Permission::CreateRule], Some(TenantId(2))), TenantRights::default());
        assert!(TenantRights::default().everywhere().is_empty());
    }

    #[test]
    fn the_own_tenant_comes_first_and_only_where_it_is_in_reach() {
        let held = rights(&[(1, Role::Admin), (2, Role::Auditor)]);
        assert_eq!(held.tenants(TenantId(2)).ids(), &[TenantId(2), TenantId(1)]);
        assert_eq!(held.tenants(TenantId(3)).ids(), &[TenantId(1), TenantId(2)]);
    }

    #[test]
    fn a_credential_bounds_the_rights() {
        let held = rights(&[(1, Role::Admin), (2, Role::Analytic)]);
        let bounded = held.bounded(&Grant::Role(Role::Auditor), &Tenants::from(TenantId(1)));
        assert_eq!(bounded.tenants(TenantId(9)).ids(), &[TenantId(1)]);
        assert_eq!(bounded.everywhere(), Role::Auditor.permissions());
    }
}
