//! Workloads in an API server.

use super::*;
use crate::testing::ApiServer;
use serde_json::{Value, json};

fn put(server: &ApiServer, list: &str, name: &str, spec: Value) {
    let path = format!("/apis/{list}/{name}");
    let namespace = list.split('/').nth(3).unwrap();
    server.put(
        &path,
        json!({"metadata": {"name": name, "namespace": namespace}, "spec": spec}),
    );
}

fn template(app: &str) -> Value {
    json!({"template": {"metadata": {"labels": {"app": app}}}})
}

async fn apps(server: &ApiServer) -> Result<Vec<String>, String> {
    let all = labels_of_pods(&server.client(), "web").await?;
    Ok(all
        .iter()
        .map(|labels| labels["app"].as_str().unwrap().to_owned())
        .collect())
}

#[tokio::test]
async fn pods_that_are_not_there_just_now_are_known_by_what_will_make_them() {
    let server = ApiServer::default();
    for (list, spec) in [
        ("apps/v1/namespaces/web/deployments", template("shop")),
        ("apps/v1/namespaces/web/statefulsets", template("store")),
        ("apps/v1/namespaces/web/daemonsets", template("agent")),
        ("batch/v1/namespaces/web/jobs", template("migration")),
        (
            "batch/v1/namespaces/web/cronjobs",
            json!({"schedule": "@daily", "jobTemplate": {"spec": template("report")}}),
        ),
        (
            "batch/v1/namespaces/other/cronjobs",
            json!({"jobTemplate": {"spec": template("theirs")}}),
        ),
    ] {
        put(&server, list, "one", spec);
    }
    // Pods without labels are nobody's.
    put(
        &server,
        "batch/v1/namespaces/web/cronjobs",
        "bare",
        json!({"jobTemplate": {"spec": {"template": {}}}}),
    );
    assert_eq!(
        apps(&server).await.unwrap(),
        ["shop", "store", "agent", "migration", "report"]
    );
}

#[tokio::test]
async fn what_is_not_known_as_a_whole_is_not_taken_for_the_whole() {
    let server = ApiServer::default();
    for number in 0..=MOST {
        let spec = json!({"jobTemplate": {"spec": template("report")}});
        put(
            &server,
            "batch/v1/namespaces/web/cronjobs",
            &format!("report-{number}"),
            spec,
        );
    }
    assert_eq!(
        apps(&server).await,
        Err(format!("there are more than {MOST} of kind CronJob"))
    );
    let server = ApiServer::default();
    let list = "GET /apis/batch/v1/namespaces/web/cronjobs";
    server.refuse(list, 403, "cronjobs are forbidden", ApiServer::ALWAYS);
    let why = apps(&server).await.unwrap_err();
    assert!(why.contains("cronjobs are forbidden"), "{why}");
}
