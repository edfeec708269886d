use super::ring::Moment;
use super::*;
use crate::admission::bootstrap::certificates::Material;
use crate::api::entry::Entry;
use crate::testing::ApiServer;
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;

const SECRET: &str = "/api/v1/namespaces/home/secrets/paths";
const NOW: i64 = 1_900_000_000;
const ENTRY: Entry = Entry::FollowDeployments;

struct Replica {
    keeper: Keeper,
    known: Arc<KnownPaths>,
    unreached: watch::Sender<u64>,
    materials: watch::Sender<Option<Material>>,
}

impl Replica {
    fn of(fake: &ApiServer) -> Self {
        let (unreached, seen) = watch::channel(0);
        let (materials, served) = watch::channel(None);
        let settings = KeeperSettings {
            secret: "paths".into(),
            materials: served,
            unreached: seen,
        };
        let known = Arc::new(KnownPaths::default());
        Self {
            keeper: Keeper::new(fake.client(), "home", settings, Arc::clone(&known)),
            known,
            unreached,
            materials,
        }
    }

    async fn at(&self, now: i64) -> String {
        self.keeper.ensure(now).await.unwrap();
        self.told()
    }

    /// The path that its API servers are told.
    fn told(&self) -> String {
        self.keeper.subscribe().borrow().as_ref().unwrap().current().path(ENTRY)
    }

    fn hears(&self, path: &str) -> bool {
        self.known.entry(path) == Some(ENTRY)
    }
}

#[test]
fn a_path_is_heard_whole_and_at_its_own_entry_only() {
    let paths = Paths::random().unwrap();
    let known = KnownPaths::of(paths.clone());
    for entry in Entry::ALL {
        let path = paths.path(entry);
        assert_eq!(known.entry(&path), Some(entry));
        let token = path.rsplit('/').next().unwrap();
        assert_eq!(token.len(), 64);
        let wrong = [
            format!("/{}", entry.as_str()),
            format!("/{}/", entry.as_str()),
            format!("{path}/"),
            format!("{path}0"),
            path.to_uppercase(),
            path[..path.len() - 1].to_owned(),
            format!("/{token}"),
            format!("/{}/{}", entry.as_str(), "0".repeat(64)),
            "/healthz".to_owned(),
            "/".to_owned(),
            String::new(),
            "/".repeat(100_000),
        ];
        for path in &wrong {
            assert_eq!(known.entry(path), None, "{path}");
        }
        for other in Entry::ALL.into_iter().filter(|other| *other != entry) {
            assert_eq!(known.entry(&format!("/{}/{token}", other.as_str())), None);
        }
    }
    assert_eq!(KnownPaths::default().entry(&paths.path(ENTRY)), None);
}

#[tokio::test]
async fn what_another_version_registers_is_heard_from_the_first_look_on() {
    let fake = ApiServer::default();
    let of = |replica: &Replica| {
        let ring = replica.keeper.subscribe();
        let ring = ring.borrow();
        ring.as_ref().unwrap().current().path(Entry::ValidateDeployments)
    };
    let new = Replica::of(&fake);
    new.at(NOW).await;
    // The version before finds a token for it in what this one has made or changed, so it makes none that is not known here.
    for now in [NOW, NOW + AGE, NOW + 2 * AGE] {
        new.at(now).await;
        assert_eq!(new.known.entry(&of(&new)), Some(Entry::ValidateDeployments));
    }
}

#[test]
fn tokens_are_in_no_debug_text() {
    let paths = Paths::random().unwrap();
    let at = Moment {
        now: NOW,
        leaf_until: None,
        unreached: false,
    };
    let fresh = [Paths::random().unwrap(), Paths::random().unwrap()];
    let ring = Ring::begin(at, paths.clone(), fresh);
    let text = format!("{ring:?} {:?} {paths:?}", KnownPaths::of(paths.clone()));
    for entry in Entry::ALL {
        let token = *paths.token(entry).unwrap();
        assert!(!text.contains(&token.to_hex()), "{text}");
        assert!(!text.contains(&format!("{:?}", token.to_hex().as_bytes())));
    }
    assert!(text.matches("Token").count() > 20, "{text}");
}

#[test]
fn what_is_kept_is_read_again() {
    let at = Moment {
        now: NOW,
        leaf_until: Some(NOW + 5),
        unreached: false,
    };
    let fresh = || Paths::random().unwrap();
    let ring = Ring::begin(at, Paths::default(), [fresh(), fresh()]);
    let later = Moment { now: NOW + AGE, ..at };
    let rotated = Ring::wanted(Some(&ring), Some(&ring), later, &fresh()).unwrap();
    for ring in [ring, rotated] {
        assert_eq!(Ring::read(&ring.write(), NOW + AGE), Some(ring));
    }
}

#[tokio::test(start_paused = true)]
async fn replicas_that_start_together_end_with_the_same_paths() {
    let fake = ApiServer {
        delay: std::time::Duration::from_millis(5),
        ..ApiServer::default()
    };
    let replicas: Vec<_> = (0..6).map(|_| Replica::of(&fake)).collect();
    let told = futures::future::join_all(replicas.iter().map(|replica| replica.at(NOW))).await;
    for replica in &replicas {
        assert!(told.iter().all(|path| *path == told[0] && replica.hears(path)));
    }
}

#[tokio::test]
async fn a_replica_knows_a_path_before_another_tells_of_it_and_for_ten_minutes_after() {
    let fake = ApiServer::default();
    let (one, two) = (Replica::of(&fake), Replica::of(&fake));
    let first = one.at(NOW).await;
    assert_eq!(two.at(NOW).await, first);
    let second = one.at(NOW + AGE).await;
    assert_ne!(first, second);
    assert!(two.hears(&second), "although it has not looked since");
    assert_eq!(two.at(NOW + AGE).await, second);
    assert_eq!(fake.writes().len(), 2, "one rotation: {:?}", fake.writes());
    for replica in [&one, &two] {
        replica.at(NOW + AGE + PREVIOUS_LIFE - 1).await;
        assert!(replica.hears(&first) && replica.hears(&second));
        replica.at(NOW + AGE + PREVIOUS_LIFE).await;
        assert!(!replica.hears(&first) && replica.hears(&second));
    }
    let fresh = Replica::of(&fake);
    assert_eq!(fresh.at(NOW + AGE + 1).await, second);
    assert!(fresh.hears(&first), "one that starts in the middle, too");
}

#[tokio::test]
async fn paths_change_with_each_leaf_once_however_many_replicas_see_it() {
    let fake = ApiServer::default();
    let replicas = [Replica::of(&fake), Replica::of(&fake)];
    let names = ["webhook.home.svc".to_owned()];
    let leaf = |now| Material::bootstrap(now, &names).unwrap();
    let first = leaf(NOW);
    for replica in &replicas {
        replica.materials.send_replace(Some(first.clone()));
        replica.at(NOW).await;
    }
    let before = replicas[0].told();
    let next = leaf(NOW + 1000);
    replicas[0].materials.send_replace(Some(next.clone()));
    let after = replicas[0].at(NOW + 1000).await;
    assert_ne!(before, after);
    // It has the old leaf still.
    assert_eq!(replicas[1].at(NOW + 1001).await, after);
    replicas[1].materials.send_replace(Some(next));
    assert_eq!(replicas[1].at(NOW + 1100).await, after);
    assert_eq!(fake.writes().len(), 2);
}

#[tokio::test]
async fn failed_probes_change_paths_once_in_ten_minutes() {
    let fake = ApiServer::default();
    let replica = Replica::of(&fake);
    let mut told = vec![replica.at(NOW).await];
    for second in 1..1900 {
        replica.unreached.send_modify(|count| *count += 1);
        told.push(replica.at(NOW + second).await);
    }
    told.dedup();
    assert_eq!(told.len(), 4);
    let settled = replica.at(NOW + 5000).await;
    assert_eq!(replica.at(NOW + 9000).await, settled, "none failed since");
}

fn break_it(fake: &ApiServer, how: usize) {
    let mut objects = fake.objects.lock();
    let Some(secret) = objects.get_mut(SECRET) else { return };
    let other = base64(&Paths::random().unwrap().write());
    match how {
        0 => drop(objects.remove(SECRET)),
        1 => secret["data"] = json!({}),
        2 => secret["data"]["record.json"] = json!(base64("{")),
        3 => secret["data"]["current"] = json!(base64("{\"follow-deployments\":\"abc\"}")),
        4 => secret["data"]["current"] = json!(other),
        5 => drop(secret.as_object_mut().unwrap().remove("data")),
        6 => secret["data"]["record.json"] = json!(base64(r#"{"serial":9e18,"made":0,"leafUntil":0}"#)),
        _ => {
            secret["data"]["record.json"] =
                json!(base64(&format!(r#"{{"serial":{},"made":1,"leafUntil":0}}"#, i64::MAX)))
        }
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn a_secret_that_somebody_broke_is_mended_and_the_path_in_use_is_heard_throughout() {
    for how in 0..8 {
        let fake = ApiServer::default();
        let replicas = [Replica::of(&fake), Replica::of(&fake)];
        for replica in &replicas {
            replica.at(NOW).await;
        }
        let used = replicas[0].told();
        break_it(&fake, how);
        let after = replicas[0].at(NOW + 100).await;
        assert!(
            replicas
                .iter()
                .all(|replica| replica.hears(&used) && replica.hears(&after)),
            "{how}"
        );
        assert_eq!(replicas[1].at(NOW + 100).await, after, "{how}");
        assert!(
            replicas
                .iter()
                .all(|replica| replica.hears(&used) && replica.hears(&after)),
            "{how}"
        );
        assert_ne!(used, after, "{how}: breaking it is one way of changing the paths");
        let fresh = Replica::of(&fake);
        assert_eq!(fresh.at(NOW + 101).await, after);
        assert!(fresh.hears(&used), "{how}");
    }
}

#[tokio::test]
async fn a_replica_that_starts_where_the_secret_is_gone_goes_on_with_what_api_servers_were_told() {
    let fake = ApiServer::default();
    let old = Replica::of(&fake);
    let told = old.at(NOW).await;
    let configuration = json!({"metadata": {"name": "coalmine"}, "webhooks": [{
        "name": "follow-deployments.coalmine.dev", "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "clientConfig": {"service": {"name": "x", "namespace": "home", "path": told}}}]});
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/coalmine";
    fake.objects.lock().insert(path.to_owned(), configuration);
    break_it(&fake, 0);
    let new = Replica::of(&fake);
    assert_eq!(new.at(NOW + 50).await, told);
    assert_eq!(old.at(NOW + 50).await, told);
    assert!(old.hears(&told));
}

/// What happens to two replicas and an API server that lags.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Wait(i64),
    Look(usize),
    Tell(usize),
    Break(usize),
    Fail(usize),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        4 => (0..2usize).prop_map(Happening::Look),
        3 => (0..2usize).prop_map(Happening::Tell),
        2 => (1..5i64).prop_map(Happening::Wait),
        1 => prop_oneof![Just(700), Just(AGE)].prop_map(Happening::Wait),
        1 => (0..8usize).prop_map(Happening::Break),
        1 => (0..2usize).prop_map(Happening::Fail),
    ];
    prop::collection::vec(one, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is broken whenever: a path that any replica tells API servers is one that every replica hears, as long as
    /// each looks at the Secret within two seconds of a change, which a watch does.
    #[test]
    fn every_replica_hears_what_any_of_them_tells(happenings in happenings()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fake = ApiServer::default();
            let replicas = [Replica::of(&fake), Replica::of(&fake)];
            let mut now = NOW;
            for replica in &replicas {
                replica.at(now).await;
            }
            let mut used = replicas[0].told();
            for happening in happenings {
                match happening {
                    Happening::Wait(seconds) => {
                        // The watch of each brings the change to it before the next can come.
                        for replica in replicas.iter().chain(&replicas) {
                            replica.at(now).await;
                        }
                        now += seconds;
                        // The API server was told meanwhile.
                        used = replicas[0].told();
                    }
                    Happening::Look(one) => drop(replicas[one].at(now).await),
                    Happening::Tell(one) => used = replicas[one].told(),
                    Happening::Break(how) => break_it(&fake, how),
                    Happening::Fail(one) => replicas[one].unreached.send_modify(|count| *count += 1),
                }
                for (number, replica) in replicas.iter().enumerate() {
                    assert!(replica.hears(&used), "replica {number} after {happening:?} at {}", now - NOW);
                    for other in &replicas {
                        assert!(replica.hears(&other.told()), "replica {number} after {happening:?}");
                    }
                }
            }
        });
    }
}
