use super::*;
use crate::testing::ApiServer;
use std::sync::Arc;

const SECRET: &str = "/api/v1/namespaces/home/secrets/tls";

fn keeper(fake: &ApiServer) -> (Keeper, Arc<Served>) {
    let served = Arc::new(Served::default());
    (
        Keeper::new(
            fake.client(),
            "home",
            "tls",
            vec!["webhook.home.svc".into()],
            Arc::clone(&served),
        ),
        served,
    )
}

#[tokio::test(start_paused = true)]
async fn replicas_that_start_together_end_with_one_certificate() {
    let fake = ApiServer {
        delay: std::time::Duration::from_millis(5),
        ..ApiServer::default()
    };
    let keepers: Vec<_> = (0..6).map(|_| keeper(&fake)).collect();
    let all = keepers.iter().map(|(keeper, _)| keeper.ensure(1_900_000_000));
    for result in futures::future::join_all(all).await {
        result.unwrap();
    }
    let first = keepers[0].0.subscribe().borrow().clone().unwrap();
    for (keeper, served) in &keepers {
        assert!(served.is_set());
        assert_eq!(keeper.subscribe().borrow().as_ref(), Some(&first));
    }
    assert!(fake.objects.lock().contains_key(SECRET));
}

#[tokio::test]
async fn a_renewal_by_one_replica_is_taken_over_by_the_others() {
    let fake = ApiServer::default();
    let ((one, _), (two, _)) = (keeper(&fake), keeper(&fake));
    let now = 1_900_000_000;
    one.ensure(now).await.unwrap();
    two.ensure(now).await.unwrap();
    let later = now + LEAF_LIFETIME * 2 / 3 + 1;
    let before = one.subscribe().borrow().clone();
    two.ensure(later).await.unwrap();
    one.ensure(later).await.unwrap();
    let after = one.subscribe().borrow().clone();
    assert_ne!(before, after);
    assert_eq!(after, two.subscribe().borrow().clone());
    assert_eq!(fake.writes().len(), 2, "{:?}", fake.writes());
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_served_and_never_written() {
    let fake = ApiServer::default();
    keeper(&fake).0.ensure(1_900_000_000).await.unwrap();
    let writes = fake.writes().len();
    fake.objects.lock().get_mut(SECRET).unwrap()["data"]
        .as_object_mut()
        .unwrap()
        .remove("validity.json");
    let (keeper, served) = keeper(&fake);
    keeper.ensure(1_900_000_000 + 400 * 86_400).await.unwrap();
    assert!(served.is_set());
    assert_eq!(fake.writes().len(), writes);
}

#[tokio::test]
async fn a_secret_with_a_part_missing_is_filled_again() {
    let fake = ApiServer::default();
    keeper(&fake).0.ensure(1_900_000_000).await.unwrap();
    fake.objects.lock().get_mut(SECRET).unwrap()["data"]
        .as_object_mut()
        .unwrap()
        .remove("tls.key");
    let (keeper, served) = keeper(&fake);
    keeper.ensure(1_900_000_000).await.unwrap();
    assert!(served.is_set());
    assert!(fake.objects.lock()[SECRET]["data"].get("tls.key").is_some());
}
