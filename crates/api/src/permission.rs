//! Roles and permissions: the matrix of `spec/accounts.md` section 3.4 as one table.
//!
//! Policy is data. Code asks whether a caller holds a [`Permission`]; it never compares role names.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A role that a user or token may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Administrator.
    Admin,
    /// Administrator (extended): also `disable_stamp` rules.
    AdminExt,
    /// Analyst.
    Analytic,
    /// Read Only.
    Auditor,
    /// API Developer.
    ApiDeveloper,
    /// Deploy: node creation only.
    Deploy,
    /// Global Administrator.
    PartnerAdmin,
    /// Global Administrator (extended).
    PartnerAdminExt,
    /// Global Analyst.
    PartnerAnalytic,
    /// Global Read Only.
    PartnerAuditor,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Role] = &[
        Role::Admin,
        Role::AdminExt,
        Role::Analytic,
        Role::Auditor,
        Role::ApiDeveloper,
        Role::Deploy,
        Role::PartnerAdmin,
        Role::PartnerAdminExt,
        Role::PartnerAnalytic,
        Role::PartnerAuditor,
    ];

    /// The role string on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::AdminExt => "admin_ext",
            Role::Analytic => "analytic",
            Role::Auditor => "auditor",
            Role::ApiDeveloper => "api_developer",
            Role::Deploy => "deploy",
            Role::PartnerAdmin => "partner_admin",
            Role::PartnerAdminExt => "partner_admin_ext",
            Role::PartnerAnalytic => "partner_analytic",
            Role::PartnerAuditor => "partner_auditor",
        }
    }

    /// The role with this wire string.
    #[must_use]
    pub fn parse_code(code: &str) -> Option<Role> {
        Role::ALL.iter().copied().find(|role| role.code() == code)
    }

    /// Whether the role reaches beyond its own tenant.
    #[must_use]
    pub const fn is_global(self) -> bool {
        matches!(
            self,
            Role::PartnerAdmin | Role::PartnerAdminExt | Role::PartnerAnalytic | Role::PartnerAuditor
        )
    }

    /// Whether the role may use the Console; otherwise a session serves only to look after the own account.
    #[must_use]
    pub const fn uses_console(self) -> bool {
        !matches!(self, Role::Deploy)
    }

    /// The permissions that the role stands for.
    #[must_use]
    pub fn permissions(self) -> BTreeSet<Permission> {
        let column = match self {
            Role::Admin | Role::AdminExt | Role::PartnerAdmin | Role::PartnerAdminExt => Column::Admin,
            Role::Analytic | Role::PartnerAnalytic => Column::Analyst,
            Role::Auditor | Role::PartnerAuditor => Column::ReadOnly,
            Role::ApiDeveloper => Column::ApiDeveloper,
            Role::Deploy => Column::Deploy,
        };
        let mut granted: BTreeSet<Permission> = MATRIX
            .iter()
            .filter(|(_, columns)| columns.contains(&column))
            .map(|(permission, _)| *permission)
            .collect();
        if matches!(self, Role::AdminExt | Role::PartnerAdminExt) {
            granted.extend([
                Permission::CreateDisableStamp,
                Permission::UpdateDisableStamp,
                Permission::DeleteDisableStamp,
            ]);
        }
        if self.is_global() {
            granted.insert(Permission::ViewTenant);
        }
        if matches!(self, Role::PartnerAdmin | Role::PartnerAdminExt) {
            granted.extend([
                Permission::CreateTenant,
                Permission::UpdateTenant,
                Permission::DeleteTenant,
                Permission::CreateRuleMigration,
            ]);
        }
        granted
    }
}

/// A column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Admin,
    Analyst,
    ReadOnly,
    ApiDeveloper,
    Deploy,
}

macro_rules! permissions {
    ($($variant:ident $code:literal [$($column:ident)*];)*) => {
        /// One right, named `<verb>_<resource>` on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        pub enum Permission {
            $(#[doc = concat!("`", $code, "`")] #[serde(rename = $code)] $variant,)*
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Permission] = &[$(Permission::$variant,)*];

            /// The permission string on the wire.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Permission::$variant => $code,)* }
            }

            /// The permission with this wire string; the old spelling `blacklist` is understood.
            #[must_use]
            pub fn parse_code(code: &str) -> Option<Permission> {
                match code {
                    $($code => Some(Permission::$variant),)*
                    "view_blacklist" => Some(Permission::ViewDenylist),
                    _ => None,
                }
            }
        }

        /// Permission × role column, in the order of the specification.
        const MATRIX: &[(Permission, &[Column])] = &[$((Permission::$variant, &[$(Column::$column,)*]),)*];
    };
}

permissions! {
    ViewNode "view_node" [Admin Analyst ReadOnly];
    CreateNode "create_node" [Admin Deploy];
    UpdateNode "update_node" [Admin];
    DeleteNode "delete_node" [Admin];
    ViewDashboard "view_dashboard" [Admin Analyst ReadOnly];
    ViewAttack "view_attack" [Admin Analyst ReadOnly];
    UpdateAttack "update_attack" [Admin Analyst];
    ViewIncident "view_incident" [Admin Analyst ReadOnly];
    UpdateIncident "update_incident" [Admin Analyst];
    ViewApiSession "view_api_session" [Admin Analyst ReadOnly];
    UpdateApiSession "update_api_session" [Admin];
    ViewVuln "view_vuln" [Admin Analyst ReadOnly];
    CreateVuln "create_vuln" [Admin Analyst];
    UpdateVuln "update_vuln" [Admin Analyst];
    ViewAllowlist "view_allowlist" [Admin Analyst ReadOnly];
    CreateAllowlist "create_allowlist" [Admin Analyst];
    UpdateAllowlist "update_allowlist" [Admin Analyst];
    DeleteAllowlist "delete_allowlist" [Admin Analyst];
    ExportAllowlist "export_allowlist" [Admin Analyst ReadOnly];
    ViewDenylist "view_denylist" [Admin Analyst ReadOnly];
    CreateDenylist "create_denylist" [Admin Analyst];
    UpdateDenylist "update_denylist" [Admin Analyst];
    DeleteDenylist "delete_denylist" [Admin Analyst];
    ExportDenylist "export_denylist" [Admin Analyst ReadOnly];
    ViewGraylist "view_graylist" [Admin Analyst ReadOnly];
    CreateGraylist "create_graylist" [Admin Analyst];
    UpdateGraylist "update_graylist" [Admin Analyst];
    DeleteGraylist "delete_graylist" [Admin Analyst];
    ExportGraylist "export_graylist" [Admin Analyst ReadOnly];
    ViewRule "view_rule" [Admin Analyst ReadOnly];
    CreateRule "create_rule" [Admin Analyst];
    UpdateRule "update_rule" [Admin Analyst];
    DeleteRule "delete_rule" [Admin Analyst];
    ViewMitigationControl "view_mitigation_control" [Admin Analyst ReadOnly];
    CreateMitigationControl "create_mitigation_control" [Admin];
    UpdateMitigationControl "update_mitigation_control" [Admin];
    DeleteMitigationControl "delete_mitigation_control" [Admin];
    ViewCredentialStuffing "view_credential_stuffing" [Admin Analyst ReadOnly];
    CreateCredentialStuffing "create_credential_stuffing" [Admin Analyst];
    UpdateCredentialStuffing "update_credential_stuffing" [Admin Analyst];
    DeleteCredentialStuffing "delete_credential_stuffing" [Admin Analyst];
    CreateDisableStamp "create_disable_stamp" [];
    UpdateDisableStamp "update_disable_stamp" [];
    DeleteDisableStamp "delete_disable_stamp" [];
    CreateRuleMigration "create_rule_migration" [];
    ViewEdge "view_edge" [Admin Analyst];
    CreateEdge "create_edge" [Admin];
    UpdateEdge "update_edge" [Admin];
    DeleteEdge "delete_edge" [Admin];
    ViewTrigger "view_trigger" [Admin];
    CreateTrigger "create_trigger" [Admin];
    UpdateTrigger "update_trigger" [Admin];
    DeleteTrigger "delete_trigger" [Admin];
    ViewIntegration "view_integration" [Admin];
    CreateIntegration "create_integration" [Admin];
    UpdateIntegration "update_integration" [Admin];
    DeleteIntegration "delete_integration" [Admin];
    ViewApiSpec "view_api_spec" [Admin Analyst ReadOnly ApiDeveloper];
    CreateApiSpec "create_api_spec" [Admin];
    UpdateApiSpec "update_api_spec" [Admin];
    DeleteApiSpec "delete_api_spec" [Admin];
    ViewApiDiscovery "view_api_discovery" [Admin Analyst ApiDeveloper];
    UpdateApiDiscovery "update_api_discovery" [Admin Analyst];
    ExportApiDiscovery "export_api_discovery" [Admin Analyst ApiDeveloper];
    ViewInfra "view_infra" [Admin Analyst ReadOnly];
    UpdateInfra "update_infra" [Admin Analyst];
    ViewWallarmMode "view_wallarm_mode" [Admin Analyst ReadOnly];
    UpdateWallarmMode "update_wallarm_mode" [Admin];
    ViewApplication "view_application" [Admin Analyst ReadOnly];
    CreateApplication "create_application" [Admin];
    UpdateApplication "update_application" [Admin];
    DeleteApplication "delete_application" [Admin];
    ViewUser "view_user" [Admin ReadOnly];
    CreateUser "create_user" [Admin];
    UpdateUser "update_user" [Admin];
    DeleteUser "delete_user" [Admin];
    ViewApiToken "view_api_token" [Admin Analyst];
    CreateApiToken "create_api_token" [Admin Analyst];
    UpdateApiToken "update_api_token" [Admin Analyst];
    DeleteApiToken "delete_api_token" [Admin Analyst];
    ViewSharedApiToken "view_shared_api_token" [Admin];
    CreateSharedApiToken "create_shared_api_token" [Admin];
    UpdateSharedApiToken "update_shared_api_token" [Admin];
    DeleteSharedApiToken "delete_shared_api_token" [Admin];
    ViewActivityLog "view_activity_log" [Admin ReadOnly];
    ViewClient "view_client" [Admin Analyst ReadOnly ApiDeveloper Deploy];
    UpdateClient "update_client" [Admin];
    ViewLicense "view_license" [Admin Analyst ReadOnly];
    UpdateLicense "update_license" [];
    ViewSettings "view_settings" [Admin];
    UpdateSettings "update_settings" [Admin];
    ViewSso "view_sso" [Admin];
    UpdateSso "update_sso" [Admin];
    ViewCredentials "view_credentials" [Admin Analyst Deploy];
    UpdateCredentials "update_credentials" [Admin Analyst Deploy];
    ViewTenant "view_tenant" [];
    CreateTenant "create_tenant" [];
    UpdateTenant "update_tenant" [];
    DeleteTenant "delete_tenant" [];
}

/// The assigned rights of a user or token: one role, or a custom set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A role.
    Role(Role),
    /// Hand-picked permissions.
    Custom(BTreeSet<Permission>),
}

/// Why a list of permission strings is not a grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Nothing was given.
    #[error("permissions must not be empty")]
    Empty,
    /// A role next to something else.
    #[error("a role cannot be combined with other permissions")]
    Mixed,
    /// A string that names nothing.
    #[error("unknown permission")]
    Unknown(String),
}

impl Grant {
    /// Parses the wire form: one role string, or a set of permission strings.
    ///
    /// # Errors
    /// [`GrantError`] when the list is empty, mixes roles with permissions, or names something unknown.
    pub fn parse<S: AsRef<str>>(strings: &[S]) -> Result<Grant, GrantError> {
        let mut roles = strings.iter().filter_map(|text| Role::parse_code(text.as_ref()));
        if let Some(role) = roles.next() {
            return if strings.len() == 1 { Ok(Grant::Role(role)) } else { Err(GrantError::Mixed) };
        }
        if strings.is_empty() {
            return Err(GrantError::Empty);
        }
        strings
            .iter()
            .map(|text| {
                Permission::parse_code(text.as_ref())
                    .ok_or_else(|| GrantError::Unknown(text.as_ref().to_owned()))
            })
            .collect::<Result<BTreeSet<_>, _>>()
            .map(Grant::Custom)
    }

    /// The wire form.
    #[must_use]
    pub fn strings(&self) -> Vec<String> {
        match self {
            Grant::Role(role) => vec![role.code().to_owned()],
            Grant::Custom(set) => set.iter().map(|permission| permission.code().to_owned()).collect(),
        }
    }

    /// The effective permissions. In a custom set, rights on a resource count only together with `view`.
    #[must_use]
    pub fn permissions(&self) -> BTreeSet<Permission> {
        match self {
            Grant::Role(role) => role.permissions(),
            Grant::Custom(set) => {
                set.iter().copied().filter(|permission| viewable(*permission, set)).collect()
            }
        }
    }

    /// Whether the grant reaches all tenants of the partner.
    #[must_use]
    pub fn is_global(&self) -> bool {
        matches!(self, Grant::Role(role) if role.is_global())
    }
}

/// Whether `permission` is a view right, or its resource's view right is in `set` too.
fn viewable(permission: Permission, set: &BTreeSet<Permission>) -> bool {
    let Some((verb, resource)) = permission.code().split_once('_') else { return false };
    verb == "view"
        || Permission::parse_code(&format!("view_{resource}")).is_none_or(|view| set.contains(&view))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn analyst_may_change_rules_but_not_the_filtration_mode() {
        let analyst = Role::Analytic.permissions();
        assert!(analyst.contains(&Permission::CreateRule));
        assert!(!analyst.contains(&Permission::UpdateWallarmMode));
    }

    #[test]
    fn read_only_holds_only_view_rights() {
        let reads = |code: &str| code.starts_with("view_") || code.starts_with("export_");
        assert!(Role::Auditor.permissions().iter().all(|permission| reads(permission.code())));
    }

    #[test]
    fn custom_rights_without_view_are_void() {
        let grant = Grant::parse(&["update_rule", "view_attack"]).unwrap();
        assert_eq!(grant.permissions(), BTreeSet::from([Permission::ViewAttack]));
    }

    #[test]
    fn mixed_grants_are_refused() {
        assert_eq!(Grant::parse(&["admin", "view_rule"]), Err(GrantError::Mixed));
        assert_eq!(Grant::parse(&["view_everything"]), Err(GrantError::Unknown("view_everything".into())));
    }
}
