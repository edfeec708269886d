//! Rendering, pure: JSON as it is applied.

use super::conditions;
use crate::admission::bootstrap::paths::Paths;
use crate::admission::server::Entry;
use crate::api::labels;
use crate::routing::registry;
use base64::Engine as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

/// Name of both configurations.
pub const NAME: &str = "coalmine";

/// Namespaces that are never looked at, whatever their labels.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// What the API server does when the webhook does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum FailurePolicy {
    /// Goes on without it.
    #[default]
    Ignore,
    /// Refuses the request.
    Fail,
}

impl FailurePolicy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "Ignore",
            Self::Fail => "Fail",
        }
    }
}

/// Where API servers find the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Service of the cluster.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port.
        port: u16,
    },
    /// `https://host:port`, for a program outside the cluster.
    Url(String),
}

/// Everything the configurations depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendering {
    /// Where.
    pub address: Address,
    /// The secret paths of the entries.
    pub paths: Paths,
    /// CAs to trust, PEM.
    pub ca_bundle: String,
    /// The namespace the program itself runs in; never looked at.
    pub own_namespace: String,
    /// The only namespace that is looked at; nothing for every other.
    pub only_namespace: Option<String>,
    /// User names of our own service accounts.
    pub own_users: Vec<String>,
    /// Of every entry but `validate-canaries`, `follow-deployments`, `scale-deployments` and `opt-in`.
    pub failure_policy: FailurePolicy,
    /// Of `validate-canaries`; `Fail` once the self-probe was denied.
    pub canaries_failure_policy: FailurePolicy,
    /// The owner of both configurations, with which they are deleted; `None` keeps the owner that they have.
    pub owner: Option<OwnerReference>,
}

/// The name of an entry's webhook, which denials are prefixed with.
pub fn webhook_name(entry: Entry) -> String {
    format!("{}.coalmine.dev", entry.as_str())
}

/// The MutatingWebhookConfiguration.
pub fn mutating(with: &Rendering) -> Value {
    let deployments = held(
        with,
        Entry::MutateDeployments,
        &json!([rule(
            "apps",
            "v1",
            &["CREATE", "UPDATE"],
            &["deployments", "daemonsets"]
        )]),
    );
    let services = held(
        with,
        Entry::HoldServices,
        &json!([rule("", "v1", &["CREATE", "UPDATE"], &["services"])]),
    );
    // Of kinds whose traffic companions carry, nothing is held in what a user writes.
    let routes = registry::kinds().filter(|kind| !kind.fields().is_empty());
    let routes: Vec<Value> = routes
        .map(|kind| kind.resource())
        .map(|of| rule(of.group, of.version, &["CREATE", "UPDATE"], &[of.plural]))
        .collect();
    let routes = held(with, Entry::HoldRoutes, &json!(routes));
    let canaries = rule("flagger.app", "v1beta1", &["CREATE", "UPDATE"], &["canaries"]);
    let canaries = webhook(with, Entry::MutateCanaries, &json!([canaries]));
    let scale = rule("apps", "v1", &["UPDATE"], &["deployments/scale"]);
    let scale = webhook(with, Entry::ScaleDeployments, &json!([scale]));
    configuration(
        with,
        "MutatingWebhookConfiguration",
        [deployments, services, routes, vec![canaries, scale]].concat(),
    )
}

/// The ValidatingWebhookConfiguration.
pub fn validating(with: &Rendering) -> Value {
    let verbs = ["CREATE", "UPDATE"];
    let followed = json!([rule("apps", "v1", &verbs, &["deployments", "daemonsets"])]);
    let followed = webhook(with, Entry::FollowDeployments, &followed);
    let used = rule(
        "flagger.app",
        "v1beta1",
        &["DELETE"],
        &["metrictemplates", "alertproviders"],
    );
    let deletions = webhook(with, Entry::FollowDeletions, &json!([used]));
    let mut policies = rule("coalmine.dev", "v1alpha1", &verbs, &["canarypolicies"]);
    if let Some(members) = policies.as_object_mut() {
        members.insert("scope".into(), "Cluster".into());
    }
    let rules = json!([
        rule(
            "flagger.app",
            "v1beta1",
            &verbs,
            &["canaries", "metrictemplates", "alertproviders"]
        ),
        policies,
    ]);
    let canaries = webhook(with, Entry::ValidateCanaries, &rules);
    let mut namespaces = rule("", "v1", &["UPDATE"], &["namespaces"]);
    if let Some(members) = namespaces.as_object_mut() {
        members.insert("scope".into(), "Cluster".into());
    }
    let opted = webhook(with, Entry::OptIn, &json!([namespaces]));
    configuration(
        with,
        "ValidatingWebhookConfiguration",
        vec![followed, deletions, canaries, opted],
    )
}

fn configuration(with: &Rendering, kind: &str, webhooks: Vec<Value>) -> Value {
    let mut metadata = json!({"name": NAME, "labels": {"app.kubernetes.io/name": "coalmine"}});
    if let (Some(owner), Some(members)) = (&with.owner, metadata.as_object_mut()) {
        members.insert("ownerReferences".into(), json!([owner]));
    }
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "webhooks": webhooks,
    })
}

fn rule(group: &str, version: &str, operations: &[&str], resources: &[&str]) -> Value {
    json!({
        "apiGroups": [group], "apiVersions": [version], "operations": operations, "resources": resources,
        "scope": "Namespaced",
    })
}

/// An entry that holds fields, and so sees our own writes too, to take those fields out of their owners' lists. Where it may
/// fail closed, ours have an entry of their own that never does: nothing of ours may wait for the webhook.
fn held(with: &Rendering, entry: Entry, rules: &Value) -> Vec<Value> {
    let hook = webhook(with, entry, rules);
    if policy(with, entry) == FailurePolicy::Ignore || with.own_users.is_empty() {
        return vec![hook];
    }
    let of = |mut hook: Value, condition: Value| {
        if let Some(all) = hook.get_mut("matchConditions").and_then(Value::as_array_mut) {
            all.insert(0, condition);
        }
        hook
    };
    let mut own = webhook(
        &Rendering {
            failure_policy: FailurePolicy::Ignore,
            ..with.clone()
        },
        entry,
        rules,
    );
    if let Some(members) = own.as_object_mut() {
        members.insert("name".into(), format!("own-{}", webhook_name(entry)).into());
    }
    vec![
        of(hook, conditions::not_ourselves(&with.own_users)),
        of(own, conditions::ourselves(&with.own_users)),
    ]
}

fn policy(with: &Rendering, entry: Entry) -> FailurePolicy {
    match entry {
        Entry::ValidateCanaries => with.canaries_failure_policy,
        // It completes what the controller writes as well.
        Entry::MutateCanaries => FailurePolicy::Ignore,
        // When an entry that fails closed cannot be reached, the API server shows its secret path to the requester. These two
        // entries write something, so their paths must not be shown: they fail open.
        Entry::FollowDeployments | Entry::ScaleDeployments => FailurePolicy::Ignore,
        // Never refused, and never kept waiting.
        Entry::FollowDeletions => FailurePolicy::Ignore,
        // It only tells.
        Entry::OptIn => FailurePolicy::Ignore,
        _ => with.failure_policy,
    }
}

/// One entry. Every defaulted field is written, so that what is stored is what was rendered.
fn webhook(with: &Rendering, entry: Entry, rules: &Value) -> Value {
    let canaries = matches!(entry, Entry::ValidateCanaries | Entry::FollowDeletions);
    let mutates = matches!(
        entry,
        Entry::MutateDeployments
            | Entry::MutateCanaries
            | Entry::HoldServices
            | Entry::HoldRoutes
            | Entry::ScaleDeployments
    );
    let acts = matches!(entry, Entry::FollowDeployments | Entry::ScaleDeployments);
    let mut hook = json!({
        "name": webhook_name(entry),
        "admissionReviewVersions": ["v1"],
        "clientConfig": client_config(with, entry),
        "failurePolicy": policy(with, entry).as_str(),
        "matchPolicy": "Equivalent",
        "namespaceSelector": namespaces(with, !canaries && entry != Entry::OptIn),
        "objectSelector": {},
        "rules": rules,
        "sideEffects": if acts { "NoneOnDryRun" } else { "None" },
        "timeoutSeconds": if entry == Entry::ValidateCanaries { 5 } else { 3 },
    });
    if let Some(members) = hook.as_object_mut() {
        if mutates {
            members.insert("reinvocationPolicy".into(), reinvocation(entry).into());
        }
        let conditions = conditions(with, entry);
        if !conditions.is_empty() {
            members.insert("matchConditions".into(), conditions.into());
        }
    }
    hook
}

// The API server asks again when another webhook has changed the object after us. Not about a scale: the second request
// would carry the number that we wrote ourselves, and to note that as the user's wish would put the app to sleep.
fn reinvocation(entry: Entry) -> &'static str {
    match entry {
        Entry::ScaleDeployments => "Never",
        _ => "IfNeeded",
    }
}

// What an entry does not ask for, the API server decides alone: no entry that can fail closed may be asked about anything
// that has to go on without the webhook.
fn conditions(with: &Rendering, entry: Entry) -> Vec<Value> {
    let ours = (!with.own_users.is_empty()).then_some(&with.own_users);
    let others = || ours.map(|users| conditions::not_ourselves(users)).into_iter();
    let own: Vec<Value> = match entry {
        Entry::MutateDeployments => vec![conditions::what_is_held()],
        // Of creations only our own are sent: what somebody else creates cannot contain fields that we hold.
        Entry::HoldServices | Entry::HoldRoutes => {
            vec![conditions::makes_only(&with.own_users), conditions::what_is_held()]
        }
        // A scale is nothing but what is held.
        Entry::ScaleDeployments => others().collect(),
        Entry::FollowDeployments => others().chain([conditions::what_is_followed()]).collect(),
        Entry::ValidateCanaries => {
            let others = ours.map(|users| conditions::not_ourselves_but_the_probe(users));
            others.into_iter().chain([conditions::what_is_judged()]).collect()
        }
        // `ValidateDeployments` is not registered any more; it is answered for API servers that know it still.
        Entry::MutateCanaries | Entry::ValidateDeployments => Vec::new(),
        Entry::OptIn => others().chain([conditions::what_opts_in()]).collect(),
        // There is no new object to ask about.
        Entry::FollowDeletions => return vec![conditions::not_a_collector()],
    };
    conditions::on_the_way_out().into_iter().chain(own).collect()
}

fn client_config(with: &Rendering, entry: Entry) -> Value {
    let bundle = base64::engine::general_purpose::STANDARD.encode(&with.ca_bundle);
    let path = with.paths.path(entry);
    match &with.address {
        Address::Service { namespace, name, port } => json!({
            "caBundle": bundle,
            "service": {"namespace": namespace, "name": name, "port": port, "path": path},
        }),
        Address::Url(base) => {
            json!({"caBundle": bundle, "url": format!("{}{}", base.trim_end_matches('/'), path)})
        }
    }
}

/// Which namespaces: never the system's and our own; only opted-in ones where `opted_in` says so. Objects cannot opt
/// out by a label, so there is no object selector.
fn namespaces(with: &Rendering, opted_in: bool) -> Value {
    let mut excluded: Vec<&str> = SYSTEM_NAMESPACES.to_vec();
    if !excluded.contains(&with.own_namespace.as_str()) {
        excluded.push(&with.own_namespace);
    }
    const NAME: &str = "kubernetes.io/metadata.name";
    let mut expressions = vec![json!({"key": NAME, "operator": "NotIn", "values": excluded})];
    if let Some(only) = &with.only_namespace {
        expressions.push(json!({"key": NAME, "operator": "In", "values": [only]}));
    }
    let mut selector = json!({"matchExpressions": expressions});
    if let (true, Some(members)) = (opted_in, selector.as_object_mut()) {
        members.insert("matchLabels".into(), json!({labels::ENABLED: labels::TRUE}));
    }
    selector
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn the_configurations_are_the_documented_ones() {
        insta::assert_json_snapshot!("mutating", mutating(&rendering()));
        insta::assert_json_snapshot!("validating", validating(&rendering()));
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
            let told = ["own-", "mutate-canaries", "follow-deletions", "opt-in"];
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
        let seen: Vec<String> = hooks(&with)
            .iter()
            .filter(|hook| expressions(hook).any(|one| one == ours))
            .map(|hook| hook["name"].as_str().unwrap().to_owned())
            .collect();
        let expected = ["deployments", "services", "routes"]
            .iter()
            .zip(["mutate", "hold", "hold"]);
        let expected: Vec<String> = expected
            .map(|(what, does)| format!("own-{does}-{what}.coalmine.dev"))
            .collect();
        assert_eq!(seen, expected);
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
}
