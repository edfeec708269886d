use super::*;
use crate::{plan::workload::template, routing::Names};
use serde_json::json;

const TEMPLATE: &str =
    r#"{"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "v2"}]}}"#;

fn blueprint(workload: Workload, target: &str) -> Blueprint {
    Blueprint {
        names: Some(Names::new(target)),
        target: target.into(),
        workload,
        ..Blueprint::sample()
    }
}

fn half(name: &str) -> Value {
    let template: Value = serde_json::from_str(TEMPLATE).unwrap();
    json!({"metadata": {"name": name, "uid": "t-1"}, "spec": {"replicas": 1, "template": template}})
}

fn set(name: &str, image: &str, replicas: u32) -> Value {
    let mut set = half(name);
    set["metadata"]["ownerReferences"] = json!([{"uid": "t-1"}]);
    set["spec"]["replicas"] = json!(replicas);
    set["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    set
}

fn slice(service: &str, pods: &[&str]) -> Value {
    let endpoint = |pod: &&str| json!({"targetRef": {"kind": "Pod", "name": pod}, "conditions": {"ready": false}});
    let endpoints: Vec<Value> = pods.iter().map(endpoint).collect();
    json!({"metadata": {"labels": {"kubernetes.io/service-name": service}}, "endpoints": endpoints})
}

fn pattern_of(workload: Workload, live: &Live) -> Option<String> {
    let target = live.target.clone().unwrap();
    let revision = template::revision(&target);
    let name = target["metadata"]["name"].as_str().unwrap().to_owned();
    pattern(live, &blueprint(workload, &name), revision.as_deref())
}

// Prometheus anchors, and so does this; expressions of names need no engine of their own.
fn matches(pattern: &str, pod: &str) -> bool {
    pattern.split('|').any(|one| match one.strip_suffix(RANDOM) {
        Some(base) => {
            let base = base.replace("[.]", ".");
            let end = pod.strip_prefix(base.as_str()).unwrap_or_default();
            end.len() == 5 && end.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        }
        None => one.replace("[.]", ".") == pod,
    })
}

#[test]
fn a_deployments_pods_are_those_of_the_revisions_replica_set() {
    let live = Live {
        target: Some(half("web")),
        revisions: vec![set("web-5d8f9c7b6", "v2", 2), set("web-77c9d8f5c4", "v1", 0)],
        ..Live::default()
    };
    let found = pattern_of(Workload::Deployment, &live).unwrap();
    assert_eq!(found, "web-5d8f9c7b6-[0-9a-z]{5}");
    assert!(matches(&found, "web-5d8f9c7b6-x7k2p"));
    for other in [
        "web-77c9d8f5c4-x7k2p",
        "web-primary-5d8f9c7b6-x7k2p",
        "web-db-0",
        "web-5d8f9c7b6-x7k2p-abcde",
    ] {
        assert!(!matches(&found, other), "{other}");
    }
    let unknown = Live {
        revisions: vec![set("web-77c9d8f5c4", "v1", 2)],
        target: live.target,
        ..Live::default()
    };
    assert_eq!(pattern_of(Workload::Deployment, &unknown), None);
}

#[test]
fn a_daemon_sets_pods_are_its_own_and_never_primarys() {
    let of = |name: &str| Live {
        target: Some(half(name)),
        slices: vec![
            slice(&format!("{name}-canary"), &["b-pod", "a-pod", "a-pod"]),
            slice(&format!("{name}-primary"), &["p-pod"]),
        ],
        ..Live::default()
    };
    let found = pattern_of(Workload::DaemonSet, &of("agent")).unwrap();
    assert!(matches(&found, "agent-x7k2p"));
    assert!(!matches(&found, "agent-primary-x7k2p") && !matches(&found, "agent-5d8f9c7b6-x7k2p"));
    // Both halves' pods begin alike: 58 characters are all that is left.
    let long = "a".repeat(58);
    assert_eq!(
        pattern_of(Workload::DaemonSet, &of(&long)).as_deref(),
        Some("a-pod|b-pod")
    );
}

#[test]
fn names_are_cut_as_the_api_server_cuts_them_and_dots_are_dots() {
    let long = format!("{}-5d8f9c7b6", "a".repeat(50));
    let live = |set_name: &str| Live {
        target: Some(half("web")),
        revisions: vec![set(set_name, "v2", 1)],
        ..Live::default()
    };
    let found = pattern_of(Workload::Deployment, &live(&long)).unwrap();
    assert_eq!(found, format!("{}-5d8f9c7[0-9a-z]{{5}}", "a".repeat(50)));
    let dotted = pattern_of(Workload::Deployment, &live("web.v2-5d8f9c7b6")).unwrap();
    assert_eq!(dotted, "web[.]v2-5d8f9c7b6-[0-9a-z]{5}");
}

#[test]
fn a_service_that_is_the_target_is_measured_by_its_endpoints() {
    let live = Live {
        target: Some(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}})),
        slices: vec![slice("web-canary", &["one.v2", "two"])],
        ..Live::default()
    };
    assert_eq!(pattern_of(Workload::Service, &live).as_deref(), Some("one[.]v2|two"));
    let none = Live {
        slices: Vec::new(),
        ..live
    };
    assert_eq!(pattern_of(Workload::Service, &none), None);
}

#[test]
fn the_pods_of_a_revision_that_has_a_name_are_those_that_whoever_runs_it_calls_so() {
    let live = Live {
        target: Some(json!({"metadata": {"name": "web"}})),
        ..Live::default()
    };
    let knative = Workload::served("serving.knative.dev", "Service").unwrap();
    let found = |revision| pattern(&live, &blueprint(knative, "web"), revision);
    assert_eq!(
        found(Some("v1-web.v-00002")).as_deref(),
        Some("web[.]v-00002-deployment-.+")
    );
    assert_eq!(found(None), None);
}
