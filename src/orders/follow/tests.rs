//! Orders in an API server.

use super::*;
use crate::orders::{RELEASE, WebhookConfiguration};
use crate::testing::ApiServer;
use serde_json::{Value, json};
use std::time::Duration;

const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const MAPS: &str = "/api/v1/namespaces/mine/configmaps";
/// Longer than a watch that failed pauses.
const LONG: Duration = Duration::from_secs(120);

struct House {
    server: ApiServer,
    standing: watch::Receiver<Standing>,
}

impl House {
    async fn new(wanted: Wanted, prepare: impl FnOnce(&ApiServer)) -> Self {
        let server = ApiServer::default();
        prepare(&server);
        let (sender, standing) = watch::channel(Standing::default());
        let client = server.client();
        tokio::spawn(async move { follow(client, "mine", wanted, sender).await });
        let house = Self { server, standing };
        house.settled().await;
        house
    }

    async fn settled(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    fn leaves(&self) -> bool {
        self.standing.borrow().leaves("web")
    }

    // Everything is listed anew.
    async fn relisted(&self) {
        self.server.expire();
        tokio::time::sleep(LONG).await;
    }
}

fn install(server: &ApiServer, uid: &str) {
    let metadata = json!({"name": ROLE, "uid": uid, "annotations": {RELEASE: "3"}});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata});
    server.put(&format!("{ROLES}/{ROLE}"), role);
}

fn note(server: &ApiServer, name: &str, data: &Value) {
    let metadata = json!({"name": name, "namespace": "mine"});
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
    server.put(&format!("{MAPS}/{name}"), map);
}

fn order(server: &ApiServer) {
    note(server, LEAVE, &json!({"namespaces": "web", "installation": "u-1/3"}));
}

#[tokio::test(start_paused = true)]
async fn an_order_counts_from_when_it_is_there_until_it_is_taken_back() {
    let house = House::new(Wanted::Leave, |server| install(server, "u-1")).await;
    assert!(house.standing.borrow().is_known());
    assert!(!house.leaves());
    order(&house.server);
    // Of no concern to whoever only gives apps back.
    note(&house.server, BRAKE, &json!({"mutating": "2026-11-23T10:15:00Z"}));
    house.settled().await;
    assert!(house.leaves());
    assert_eq!(house.standing.borrow().brake(WebhookConfiguration::Mutating), None);
    house.server.take(&format!("{MAPS}/{LEAVE}"));
    house.settled().await;
    assert!(!house.leaves());
}

#[tokio::test(start_paused = true)]
async fn the_next_installation_is_not_meant_and_nobody_is_told_of_what_changes_nothing() {
    let mut house = House::new(Wanted::Leave, |server| {
        install(server, "u-1");
        order(server);
    })
    .await;
    assert!(house.leaves());
    house.standing.mark_unchanged();
    house.relisted().await;
    assert!(!house.standing.has_changed().unwrap(), "it says the same");
    house.server.take(&format!("{ROLES}/{ROLE}"));
    install(&house.server, "u-2");
    house.settled().await;
    assert!(house.standing.has_changed().unwrap());
    assert!(!house.leaves());
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_look_has_no_orders_and_a_right_that_goes_takes_none_back() {
    let forbid = |server: &ApiServer| {
        for list in [ROLES, MAPS] {
            server.refuse(&format!("GET {list}"), 403, "not yours", ApiServer::ALWAYS);
        }
    };
    let house = House::new(Wanted::Leave, forbid).await;
    assert!(house.standing.borrow().is_known() && !house.leaves());
    assert_eq!(house.standing.borrow().installed, Installed::Hidden);
    // An upgrade has brought the right to look, and somebody has ordered something.
    order(&house.server);
    install(&house.server, "u-1");
    house.server.heal();
    tokio::time::sleep(LONG).await;
    assert!(house.leaves());
    forbid(&house.server);
    house.relisted().await;
    assert!(house.leaves());
    assert!(matches!(house.standing.borrow().installed, Installed::As(_)));
}

#[tokio::test(start_paused = true)]
async fn who_keeps_the_configurations_hears_of_brakes_and_of_the_end_of_our_own_namespace() {
    let house = House::new(Wanted::Everything, |server| install(server, "u-1")).await;
    assert!(house.standing.borrow().is_known_whole() && !house.standing.borrow().ending);
    let until = "2026-11-23T10:15:00Z";
    note(&house.server, BRAKE, &json!({"mutating": until}));
    let metadata = json!({"name": "mine", "finalizers": ["x.dev/y"], "deletionTimestamp": until});
    let own = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
    house.server.put("/api/v1/namespaces/mine", own);
    house.settled().await;
    let standing = house.standing.borrow();
    assert_eq!(
        standing.brake(WebhookConfiguration::Mutating),
        Some(until.parse().unwrap())
    );
    assert!(standing.ending);
}
