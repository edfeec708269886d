//! What an attack on the webhook's port does to the reviews of an honest API server: 200 a second of a 20 KiB Deployment on
//! one kept HTTP/2 connection, and once a second one on a new connection, alone and during each attack in turn. Attackers
//! are other pods: they come from other addresses. Each attack is measured right after the honest client alone, because a
//! machine is not the same for minutes.
//!
//! ```text
//! cargo bench --bench siege                 # 20 s each, some six minutes
//! SIEGE_SECONDS=5 cargo bench --bench siege # a look
//! ```
//!
//! Everything stays on loopback, and every loop ends with its time. The attackers share the machine with the server, so
//! what they compute themselves (TLS above all) is part of what is measured.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::expect_used, reason = "a failed assumption is a failed measurement")]

#[path = "siege/attacks.rs"]
mod attacks;
#[path = "support/client.rs"]
mod client;
mod support;

use attacks::{ATTACKS, Attack, Target};
use bytes::Bytes;
use coalmine::admission::bootstrap::paths::{Known, Paths};
use coalmine::admission::server::{self, Limits};
use coalmine::api::entry::Entry;
use http_body_util::BodyExt as _;
use std::future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Honest reviews per second.
const RATE: u32 = 200;

/// What the honest client saw.
struct Seen {
    /// Of the kept connection, sorted.
    took: Vec<Duration>,
    /// The slowest on a connection of its own, with the handshake.
    slowest_new: Duration,
    /// Reviews that were not answered with 200.
    lost: usize,
    /// Memory of the whole process at the end, attackers included, in MiB.
    memory: u64,
}

impl Seen {
    fn at(&self, share: usize) -> f64 {
        let index = (self.took.len() * share / 1000).min(self.took.len().saturating_sub(1));
        self.took
            .get(index)
            .map_or(f64::NAN, |took| took.as_secs_f64() * 1000.0)
    }
}

fn main() {
    // `cargo test --benches` asks whether it runs, not how it fares.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let seconds = std::env::var("SIEGE_SECONDS").ok().and_then(|text| text.parse().ok());
    let lasts = Duration::from_secs(seconds.unwrap_or(20));
    let (material, config) = client::certificate();
    let paths = Paths::random().expect("paths");
    let (address, _feeds) = serve(&paths, config);
    let target = Target {
        address,
        connector: client::connector(&material, b"http/1.1"),
        connector2: client::connector(&material, b"h2"),
        path: paths.path(Entry::FollowDeployments),
    };
    drop(honest(&target, Duration::from_secs(2)));
    println!(
        "| attack | p50 | p99 | p99 alone | slowest on a new connection | alone | lost | memory | what attackers got |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for attack in ATTACKS {
        let alone = honest(&target, lasts / 2);
        let (seen, got) = during(attack, &target, lasts);
        println!(
            "| {} | {:.2} ms | {:.2} ms | {:.2} ms ({:+.0} %) | {:.0} ms | {:.0} ms | {} | {} MiB | {got} |",
            attack.name,
            seen.at(500),
            seen.at(990),
            alone.at(990),
            (seen.at(990) / alone.at(990) - 1.0) * 100.0,
            seen.slowest_new.as_secs_f64() * 1000.0,
            alone.slowest_new.as_secs_f64() * 1000.0,
            seen.lost + alone.lost,
            seen.memory,
        );
    }
}

/// The server with as many threads as the program has, in a runtime of its own.
fn serve(paths: &Paths, config: Arc<rustls::ServerConfig>) -> (SocketAddr, impl Sized) {
    let (webhook, feeds) = support::webhook();
    let known = Arc::new(Known::of(paths.clone()));
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores.min(4))
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let _ = tell.send(listener.local_addr().expect("an address"));
            server::serve(listener, config, webhook, known, Limits::default(), future::pending()).await;
        });
    });
    (told.recv().expect("a server"), feeds)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// The honest client while `attack` goes on, on a thread of its own.
fn during(attack: &Attack, target: &Target, lasts: Duration) -> (Seen, String) {
    let over = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let attacker = {
            let (over, target) = (Arc::clone(&over), target.clone());
            scope.spawn(move || runtime().block_on(attack.run(target, lasts, &over)))
        };
        // The attack is under way when measuring begins.
        std::thread::sleep(Duration::from_millis(500));
        let seen = honest(target, lasts.saturating_sub(Duration::from_secs(1)));
        over.store(true, Ordering::Relaxed);
        (seen, attacker.join().expect("the attack ends"))
    })
}

fn honest(target: &Target, lasts: Duration) -> Seen {
    runtime().block_on(async {
        let (kept, new) = tokio::join!(kept(target, lasts), anew(target, lasts));
        let (mut took, lost) = kept;
        took.sort_unstable();
        Seen {
            took,
            slowest_new: new.0,
            lost: lost + new.1,
            memory: memory(),
        }
    })
}

async fn kept(target: &Target, lasts: Duration) -> (Vec<Duration>, usize) {
    let stream = client::secure(target.address, 1, &target.connector2)
        .await
        .expect("a connection");
    let sender = client::http2(stream).await;
    let body = Bytes::from(support::review());
    let (began, gap) = (Instant::now(), Duration::from_secs(1) / RATE);
    let mut under_way = JoinSet::new();
    let count = u32::try_from(lasts.as_millis() * u128::from(RATE) / 1000).expect("a short time");
    for number in 0..count {
        tokio::time::sleep_until((began + gap * number).into()).await;
        let (mut sender, request) = (sender.clone(), client::post(&target.path, body.clone()));
        under_way.spawn(async move {
            let sent = Instant::now();
            let answered = sender
                .send_request(request)
                .await
                .is_ok_and(|answer| answer.status() == 200);
            answered.then(|| sent.elapsed())
        });
    }
    let all = under_way.join_all().await;
    let lost = all.iter().filter(|took| took.is_none()).count();
    (all.into_iter().flatten().collect(), lost)
}

/// A review each second on a connection of its own.
async fn anew(target: &Target, lasts: Duration) -> (Duration, usize) {
    let body = Bytes::from(support::review());
    let (began, mut slowest, mut lost) = (Instant::now(), Duration::ZERO, 0);
    while began.elapsed() + Duration::from_secs(1) < lasts {
        let sent = Instant::now();
        let asked = async {
            let stream = client::secure(target.address, 1, &target.connector2).await.ok()?;
            let mut sender = client::http2(stream).await;
            let answer = sender
                .send_request(client::post(&target.path, body.clone()))
                .await
                .ok()?;
            let status = answer.status();
            answer.into_body().collect().await.ok()?;
            (status == 200).then_some(())
        };
        // As long as an API server waits.
        match tokio::time::timeout(Duration::from_secs(3), asked).await {
            Ok(Some(())) => slowest = slowest.max(sent.elapsed()),
            _ => lost += 1,
        }
        tokio::time::sleep(Duration::from_secs(1).saturating_sub(sent.elapsed())).await;
    }
    (slowest, lost)
}

fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}
