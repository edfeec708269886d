//! The names everything is derived from.

use super::Canary;
use crate::labels;
use kube_core::ResourceExt;

impl Canary {
    /// Whether it was made from a policy, also when it is on its way out.
    pub fn was_generated(&self) -> bool {
        self.labels().contains_key(labels::GENERATED)
    }

    /// Name of the target T, `spec.targetRef.name`.
    pub fn target_name(&self) -> &str {
        &self.spec.target_ref.name
    }

    /// Name of the primary P: `NAME-primary`.
    pub fn primary_name(&self) -> String {
        format!("{}-primary", self.target_name())
    }

    /// Name of the apex Service: `spec.service.name`, else the target's name; what is its own route has no other.
    pub fn service_name(&self) -> &str {
        let named = self.spec.service.as_ref().and_then(|service| service.name.as_deref());
        let named = named.filter(|name| !name.is_empty() && !self.targets_a_route());
        named.unwrap_or(self.target_name())
    }

    /// Name of the Service of the primary.
    pub fn primary_service_name(&self) -> String {
        format!("{}-primary", self.service_name())
    }

    /// Name of the Service of the canary.
    pub fn canary_service_name(&self) -> String {
        format!("{}-canary", self.service_name())
    }

    /// Names of the three Services: apex, primary, canary.
    pub fn service_names(&self) -> [String; 3] {
        [
            self.service_name().to_owned(),
            self.primary_service_name(),
            self.canary_service_name(),
        ]
    }

    /// Namespace of the Canary and of everything it generates; empty only for objects never stored.
    pub fn namespace_name(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// `NAME.NAMESPACE`, as Flagger names a Canary in logs and events.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.name_any(), self.namespace_name())
    }
}
