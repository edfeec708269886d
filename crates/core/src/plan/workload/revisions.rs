//! Revisions that have names: those of a target that is its own route ([`OwnRoute`](crate::routing::OwnRoute)), of which
//! somebody else makes and runs them. Elsewhere a revision is known by its template.

use super::Workload;
use crate::plan::revision::hash::VERSION;

/// The revision of that name, as runs know it.
pub fn revision(name: &str) -> String {
    format!("{VERSION}-{name}")
}

/// The name of a revision.
pub fn name(revision: &str) -> &str {
    let rest = revision.strip_prefix(VERSION);
    rest.and_then(|rest| rest.strip_prefix('-')).unwrap_or(revision)
}

/// The same, of a target whose revisions have names.
pub fn named(workload: Workload, revision: Option<&str>) -> Option<String> {
    let revision = revision.filter(|_| workload.own_route().is_some())?;
    Some(name(revision).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::revision::hash;
    use crate::plan::workload::{service::is_service, template};
    use crate::routing::OwnRoute;
    use serde_json::json;

    #[test]
    fn a_revision_is_known_by_the_name_that_it_was_given() {
        let revision = revision("web-00002");
        assert!(hash::is_current(&revision));
        assert_eq!(name(&revision), "web-00002");
        assert_eq!(named(Workload::Deployment, Some(&revision)), None);
        for own in OwnRoute::all() {
            let name = named(Workload::Route(own), Some(&revision));
            assert_eq!(name.as_deref(), Some("web-00002"));
            assert_eq!(named(Workload::Route(own), None), None);
        }
    }

    #[test]
    fn of_a_target_that_is_its_own_route_no_template_is_a_revision_and_nothing_is_copied() {
        let spec = json!({"template": {"spec": {"containers": [{"image": "web:1"}]}}});
        for own in OwnRoute::all() {
            let kind = own.resource();
            let target = json!({"apiVersion": kind.api_version(), "kind": kind.kind, "spec": spec});
            assert!(!is_service(&target));
            assert_eq!(template::revision(&target), None);
        }
        let core = json!({"apiVersion": "v1", "kind": "Service", "spec": {}});
        assert!(is_service(&core) && template::revision(&core).is_some());
    }
}
