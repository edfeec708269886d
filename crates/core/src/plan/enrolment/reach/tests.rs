use super::*;
use serde_json::json;

fn target() -> Value {
    json!({"spec": {"selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web", "tier": "front"}}}}})
}

fn found(monitors: &[Value], policies: &[Value]) -> Vec<String> {
    let selector = Selector::of(&target(), &Selector::default_keys()).unwrap();
    let others: Vec<(Foreign, Value)> = monitors.iter().map(|one| (kind("PodMonitor"), one.clone())).collect();
    let found = missed(&target(), &selector, policies, &others);
    found.iter().map(ToString::to_string).collect()
}

fn kind(name: &str) -> Foreign {
    FOREIGN.into_iter().find(|one| one.kind == name).unwrap()
}

#[test]
fn what_other_tools_select_by_is_told_with_what_they_can_say() {
    let selector = Selector::of(&target(), &Selector::default_keys()).unwrap();
    let mut web = target();
    web["metadata"] = json!({"name": "web"});
    let said = |name: &str, spec: Value| {
        let object = json!({"metadata": {"name": "one"}, "spec": spec});
        let found = missed(&web, &selector, &[], &[(kind(name), object)]);
        found.first().map(ToString::to_string)
    };
    let scaled = |kind: &str, name: &str| json!({"targetRef": {"kind": kind, "name": name}});
    assert_eq!(
        said("VerticalPodAutoscaler", scaled("Deployment", "web")).unwrap(),
        "VerticalPodAutoscaler \"one\" does not cover the pods that serve: its spec.targetRef names web, whose pods rest; let \
         it name web-primary"
    );
    assert_eq!(said("VerticalPodAutoscaler", scaled("Deployment", "web-primary")), None);
    assert_eq!(said("VerticalPodAutoscaler", scaled("StatefulSet", "web")), None);
    let labels = json!({"selector": {"matchLabels": {"app": "web"}}});
    let of_istio = said("AuthorizationPolicy", labels).unwrap();
    assert!(
        of_istio.ends_with("select by another label that both have"),
        "{of_istio}"
    );
    assert_eq!(said("AuthorizationPolicy", json!({})), None, "all pods");
    let endpoints = json!({"endpointSelector": {"matchLabels": {"app": "web"}}});
    assert!(said("CiliumNetworkPolicy", endpoints).is_some());
}

fn monitor(selector: Value) -> Value {
    json!({"metadata": {"name": "keep"}, "spec": {"selector": selector}})
}

fn policy(spec: Value) -> Value {
    json!({"metadata": {"name": "wall"}, "spec": spec})
}

#[test]
fn a_selector_by_the_one_label_that_differs_is_named_with_the_fix() {
    assert_eq!(
        found(&[monitor(json!({"matchLabels": {"app": "web"}}))], &[]),
        [
            "PodMonitor \"keep\" does not cover the pods that serve: its spec.selector selects app=web, primary's pods \
          have app=web-primary; select both: matchExpressions: [{key: app, operator: In, values: [web, web-primary]}]"
        ]
    );
    let said = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]});
    assert_eq!(found(&[monitor(said)], &[]).len(), 1);
}

#[test]
fn what_selects_both_or_neither_is_fine() {
    for selector in [
        json!({}),
        json!({"matchLabels": {"tier": "front"}}),
        json!({"matchLabels": {"app": "other"}}),
        json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "web-primary"]}]}),
        json!({"matchExpressions": [{"key": "app", "operator": "Exists"}, {"key": "gone", "operator": "DoesNotExist"}]}),
        json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["other"]}]}),
        Value::Null,
    ] {
        assert_eq!(found(&[monitor(selector)], &[]), Vec::<String>::new());
    }
}

#[test]
fn every_selector_of_a_network_policy_counts() {
    let own = json!({"matchLabels": {"app": "web"}});
    for (spec, path) in [
        (json!({"podSelector": own}), "spec.podSelector"),
        (
            json!({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{}, {"from": [{"podSelector": own}]}]}),
            "spec.ingress.from.podSelector",
        ),
        (
            json!({"podSelector": {"matchLabels": {"app": "gw"}}, "egress": [{"to": [{"ipBlock": {}}, {"podSelector": own}]}]}),
            "spec.egress.to.podSelector",
        ),
    ] {
        let said = found(&[], &[policy(spec)]);
        assert!(
            said[0].starts_with("NetworkPolicy \"wall\"") && said[0].contains(path),
            "{said:?}"
        );
    }
    assert_eq!(found(&[], &[policy(json!({"podSelector": {}}))]), Vec::<String>::new());
}

#[test]
fn whom_a_policy_protects_is_asked_for_in_the_words_of_a_list() {
    let protected = |selects: Value| {
        let own = json!({"matchLabels": {"app": "web"}});
        let wall = json!({
            "metadata": {"name": "wall", "namespace": "db"},
            "spec": {"podSelector": &selects, "ingress": [{"from": [{"namespaceSelector": {}, "podSelector": own}]}]},
        });
        let mut web = target();
        web["metadata"] = json!({"name": "web", "namespace": "shop"});
        let selector = Selector::of(&web, &Selector::default_keys()).unwrap();
        let policies = [wall];
        let found = cut_off_by_others(&web, &selector, &policies, &Map::new());
        assert_eq!(
            cut_off(&web, &selector, &policies, &Map::new()),
            None,
            "it is not its own"
        );
        assert_eq!(found[0].place(), ("db".to_owned(), "wall".to_owned()));
        let labels = json!({"app": "db", "tier": "a", "x": "1"});
        let heard_of = !selects.to_string().contains("Near");
        assert_eq!(found[0].protects(labels.as_object().unwrap()), heard_of);
        assert_eq!(found[0].protects(&Map::new()), selects == json!({}));
        found[0].protected()
    };
    assert_eq!(protected(json!({})).as_deref(), Some(""));
    let said = json!({"matchLabels": {"app": "db"}, "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "tier", "operator": "NotIn", "values": ["c"]},
        {"key": "x", "operator": "Exists"}, {"key": "y", "operator": "DoesNotExist"}]});
    assert_eq!(
        protected(said).as_deref(),
        Some("app=db,tier in (a,b),tier notin (c),x,!y")
    );
    let unheard_of = json!({"matchExpressions": [{"key": "x", "operator": "Near"}]});
    assert_eq!(protected(unheard_of), None);
}
