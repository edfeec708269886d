//! One kind of one namespace, followed.

use super::super::{unlisted::PATIENCE, watching::LONG_LIST};
use super::*;
use crate::object::text;
use crate::telemetry::{Metrics, StatusEncoding};
use crate::watched::LOOK_AGAIN;
use crate::{controller::context::fake::settled, requests::bounded, testing::ApiServer};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

const SERVICES: &str = "/api/v1/namespaces/shop/services";
const SECRETS: &str = "/api/v1/namespaces/shop/secrets";

fn service(name: &str, port: u16) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": name, "namespace": "shop",
            "annotations": {LAST_APPLIED: "{}", "team": "red"}, "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {"selector": {"app": name}, "ports": [{"port": port}]},
    })
}

fn followed(server: &ApiServer, kind: Kind) -> (Arc<Cache>, Receiver<Change>) {
    let (cache, (changes, changed)) = (Arc::<Cache>::default(), channel(CHANGES));
    cache.expect("shop", &[kind]);
    tokio::spawn(watch(server.client(), cache.clone(), kind, "shop".to_owned(), changes));
    (cache, changed)
}

// What was told since: of each object its port before and now; nothing at all for the end of a list.
fn told(changed: &mut Receiver<Change>) -> Vec<(String, Value, Value)> {
    let port = |object: &Value| object.pointer("/spec/ports/0/port").cloned().unwrap_or_default();
    let told = |change: Change| {
        let name = text(&change.object, "/metadata/name").to_owned();
        (
            name,
            change.before.as_ref().map(port).unwrap_or_default(),
            port(&change.object),
        )
    };
    std::iter::from_fn(|| changed.try_recv().ok()).map(told).collect()
}

fn change(name: &str, before: Option<u16>, now: Option<u16>) -> (String, Value, Value) {
    (name.to_owned(), json!(before), json!(now))
}

#[tokio::test(start_paused = true)]
async fn that_kubectl_keeps_something_is_known_of_what_flagger_keeps_something_of() {
    let server = ApiServer::default();
    let mut kept = service("a", 1);
    kept["metadata"]["annotations"]["flagger.kubernetes.io/original-configuration"] = json!("{}");
    server.put(&format!("{SERVICES}/a"), kept);
    server.put(&format!("{SERVICES}/b"), service("b", 1));
    let (cache, _changed) = followed(&server, Kind::Service);
    settled().await;
    let annotations = |name: &str| cache.get(Kind::Service, "shop", name).unwrap()["metadata"]["annotations"].clone();
    assert_eq!(annotations("a")[LAST_APPLIED], "");
    assert_eq!(annotations("b"), json!({"team": "red"}));
}

#[tokio::test(start_paused = true)]
async fn of_what_stands_behind_a_service_beside_an_app_only_its_pods_labels_are_kept() {
    let server = ApiServer::default();
    let template = json!({"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "x".repeat(1000)}]}});
    server.put(
        "/apis/apps/v1/namespaces/shop/statefulsets/db",
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"replicas": 1, "template": template}, "status": {"replicas": 1},
        }),
    );
    let (cache, _changed) = followed(&server, Kind::StatefulSet);
    settled().await;
    assert_eq!(cache.named_by(Kind::StatefulSet, "shop", "app=db"), ["db"]);
    let known = cache.get(Kind::StatefulSet, "shop", "db").unwrap();
    assert_eq!(known["kind"], "StatefulSet");
    assert_eq!(
        known["spec"],
        json!({"template": {"metadata": {"labels": {"app": "db"}}}})
    );
    assert_eq!(known.get("status"), None);
}

#[tokio::test(start_paused = true)]
async fn every_kind_is_listed_a_few_objects_at_once() {
    for kind in Kind::built_in().chain(Kind::optional()) {
        let server = ApiServer::default();
        let (_cache, _changed) = followed(&server, kind);
        settled().await;
        let lists = server.pages.lock().clone();
        assert!(!lists.is_empty(), "{kind:?}");
        for (path, most) in lists {
            assert!(most.is_some_and(|most| most <= 16), "{path}: {most:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_there_what_changes_and_what_goes_is_known_and_told() {
    let server = ApiServer::default();
    server.put(&format!("{SERVICES}/a"), service("a", 1));
    let (cache, mut changed) = followed(&server, Kind::Service);
    assert!(!cache.complete("shop"), "not before its list has ended");
    settled().await;
    assert!(cache.complete("shop"));
    assert_eq!(told(&mut changed), [change("a", None, Some(1)), change("", None, None)]);
    let known = cache.get(Kind::Service, "shop", "a").unwrap();
    assert_eq!(
        known["metadata"]["annotations"],
        json!({"team": "red"}),
        "the large part is left out"
    );
    assert_eq!(known["metadata"].get("managedFields"), None);
    assert_eq!(known["kind"], "Service", "although lists do not say it");

    server.put(&format!("{SERVICES}/b"), service("b", 2));
    server.edit(&format!("{SERVICES}/a"), |object| {
        object["spec"]["ports"][0]["port"] = json!(9)
    });
    settled().await;
    assert_eq!(
        told(&mut changed),
        [change("b", None, Some(2)), change("a", Some(1), Some(9))]
    );
    assert_eq!(cache.indexed(Kind::Service, "shop", "app=b").len(), 1);
    server.take(&format!("{SERVICES}/b"));
    settled().await;
    assert_eq!(told(&mut changed), [change("b", Some(2), Some(2))]);
    assert!(!cache.has(Kind::Service, "shop", "b"));
    assert!(cache.indexed(Kind::Service, "shop", "app=b").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_goes_on_where_it_was() {
    let server = ApiServer::default();
    let (cache, mut changed) = followed(&server, Kind::Service);
    settled().await;
    told(&mut changed);
    server.break_watches();
    server.put(&format!("{SERVICES}/a"), service("a", 1));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(told(&mut changed), [change("a", None, Some(1))]);
    assert!(cache.has(Kind::Service, "shop", "a"));
    assert_eq!(server.requests_for(SERVICES), 1, "listed once");
}

#[tokio::test(start_paused = true)]
async fn after_a_watch_that_missed_something_what_the_new_list_does_not_name_is_gone() {
    let server = ApiServer::default();
    for name in ["a", "b"] {
        server.put(&format!("{SERVICES}/{name}"), service(name, 1));
    }
    let (cache, mut changed) = followed(&server, Kind::Service);
    settled().await;
    told(&mut changed);
    // Nobody is told of these.
    server.objects.lock().remove(&format!("{SERVICES}/a"));
    server.objects.lock().insert(format!("{SERVICES}/c"), service("c", 3));
    assert!(cache.has(Kind::Service, "shop", "a"));
    server.expire();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!cache.has(Kind::Service, "shop", "a"));
    assert!(cache.indexed(Kind::Service, "shop", "app=a").is_empty());
    assert_eq!(cache.list(Kind::Service, "shop").count(), 2);
    // The end of the list makes everybody of the namespace look, whoever was gone.
    assert_eq!(
        told(&mut changed),
        [
            change("b", Some(1), Some(1)),
            change("c", None, Some(3)),
            change("", None, None)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_may_not_be_read_is_none_until_it_may_and_others_are_waited_for() {
    let server = ApiServer::default();
    for (path, kind) in [(SECRETS, "Secret"), (SERVICES, "Service")] {
        let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", "namespace": "shop"}});
        server.put(&format!("{path}/a"), object);
        server.fail(&format!("GET {path}"), 403, ApiServer::ALWAYS);
    }
    let (secrets, mut changed) = followed(&server, Kind::Secret);
    let (services, _changed) = followed(&server, Kind::Service);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(secrets.complete("shop") && secrets.forbidden(Kind::Secret, "shop"));
    assert!(
        changed.try_recv().unwrap().object.is_null(),
        "somebody may have waited for it"
    );
    assert!(!services.complete("shop") && !services.forbidden(Kind::Service, "shop"));
    let asked = server.requests_for(SECRETS);
    tokio::time::sleep(LOOK_AGAIN / 2).await;
    assert_eq!(server.requests_for(SECRETS), asked, "not asked again all the time");
    server.heal();
    tokio::time::sleep(LOOK_AGAIN).await;
    assert!(!secrets.forbidden(Kind::Secret, "shop") && secrets.has(Kind::Secret, "shop", "a"));
    assert!(services.complete("shop") && services.has(Kind::Service, "shop", "a"));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_served_is_none_which_is_told_once_and_looked_at_less_and_less() {
    let server = ApiServer::default();
    let kind = Kind::routes().find(|kind| kind.definition().is_some()).unwrap();
    let resource = kind.resource();
    let path = format!("/apis/{}/namespaces/shop/{}", resource.api_version, resource.plural);
    server.fail(&format!("GET {path}"), 404, ApiServer::ALWAYS);
    let (cache, mut changed) = followed(&server, kind);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(cache.complete("shop") && cache.forbidden(kind, "shop") && !cache.reads(kind, "shop"));
    assert!(changed.try_recv().unwrap().object.is_null());
    assert!(changed.try_recv().is_err(), "one word is enough");
    let first = server.requests_for(&path);
    assert!((2..10).contains(&first), "{first} requests in the first minute");
    tokio::time::sleep(LOOK_AGAIN * 4).await;
    let later = server.requests_for(&path) - first;
    assert!((2..10).contains(&later), "{later} requests in {:?}", LOOK_AGAIN * 4);
    server.heal();
    tokio::time::sleep(LOOK_AGAIN * 2).await;
    assert!(!cache.forbidden(kind, "shop") && cache.reads(kind, "shop"));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_answers_no_list_keeps_only_so_many_waiting() {
    let server = ApiServer::default();
    let hangs = LONG_LIST * 3;
    server
        .delays
        .lock()
        .insert("GET /api/v1/namespaces/slow-*".to_owned(), hangs);
    let (cache, (changes, mut changed)) = (Arc::<Cache>::default(), channel(CHANGES));
    tokio::spawn(async move { while changed.recv().await.is_some() {} });
    let namespaces: Vec<String> = (0..LISTS)
        .map(|n| format!("slow-{n}"))
        .chain(["quick".to_owned()])
        .collect();
    for namespace in &namespaces {
        cache.expect(namespace, &[Kind::Service]);
        let (client, cache, changes) = (server.client(), cache.clone(), changes.clone());
        tokio::spawn(watch(client, cache, Kind::Service, namespace.clone(), changes));
    }
    tokio::time::sleep(LONG_LIST / 2).await;
    assert!(!cache.complete("quick"), "all turns are taken");
    tokio::time::sleep(LONG_LIST).await;
    assert!(cache.complete("quick"), "who lists for long lets others list");
    assert!(!cache.complete("slow-0"));
    tokio::time::sleep(hangs).await;
    assert!(namespaces.iter().all(|namespace| cache.complete(namespace)));
}

#[tokio::test(start_paused = true)]
async fn lists_that_are_never_answered_keep_nobody_waiting_whose_list_would_be() {
    let server = ApiServer::default();
    let never = ("GET /api/v1/namespaces/slow-*".to_owned(), LONG_LIST * 1000);
    server.delays.lock().extend([never]);
    let (cache, (changes, mut changed)) = (Arc::<Cache>::default(), channel(CHANGES));
    tokio::spawn(async move { while changed.recv().await.is_some() {} });
    let follow = |namespace: String| {
        cache.expect(&namespace, &[Kind::Service]);
        let (client, cache, changes) = (bounded(&server.client()), cache.clone(), changes.clone());
        tokio::spawn(watch(client, cache, Kind::Service, namespace, changes));
    };
    (0..LISTS * 3).for_each(|n| follow(format!("slow-{n}")));
    // The list of each of them has failed.
    tokio::time::sleep(LONG_LIST * 4).await;
    for second in 0..60 {
        follow(format!("quick-{second}"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(cache.complete(&format!("quick-{second}")), "after {second} s");
    }
    // They are not forgotten either.
    server.delays.lock().clear();
    tokio::time::sleep(LONG_LIST * 4).await;
    assert_eq!(cache.incomplete(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_only_waits_to_be_listed_again_keeps_only_those_waiting_who_need_it() {
    let server = ApiServer::default();
    let kind = Kind::routes().find(|kind| kind.definition().is_some()).unwrap();
    let resource = kind.resource();
    let path = format!("/apis/{}/namespaces/shop/{}", resource.api_version, resource.plural);
    server.refuse(&format!("GET {path}"), 500, "no conversion", ApiServer::ALWAYS);
    let (cache, (changes, mut changed)) = (Arc::<Cache>::default(), channel(CHANGES));
    cache.expect("shop", &[kind]);
    // Another one stands before it, and never comes to its end.
    let _turns = cache.again.acquire_many(4).await.unwrap();
    server
        .delays
        .lock()
        .insert(format!("GET {path}"), Duration::from_secs(6));
    tokio::spawn(watch(server.client(), cache.clone(), kind, "shop".to_owned(), changes));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!cache.complete("shop"), "it may pass");
    tokio::time::sleep(PATIENCE * 3).await;
    assert_eq!(server.requests_for(&path), 1);
    assert!(cache.complete("shop") && !cache.reads(kind, "shop"));
    assert!(changed.try_recv().unwrap().object.is_null(), "whoever waited goes on");
    assert!(changed.try_recv().is_err(), "one word is enough");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_is_tried_less_and_less_often() {
    let server = ApiServer::default();
    server.fail(&format!("GET {SERVICES}"), 500, ApiServer::ALWAYS);
    let (cache, _changed) = followed(&server, Kind::Service);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let first = server.requests_for(SERVICES);
    assert!((3..10).contains(&first), "{first} requests in the first ten seconds");
    tokio::time::sleep(Duration::from_secs(600)).await;
    let later = server.requests_for(SERVICES) - first;
    assert!((10..30).contains(&later), "{later} requests in ten minutes");
    server.heal();
    tokio::time::sleep(Duration::from_secs(35)).await;
    assert!(cache.complete("shop"));
}

#[tokio::test(start_paused = true)]
async fn a_kind_whose_lists_fail_is_not_known_and_keeps_only_those_waiting_who_need_it() {
    let server = ApiServer::default();
    let kind = Kind::routes().find(|kind| kind.definition().is_some()).unwrap();
    let resource = kind.resource();
    let path = format!("/apis/{}/namespaces/shop/{}", resource.api_version, resource.plural);
    for path in [path.as_str(), SERVICES] {
        server.refuse(&format!("GET {path}"), 500, "no conversion", ApiServer::ALWAYS);
    }
    let (routes, mut changed) = followed(&server, kind);
    let (services, _changed) = followed(&server, Kind::Service);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!routes.complete("shop"), "it may pass");
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert!(routes.complete("shop") && !services.complete("shop"));
    assert!(!routes.reads(kind, "shop") && !routes.forbidden(kind, "shop"));
    for (cache, kind) in [(&routes, kind), (&services, Kind::Service)] {
        let unlisted = cache.unlisted("shop");
        assert_eq!((unlisted.len(), unlisted[0].kind), (1, kind));
        assert!(unlisted[0].to_string().ends_with("cannot be listed: 500 no conversion"));
        assert!(unlisted[0].until_told().is_zero());
    }
    assert!(changed.try_recv().unwrap().object.is_null(), "whoever waited goes on");
    assert!(changed.try_recv().is_err(), "one word is enough");
    server.heal();
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert!(routes.reads(kind, "shop") && routes.unlisted("shop").is_empty());
    assert!(services.complete("shop") && services.unlisted("shop").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_nobody_answers_is_one_that_fails() {
    let server = ApiServer::default();
    let kind = Kind::routes().find(|kind| kind.definition().is_some()).unwrap();
    let everything = ("GET *".to_owned(), LONG_LIST * 10);
    server.delays.lock().extend([everything]);
    let (cache, _changed) = followed(&server, kind);
    tokio::time::sleep(LONG_LIST + Duration::from_secs(1)).await;
    assert!(cache.complete("shop") && !cache.reads(kind, "shop"));
    assert!(cache.unlisted("shop")[0].to_string().ends_with("does not answer"));
    tokio::time::sleep(LONG_LIST * 20).await;
    assert!(cache.reads(kind, "shop"));
}

#[tokio::test(start_paused = true)]
async fn what_was_known_stays_known_when_a_later_list_fails() {
    let server = ApiServer::default();
    server.put(&format!("{SERVICES}/a"), service("a", 1));
    let (cache, _changed) = followed(&server, Kind::Service);
    settled().await;
    server.fail(&format!("GET {SERVICES}"), 500, ApiServer::ALWAYS);
    server.expire();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(cache.complete("shop") && cache.has(Kind::Service, "shop", "a"));
    assert!(cache.unlisted("shop").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_counted_and_what_is_not_read_yet_is_seen_but_not_what_is_none() {
    let server = ApiServer::default();
    server.fail(&format!("GET {SERVICES}"), 500, ApiServer::ALWAYS);
    server.fail(&format!("GET {SECRETS}"), 403, ApiServer::ALWAYS);
    let metrics = Metrics::new("0", "", StatusEncoding::default());
    let cache = Arc::new(Cache::counting(metrics.watch_failures()));
    let (changes, _changed) = channel(CHANGES);
    let kinds = [Kind::Service, Kind::Secret];
    cache.expect("shop", &kinds);
    for kind in kinds {
        let (client, cache) = (server.client(), cache.clone());
        tokio::spawn(watch(client, cache, kind, "shop".to_owned(), changes.clone()));
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(cache.incomplete(), 1);
    let shown = metrics.render();
    assert!(
        shown.contains("coalmine_watch_failures_total{kind=\"Service\"}"),
        "{shown}"
    );
    assert!(!shown.contains("kind=\"Secret\""), "{shown}");
    server.heal();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(cache.incomplete(), 0);
}
