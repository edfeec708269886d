//! Paths change under load, and no review is lost.

use super::*;
use crate::admission::bootstrap::paths::{AGE, Keeper, KeeperSettings};
use crate::testing::ApiServer;
use arc_swap::ArcSwap;
use std::sync::atomic::AtomicBool;
use tokio::sync::watch;

/// One of two replicas of the webhook.
struct Replica {
    running: Running,
    keeper: Keeper,
    answered: AtomicUsize,
}

impl Replica {
    async fn of(fake: &ApiServer) -> Self {
        let settings = KeeperSettings {
            secret: "paths".into(),
            materials: watch::channel(None).1,
            unreached: watch::channel(0).1,
        };
        let known = Arc::new(KnownPaths::default());
        let keeper = Keeper::new(fake.client(), "home", settings, Arc::clone(&known));
        keeper.ensure(NOW).await.unwrap();
        let running = start_with(Limits::default(), false, known, None).await;
        Self {
            running,
            keeper,
            answered: AtomicUsize::new(0),
        }
    }

    fn told(&self) -> String {
        let ring = self.keeper.subscribe();
        let ring = ring.borrow();
        ring.as_ref().unwrap().current().path(Entry::MutateDeployments)
    }
}

/// Posts to one replica for as long as `on`, to the path that is told at the moment; counting the answers.
async fn posts(replica: &Replica, told: &ArcSwap<String>, on: &AtomicBool) {
    let stream = connect(&replica.running, &replica.running.material.ca_bundle())
        .await
        .unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    while on.load(Ordering::Relaxed) {
        sender.ready().await.unwrap();
        let path = told.load_full();
        tokio::task::yield_now().await;
        let answer = sender.send_request(post(&path, review("x"))).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap();
        replica.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until a review that was sent after this moment has been answered by each.
async fn used(replicas: &[Replica; 2]) {
    for replica in replicas {
        let before = replica.answered.load(Ordering::Relaxed);
        until(|| replica.answered.load(Ordering::Relaxed) >= before + 2).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_review_is_lost_while_paths_change_and_two_replicas_hear_of_it_one_after_the_other() {
    let fake = ApiServer::default();
    let replicas = [Replica::of(&fake).await, Replica::of(&fake).await];
    let (told, on) = (ArcSwap::from_pointee(replicas[0].told()), AtomicBool::new(true));
    let rotations = async {
        for number in 1..=60_usize {
            let now = NOW + AGE * i64::try_from(number).unwrap();
            if number % 7 == 0 {
                fake.objects.lock().remove("/api/v1/namespaces/home/secrets/paths");
            }
            let (first, second) = (&replicas[number % 2], &replicas[(number + 1) % 2]);
            first.keeper.ensure(now).await.unwrap();
            assert_ne!(**told.load(), first.told(), "rotation {number}");
            told.store(Arc::new(first.told()));
            used(&replicas).await;
            second.keeper.ensure(now).await.unwrap();
            assert_eq!(first.told(), second.told());
            used(&replicas).await;
        }
        on.store(false, Ordering::Relaxed);
    };
    let (one, two) = (posts(&replicas[0], &told, &on), posts(&replicas[1], &told, &on));
    tokio::join!(one, two, rotations);
    let answered = replicas
        .each_ref()
        .map(|replica| replica.answered.load(Ordering::Relaxed));
    assert!(answered.iter().all(|answered| *answered >= 240), "{answered:?}");
}
