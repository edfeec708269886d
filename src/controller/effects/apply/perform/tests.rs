use super::*;
use crate::{
    analysis::DesiredState,
    controller::context::{
        fake::{self, Fake},
        memory::repeats::MOST,
    },
    testing::ApiServer,
};
use serde_json::{Value, json};

const SERVICES: &str = "/api/v1/namespaces/shop/services";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/shop/deployments";

const ROUTE: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/web";

fn route() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"weight": 0},
    })
}

fn route_kind() -> Kind {
    Kind::of_route(&route()).unwrap()
}

fn weighted(weight: u8) -> Write {
    Write::Patch {
        kind: route_kind(),
        namespace: "shop".into(),
        name: "web".into(),
        operations: json_patch::Patch(vec![crate::patches::add(["spec", "weight"], weight)]),
    }
}

fn service(name: &str) -> Write {
    Write::Apply {
        kind: Kind::Service,
        object: json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": {"app": name}}}),
    }
}

fn primary() -> Write {
    Write::Create {
        kind: Kind::Deployment,
        object: json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web-primary", "namespace": "shop"},
            "spec": {"replicas": 1, "template": {"metadata": {}}},
        }),
    }
}

fn scaled(replicas: u8) -> Write {
    Write::Merge {
        kind: Kind::Deployment,
        namespace: "shop".into(),
        name: "web".into(),
        body: json!({"spec": {"replicas": replicas}}),
    }
}

struct House {
    server: ApiServer,
    context: Fake,
    told: crate::telemetry::events::Queue,
    canary: Arc<Canary>,
}

impl House {
    // With a target that the cache knows.
    fn new() -> Self {
        let server = ApiServer::default();
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"replicas": 2}});
        let target = server.put(&format!("{DEPLOYMENTS}/web"), target);
        let (context, told) = fake::with(server.client());
        context
            .cluster
            .cache
            .put(Kind::Deployment, "shop", "web".into(), &target);
        let key = fake::add(&context, "web");
        let canary = context.cluster.canary(&key).unwrap();
        Self {
            server,
            context,
            told,
            canary,
        }
    }

    // Its route says so, and that is known.
    fn says(&self, weight: u8) {
        let route = self.server.edit(ROUTE, |route| route["spec"]["weight"] = json!(weight));
        self.context
            .cluster
            .cache
            .put(route_kind(), "shop", "web".into(), &route);
    }

    async fn does(&self, writes: &[Write]) -> Result<Left, kube::Error> {
        perform(&self.context, &self.canary, &StepOutcome::untouched(), writes).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_new_is_made_at_once_and_what_comes_after_it_waits_for_all_of_it() {
    let house = House::new();
    let slow = Duration::from_secs(5);
    house.server.delays.lock().insert(format!("PATCH {SERVICES}/*"), slow);
    let begun = tokio::time::Instant::now();
    let writes = [
        service("web-primary"),
        service("web-canary"),
        primary(),
        scaled(0),
        service("web"),
    ];
    assert_eq!(house.does(&writes).await.unwrap(), Left::Nothing);
    assert!(begun.elapsed() < slow * 3, "both halves in one, the apex after them");
    let done = house.server.writes();
    let before = |one: &str, other: &str| {
        let at = |line: &str| done.iter().position(|done| done.ends_with(line)).unwrap();
        at(one) < at(other)
    };
    for made in ["services/web-primary", "services/web-canary", "/deployments"] {
        assert!(before(made, "deployments/web"), "{made} {done:?}");
    }
    assert!(before("deployments/web", "services/web"), "{done:?}");
    assert_eq!(
        house.server.get(&format!("{DEPLOYMENTS}/web")).unwrap()["spec"]["replicas"],
        0
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_after_a_write_that_is_refused_and_that_one_rests() {
    let house = House::new();
    let create = format!("POST {DEPLOYMENTS}");
    house
        .server
        .refuse(&create, 403, "exceeded quota: room", ApiServer::ALWAYS);
    let writes = [scaled(3), primary(), scaled(0)];
    let key = key(&house.canary);
    let error = house.does(&writes).await.unwrap_err();
    assert!(error.to_string().contains("exceeded quota: room"));
    assert_eq!(
        house.server.get(&format!("{DEPLOYMENTS}/web")).unwrap()["spec"]["replicas"],
        3
    );
    let memory = &house.context.memory;
    assert!(memory.of(&key, |canary| canary.failures.blames(|write| *write == primary())));
    let (pause, _) = memory.of(&key, |canary| {
        canary.failures.note_refusal("403", "exceeded quota: room")
    });

    house.server.log.lock().clear();
    let left = house.does(&[primary(), scaled(0)]).await.unwrap();
    assert!(matches!(left, Left::Refused(rest) if rest <= pause), "{left:?}");
    assert_eq!(house.server.writes(), Vec::<String>::new());
    house.server.heal();
    tokio::time::sleep(pause * 2).await;
    assert_eq!(house.does(&[primary(), scaled(0)]).await.unwrap(), Left::Nothing);
    assert_eq!(
        house.server.get(&format!("{DEPLOYMENTS}/web")).unwrap()["spec"]["replicas"],
        0
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_not_written_again_before_the_watch_has_told_of_it() {
    let house = House::new();
    assert_eq!(house.does(&[scaled(3)]).await.unwrap(), Left::Nothing);
    house.server.log.lock().clear();
    assert_eq!(house.does(&[scaled(3), service("web")]).await.unwrap(), Left::Awaited);
    assert_eq!(Left::Awaited.pause(), Some(RETRY));
    assert_eq!(house.server.writes(), Vec::<String>::new());
    let told = house.server.get(&format!("{DEPLOYMENTS}/web")).unwrap();
    house
        .context
        .cluster
        .cache
        .put(Kind::Deployment, "shop", "web".into(), &told);
    assert_eq!(house.does(&[scaled(4)]).await.unwrap(), Left::Nothing);
    // Its event never comes: it was deleted again, say.
    assert_eq!(house.does(&[scaled(5)]).await.unwrap(), Left::Awaited);
    tokio::time::sleep(RETRY).await;
    assert_eq!(house.does(&[scaled(5)]).await.unwrap(), Left::Nothing);
}

#[tokio::test(start_paused = true)]
async fn a_template_that_was_written_without_an_answer_is_not_said_to_be_somebody_elses() {
    const PRIMARY: &str = "/apis/apps/v1/namespaces/shop/deployments/web-primary";
    let house = House::new();
    let key = key(&house.canary);
    house.does(&[primary()]).await.unwrap();
    let made = house.server.get(PRIMARY).unwrap();
    let cache = &house.context.cluster.cache;
    cache.put(Kind::Deployment, "shop", "web-primary".into(), &made);
    let look = |live: &Value| {
        let made = Made::of(live).unwrap();
        house.context.memory.of(&key, |canary| canary.primary.look(None, made))
    };
    assert_eq!(look(&made), (false, false));
    let hour = Duration::from_secs(3600);
    house.server.delays.lock().insert(format!("PATCH {PRIMARY}"), hour);
    let spec = json!({"spec": {"containers": []}});
    let template = Write::Patch {
        kind: Kind::Deployment,
        namespace: "shop".into(),
        name: "web-primary".into(),
        operations: json_patch::Patch(vec![crate::patches::replace(["spec", "template"], spec.clone())]),
    };
    let cut_off = tokio::time::timeout(Duration::from_secs(65), house.does(&[template])).await;
    assert!(cut_off.is_err());
    // It was done all the same, after a look at what was before.
    assert_eq!(look(&made), (false, false));
    let done = house.server.edit(PRIMARY, |primary| primary["spec"]["template"] = spec);
    assert_eq!(look(&done), (false, false));
}

#[tokio::test(start_paused = true)]
async fn what_primary_was_made_is_remembered_and_putting_it_right_is_told() {
    let mut house = House::new();
    let key = key(&house.canary);
    house.does(&[primary()]).await.unwrap();
    let made = house.server.get(&format!("{DEPLOYMENTS}/web-primary")).unwrap();
    assert_eq!(
        house.context.memory.of(&key, |canary| canary.primary.known()),
        Made::of(&made)
    );
    assert_eq!(fake::said(&mut house.told).await, Vec::<String>::new());
    house
        .context
        .cluster
        .cache
        .put(Kind::Deployment, "shop", "web-primary".into(), &made);
    let restored = StepOutcome {
        desired: DesiredState {
            primary: Some(PrimaryTemplate::Restored("v1-a".into())),
            ..DesiredState::untouched()
        },
        ..StepOutcome::untouched()
    };
    let template = Write::Patch {
        kind: Kind::Deployment,
        namespace: "shop".into(),
        name: "web-primary".into(),
        operations: json_patch::Patch(vec![crate::patches::replace(["spec", "template"], json!({"spec": {}}))]),
    };
    perform(&house.context, &house.canary, &restored, &[template])
        .await
        .unwrap();
    let said = fake::said(&mut house.told).await;
    assert!(
        said[0].starts_with("web-primary.shop was edited by somebody else"),
        "{said:?}"
    );
    assert_eq!(said.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_takes_out_of_a_change_on_its_way_in_is_not_written_at_every_step() {
    let mut house = House::new();
    house.server.put(ROUTE, route());
    // As it is stored whatever is sent.
    house.says(5);
    assert_eq!(house.does(&[weighted(5)]).await.unwrap(), Left::Nothing);
    assert_eq!(house.server.writes().len(), 1);
    house.server.log.lock().clear();
    assert_eq!(house.does(&[weighted(5), scaled(4)]).await.unwrap(), Left::Nothing);
    let done = house.server.writes();
    assert!(done.len() == 1 && done[0].ends_with("deployments/web"), "{done:?}");
    assert_eq!(house.does(&[weighted(5)]).await.unwrap(), Left::Nothing);
    assert_eq!(house.server.writes().len(), 1);
    let said = fake::said(&mut house.told).await;
    assert!(
        said.len() == 1 && said[0].starts_with("HTTPRoute web: Coalmine's change is reverted before it is stored"),
        "{said:?}"
    );
    // Whatever else is asked for, or of another object, is done.
    house.does(&[weighted(6)]).await.unwrap();
    assert_eq!(house.server.get(ROUTE).unwrap()["spec"]["weight"], 6);
    house.says(5);
    house.server.log.lock().clear();
    house.does(&[weighted(5)]).await.unwrap();
    assert_eq!(house.server.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_undoes_each_time_is_written_once_a_minute_and_what_follows_it_comes_after_it() {
    let mut house = House::new();
    house.server.put(ROUTE, route());
    for time in 0..MOST {
        house.says(1);
        assert_eq!(house.does(&[weighted(5)]).await.unwrap(), Left::Nothing, "{time}");
    }
    house.says(1);
    house.server.log.lock().clear();
    let left = house.does(&[weighted(5), scaled(4)]).await.unwrap();
    let Left::Undone(pause) = left else { panic!("{left:?}") };
    assert_eq!(house.server.writes(), Vec::<String>::new());
    let said = fake::said(&mut house.told).await;
    assert!(said.len() == 1 && said[0].contains("undoes it each time"), "{said:?}");
    tokio::time::sleep(pause).await;
    assert_eq!(house.does(&[weighted(5), scaled(4)]).await.unwrap(), Left::Nothing);
    assert_eq!(house.server.writes().len(), 2);
    house.says(1);
    assert_eq!(
        house.does(&[weighted(7)]).await.unwrap(),
        Left::Nothing,
        "a release goes on"
    );
    assert_eq!(fake::said(&mut house.told).await, Vec::<String>::new());
}
