//! What is told of a namespace before it is opted in or out.

use super::pointing::{cached, service};
use super::*;

fn live(name: &str, edit: impl Fn(&mut Value)) -> Value {
    let mut object = deployment(2);
    object["metadata"]["name"] = json!(name);
    object["spec"]["selector"]["matchLabels"]["app"] = json!(name);
    object["spec"]["template"]["metadata"]["labels"]["app"] = json!(name);
    edit(&mut object);
    object
}

fn fake() -> ApiServer {
    let fake = ApiServer::default();
    let list = |items: Vec<Value>| json!({"metadata": {}, "items": items});
    let mounting = |object: &mut Value| {
        object["spec"]["template"]["spec"]["volumes"] =
            json!([{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]);
    };
    let apps = vec![
        live("shop", |_| ()),
        live("mailer", |object| {
            object["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([])
        }),
        live("notes", mounting),
        live("single", |object| {
            object["spec"]["strategy"] = json!({"type": "Recreate"})
        }),
    ];
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}});
    fake.objects.lock().extend([
        ("/apis/apps/v1/namespaces/web/deployments".to_owned(), list(apps)),
        (
            "/api/v1/namespaces/web/persistentvolumeclaims".to_owned(),
            list(vec![claim]),
        ),
        ("/apis/networking.k8s.io/v1/networkpolicies".to_owned(), list(vec![])),
    ]);
    fake
}

fn namespace(labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web", "labels": labels}})
}

async fn told(house: &House, old: Value, new: Value) -> Vec<String> {
    let mut review = request("Namespace", "UPDATE", namespace(old), namespace(new));
    review["name"] = json!("web");
    review["kind"] = json!({"group": "", "version": "v1", "kind": "Namespace"});
    let (status, response) = house.ask(Entry::OptIn, review).await;
    assert_eq!((status, &response["allowed"]), (200, &json!(true)));
    let lines = response["warnings"].as_array().cloned().unwrap_or_default();
    lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_becomes_of_each_app_is_told_and_what_stops_it_first() {
    let house = House::with(&fake());
    let lines = told(&house, json!({}), json!({labels::ENABLED: "true"})).await;
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert_eq!(lines[0], "coalmine: policy default: 2 of 4 Deployments are enrolled");
    for (line, words) in lines.iter().skip(1).zip([
        ["notes", "not enrolled", "ReadWriteOnce"],
        ["single", "not enrolled", "Recreate"],
        ["shop", "enrolled: makes Service shop", "shop.web.test"],
        ["mailer", "enrolled without traffic", "mailer-primary"],
    ]) {
        assert!(words.iter().all(|word| line.contains(word)), "{line} {words:?}");
        assert!(line.chars().count() <= 160, "{line}");
    }
    // Nothing was made.
    let written = fake().writes();
    assert!(written.is_empty(), "{written:?}");
}

#[tokio::test]
async fn an_app_with_services_of_which_none_is_the_one_users_call_says_so() {
    let mut house = House::with(&fake());
    for name in ["shop-a", "shop-b"] {
        cached(&mut house, service(name, json!({}), json!({"app": "shop"})));
    }
    let lines = told(&house, json!({}), json!({labels::ENABLED: "true"})).await;
    assert!(
        lines
            .iter()
            .any(|line| line.contains("shop: enrolled: Services shop-a, shop-b follow shop-primary; none is")),
        "{lines:#?}"
    );
}

#[tokio::test]
async fn a_namespace_without_a_policy_says_so_and_one_whose_label_stays_says_nothing() {
    let house = House::with(&fake());
    let mut new = json!({labels::ENABLED: "true", labels::POLICY: "none"});
    let lines = told(&house, json!({}), new.clone()).await;
    assert!(lines[0].contains("there is no CanaryPolicy none"), "{lines:?}");
    new["team"] = json!("a");
    assert_eq!(told(&house, new.clone(), new).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_given_back_is_told() {
    let mut house = House::with(&fake());
    house.canary("Succeeded");
    let lines = told(&house, json!({labels::ENABLED: "true"}), json!({})).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains("shop: serves by itself again"), "{lines:?}");
}

#[tokio::test]
async fn of_very_many_apps_the_first_are_looked_at_and_the_rest_are_counted() {
    let fake = fake();
    let apps: Vec<Value> = (0..230).map(|number| live(&format!("app-{number}"), |_| ())).collect();
    fake.objects.lock().insert(
        "/apis/apps/v1/namespaces/web/deployments".to_owned(),
        json!({"metadata": {}, "items": apps}),
    );
    let lines = told(&House::with(&fake), json!({}), json!({labels::ENABLED: "true"})).await;
    assert_eq!(
        lines[0],
        "coalmine: policy default: 200 of 200 Deployments are enrolled"
    );
    assert_eq!(
        lines[1],
        "coalmine: no more were looked at: 30 others are told of by events"
    );
    // The Deployments are asked for once.
    let asked = fake
        .log
        .lock()
        .iter()
        .filter(|line| line.ends_with("/deployments"))
        .count();
    assert_eq!(asked, 1);
}
