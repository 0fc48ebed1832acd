//! Roles: what a claim of the identity provider makes a person here.
//!
//! The mapping is the organisation's: a claim's name, and the values that make
//! an administrator, an auditor or a lead. Nothing is guessed from names, and
//! without a mapping everybody is a member.

use serde::Deserialize;
use serde_json::Value;

/// What a person may do, from the least to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// Their own graph.
    #[default]
    Member,
    /// And the organisation's overview.
    Lead,
    /// And the audit log.
    Auditor,
    /// And changes.
    Admin,
}

/// Which claim, and which of its values make whom what. Values are compared exactly.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleMapping {
    /// The claim: its name, or a path with dots (`realm_access.roles`).
    pub claim: String,
    /// Values that make an administrator.
    pub admin: Vec<String>,
    /// Values that make an auditor.
    pub auditor: Vec<String>,
    /// Values that make a lead.
    pub lead: Vec<String>,
    /// Everybody else.
    pub default: Role,
}

impl Default for RoleMapping {
    fn default() -> Self {
        Self {
            claim: "groups".into(),
            admin: vec![],
            auditor: vec![],
            lead: vec![],
            default: Role::Member,
        }
    }
}

impl RoleMapping {
    /// The role of someone with these values: the highest that one of them gives.
    pub fn role_of(&self, values: &[String]) -> Role {
        let any = |list: &[String]| values.iter().any(|v| list.contains(v));
        if any(&self.admin) {
            Role::Admin
        } else if any(&self.auditor) {
            self.default.max(Role::Auditor)
        } else if any(&self.lead) {
            self.default.max(Role::Lead)
        } else {
            self.default
        }
    }

    /// The claim in a token: by its whole name first (names may have dots), then as a path.
    pub(crate) fn find<'a>(&self, claims: &'a serde_json::Map<String, Value>) -> Option<&'a Value> {
        if let Some(value) = claims.get(&self.claim) {
            return Some(value);
        }
        let mut parts = self.claim.split('.');
        let first = claims.get(parts.next()?)?;
        if self.claim.contains('.') {
            parts.try_fold(first, |value, part| value.get(part))
        } else {
            None
        }
    }
}

/// The texts in a claim: an array's texts, or one text.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many
            .iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect(),
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapping(claim: &str) -> RoleMapping {
        RoleMapping {
            claim: claim.into(),
            admin: vec!["app-admins".into()],
            auditor: vec!["audit".into()],
            lead: vec!["leads".into()],
            default: Role::Member,
        }
    }

    fn role(claim: &str, claims: Value) -> Role {
        let mapping = mapping(claim);
        let values = mapping
            .find(claims.as_object().expect("object"))
            .map(texts)
            .unwrap_or_default();
        mapping.role_of(&values)
    }

    #[test]
    fn the_highest_role_of_the_values_counts() {
        assert_eq!(
            role("groups", json!({"groups": ["leads", "app-admins"]})),
            Role::Admin
        );
        assert_eq!(
            role("groups", json!({"groups": ["leads", "audit"]})),
            Role::Auditor
        );
        assert_eq!(role("groups", json!({"groups": ["leads"]})), Role::Lead);
        assert_eq!(role("groups", json!({"groups": ["others"]})), Role::Member);
        assert_eq!(role("groups", json!({})), Role::Member);
    }

    #[test]
    fn values_are_compared_exactly() {
        for value in ["App-Admins", "app-admins ", "app-admin", "*"] {
            assert_eq!(
                role("groups", json!({"groups": [value]})),
                Role::Member,
                "{value}"
            );
        }
        assert_eq!(
            role("groups", json!({"groups": "app-admins"})),
            Role::Admin,
            "a single text"
        );
        assert_eq!(
            role("groups", json!({"groups": [1, null, {"a": "app-admins"}]})),
            Role::Member
        );
    }

    #[test]
    fn a_claim_may_lie_deeper_or_have_dots_in_its_name() {
        assert_eq!(
            role(
                "realm_access.roles",
                json!({"realm_access": {"roles": ["app-admins"]}})
            ),
            Role::Admin
        );
        assert_eq!(
            role(
                "https://corp.example/roles",
                json!({"https://corp.example/roles": ["app-admins"]})
            ),
            Role::Admin
        );
        assert_eq!(role("a.b", json!({"a": "app-admins"})), Role::Member);
    }

    #[test]
    fn a_default_above_a_value_is_not_lowered() {
        let mapping = RoleMapping {
            default: Role::Auditor,
            ..mapping("groups")
        };
        assert_eq!(mapping.role_of(&["leads".into()]), Role::Auditor);
    }
}
