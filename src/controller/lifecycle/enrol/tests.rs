use super::*;
use crate::{
    controller::{
        context::fake::{self, Fake},
        queue::Key,
    },
    telemetry::events::Queue,
    testing::ApiServer,
};
use serde_json::json;
use std::time::Duration;

const CANARIES: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/web/deployments";

/// A namespace that is opted in, and a policy that takes in what it finds.
struct House {
    server: ApiServer,
    context: Fake,
    told: Queue,
}

impl House {
    async fn of(apps: &[Value]) -> Self {
        let server = ApiServer::default();
        for app in apps {
            server.put(&format!("{DEPLOYMENTS}/{}", text(app, "/metadata/name")), app.clone());
        }
        let (context, told) = fake::with(server.client());
        fake::policy(&context, &json!({}));
        fake::enable(&context, "web");
        fake::follow(&context, &server, "web").await;
        Self { server, context, told }
    }

    async fn pass(&self, scope: Scope) {
        enrol(&self.context, "web", &scope).await;
        fake::settled().await;
    }

    fn canaries(&self) -> Vec<String> {
        let all = self.server.under(CANARIES);
        all.iter()
            .map(|canary| text(canary, "/metadata/name").to_owned())
            .collect()
    }

    fn learn(&self, name: &str) -> Key {
        fake::learn(&self.context, self.server.get(&format!("{CANARIES}/{name}")).unwrap())
    }

    fn replicas(&self) -> Value {
        self.server.get(&format!("{DEPLOYMENTS}/shop")).unwrap()["spec"]["replicas"].clone()
    }

    async fn said(&mut self) -> Vec<String> {
        fake::said(&mut self.told).await
    }
}

fn app(name: &str) -> Value {
    let pods = json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [
        {"name": "main", "image": "x:1", "ports": [{"containerPort": 8080}]}]}});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": pods},
    })
}

// As the webhook stores it: its author wants three pods.
fn held(mut app: Value) -> Value {
    app["spec"]["replicas"] = json!(0);
    app["metadata"]["labels"] =
        json!({labels::MANAGED: "true", labels::STATE: "cold", labels::DESIRED_REPLICAS: "3", "team": "red"});
    app["metadata"]["creationTimestamp"] = json!(Timestamp::now() - IN_ONE_APPLY);
    app
}

fn recreated(name: &str) -> Value {
    let mut app = app(name);
    app["spec"]["strategy"] = json!({"type": "Recreate"});
    app
}

#[tokio::test(start_paused = true)]
async fn every_app_of_a_labelled_namespace_gets_a_canary_that_is_marked_as_ours() {
    let house = House::of(&[app("shop"), app("mail")]).await;
    house.pass(Scope::All).await;
    assert_eq!(house.canaries(), ["mail", "shop"]);
    let made = house.server.get(&format!("{CANARIES}/shop")).unwrap();
    assert_eq!(made["spec"]["targetRef"]["name"], "shop");
    assert_eq!(made["metadata"]["labels"][labels::GENERATED], "true");
    assert_eq!(made["metadata"]["finalizers"], json!([labels::FINALIZER]));
    assert_eq!(made["metadata"]["annotations"][labels::TARGET_UID], "uid-of-shop");
    // What is as it is to be is not written again.
    house.learn("shop");
    house.learn("mail");
    house.server.log.lock().clear();
    house.pass(Scope::All).await;
    assert_eq!(house.server.writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_pass_looks_at_those_it_is_for_and_only_where_somebody_opted_in() {
    let house = House::of(&[app("shop"), app("mail")]).await;
    house.pass(Scope::one("shop")).await;
    assert_eq!(house.canaries(), ["shop"]);
    fake::namespace(&house.context, "web", &json!({}));
    house.pass(Scope::All).await;
    assert_eq!(house.canaries(), ["shop"], "nobody opted in");
    fake::enable(&house.context, "web");
    fake::policy(&house.context, &json!({"adoptExisting": false}));
    house.pass(Scope::All).await;
    assert_eq!(house.canaries(), ["shop"], "what is there already is left alone");
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_released_is_told_why_once_and_again_when_it_is_another_reason() {
    let mut house = House::of(&[recreated("shop")]).await;
    for _ in 0..3 {
        house.pass(Scope::All).await;
    }
    assert_eq!(house.canaries(), Vec::<String>::new());
    let said = house.said().await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("Not released as a canary: ") && said[0].contains("Recreate"),
        "{said:?}"
    );
    // It is enrolled when its author changes it.
    house.server.put(&format!("{DEPLOYMENTS}/shop"), app("shop"));
    fake::settled().await;
    house.pass(Scope::one("shop")).await;
    assert_eq!(house.canaries(), ["shop"]);
    assert!(house.context.memory.deployments.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_webhook_holds_is_let_go_when_the_api_server_takes_no_canary_of_it() {
    let mut house = House::of(&[held(app("shop"))]).await;
    let make = format!("PATCH {CANARIES}/shop");
    house
        .server
        .refuse(&make, 403, "no more canaries here", ApiServer::ALWAYS);
    house.pass(Scope::All).await;
    let said = house.said().await;
    assert!(
        said[0].ends_with("the API server refuses its Canary: no more canaries here"),
        "{said:?}"
    );
    let free = house.server.get(&format!("{DEPLOYMENTS}/shop")).unwrap();
    assert_eq!(free["spec"]["replicas"], 3, "it serves by itself");
    assert_eq!(free["metadata"]["labels"], json!({"team": "red"}));
    // It is not asked for all the time, and tried again by itself.
    house.pass(Scope::All).await;
    assert_eq!(house.server.sent(&make).len(), 1);
    assert_eq!(fake::passes(&house.context), []);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(fake::passes(&house.context), [("web".to_owned(), Scope::one("shop"))]);
    house.server.heal();
    house.pass(Scope::one("shop")).await;
    assert_eq!(house.canaries(), ["shop"]);
    assert!(house.context.memory.deployments.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_new_one_that_passed_the_webhook_is_left_to_its_apply_for_a_moment() {
    let of_age = |age: SignedDuration| {
        let mut app = app("shop");
        app["metadata"]["labels"] = json!({labels::MANAGED: "true", labels::STATE: "cold"});
        app["metadata"]["creationTimestamp"] = json!(Timestamp::now() - age);
        app
    };
    let house = House::of(&[of_age(SignedDuration::ZERO)]).await;
    house.pass(Scope::All).await;
    assert_eq!(house.canaries(), Vec::<String>::new());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(fake::passes(&house.context), [("web".to_owned(), Scope::one("shop"))]);
    // Nobody has made one meanwhile, or the API server's clock is minutes ahead of ours.
    for age in [IN_ONE_APPLY, SignedDuration::from_mins(-5)] {
        let house = House::of(&[of_age(age)]).await;
        house.pass(Scope::All).await;
        assert_eq!(house.canaries(), ["shop"], "{age}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_label_generated_canaries_go_and_those_of_people_stay() {
    let mut house = House::of(&[app("shop"), app("mail")]).await;
    house.pass(Scope::one("shop")).await;
    let own = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "mail", "namespace": "web"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mail"}},
    });
    house.server.put(&format!("{CANARIES}/mail"), own);
    house.learn("shop");
    house.learn("mail");
    fake::namespace(&house.context, "web", &json!({}));
    let delete = format!("DELETE {CANARIES}/shop");
    house.server.fail(&delete, 500, 1);
    house.pass(Scope::All).await;
    let said = house.said().await;
    assert!(
        said[0].starts_with("Cannot be deleted, although nothing wants it any more"),
        "{said:?}"
    );
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(fake::passes(&house.context), [("web".to_owned(), Scope::one("shop"))]);
    house.pass(Scope::one("shop")).await;
    let going = house.server.get(&format!("{CANARIES}/shop")).unwrap();
    assert!(
        going["metadata"]["deletionTimestamp"].is_string(),
        "its finalizer gives the app back first"
    );
    assert_eq!(
        house.server.sent(&delete)[1]["preconditions"]["uid"],
        going["metadata"]["uid"]
    );
    let mail = house.server.get(&format!("{CANARIES}/mail")).unwrap();
    assert_eq!(mail["metadata"].get("deletionTimestamp"), None);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_concluded_from_a_cache_that_is_not_complete_or_a_namespace_that_goes() {
    let house = House::of(&[app("shop")]).await;
    let kinds = [Kind::Deployment, Kind::ScaledObject];
    house.context.cluster.cache.expect("web", &kinds);
    house.pass(Scope::All).await;
    assert_eq!(house.server.writes(), Vec::<String>::new());
    house.context.cluster.cache.expect("web", &kinds[..1]);
    house.pass(Scope::All).await;
    assert_eq!(house.canaries(), ["shop"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_let_go_says_that_it_is_still_held_and_is_tried_again() {
    for request in [format!("PATCH {DEPLOYMENTS}/shop"), format!("GET {CANARIES}")] {
        for opted_in in [true, false] {
            let mut house = House::of(&[held(recreated("shop"))]).await;
            if !opted_in {
                fake::namespace(&house.context, "web", &json!({}));
            }
            house.server.refuse(&request, 500, "the store is full", 1);
            house.pass(Scope::All).await;
            let said = house.said().await;
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(
                said[0].ends_with("It is still held at 0 replicas: 500 the store is full"),
                "{said:?}"
            );
            assert_eq!(house.replicas(), 0);
            house.server.log.lock().clear();
            house.pass(Scope::All).await;
            assert_eq!(house.server.writes(), Vec::<String>::new(), "not all the time");
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert_eq!(fake::passes(&house.context), [("web".to_owned(), Scope::one("shop"))]);
            house.pass(Scope::one("shop")).await;
            assert_eq!(house.replicas(), 3, "{request} {opted_in}");
            assert!(
                !house
                    .context
                    .memory
                    .deployments
                    .rests(&("web".to_owned(), "shop".to_owned()))
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_canary_is_made_or_changed_by_routes_that_are_not_known_and_nothing_is_held_for_ever() {
    let mut house = House::of(&[held(app("shop")), app("mail")]).await;
    house.pass(Scope::one("mail")).await;
    house.learn("mail");
    let routes = Kind::routes().find(|kind| kind.is_first_route()).unwrap();
    fake::cannot_list(&house.context, &house.server, "web", routes);
    fake::policy(
        &house.context,
        &json!({"deletionGraceSeconds": 7, "analysis": {"interval": "77s"}}),
    );
    house.server.log.lock().clear();
    tokio::time::sleep(Duration::from_secs(60)).await;
    house.said().await;
    house.pass(Scope::All).await;
    assert_eq!(house.canaries(), ["mail"]);
    assert_eq!(house.server.writes(), Vec::<String>::new());
    let said = house.said().await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("Not released as a canary yet: objects of kind HTTPRoute ")
            && said[0].ends_with("cannot be listed: 500 the conversion webhook is away"),
        "{said:?}"
    );
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(fake::passes(&house.context).contains(&("web".to_owned(), Scope::one("shop"))));
    house.pass(Scope::one("shop")).await;
    assert_eq!((house.replicas(), house.canaries().len()), (json!(3), 1));
    house.server.heal();
    tokio::time::sleep(Duration::from_secs(90)).await;
    house.pass(Scope::All).await;
    assert_eq!(house.canaries(), ["mail", "shop"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_for_what_every_pair_needs_says_what_it_waits_for() {
    let mut house = House::of(&[held(app("shop"))]).await;
    fake::cannot_list(&house.context, &house.server, "web", Kind::Service);
    tokio::time::sleep(Duration::from_secs(20)).await;
    house.pass(Scope::All).await;
    assert_eq!(house.said().await, Vec::<String>::new(), "it may pass");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(fake::passes(&house.context), [("web".to_owned(), Scope::All)]);
    for _ in 0..2 {
        house.pass(Scope::All).await;
    }
    let said = house.said().await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("Not released as a canary yet: objects of kind Service (v1) "),
        "{said:?}"
    );
    assert_eq!((house.replicas(), house.canaries().len()), (json!(0), 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_kept_out_by_another_namespace_is_looked_at_again_when_pods_there_may_be_gone() {
    const POD: &str = "/api/v1/namespaces/bank/pods/db";
    let house = House::of(&[app("shop")]).await;
    let peers = json!([{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "shop"}}}]);
    let wall = json!({
        "metadata": {"name": "wall", "namespace": "bank"}, "spec": {"podSelector": {}, "ingress": [{"from": peers}]},
    });
    fake::network_policy(&house.context, wall);
    let pod = json!({"metadata": {"name": "db", "namespace": "bank"}, "status": {"phase": "Running"}});
    house.server.put(POD, pod);
    for _ in 0..3 {
        house.pass(Scope::All).await;
        assert_eq!(house.canaries(), Vec::<String>::new());
        tokio::time::sleep(Duration::from_secs(100)).await;
    }
    assert_eq!(fake::passes(&house.context), []);
    tokio::time::sleep(Duration::from_secs(301)).await;
    assert_eq!(fake::passes(&house.context), [("web".to_owned(), Scope::one("shop"))]);
    tokio::time::sleep(Duration::from_secs(301)).await;
    assert_eq!(fake::passes(&house.context), [], "once is enough");
    house.pass(Scope::one("shop")).await;
    house.server.take(POD);
    tokio::time::sleep(Duration::from_secs(601)).await;
    for (_, scope) in fake::passes(&house.context) {
        house.pass(scope).await;
    }
    assert_eq!(house.canaries(), ["shop"]);
}

fn publishing(domain: &str) -> Value {
    json!({"gatewayRefs": [{"name": "public"}], "hostnameTemplate": format!("{{{{ name }}}}.{domain}")})
}

fn naming(policy: &str) -> Value {
    let mut app = app("shop");
    app["metadata"]["annotations"] = json!({labels::POLICY: policy});
    app
}

#[tokio::test(start_paused = true)]
async fn an_app_whose_policy_is_not_there_yet_is_enrolled_and_not_published_by_that_of_the_namespace() {
    let house = House::of(&[naming("gold")]).await;
    fake::policy(&house.context, &publishing("default.test"));
    let service = || house.server.get(&format!("{CANARIES}/shop")).unwrap()["spec"]["service"].clone();
    house.pass(Scope::All).await;
    let made = service();
    assert!(made["port"].is_number(), "{made}");
    assert!(
        made.get("hosts").is_none() && made.get("gatewayRefs").is_none(),
        "{made}"
    );
    house.learn("shop");
    fake::named_policy(&house.context, "gold", &publishing("gold.test"));
    house.pass(Scope::All).await;
    assert_eq!(service()["hosts"], json!(["shop.gold.test"]));
}

#[tokio::test(start_paused = true)]
async fn a_canary_stays_as_it_was_rendered_while_its_app_names_a_policy_that_is_not_there() {
    let house = House::of(&[app("shop")]).await;
    fake::policy(&house.context, &publishing("default.test"));
    house.pass(Scope::All).await;
    house.learn("shop");
    house.server.put(&format!("{DEPLOYMENTS}/shop"), naming("gold"));
    fake::policy(&house.context, &publishing("other.test"));
    fake::settled().await;
    house.server.log.lock().clear();
    house.pass(Scope::All).await;
    assert_eq!(house.server.writes(), Vec::<String>::new());
}
