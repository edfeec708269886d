//! What a Knative Service tells of its revisions: Knative makes one of each of its templates, runs it and scales it, and says by
//! the Service's status how far that is. An annotation names the one that serves everybody.

use super::KnativeService;
use crate::api::labels::{PRIMARY_REVISION, TRAFFIC};
use crate::object::{annotation, condition, text};
use crate::routing::TargetKind;
use serde_json::{Map, Value, json};

impl TargetKind for KnativeService {
    fn called(&self) -> &'static str {
        "Knative Service"
    }

    fn primary<'a>(&self, target: &'a Value) -> Option<&'a str> {
        annotation(target, PRIMARY_REVISION).filter(|name| !name.is_empty())
    }

    fn newest<'a>(&self, target: &'a Value) -> Option<&'a str> {
        status(target, "/status/latestCreatedRevisionName")
    }

    fn ready<'a>(&self, target: &'a Value) -> Option<&'a str> {
        status(target, "/status/latestReadyRevisionName")
    }

    // The Service repeats what the revision says of itself.
    fn unready(&self, target: &Value) -> Option<String> {
        let said = condition(target, "ConfigurationsReady");
        let failed = said.is_some_and(|said| text(said, "/status") == "False");
        let newest = self.newest(target);
        if newest.is_some() && newest == self.ready(target) && !failed {
            return None;
        }
        let message = said
            .map(|said| text(said, "/message"))
            .filter(|message| !message.is_empty());
        let plain = || format!("revision {} is not ready", newest.unwrap_or("of the template"));
        Some(message.map_or_else(plain, str::to_owned))
    }

    // Somebody deleted it, or the Service came here from a backup or another cluster, with our annotation and without its
    // revisions.
    fn is_missing(&self, target: &Value, name: &str) -> bool {
        let said = condition(target, "RoutesReady")
            .filter(|said| text(said, "/status") == "False" && text(said, "/reason") == "RevisionMissing");
        // It names the first that it misses, which may be that of a tag. It gives the same reason for one that is there and is
        // not ready, which stays the one that was promoted.
        let missed = format!("Revision \"{name}\" referenced in traffic not found");
        said.is_some_and(|said| text(said, "/message").contains(&missed))
    }

    // That one as long as the Service knows of it, else the newest that is ready.
    fn serving<'a>(&self, target: &'a Value, promoted: &'a str) -> Option<&'a str> {
        if self.is_missing(target, promoted) {
            return self.ready(target);
        }
        let lists = ["/spec/traffic", "/status/traffic"];
        let lists = lists.into_iter().filter_map(|at| target.pointer(at)?.as_array());
        let listed = lists.flatten().map(|entry| text(entry, "/revisionName"));
        let mut known = listed.chain(self.newest(target)).chain(self.ready(target));
        if known.any(|name| name == promoted) {
            Some(promoted)
        } else {
            self.ready(target)
        }
    }

    // With the first one it is noted what the author has in `spec.traffic`.
    fn served_by(&self, target: &Value, name: &str) -> Value {
        let mut annotations = Map::new();
        annotations.insert(PRIMARY_REVISION.to_owned(), json!(name));
        if self.primary(target).is_none() && annotation(target, TRAFFIC).is_none() {
            let authors = target.pointer("/spec/traffic").unwrap_or(&Value::Null);
            annotations.insert(TRAFFIC.to_owned(), json!(authors.to_string()));
        }
        json!({"metadata": {"annotations": annotations}})
    }

    // Knative calls the Deployment of a revision so.
    fn pods(&self, quoted: &str) -> String {
        format!("{quoted}-deployment-.+")
    }
}

fn status<'a>(target: &'a Value, at: &str) -> Option<&'a str> {
    Some(text(target, at)).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(newest: &str, ready: &str) -> Value {
        json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": [{"image": "web:1"}]}}},
            "status": {"latestCreatedRevisionName": newest, "latestReadyRevisionName": ready},
        })
    }

    #[test]
    fn the_newest_revision_is_ready_when_it_is_the_newest_that_is() {
        let unready = |target: &Value| KnativeService.unready(target);
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
        assert_eq!(KnativeService.serving(&target, "web-00001"), Some("web-00002"));
        for at in ["spec", "status"] {
            target[at]["traffic"] = json!([{"revisionName": "web-00001", "percent": 100}]);
            assert_eq!(KnativeService.serving(&target, "web-00001"), Some("web-00001"));
            target[at].as_object_mut().unwrap().remove("traffic");
        }
        assert_eq!(KnativeService.serving(&target, "web-00003"), Some("web-00003"));
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
        assert!(KnativeService.is_missing(&target, "web-00001"));
        assert_eq!(KnativeService.serving(&target, "web-00001"), Some("web-00002"));
        let mut unready = said("False", "RevisionMissing", "web-00001");
        unready[0]["message"] = json!("Revision \"web-00001\" failed to become ready.");
        for other in [
            said("False", "RevisionMissing", "web-000011"),
            said("Unknown", "RevisionMissing", "web-00001"),
            said("False", "NotOwned", "web-00001"),
            unready,
        ] {
            target["status"]["conditions"] = other;
            assert_eq!(KnativeService.serving(&target, "web-00001"), Some("web-00001"));
        }
    }

    #[test]
    fn the_authors_list_is_noted_once() {
        let mut target = service("web-00001", "web-00001");
        let patch = KnativeService.served_by(&target, "web-00001");
        let noted = json!({PRIMARY_REVISION: "web-00001", TRAFFIC: "null"});
        assert_eq!(patch["metadata"]["annotations"], noted);
        json_patch::merge(&mut target, &patch);
        assert_eq!(KnativeService.primary(&target), Some("web-00001"));
        let next = KnativeService.served_by(&target, "web-00002");
        assert_eq!(next["metadata"]["annotations"], json!({PRIMARY_REVISION: "web-00002"}));
    }
}
