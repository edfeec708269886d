use super::*;
use crate::testing::ApiServer;

fn path() -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/test/leases/{NAME}")
}

fn lease(server: &ApiServer) -> serde_json::Value {
    server.get(&path()).unwrap()
}

fn holder(server: &ApiServer) -> String {
    lease(server)["spec"]["holderIdentity"].as_str().unwrap().to_owned()
}

fn settings(pod: &str) -> ElectionSettings {
    let timing = Timing {
        lease: Duration::from_secs(1),
        renew: Duration::from_millis(50),
        retry: Duration::from_millis(20),
    };
    ElectionSettings {
        timing,
        ..ElectionSettings::new("test", Some(pod))
    }
}

async fn wait(channel: &mut watch::Receiver<bool>, value: bool) {
    tokio::time::timeout(Duration::from_secs(5), channel.wait_for(|v| *v == value))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_second_candidate_leads_when_the_first_has_released() {
    let server = ApiServer::default();
    let (first, mut first_leads) = Elector::new(server.client(), settings("a"));
    let belief = first.belief();
    let (second, mut second_leads) = Elector::new(server.client(), settings("b"));
    let stop_first = CancellationToken::new();
    let running = tokio::spawn(first.run(stop_first.clone()));
    wait(&mut first_leads, true).await;
    tokio::spawn(second.run(CancellationToken::new()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!*second_leads.borrow());
    assert!(holder(&server).starts_with("a_"));
    stop_first.cancel();
    assert!(belief.holds());
    running.await.unwrap();
    assert!(!belief.holds(), "what it had begun is not written any more");
    wait(&mut second_leads, true).await;
    assert!(!*first_leads.borrow());
    assert_eq!(lease(&server)["spec"]["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_its_lease_runs_out() {
    let server = ApiServer::default();
    let (elector, mut leads) = Elector::new(server.client(), settings("a"));
    let belief = elector.belief();
    assert!(!belief.holds(), "nobody leads before he is elected");
    tokio::spawn(elector.run(CancellationToken::new()));
    wait(&mut leads, true).await;
    assert!(belief.holds());
    server.fail("*", 500, ApiServer::ALWAYS);
    let since = Instant::now();
    wait(&mut leads, false).await;
    assert!(!belief.holds());
    // To the last moment, and not beyond.
    let (took, belief) = (since.elapsed(), settings("a").timing.belief());
    assert!(
        took <= belief + Duration::from_millis(1) && took + settings("a").timing.renew >= belief,
        "{took:?}"
    );
    assert!(took < settings("a").timing.lease, "{took:?}");
    server.heal();
    wait(&mut leads, true).await;
}

#[tokio::test(start_paused = true)]
async fn one_renewal_that_is_not_answered_costs_nobody_the_lead() {
    let server = ApiServer::default();
    let (elector, mut leads) = Elector::new(server.client(), ElectionSettings::new("test", Some("a")));
    tokio::spawn(elector.run(CancellationToken::new()));
    wait(&mut leads, true).await;
    let never = Duration::from_secs(60);
    server.delays.lock().insert(format!("PUT {}", path()), never);
    // The next renewal is under way then, and given up later.
    let lost = tokio::time::timeout(Duration::from_secs(7), leads.wait_for(|leads| !*leads))
        .await
        .is_ok();
    assert!(!lost, "lost while one was not answered");
    server.delays.lock().clear();
    let lost = tokio::time::timeout(Duration::from_secs(10), leads.wait_for(|leads| !*leads))
        .await
        .is_ok();
    assert!(!lost, "lost afterwards");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_else_took_is_lost_at_the_next_renewal() {
    let server = ApiServer::default();
    let (elector, mut leads) = Elector::new(server.client(), settings("a"));
    tokio::spawn(elector.run(CancellationToken::new()));
    wait(&mut leads, true).await;
    server.edit(&path(), |lease| lease["spec"]["holderIdentity"] = "flagger_1".into());
    wait(&mut leads, false).await;
}

#[test]
fn identities_are_flaggers_and_differ() {
    let (one, two) = (
        crate::controller::lease::identity("pod-a"),
        crate::controller::lease::identity("pod-a"),
    );
    assert!(one.starts_with("pod-a_") && one != two);
    assert_eq!(one.len(), "pod-a_".len() + 36);
}
