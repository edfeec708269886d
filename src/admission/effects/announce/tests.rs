use super::*;
use crate::admission::review::{Options, UserInfo};
use crate::plan::hash::template_hash;
use crate::testing::ApiServer;

const PATH: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";

fn template(image: &str) -> Value {
    json!({"spec": {"containers": [{"name": "shop", "image": image}]}})
}

fn request(old: &str, new: &str) -> Request {
    Request {
        name: "shop".into(),
        namespace: "web".into(),
        object: json!({"spec": {"template": template(new)}}),
        old_object: json!({"spec": {"template": template(old)}}),
        user_info: UserInfo {
            username: "ann".into(),
            ..UserInfo::default()
        },
        options: Some(Options {
            field_manager: Some("kubectl".into()),
        }),
        ..Request::default()
    }
}

fn stands(stage: Stage) -> deployments::Canary {
    deployments::Canary {
        stage,
        promoted: Some(template_hash(&template("v1"))),
        failed: (stage == Stage::Failed).then(|| template_hash(&template("bad"))),
        ..deployments::Canary::default()
    }
}

#[test]
fn what_will_be_analysed_is_announced_and_what_will_not_is_not() {
    let hash = |image: &str| Some(template_hash(&template(image)));
    for (stage, old, new, expected) in [
        (Stage::Rest, "v1", "v2", hash("v2")),
        (Stage::Rest, "v1", "v1", None),
        (Stage::Rest, "v0", "v1", None),
        (Stage::Running, "v2", "v3", hash("v3")),
        (Stage::Running, "v2", "v1", hash("v1")),
        (Stage::Promoting, "v2", "v1", hash("v1")),
        (Stage::Failed, "bad", "v3", hash("v3")),
        (Stage::Failed, "v3", "bad", None),
        (Stage::Failed, "bad", "v1", None),
        (Stage::Building, "v1", "v2", hash("v2")),
        (Stage::Leaving, "v1", "v2", None),
    ] {
        assert_eq!(
            revision(&request(old, new), &stands(stage), false),
            expected,
            "{stage:?} {old} {new}"
        );
    }
    let back = revision(&request("v2", "v1"), &stands(Stage::Rest), true);
    assert_eq!(back, hash("v1"), "an open announcement is replaced");
}

fn stored(version: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": "shop", "namespace": "web", "resourceVersion": version},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
        "status": {"phase": phase, "canaryWeight": 0, "failedChecks": 0, "iterations": 0},
    })
}

async fn announced(fake: &ApiServer, cached: Value) -> Result<(), String> {
    let canary: Canary = serde_json::from_value(cached).unwrap();
    let budget = Duration::from_millis(250);
    announce(&fake.client(), &canary, &request("v1", "v2"), "v1-new".into(), budget).await
}

#[tokio::test]
async fn the_status_stops_answering_even_when_the_cache_is_old() {
    let fake = ApiServer::default();
    fake.objects.lock().insert(PATH.into(), stored("7", "Succeeded"));
    announced(&fake, stored("3", "Succeeded")).await.unwrap();
    let object = fake.objects.lock()[PATH].clone();
    let promoted = &object["status"]["conditions"][0];
    assert_eq!(
        (&promoted["type"], &promoted["status"]),
        (&json!("Promoted"), &json!("Unknown"))
    );
    assert_eq!(object["status"]["phase"], "Succeeded");
    let told = &object["status"]["announced"];
    assert_eq!(
        (&told["revision"], &told["author"], &told["manager"]),
        (&json!("v1-new"), &json!("ann"), &json!("kubectl"))
    );
}

#[tokio::test]
async fn a_canary_without_a_status_or_none_at_all_is_left_alone() {
    let fake = ApiServer::default();
    announced(&fake, stored("3", "")).await.unwrap();
    assert_eq!(fake.writes(), Vec::<String>::new());
    announced(&fake, stored("3", "Succeeded")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_api_server_costs_the_budget() {
    let fake = ApiServer {
        delay: Duration::from_secs(20),
        ..ApiServer::default()
    };
    let error = announced(&fake, stored("3", "Succeeded")).await.unwrap_err();
    assert!(error.contains("250 ms"), "{error}");
}
