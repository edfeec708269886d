//! Copies in an API server.

use super::*;
use crate::{controller::effects::apply::write::WriteFailure, plan::configs::ConfigKind, testing::ApiServer};
use serde_json::json;

const MAPS: &str = "/api/v1/namespaces/web/configmaps";
const SECRETS: &str = "/api/v1/namespaces/web/secrets";

fn settings(mode: &str) -> Value {
    let metadata = json!({"name": "settings", "namespace": "web"});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mode": mode}})
}

fn token() -> Value {
    let metadata = json!({"name": "token", "namespace": "web"});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": {"key": "aGVsbG8="}})
}

fn server() -> ApiServer {
    let server = ApiServer::default();
    server.put(&format!("{MAPS}/settings"), settings("dark"));
    server.put(&format!("{SECRETS}/token"), token());
    server
}

// A copy of what was verified, which is `of`.
fn copy(of: &Value, existing: Option<Value>) -> Copy {
    let mut kinds = ConfigKind::ALL.into_iter();
    let kind = kinds.find(|kind| of["kind"] == kind.as_str()).unwrap();
    Copy {
        of: Reference {
            kind,
            name: of["metadata"]["name"].as_str().unwrap().to_owned(),
        },
        namespace: "web".to_owned(),
        checksum: configs::checksum(of),
        owner: json!([{
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "shop", "uid": "u-1", "controller": true,
        }]),
        existing,
        label_prefixes: Vec::new(),
    }
}

// One that was made before, of other data, with what else it has.
fn made(server: &ApiServer, more: &Value) -> Value {
    let mut copy = settings("light");
    copy["metadata"]["name"] = json!("settings-primary");
    json_patch::merge(&mut copy, more);
    server.put(&format!("{MAPS}/settings-primary"), copy)
}

fn mode(server: &ApiServer) -> Value {
    server.get(&format!("{MAPS}/settings-primary")).unwrap()["data"]["mode"].clone()
}

#[tokio::test]
async fn all_are_read_before_any_is_written_and_each_is_its_canarys() {
    let server = server();
    let copies = [copy(&settings("dark"), None), copy(&token(), None)];
    make(&server.client(), &copies).await.unwrap();
    assert_eq!(
        *server.log.lock(),
        [
            format!("GET {MAPS}/settings"),
            format!("GET {SECRETS}/token"),
            format!("POST {MAPS}"),
            format!("POST {SECRETS}"),
        ]
    );
    let map = server.get(&format!("{MAPS}/settings-primary")).unwrap();
    assert_eq!(map["data"], json!({"mode": "dark"}));
    assert_eq!(map["metadata"]["ownerReferences"], copies[0].owner);
    let secret = server.get(&format!("{SECRETS}/token-primary")).unwrap();
    assert_eq!((&secret["type"], &secret["data"]), (&json!("Opaque"), &token()["data"]));
}

#[tokio::test]
async fn none_is_made_when_an_original_is_not_what_was_verified_or_is_gone() {
    let changed = server();
    changed.edit(&format!("{SECRETS}/token"), |token| {
        token["data"] = json!({"key": "Ynll"})
    });
    let gone = server();
    gone.take(&format!("{SECRETS}/token"));
    for server in [changed, gone] {
        let copies = [copy(&settings("dark"), None), copy(&token(), None)];
        let error = make(&server.client(), &copies).await.unwrap_err();
        assert_eq!(WriteFailure::of(&error), WriteFailure::Stale, "{error}");
        assert!(
            error
                .to_string()
                .contains("Secret token is not what was verified any more"),
            "{error}"
        );
        assert_eq!(server.writes(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn one_that_is_there_is_replaced_unless_somebody_changed_it_meanwhile() {
    let server = server();
    let seen = made(&server, &json!({}));
    let copies = [copy(&settings("dark"), Some(seen))];
    make(&server.client(), &copies).await.unwrap();
    assert_eq!(server.writes(), [format!("PUT {MAPS}/settings-primary")]);
    assert_eq!(mode(&server), "dark");
    server.edit(&format!("{MAPS}/settings-primary"), |copy| {
        copy["data"]["mode"] = json!("theirs")
    });
    let error = make(&server.client(), &copies).await.unwrap_err();
    assert_eq!(WriteFailure::of(&error), WriteFailure::Stale, "{error}");
    assert_eq!(mode(&server), "theirs");
}

#[tokio::test]
async fn one_that_may_not_change_is_made_anew_and_a_namesake_in_its_place_is_left_alone() {
    let server = server();
    let frozen = json!({"immutable": true});
    let seen = made(&server, &frozen);
    let copies = [copy(&settings("dark"), Some(seen))];
    make(&server.client(), &copies).await.unwrap();
    let path = format!("{MAPS}/settings-primary");
    assert_eq!(server.writes(), [format!("DELETE {path}"), format!("POST {MAPS}")]);
    let now = server.get(&path).unwrap();
    assert_eq!((&now["data"]["mode"], now.get("immutable")), (&json!("dark"), None));
    // Another one of that name has come since it was looked at.
    server.take(&path);
    made(&server, &frozen);
    let error = make(&server.client(), &copies).await.unwrap_err();
    assert_eq!(WriteFailure::of(&error), WriteFailure::Stale, "{error}");
    assert_eq!(mode(&server), "light");
    // One that went by itself is no reason to make none.
    server.take(&path);
    make(&server.client(), &copies).await.unwrap();
    assert_eq!(mode(&server), "dark");
}
