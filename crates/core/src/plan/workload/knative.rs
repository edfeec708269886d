//! A Knative Service as the target: Knative makes a revision of each of its templates, runs it and scales it, and says by the
//! Service's status how far that is. There is no primary beside it: an annotation names the revision that serves everybody.

use super::Workload;
use crate::api::labels::{PRIMARY_REVISION, TRAFFIC};
use crate::object::{annotation, condition, text};
use crate::plan::revision::hash::VERSION;
use crate::routing::KNATIVE_SERVICE;
use serde_json::{Map, Value, json};

/// Whether an object is one.
pub fn is_one(object: &Value) -> bool {
    let group = text(object, "/apiVersion").split('/').next();
    group == Some(KNATIVE_SERVICE.group) && text(object, "/kind") == KNATIVE_SERVICE.kind
}

/// The revision that Knative calls so, as runs know it.
pub fn revision(name: &str) -> String {
    format!("{VERSION}-{name}")
}

/// What Knative calls a revision.
pub fn name(revision: &str) -> &str {
    let rest = revision.strip_prefix(VERSION);
    rest.and_then(|rest| rest.strip_prefix('-')).unwrap_or(revision)
}

/// The same, of a target whose revisions have names.
pub fn named(workload: Workload, revision: Option<&str>) -> Option<String> {
    let revision = revision.filter(|_| workload == Workload::KnativeService)?;
    Some(name(revision).to_owned())
}

/// The revision that serves everybody but for the canary's share.
pub fn primary(target: &Value) -> Option<&str> {
    annotation(target, PRIMARY_REVISION).filter(|name| !name.is_empty())
}

/// The newest revision.
pub fn newest(target: &Value) -> Option<&str> {
    status(target, "/status/latestCreatedRevisionName")
}

/// The newest one that is ready.
pub fn ready(target: &Value) -> Option<&str> {
    status(target, "/status/latestReadyRevisionName")
}

fn status<'a>(target: &'a Value, at: &str) -> Option<&'a str> {
    Some(text(target, at)).filter(|name| !name.is_empty())
}

/// Why the newest revision is not ready; `None` when it is. The Service repeats what the revision says of itself.
pub fn unready(target: &Value) -> Option<String> {
    let said = condition(target, "ConfigurationsReady");
    let failed = said.is_some_and(|said| text(said, "/status") == "False");
    let newest = newest(target);
    if newest.is_some() && newest == ready(target) && !failed {
        return None;
    }
    let message = said
        .map(|said| text(said, "/message"))
        .filter(|message| !message.is_empty());
    let plain = || format!("revision {} is not ready", newest.unwrap_or("of the template"));
    Some(message.map_or_else(plain, str::to_owned))
}

/// Whether Knative says that there is no revision of that name to send users to: somebody deleted it, or the Service came here
/// from a backup or another cluster, with our annotation and without its revisions.
pub fn is_missing(target: &Value, name: &str) -> bool {
    let said = condition(target, "RoutesReady")
        .filter(|said| text(said, "/status") == "False" && text(said, "/reason") == "RevisionMissing");
    // It names the first that it misses, which may be that of a tag. It gives the same reason for one that is there and is not
    // ready, which stays the one that was promoted.
    let missed = format!("Revision \"{name}\" referenced in traffic not found");
    said.is_some_and(|said| text(said, "/message").contains(&missed))
}

/// Which revision is to serve where `promoted` was to and nothing says so any more: that one as long as the Service knows of
/// it, else the newest that is ready. A Service that was deleted and made again has other revisions.
pub fn serving<'a>(target: &'a Value, promoted: &'a str) -> Option<&'a str> {
    if is_missing(target, promoted) {
        return ready(target);
    }
    let lists = ["/spec/traffic", "/status/traffic"];
    let lists = lists.into_iter().filter_map(|at| target.pointer(at)?.as_array());
    let listed = lists.flatten().map(|entry| text(entry, "/revisionName"));
    let mut known = listed.chain(newest(target)).chain(ready(target));
    if known.any(|name| name == promoted) {
        Some(promoted)
    } else {
        ready(target)
    }
}

/// A JSON merge patch after which the revision of that name serves; with the first one it is noted what the author has in
/// `spec.traffic`.
pub fn served_by(target: &Value, name: &str) -> Value {
    let mut annotations = Map::new();
    annotations.insert(PRIMARY_REVISION.to_owned(), json!(name));
    if primary(target).is_none() && annotation(target, TRAFFIC).is_none() {
        let authors = target.pointer("/spec/traffic").unwrap_or(&Value::Null);
        annotations.insert(TRAFFIC.to_owned(), json!(authors.to_string()));
    }
    json!({"metadata": {"annotations": annotations}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::revision::hash;
    use crate::plan::workload::{service::is_service, template};

    fn service(newest: &str, ready: &str) -> Value {
        json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": [{"image": "web:1"}]}}},
            "status": {"latestCreatedRevisionName": newest, "latestReadyRevisionName": ready},
        })
    }

    #[test]
    fn a_revision_is_known_by_the_name_that_knative_gave_it() {
        let revision = revision("web-00002");
        assert!(hash::is_current(&revision));
        assert_eq!(name(&revision), "web-00002");
        assert_eq!(named(Workload::Deployment, Some(&revision)), None);
        assert_eq!(
            named(Workload::KnativeService, Some(&revision)).as_deref(),
            Some("web-00002")
        );
        let target = service("web-00001", "web-00001");
        assert!(is_one(&target) && !is_service(&target));
        assert_eq!(template::revision(&target), None);
        let core = json!({"apiVersion": "v1", "kind": "Service", "spec": {}});
        assert!(!is_one(&core) && is_service(&core));
    }

    #[test]
    fn the_newest_revision_is_ready_when_it_is_the_newest_that_is() {
        assert_eq!(unready(&service("web-00001", "web-00001")), None);
        let why = unready(&service("web-00002", "web-00001"));
        assert_eq!(why.as_deref(), Some("revision web-00002 is not ready"));
        assert!(unready(&json!({})).is_some());
        let mut failed = service("web-00001", "web-00001");
        let condition = json!({"type": "ConfigurationsReady", "status": "False", "message": "no such image"});
        failed["status"]["conditions"] = json!([condition]);
        assert_eq!(unready(&failed).as_deref(), Some("no such image"));
    }

    #[test]
    fn what_was_promoted_serves_again_unless_the_service_is_another() {
        let mut target = service("web-00003", "web-00002");
        assert_eq!(serving(&target, "web-00001"), Some("web-00002"));
        for at in ["spec", "status"] {
            target[at]["traffic"] = json!([{"revisionName": "web-00001", "percent": 100}]);
            assert_eq!(serving(&target, "web-00001"), Some("web-00001"));
            target[at].as_object_mut().unwrap().remove("traffic");
        }
        assert_eq!(serving(&target, "web-00003"), Some("web-00003"));
    }

    #[test]
    fn what_knative_misses_does_not_serve_again_and_what_a_tag_misses_is_another() {
        let mut target = service("web-00002", "web-00002");
        target["spec"]["traffic"] = json!([{"revisionName": "web-00001", "percent": 100}]);
        let said = |status: &str, reason: &str, name: &str| {
            let message = format!("Revision \"{name}\" referenced in traffic not found.");
            json!([{"type": "RoutesReady", "status": status, "reason": reason, "message": message}])
        };
        target["status"]["conditions"] = said("False", "RevisionMissing", "web-00001");
        assert!(is_missing(&target, "web-00001"));
        assert_eq!(serving(&target, "web-00001"), Some("web-00002"));
        let mut unready = said("False", "RevisionMissing", "web-00001");
        unready[0]["message"] = json!("Revision \"web-00001\" failed to become ready.");
        for other in [
            said("False", "RevisionMissing", "web-000011"),
            said("Unknown", "RevisionMissing", "web-00001"),
            said("False", "NotOwned", "web-00001"),
            unready,
        ] {
            target["status"]["conditions"] = other;
            assert_eq!(serving(&target, "web-00001"), Some("web-00001"));
        }
    }

    #[test]
    fn the_authors_list_is_noted_once() {
        let mut target = service("web-00001", "web-00001");
        let patch = served_by(&target, "web-00001");
        let noted = json!({PRIMARY_REVISION: "web-00001", TRAFFIC: "null"});
        assert_eq!(patch["metadata"]["annotations"], noted);
        json_patch::merge(&mut target, &patch);
        assert_eq!(primary(&target), Some("web-00001"));
        let next = served_by(&target, "web-00002");
        assert_eq!(next["metadata"]["annotations"], json!({PRIMARY_REVISION: "web-00002"}));
    }
}
