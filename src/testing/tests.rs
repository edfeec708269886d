use super::ApiServer;
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
    core::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::watcher,
};
use serde_json::{Value, json};
use std::time::Duration;

const MAPS: &str = "/api/v1/namespaces/web/configmaps";

fn map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "web"}, "data": data})
}

fn read(object: Value) -> ConfigMap {
    serde_json::from_value(object).unwrap()
}

fn maps(server: &ApiServer) -> Api<ConfigMap> {
    Api::namespaced(server.client(), "web")
}

fn code<T: std::fmt::Debug>(done: Result<T, kube::Error>) -> (u16, String) {
    match done {
        Err(kube::Error::Api(status)) => (status.code, status.reason.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_writes_what_somebody_else_changed_has_a_conflict() {
    let (server, params) = (ApiServer::default(), PostParams::default());
    let api = maps(&server);
    let first = api.create(&params, &read(map("a", json!({"x": "1"})))).await.unwrap();
    assert_eq!(first.uid().as_deref(), Some("uid-of-a"));
    let again = api.create(&params, &first).await;
    assert_eq!(code(again), (409, "AlreadyExists".to_owned()));
    let second = api
        .replace("a", &params, &read(map("a", json!({"x": "2"}))))
        .await
        .unwrap();
    assert_ne!(
        first.resource_version(),
        second.resource_version(),
        "without a version it is unconditional"
    );
    assert_eq!(
        code(api.replace("a", &params, &first).await),
        (409, "Conflict".to_owned())
    );
    let body = json!({"metadata": {"resourceVersion": first.resource_version()}, "data": {"x": "3"}});
    let merge = |body| Patch::Merge(body);
    let stale = api.patch("a", &PatchParams::default(), &merge(body)).await;
    assert_eq!(code(stale).0, 409);
    let same = api
        .patch("a", &PatchParams::default(), &merge(json!({"data": {"x": "2"}})))
        .await;
    assert_eq!(
        same.unwrap().resource_version(),
        second.resource_version(),
        "nothing changed"
    );
    assert_eq!(code(api.replace("b", &params, &first).await).0, 404);
}

#[tokio::test]
async fn a_json_patch_whose_test_fails_changes_nothing_and_names_no_cause() {
    let server = ApiServer::default();
    server.put(&format!("{MAPS}/a"), map("a", json!({"x": "1"})));
    let patch = |tested: &str| {
        let operations =
            json!([{"op": "test", "path": "/data/x", "value": tested}, {"op": "remove", "path": "/data/x"}]);
        Patch::<()>::Json(serde_json::from_value(operations).unwrap())
    };
    let api = maps(&server);
    assert_eq!(code(api.patch("a", &PatchParams::default(), &patch("2")).await).0, 422);
    assert_eq!(server.get(&format!("{MAPS}/a")).unwrap()["data"], json!({"x": "1"}));
    api.patch("a", &PatchParams::default(), &patch("1")).await.unwrap();
    assert_eq!(server.get(&format!("{MAPS}/a")).unwrap()["data"], json!({}));
}

#[tokio::test]
async fn who_applies_gives_up_what_it_says_no_more_and_leaves_others_what_is_theirs() {
    let server = ApiServer::default();
    let (api, params) = (maps(&server), PatchParams::apply("us"));
    let applied = async |data: Value| api.patch("a", &params, &Patch::Apply(map("a", data))).await.unwrap();
    applied(json!({"ours": "1", "both": "1"})).await;
    server.edit(&format!("{MAPS}/a"), |object| object["data"]["theirs"] = json!("1"));
    applied(json!({"both": "2"})).await;
    assert_eq!(
        server.get(&format!("{MAPS}/a")).unwrap()["data"],
        json!({"both": "2", "theirs": "1"})
    );
}

#[tokio::test]
async fn a_status_is_written_by_itself_and_a_spec_has_generations() {
    let server = ApiServer::default();
    let path = "/apis/apps/v1/namespaces/web/deployments/shop";
    let shop = |replicas: u8| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": {"replicas": replicas}});
    server.put(path, shop(1));
    let kind = GroupVersionKind::gvk("apps", "v1", "Deployment");
    let resource = ApiResource::from_gvk_with_plural(&kind, "deployments");
    let api: Api<DynamicObject> = Api::namespaced_with(server.client(), "web", &resource);
    let mut sent: DynamicObject = serde_json::from_value(shop(2)).unwrap();
    sent.data["status"] = json!({"replicas": 2});
    api.replace_status("shop", &PostParams::default(), &sent).await.unwrap();
    let stored = server.get(path).unwrap();
    assert_eq!(
        (&stored["spec"]["replicas"], &stored["status"]["replicas"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(stored["metadata"]["generation"], 1);
    sent.data["status"] = json!({"replicas": 9});
    api.replace("shop", &PostParams::default(), &sent).await.unwrap();
    let stored = server.get(path).unwrap();
    assert_eq!(
        (&stored["spec"]["replicas"], &stored["status"]["replicas"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(stored["metadata"]["generation"], 2);
}

#[tokio::test]
async fn what_somebody_holds_goes_when_it_is_let_go_and_a_namesake_is_another() {
    let server = ApiServer::default();
    let api = maps(&server);
    let mut held = map("a", json!({}));
    held["metadata"]["finalizers"] = json!(["held.dev/by-us"]);
    server.put(&format!("{MAPS}/a"), held);
    let of = |uid: &str| {
        DeleteParams::default().preconditions(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        })
    };
    assert_eq!(code(api.delete("a", &of("else")).await).0, 409);
    assert!(api.delete("a", &of("uid-of-a")).await.unwrap().is_left());
    assert!(api.get("a").await.unwrap().metadata.deletion_timestamp.is_some());
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api.patch("a", &PatchParams::default(), &free).await.unwrap();
    assert_eq!(api.get_opt("a").await.unwrap(), None);
    assert_eq!(code(api.delete("a", &of("uid-of-a")).await).0, 404);
    let next = api
        .create(&PostParams::default(), &read(map("a", json!({}))))
        .await
        .unwrap();
    assert_eq!(next.uid().as_deref(), Some("uid-of-a-2"));
}

#[tokio::test]
async fn lists_come_in_pages_and_select_by_fields() {
    let server = ApiServer::default();
    for name in ["a", "b", "c"] {
        server.put(&format!("{MAPS}/{name}"), map(name, json!({})));
    }
    server.put("/api/v1/namespaces/other/configmaps/d", map("d", json!({})));
    let api = maps(&server);
    let page = api.list(&ListParams::default().limit(2)).await.unwrap();
    let next = page.metadata.continue_.clone().unwrap();
    let names = |all: &[ConfigMap]| all.iter().map(ResourceExt::name_any).collect::<Vec<_>>().join(" ");
    assert_eq!(names(&page.items), "a b");
    let rest = ListParams::default().limit(2).continue_token(&next);
    assert_eq!(names(&api.list(&rest).await.unwrap().items), "c");
    let one = ListParams::default().fields("metadata.name!=a,metadata.name=b");
    assert_eq!(names(&api.list(&one).await.unwrap().items), "b");
    let everywhere = Api::<ConfigMap>::all(server.client())
        .list(&ListParams::default())
        .await
        .unwrap();
    assert_eq!(names(&everywhere.items), "d a b c");
    assert_eq!(code(api.list(&ListParams::default().labels("a=b")).await).0, 501);
}

#[tokio::test(start_paused = true)]
async fn who_watches_hears_everything_in_order_and_begins_anew_when_it_was_too_long_ago() {
    let server = ApiServer::default();
    let mut events = watcher(maps(&server), watcher::Config::default()).boxed();
    let mut next = async || match events.next().await.unwrap() {
        Ok(watcher::Event::Init) => "list".to_owned(),
        Ok(watcher::Event::InitApply(object)) => format!("has {}", object.name_any()),
        Ok(watcher::Event::InitDone) => "listed".to_owned(),
        Ok(watcher::Event::Apply(object)) => format!("now {}", object.name_any()),
        Ok(watcher::Event::Delete(object)) => format!("gone {}", object.name_any()),
        Err(watcher::Error::WatchError(status)) => status.code.to_string(),
        Err(error) => error.to_string(),
    };
    server.put(&format!("{MAPS}/a"), map("a", json!({})));
    assert_eq!([next().await, next().await, next().await], ["list", "has a", "listed"]);
    server.put("/api/v1/namespaces/other/configmaps/d", map("d", json!({})));
    server.put(&format!("{MAPS}/b"), map("b", json!({})));
    server.take(&format!("{MAPS}/a"));
    assert_eq!([next().await, next().await], ["now b", "gone a"]);
    server.break_watches();
    server.put(&format!("{MAPS}/c"), map("c", json!({})));
    assert_eq!(next().await, "now c", "nothing is missed");
    server.expire();
    assert_eq!(
        [next().await, next().await, next().await, next().await, next().await],
        ["410", "list", "has b", "has c", "listed"]
    );
}

#[tokio::test(start_paused = true)]
async fn answers_are_slow_or_wrong_when_they_are_told_to_be() {
    let server = ApiServer::default();
    let secrets: Api<Secret> = Api::namespaced(server.client(), "web");
    server.fail("GET /api/v1/namespaces/web/secrets*", 503, 2);
    for expected in [503, 503, 404] {
        assert_eq!(code(secrets.get("a").await).0, expected);
    }
    let begun = tokio::time::Instant::now();
    let slow = Duration::from_secs(40);
    server.delays.lock().insert("GET *".to_owned(), slow);
    assert_eq!(secrets.get_opt("a").await.unwrap(), None);
    assert!(begun.elapsed() >= slow);
    server.refuse("POST *", 403, "exceeded quota: room", ApiServer::ALWAYS);
    let refused = maps(&server)
        .create(&PostParams::default(), &read(map("a", json!({}))))
        .await;
    assert!(refused.unwrap_err().to_string().contains("exceeded quota: room"));
    assert_eq!(server.writes(), [format!("POST {MAPS}")]);
    server.heal();
    maps(&server)
        .create(&PostParams::default(), &read(map("a", json!({}))))
        .await
        .unwrap();
    assert_eq!(server.sent(&format!("POST {MAPS}")).len(), 2);
}
