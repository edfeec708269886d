use super::*;
use crate::admission::bootstrap::paths::Paths;

fn paths() -> Paths {
    let mut paths = Paths::default();
    for (number, entry) in (1..).zip(Entry::ALL) {
        paths.learn(&format!("/{}/{number:064x}", entry.as_str()));
    }
    paths
}

fn rendering() -> Rendering {
    Rendering {
        address: Address::Service {
            namespace: "coalmine-system".into(),
            name: "coalmine-webhook".into(),
            port: 443,
        },
        paths: paths(),
        ca_bundle: "CA\n".into(),
        own_namespace: "coalmine-system".into(),
        only_namespace: None,
        own_users: vec!["system:serviceaccount:coalmine-system:coalmine-controller".into()],
        failure_policy: FailurePolicy::Ignore,
        canaries_failure_policy: FailurePolicy::Fail,
        owner: None,
    }
}

#[test]
fn both_belong_to_the_installation_and_go_with_it() {
    let installation = crate::orders::Installation {
        uid: "u-1".into(),
        release: "1".into(),
    };
    let with = Rendering {
        owner: Some(installation.owner()),
        ..rendering()
    };
    for configuration in [mutating(&with), validating(&with)] {
        let expected = json!([{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "name": "coalmine-webhook", "uid": "u-1", "blockOwnerDeletion": false}]);
        assert_eq!(configuration["metadata"]["ownerReferences"], expected);
    }
    assert!(mutating(&rendering())["metadata"].get("ownerReferences").is_none());
}

/// A kind that no provider has: which are registered is no matter of how.
fn example(plural: &'static str) -> Resource {
    Resource {
        group: "example.dev",
        version: "v1",
        kind: "Example",
        plural,
        built_in: false,
    }
}

#[test]
fn the_configurations_are_the_documented_ones() {
    let routes = ["examples", "others"].map(example);
    insta::assert_json_snapshot!("mutating", holding(&rendering(), routes.into_iter()));
    insta::assert_json_snapshot!("validating", validating(&rendering()));
}

#[test]
fn routes_are_held_of_every_kind_that_is_edited_and_of_no_other() {
    let all = hooks(&rendering());
    let hook = all
        .iter()
        .find(|hook| hook["name"] == webhook_name(Entry::HoldRoutes))
        .unwrap();
    let held: Vec<Value> = hook["rules"].as_array().unwrap().clone();
    for kind in registry::kinds() {
        let of = kind.resource();
        let own = |rule: &&Value| {
            let (groups, versions) = (json!([of.group]), json!([of.version]));
            rule["apiGroups"] == groups && rule["apiVersions"] == versions && rule["resources"] == json!([of.plural])
        };
        let rules = held.iter().filter(own).count();
        assert_eq!(rules, usize::from(!kind.fields().is_empty()), "{of:?}");
    }
    let edited = registry::kinds().filter(|kind| !kind.fields().is_empty());
    assert_eq!(held.len(), edited.count());
}

#[test]
fn a_program_outside_the_cluster_is_found_by_url() {
    let with = Rendering {
        address: Address::Url("https://127.0.0.1:9443/".into()),
        ..rendering()
    };
    let url = mutating(&with)["webhooks"][0]["clientConfig"]["url"].clone();
    assert_eq!(url, format!("https://127.0.0.1:9443/mutate-deployments/{:064x}", 1));
}

#[test]
fn what_may_fail_closed_has_no_side_effects_and_what_acts_is_ignored_when_it_is_away() {
    let closed = Rendering {
        failure_policy: FailurePolicy::Fail,
        ..rendering()
    };
    let all = [mutating(&closed), validating(&closed)];
    let hooks: Vec<&Value> = all.iter().flat_map(|one| one["webhooks"].as_array().unwrap()).collect();
    for hook in hooks {
        let name = hook["name"].as_str().unwrap();
        let acts = ["follow-deployments.coalmine.dev", "scale-deployments.coalmine.dev"].contains(&name);
        let told = ["open-", "mutate-canaries", "follow-deletions", "opt-in"];
        let expected = if acts {
            ("Ignore", "NoneOnDryRun")
        } else if told.iter().any(|one| name.starts_with(one)) {
            ("Ignore", "None")
        } else {
            ("Fail", "None")
        };
        let said = (hook["failurePolicy"].as_str(), hook["sideEffects"].as_str());
        assert_eq!(said, (Some(expected.0), Some(expected.1)), "{}", hook["name"]);
    }
}

#[test]
fn every_entry_is_registered_but_the_one_of_the_version_before() {
    let all = hooks(&rendering());
    for entry in Entry::ALL {
        let registered = all.iter().any(|hook| hook["name"] == webhook_name(entry));
        assert_eq!(registered, entry != Entry::ValidateDeployments, "{entry:?}");
    }
}

#[test]
fn what_is_noted_is_asked_for_once_and_what_is_held_again_when_somebody_changes_it() {
    for hook in mutating(&rendering())["webhooks"].as_array().unwrap() {
        let once = hook["name"] == "scale-deployments.coalmine.dev";
        let expected = if once { "Never" } else { "IfNeeded" };
        assert_eq!(hook["reinvocationPolicy"], expected, "{}", hook["name"]);
    }
}

#[test]
fn no_entry_is_asked_about_what_is_being_deleted_or_collected() {
    let with = Rendering {
        failure_policy: FailurePolicy::Fail,
        ..rendering()
    };
    for hook in hooks(&with) {
        let asked: Vec<&str> = expressions(&hook).collect();
        // Only this entry is asked about deletions.
        let deletions = hook["name"] == "follow-deletions.coalmine.dev";
        let passed = asked.contains(&"!has(object.metadata.deletionTimestamp)");
        assert!(passed != deletions, "{hook:#}");
        assert!(asked.iter().any(|one| one.contains("namespace-controller")), "{hook:#}");
        // Of an UPDATE, every entry that can fail asks for what changes.
        let scale = hook["rules"][0]["resources"][0] == "deployments/scale";
        let fails = hook["failurePolicy"] == "Fail" && !scale;
        assert!(!fails || asked.iter().any(|one| one.contains("oldObject")), "{hook:#}");
    }
}

#[test]
fn nothing_of_ours_waits_for_the_webhook() {
    let with = Rendering {
        failure_policy: FailurePolicy::Fail,
        ..rendering()
    };
    let ours = "request.userInfo.username in ['system:serviceaccount:coalmine-system:coalmine-controller']";
    for hook in hooks(&with).iter().filter(|hook| hook["failurePolicy"] == "Fail") {
        assert!(
            expressions(hook).any(|one| one.starts_with(&format!("!({ours})"))),
            "{hook:#}"
        );
    }
    // The entries that hold fields see our own writes too, to take those fields out of `managedFields`.
    for entry in HELD {
        let hooks = hooks(&with);
        let open = format!("open-{}", webhook_name(entry));
        let open = hooks.iter().find(|hook| hook["name"] == open).unwrap();
        assert!(
            expressions(open).all(|one| !one.starts_with(&format!("!({ours})"))),
            "{open:#}"
        );
    }
}

const HELD: [Entry; 3] = [Entry::MutateDeployments, Entry::HoldServices, Entry::HoldRoutes];

#[test]
fn no_label_annotation_finalizer_or_owner_of_a_field_waits_for_the_webhook() {
    let with = Rendering {
        failure_policy: FailurePolicy::Fail,
        ..rendering()
    };
    let changes = "object.?spec.orValue({}) != oldObject.?spec.orValue({})";
    let all = hooks(&with);
    for hook in all.iter().filter(|hook| hook["failurePolicy"] == "Fail") {
        let specs = format!("request.operation != 'UPDATE' || {changes}");
        assert!(expressions(hook).any(|one| one == specs), "{hook:#}");
    }
    // What is not sent to the one is sent to the other, which is asked first, and at the same place. That one is asked about
    // specs too: one that becomes another by a later webhook is shown again to whoever was asked before, and to nobody else.
    for entry in HELD {
        let named = |name: String| all.iter().position(|hook| hook["name"] == name).unwrap();
        let (open, closed) = (
            named(format!("open-{}", webhook_name(entry))),
            named(webhook_name(entry)),
        );
        assert_eq!(open + 1, closed);
        let (open, closed) = (&all[open], &all[closed]);
        assert_eq!(
            (&open["failurePolicy"], &closed["failurePolicy"]),
            (&json!("Ignore"), &json!("Fail"))
        );
        assert_eq!(
            (&open["reinvocationPolicy"], &closed["reinvocationPolicy"]),
            (&json!("IfNeeded"), &json!("IfNeeded"))
        );
        for same in ["clientConfig", "rules", "namespaceSelector"] {
            assert_eq!(open[same], closed[same], "{entry:?}");
        }
        let rest = |hook: &Value, own: usize| expressions(hook).skip(own).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(rest(open, 0), rest(closed, 2));
        let mut names: Vec<&str> = names(closed).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(
            names.len(),
            expressions(closed).count(),
            "an API server takes no name twice"
        );
    }
}

fn names(hook: &Value) -> impl Iterator<Item = &str> {
    let all = hook["matchConditions"].as_array().into_iter().flatten();
    all.map(|one| one["name"].as_str().unwrap())
}

fn hooks(with: &Rendering) -> Vec<Value> {
    let all = [mutating(with), validating(with)];
    all.iter()
        .flat_map(|one| one["webhooks"].as_array().unwrap().clone())
        .collect()
}

fn expressions(hook: &Value) -> impl Iterator<Item = &str> {
    let all = hook["matchConditions"].as_array().into_iter().flatten();
    all.map(|one| one["expression"].as_str().unwrap())
}

#[test]
fn limited_to_one_namespace_every_entry_looks_there_only() {
    let with = Rendering {
        only_namespace: Some("shop".into()),
        ..rendering()
    };
    let only = json!({"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop"]});
    for configuration in [mutating(&with), validating(&with)] {
        for hook in configuration["webhooks"].as_array().unwrap() {
            let expressions = hook["namespaceSelector"]["matchExpressions"].as_array().unwrap();
            assert!(expressions.contains(&only), "{hook}");
        }
    }
}

#[test]
fn no_entry_can_lock_the_cluster_out() {
    for configuration in [mutating(&rendering()), validating(&rendering())] {
        for hook in configuration["webhooks"].as_array().unwrap() {
            let excluded = &hook["namespaceSelector"]["matchExpressions"][0]["values"];
            assert!(excluded.as_array().unwrap().contains(&json!("kube-system")));
            assert!(excluded.as_array().unwrap().contains(&json!("coalmine-system")));
            for rule in hook["rules"].as_array().unwrap() {
                let deletes = rule["operations"].as_array().unwrap().contains(&json!("DELETE"));
                assert!(!deletes || hook["failurePolicy"] == "Ignore", "{hook}");
                for resource in rule["resources"].as_array().unwrap() {
                    let resource = resource.as_str().unwrap();
                    assert!(!resource.contains('*') && !["pods", "nodes", "leases"].contains(&resource));
                }
            }
        }
    }
}
