use super::*;
use crate::plan::{Defaults, Selector};
use crate::testing::ApiServer;
use serde_json::json;

fn deployment(state: &str) -> Value {
    json!({
        "metadata": {"name": "shop", "namespace": "web", "labels": {labels::STATE: state}},
        "spec": {
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "shop", "ports": [{"containerPort": 9898}]}]},
            },
        },
    })
}

fn request(state: &str) -> Request {
    Request {
        name: "shop".into(),
        namespace: "web".into(),
        object: deployment(state),
        ..Request::default()
    }
}

fn planned() -> Plan {
    let policy = serde_json::from_value(json!({
        "metadata": {"name": "default"},
        "spec": {"gatewayRefs": [{"name": "gateway"}], "hostnameTemplate": "{{ name }}.test"}}))
    .unwrap();
    let canary =
        plan::enrolment::generate::canary(&deployment("cold"), &policy, Default::default(), Default::default())
            .unwrap();
    let defaults = Defaults {
        provider: "gatewayapi:v1".into(),
        selector_labels: Selector::default_keys(),
        ..Defaults::default()
    };
    let blueprint = plan::blueprint(&canary, &defaults).unwrap();
    let selector = Selector::of(&deployment("cold"), &Selector::default_keys()).unwrap();
    Plan {
        canary,
        blueprint,
        selector,
    }
}

const CANARY: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";
const APEX: &str = "/api/v1/namespaces/web/services/shop";
const ROUTE: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/web/httproutes/shop";

// As the author of a Canary named them.
async fn generate(fake: &ApiServer, state: &str) -> Option<String> {
    let mut plan = planned();
    plan.blueprint.port_is_ours = false;
    Generator::new(fake.client()).generate(&request(state), plan).await
}

#[tokio::test]
async fn what_only_a_policy_named_waits_until_somebody_can_answer() {
    let fake = ApiServer::default();
    let generator = Generator::new(fake.client());
    assert_eq!(generator.generate(&request("cold"), planned()).await, None);
    let objects = fake.objects.lock();
    let names: Vec<&String> = objects.keys().collect();
    assert_eq!(names, [&format!("{APEX}-canary"), &format!("{APEX}-primary"), CANARY]);
}

#[tokio::test]
async fn the_inert_objects_are_made_and_owned_by_the_stored_canary() {
    let fake = ApiServer::default();
    assert_eq!(generate(&fake, "cold").await, None);
    let objects = fake.objects.lock();
    let names: Vec<&String> = objects.keys().collect();
    assert_eq!(
        names,
        [
            APEX,
            &format!("{APEX}-canary"),
            &format!("{APEX}-primary"),
            CANARY,
            ROUTE
        ]
    );
    for path in [APEX, ROUTE] {
        assert_eq!(
            objects[path]["metadata"]["ownerReferences"][0]["uid"], "uid-of-shop",
            "{path}"
        );
    }
    assert_eq!(objects[APEX]["spec"]["selector"], json!({"app": "shop-primary"}));
}

#[tokio::test]
async fn a_target_that_serves_is_what_the_apex_selects_and_the_route_reaches() {
    let fake = ApiServer::default();
    assert_eq!(generate(&fake, "hot").await, None);
    let objects = fake.objects.lock();
    assert_eq!(objects[APEX]["spec"]["selector"], json!({"app": "shop"}));
    let refs = &objects[ROUTE]["spec"]["rules"][0]["backendRefs"];
    let weight = |name: &str| {
        refs.as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == name)
            .map(|one| one["weight"].clone())
    };
    assert_eq!(
        (weight("shop-primary"), weight("shop-canary")),
        (Some(json!(0)), Some(json!(100)))
    );
}

#[tokio::test]
async fn what_exists_is_left_as_it_is() {
    let fake = ApiServer::default();
    let service = json!({"metadata": {"name": "shop"}, "spec": {"selector": {"mine": "yes"}}});
    fake.objects.lock().insert(APEX.into(), service.clone());
    assert_eq!(generate(&fake, "cold").await, None);
    assert_eq!(fake.objects.lock()[APEX], service);
    assert!(!fake.writes().contains(&format!("PATCH {APEX}")));
}

#[tokio::test]
async fn a_canary_of_that_name_for_another_target_owns_nothing_of_ours() {
    let fake = ApiServer::default();
    let canary = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "uid": "theirs"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}}});
    fake.objects.lock().insert(CANARY.into(), canary);
    let warning = generate(&fake, "cold").await.unwrap();
    assert!(warning.contains("the Canary shop is in the way"), "{warning}");
    assert_eq!(fake.writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_slow_costs_the_budget_and_a_warning() {
    let fake = ApiServer {
        delay: Duration::from_secs(20),
        ..ApiServer::default()
    };
    let generator = Generator::new(fake.client());
    let start = Instant::now();
    let warning = generator.generate(&request("cold"), planned()).await.unwrap();
    assert!(
        (MAKING..MAKING * 11 / 10).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    assert!(warning.contains("the controller completes"), "{warning}");

    // The requests after it ask for no more than the Canary.
    let fake = ApiServer::default();
    let quick = Generator::new(fake.client());
    *quick.rests_until.lock() = Some(Instant::now() + Duration::from_secs(60));
    let next = quick.generate(&request("cold"), planned()).await.unwrap();
    assert!(next.contains("the API server is busy"), "{next}");
    assert_eq!(fake.objects.lock().keys().collect::<Vec<_>>(), [CANARY]);
}

#[tokio::test]
async fn rights_are_asked_once_and_kept_per_user() {
    let user = |name: &str| crate::admission::review::UserInfo {
        username: name.into(),
        ..Default::default()
    };
    let fake = ApiServer {
        allowed: Some(true),
        ..ApiServer::default()
    };
    let rights = Rights::new(fake.client());
    for name in ["ann", "ann", "bob"] {
        assert!(rights.may_create_canaries(&user(name), "web").await.unwrap());
    }
    assert_eq!(fake.log.lock().len(), 2);
    let rights = Rights::new(
        ApiServer {
            allowed: Some(false),
            ..ApiServer::default()
        }
        .client(),
    );
    assert!(!rights.may_create_canaries(&user("ann"), "web").await.unwrap());
}

#[tokio::test]
async fn no_route_is_made_for_a_host_of_another_namespaces_service() {
    for made in [false, true] {
        let fake = ApiServer::default();
        let mut plan = planned();
        plan.blueprint.port_is_ours = false;
        let alien = (String::from("pay.bank.svc"), String::from("namespace bank"));
        plan.blueprint.alien_hosts.extend((!made).then_some(alien));
        let generator = Generator::new(fake.client());
        assert_eq!(generator.generate(&request("cold"), plan).await, None);
        assert_eq!(fake.objects.lock().contains_key(ROUTE), made);
    }
}
