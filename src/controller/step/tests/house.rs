//! An app with a Canary, of which each part of a step can be done by itself.

use super::super::{snapshot::Snapshot, *};
use crate::object::text;
use crate::{
    controller::context::{
        fake::{self, Fake},
        memory::check::CheckRun,
    },
    telemetry::events::Queue,
    testing::ApiServer,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

pub const CANARY: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";
pub const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/web/deployments";

/// The instants of a record.
const INSTANTS: [&str; 4] = ["since", "movedAt", "trafficSince", "due"];
/// How often sockets are looked at before whoever is to answer counts as silent.
const LOOKS: usize = 1_000_000;

/// An app that runs, its Canary, and a controller that is stepped by hand.
pub struct House {
    pub server: ApiServer,
    pub context: Fake,
    pub told: Queue,
    pub key: Key,
}

impl House {
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// The same in a cluster where something is otherwise before the controller looks.
    pub async fn with(prepare: impl FnOnce(&ApiServer)) -> Self {
        let server = ApiServer::default();
        server.start_app("web", "shop");
        server.put(
            CANARY,
            json!({
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
                "spec": {
                    "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                    "service": {"port": 80, "targetPort": 8080, "hosts": ["shop.test"], "gatewayRefs": [{"name": "gateway"}]},
                    "analysis": {"interval": "10s", "threshold": 3, "stepWeights": [20, 50]},
                },
            }),
        );
        prepare(&server);
        let canary = server.get(CANARY).unwrap();
        let (context, told) = fake::with(server.client());
        fake::enable(&context, "web");
        fake::policy(&context, &json!({"settleSeconds": 0, "drainSeconds": 0}));
        fake::follow(&context, &server, "web").await;
        let key = fake::learn(&context, canary);
        Self {
            server,
            context,
            told,
            key,
        }
    }

    /// A step by the Canary that is stored, and what it wrote.
    pub async fn step(&self) -> Vec<String> {
        self.server.log.lock().clear();
        self.look();
        step(self.context.clone(), self.key.clone()).await;
        fake::settled().await;
        self.server.writes()
    }

    /// The cluster runs what it is asked to.
    pub async fn pods(&self) {
        for deployment in self.server.under(DEPLOYMENTS) {
            self.server.run("web", text(&deployment, "/metadata/name"));
        }
        fake::settled().await;
    }

    /// Everything that steps write until they write nothing more; the cluster follows each.
    pub async fn all(&self) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..30 {
            let written = self.step().await;
            if written.is_empty() {
                return all;
            }
            all.extend(written);
            self.pods().await;
        }
        panic!("it never rests: {all:#?}");
    }

    pub fn condition(&self, pointer: &str) -> Value {
        let canary = self.server.get(CANARY).unwrap();
        canary.pointer(pointer).cloned().unwrap_or_default()
    }

    // The Canary is seen as it is stored.
    fn look(&self) {
        fake::learn(&self.context, self.server.get(CANARY).unwrap());
    }

    /// The turn of the Canary that is stored.
    pub fn turn(&self) -> Turn {
        self.look();
        let canary = self.context.cluster.canary(&self.key).unwrap();
        Turn::of(&self.context, &self.key, canary)
    }

    /// The pair, as a step finds it.
    pub async fn pair(&self, turn: &Turn) -> Snapshot {
        match snapshot::snapshot(&self.context, turn).await {
            Ok(pair) => pair,
            Err(Stop::Unreleased(why)) => panic!("not released: {why}"),
            Err(Stop::Failed(error)) => panic!("{error}"),
            Err(Stop::Over(wake)) => panic!("over, again in {wake:?}"),
        }
    }

    /// So much time has passed, as far as the record tells, whose clock is that of the wall: all of it is so much longer ago.
    pub fn later(&self, time: SignedDuration) {
        self.server.edit(CANARY, |canary| {
            let run = canary["status"]["run"].as_object_mut().unwrap();
            for field in INSTANTS {
                if let Some(instant) = run.get(field).and_then(Value::as_str) {
                    let instant: Timestamp = instant.parse().unwrap();
                    run.insert(field.to_owned(), json!(format!("{:.6}", instant - time)));
                }
            }
        });
    }

    /// Whoever a step asked has answered.
    pub async fn heard(&self) {
        let memory = &self.context.memory;
        let waits = || {
            memory.of(&self.key, |canary| {
                matches!(canary.check, Some(CheckRun::UnderWay(..))) || canary.questions.wait()
            })
        };
        until(|| !waits()).await;
    }

    /// Somebody changes a Deployment, and the controller has seen it.
    pub async fn edit(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        self.server.edit(&format!("{DEPLOYMENTS}/{name}"), edit);
        fake::settled().await;
    }
}

/// Waits until it is so, for what comes over sockets. There is always somebody who is ready to go on meanwhile, so time that is
/// paused stands still, and no time-out of ours is over before its socket was looked at.
pub async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..LOOKS {
        if is_so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never becomes so");
}
