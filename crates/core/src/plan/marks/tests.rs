use super::*;
use crate::plan::{
    Autoscaler, Blueprint, ScalerKind, Selector,
    configs::{self, ConfigKind, Reference},
    primary,
};
use serde_json::json;

// One of each tool's, as they write it.
const REAL: [&str; 22] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "applyset.kubernetes.io/part-of",
    "deployment.kubernetes.io/revision",
    "meta.helm.sh/release-name",
    "helm.sh/chart",
    "helm.sh/resource-policy",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/instance",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/namespace",
    "objectset.rio.cattle.io/hash",
    "kapp.k14s.io/app",
    "pulumi.com/autonamed",
    "config.k8s.io/owning-inventory",
    "configsync.gke.io/declared-fields",
    "olm.owner",
    "velero.io/restore-name",
    "downscaler/original-replicas",
    "replicator.v1.mittwald.de/replicate-from",
    "reflector.v1.k8s.emberstack.com/reflects",
];

fn marked() -> Value {
    let of = |key: &&str| ((*key).to_owned(), json!("x"));
    let mut all: Map<String, Value> = REAL.iter().map(of).collect();
    all.insert("team".to_owned(), json!("a"));
    Value::Object(all)
}

fn object(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "labels": marked(), "annotations": marked()}})
}

// Names of labels and annotations that a copy has of its original.
fn found(copy: &Value) -> Vec<String> {
    let maps = ["labels", "annotations"].map(|map| copy["metadata"][map].as_object().cloned().unwrap_or_default());
    let all = maps.into_iter().flatten().filter(|(_, value)| *value == "x");
    all.map(|(key, _)| key).collect()
}

#[test]
fn the_marks_of_no_tool_are_on_anything_of_ours_whatever_is_asked_for() {
    let everything = vec![String::from("*")];
    let blueprint = Blueprint {
        include_label_prefixes: everything.clone(),
        ..Blueprint::sample()
    };
    let mut target = object("web");
    let pods = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}});
    target["spec"] = json!({"selector": {"matchLabels": {"app": "web"}}, "template": pods.clone()});
    let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
    let made = primary(&target, &pods, "v1-aa", 2, &selector, &blueprint);
    assert_eq!(made["metadata"]["labels"]["team"], "a");
    assert_eq!(found(&made), Vec::<String>::new(), "primary");
    for kind in [ScalerKind::Hpa, ScalerKind::ScaledObject] {
        let scaler = Autoscaler {
            kind,
            name: "web".into(),
            queries: Default::default(),
            min: None,
            max: None,
        };
        let mut user = object("web");
        user["spec"] = json!({"scaleTargetRef": {"name": "web"}, "maxReplicas": 3});
        let copy = scaler.for_primary(&user, &blueprint, 0);
        assert_eq!(copy["metadata"]["labels"]["team"], "a");
        assert_eq!(found(&copy), Vec::<String>::new(), "{kind:?}");
    }
    for kind in ConfigKind::ALL {
        let name = "cfg".to_owned();
        let copy = configs::copy(&object("cfg"), &Reference { kind, name }, &[], &everything);
        assert_eq!(copy["metadata"]["annotations"]["team"], "a");
        assert_eq!(found(&copy), Vec::<String>::new(), "{kind:?}");
    }
}

#[test]
fn pods_keep_what_was_written_for_pods() {
    let written = json!({"kubectl.kubernetes.io/restartedAt": "x", "backup.velero.io/backup-volumes": "data",
        "app.kubernetes.io/instance": "prod", "kustomize.toolkit.fluxcd.io/name": "apps"});
    let kept: Vec<String> = of_pods(Some(&written)).into_iter().map(|(key, _)| key).collect();
    let expected = [
        "app.kubernetes.io/instance",
        "backup.velero.io/backup-volumes",
        "kubectl.kubernetes.io/restartedAt",
    ];
    assert_eq!(kept, expected);
}

#[test]
fn the_table_of_the_docs_is_the_list() {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/verbs.md"));
    for mark in MARKS.into_iter().chain([FLUX]) {
        assert!(page.contains(&format!("`{mark}")), "{mark} is not in docs/verbs.md");
    }
}
