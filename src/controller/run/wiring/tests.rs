use super::*;
use crate::{
    controller::{
        context::{
            fake::{self, Fake},
            memory::deployments::Unenrolled,
        },
        watch::informers::cache::CHANGES,
    },
    testing::ApiServer,
};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc::channel;

// One that works in the namespaces `shop` and `web`, and has nothing to do yet.
fn wiring(context: &Fake) -> Wiring {
    let (changes, _changed) = channel(CHANGES);
    let to = (context.effects.client.clone(), context.effects.metrics.clone());
    let watches = Watches::new(to, context.cluster.cache.clone(), changes, true);
    let shared: &Arc<Context> = context;
    let mut wiring = Wiring::new(shared.clone(), watches);
    for namespace in ["shop", "web"] {
        fake::enable(context, namespace);
        hears(&mut wiring, ClusterChange::Namespace(namespace.to_owned()));
    }
    drop((fake::asked(context), fake::passes(context)));
    wiring
}

// It hears this, and nothing more at once.
fn hears(wiring: &mut Wiring, change: ClusterChange) {
    wiring.hear(change);
    wiring.settle();
}

// A Canary that names that policy and asks that template.
fn canary(context: &Fake, (namespace, name): (&str, &str), policy: Option<&str>, template: Option<&str>) -> Key {
    let metrics: Vec<_> = template
        .map(|template| json!({"name": template, "templateRef": {"name": template}}))
        .into_iter()
        .collect();
    fake::learn(
        context,
        json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {
                "name": name, "namespace": namespace, "annotations": policy.map(|policy| json!({labels::POLICY: policy})),
            },
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "analysis": {"metrics": metrics},
            },
        }),
    )
}

fn asked(context: &Fake) -> Vec<Key> {
    let mut asked = fake::asked(context);
    asked.sort();
    asked
}

fn passes(context: &Fake) -> Vec<(String, Scope)> {
    let mut passes = fake::passes(context);
    passes.sort_by_key(|(namespace, _)| namespace.clone());
    passes
}

fn template(name: &str) -> ClusterChange {
    ClusterChange::Template(("shop".to_owned(), name.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn of_a_template_those_hear_who_ask_it_and_those_of_a_policy_that_does() {
    let (context, _told) = fake::context();
    let mut wiring = wiring(&context);
    let errors = canary(&context, ("shop", "errors"), None, Some("errors"));
    let depth = canary(&context, ("shop", "depth"), None, Some("depth"));
    canary(&context, ("web", "errors"), None, Some("errors"));
    let none = canary(&context, ("shop", "none"), None, None);
    wiring.hear_all([template("errors"), template("nobodys")]).await;
    assert_eq!(asked(&context), std::slice::from_ref(&errors));
    assert_eq!(passes(&context), []);
    let metrics = json!([{"name": "own", "templateRef": {"name": "own"}}]);
    fake::policy(&context, &json!({"analysis": {"metrics": metrics}}));
    wiring.hear_all([template("errors")]).await;
    assert_eq!(asked(&context), std::slice::from_ref(&errors));
    wiring.hear_all([template("own")]).await;
    assert_eq!(asked(&context), [depth, errors, none], "those of its namespace");
    assert_eq!(passes(&context), [("shop".to_owned(), Scope::All)]);
}

#[tokio::test(start_paused = true)]
async fn as_many_templates_as_there_may_be_ask_for_no_more_steps_than_there_are_canaries() {
    let (context, _told) = fake::context();
    let mut wiring = wiring(&context);
    let names: Vec<String> = (0..100).map(|number| format!("app-{number}")).collect();
    for name in &names {
        canary(&context, ("shop", name), None, Some(name));
    }
    for _ in 0..10 {
        wiring.hear_all(names.iter().map(|name| template(name))).await;
        for namespace in ["shop", "web"] {
            hears(&mut wiring, ClusterChange::Elsewhere(namespace.to_owned()));
        }
    }
    assert_eq!(asked(&context).len(), names.len());
    assert_eq!(passes(&context).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn of_a_policy_those_hear_whom_it_may_govern() {
    let (context, _told) = fake::context();
    let mut wiring = wiring(&context);
    let own = canary(&context, ("shop", "own"), Some("gold"), None);
    let plain = canary(&context, ("shop", "plain"), None, None);
    let other = canary(&context, ("web", "other"), None, None);
    let all = |names: &[&str]| -> Vec<(String, Scope)> {
        let all = names.iter().map(|name| ((*name).to_owned(), Scope::All));
        all.collect()
    };
    hears(&mut wiring, ClusterChange::Policy("gold".to_owned()));
    assert_eq!(asked(&context), std::slice::from_ref(&own));
    assert_eq!(passes(&context), [("shop".to_owned(), Scope::one("own"))]);
    hears(&mut wiring, ClusterChange::Policy("nobodys".to_owned()));
    assert_eq!((asked(&context), passes(&context)), (vec![], vec![]));
    hears(&mut wiring, ClusterChange::Policy("default".to_owned()));
    assert_eq!(asked(&context), [own, plain, other.clone()]);
    assert_eq!(passes(&context), all(&["shop", "web"]));
    let named = json!({labels::ENABLED: labels::TRUE, labels::POLICY: "silver"});
    fake::namespace(&context, "web", &named);
    hears(&mut wiring, ClusterChange::Policy("silver".to_owned()));
    assert_eq!((asked(&context), passes(&context)), (vec![other], all(&["web"])));
}

#[tokio::test(start_paused = true)]
async fn of_a_network_policy_or_a_claim_those_hear_whom_it_may_let_in_or_keep_out() {
    let (context, _told) = fake::context();
    let mut wiring = wiring(&context);
    for (namespace, name, lifted_by) in [
        ("shop", "walled", Some(Around::NetworkPolicy)),
        ("shop", "mounting", Some(Around::Claim)),
        ("shop", "recreated", None),
        ("web", "walled", Some(Around::NetworkPolicy)),
    ] {
        let told = Unenrolled {
            uid: String::new(),
            why: String::new(),
            lifted_by,
        };
        let key = (namespace.to_owned(), name.to_owned());
        context.memory.deployments.unenrolled(key, told);
    }
    let of = |namespace: &str, name: &str| (namespace.to_owned(), Scope::one(name));
    hears(&mut wiring, ClusterChange::NetworkPolicy(Some("shop".to_owned())));
    assert_eq!(passes(&context), [of("shop", "walled")]);
    hears(&mut wiring, ClusterChange::NetworkPolicy(None));
    assert_eq!(passes(&context), [of("shop", "walled"), of("web", "walled")]);
    hears(&mut wiring, ClusterChange::Claim("shop".to_owned()));
    assert_eq!(passes(&context), [of("shop", "mounting")]);
    hears(&mut wiring, ClusterChange::Claim("web".to_owned()));
    assert_eq!(passes(&context), []);
    // A pair that is being built is to be left alone if it can be none any more.
    canary(&context, ("web", "new"), None, None);
    hears(&mut wiring, ClusterChange::Claim("web".to_owned()));
    assert_eq!(passes(&context), [of("web", "new")]);
    assert_eq!(asked(&context), []);
}

#[tokio::test(start_paused = true)]
async fn of_the_labels_of_a_namespace_those_of_others_hear_whom_a_policy_there_may_keep_out() {
    let (context, _told) = fake::context();
    let mut wiring = wiring(&context);
    for (name, lifted_by) in [("walled", Around::NetworkPolicy), ("mounting", Around::Claim)] {
        let told = Unenrolled {
            uid: String::new(),
            why: String::new(),
            lifted_by: Some(lifted_by),
        };
        let key = ("shop".to_owned(), name.to_owned());
        context.memory.deployments.unenrolled(key, told);
    }
    let walled = ("shop".to_owned(), Scope::one("walled"));
    fake::namespace(&context, "bank", &json!({}));
    hears(&mut wiring, ClusterChange::Namespace("bank".to_owned()));
    assert_eq!(passes(&context), [("bank".to_owned(), Scope::All), walled.clone()]);
    hears(&mut wiring, ClusterChange::Namespace("bank".to_owned()));
    assert_eq!(passes(&context), [], "nothing is new of it");
    fake::namespace(&context, "bank", &json!({labels::ENABLED: "false"}));
    hears(&mut wiring, ClusterChange::Namespace("bank".to_owned()));
    assert_eq!(passes(&context), [walled]);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_comes_or_goes_is_a_reason_to_look_at_every_namespace_that_is_watched() {
    let (context, _told) = fake::context();
    let mut wiring = wiring(&context);
    fake::namespace(&context, "plain", &json!({}));
    hears(&mut wiring, ClusterChange::Namespace("plain".to_owned()));
    drop(passes(&context));
    hears(&mut wiring, ClusterChange::Kinds);
    let all = ["shop", "web"].map(|namespace| (namespace.to_owned(), Scope::All));
    assert_eq!(passes(&context), all);
}

#[tokio::test(start_paused = true)]
async fn whoever_shares_the_thread_has_a_turn_now_and_then_while_much_is_heard() {
    let (context, _told) = fake::context();
    let mut wiring = wiring(&context);
    let turns = Arc::<AtomicUsize>::default();
    let counted = turns.clone();
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let many = (0..AT_ONCE * 10).map(|number| ClusterChange::Claim(format!("namespace-{number}")));
    wiring.hear_all(many).await;
    other.abort();
    assert!(turns.load(Ordering::Relaxed) >= 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_of_a_namespace_goes_when_nobody_works_in_it_any_more() {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    let (changes, _changed) = channel(CHANGES);
    let (to, cache) = (
        (server.client(), context.effects.metrics.clone()),
        &context.cluster.cache,
    );
    let watches = Watches::new(to, cache.clone(), changes, true);
    let mut wiring = Wiring::new(context.clone(), watches);
    let memory = &context.memory;
    let key = |namespace: &str| (namespace.to_owned(), "app".to_owned());
    for namespace in ["shop", "web"] {
        fake::enable(&context, namespace);
        hears(&mut wiring, ClusterChange::Namespace(namespace.to_owned()));
        memory.deployments.failed(&key(namespace), "full");
        memory
            .labelled
            .note(namespace, Instant::now() + Duration::from_secs(60));
    }
    fake::namespace(&context, "shop", &json!({}));
    hears(&mut wiring, ClusterChange::Namespace("shop".to_owned()));
    let kept = |namespace: &str| {
        let failed = memory.deployments.rests(&key(namespace));
        (failed, !memory.labelled.is_over(namespace))
    };
    assert_eq!((kept("shop"), kept("web")), ((false, false), (true, true)));
}
