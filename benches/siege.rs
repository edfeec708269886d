//! What an attack on the webhook's port does to the reviews of an honest API server: 200 a second of a 20 KiB Deployment on
//! the HTTP/1 connections that it keeps, and once a second one on a new connection, alone and during each attack in turn. Attackers
//! are other pods: they come from other addresses. The honest client alone is measured right before each attack and right
//! after it, because a machine is not the same for minutes.
//!
//! ```text
//! make storm                                # with everything else; writes docs/reliability.md
//! cargo bench --bench siege                 # 20 s each, some six minutes
//! SIEGE_SECONDS=5 cargo bench --bench siege # a look
//! ```
//!
//! Everything stays on loopback, and every loop ends with its time. The attackers share the machine with the server, which
//! in a cluster they do not: what they compute themselves (TLS above all) they compute when nobody else wants the core
//! (`nice 19`), and how much that is, is told. What the server does because of them is measured in full.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::expect_used, reason = "a failed assumption is a failed measurement")]

#[path = "siege/attacks.rs"]
mod attacks;
#[path = "support/client.rs"]
mod client;
#[path = "support/pool.rs"]
mod pool;
#[path = "siege/seen.rs"]
mod seen;
mod support;
#[path = "support/thread.rs"]
mod thread;

use attacks::{ATTACKS, Attack, Target};
use bytes::Bytes;
use coalmine::admission::bootstrap::paths::{KnownPaths, Paths};
use coalmine::admission::server::{self, Limits};
use coalmine::api::entry::Entry;
use pool::Pool;
use seen::{MOST, Seen, Siege};
use std::future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thread::Thread;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Honest reviews per second.
const RATE: u32 = 200;

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
        connector: client::connector(&material),
        path: paths.path(Entry::FollowDeployments),
    };
    drop(honest(&target, Duration::from_secs(2)));
    println!("{}", Siege::HEAD);
    let mut within = 0;
    for attack in ATTACKS {
        let before = honest(&target, lasts / 2);
        let (seen, (got, busy)) = during(attack, &target, lasts);
        let alone = before.and(honest(&target, lasts / 2));
        let siege = Siege { seen, got, busy, alone };
        within += usize::from(siege.more() <= MOST);
        println!("{}", siege.row(attack.name));
    }
    // The line that `make storm` looks for.
    let all = ATTACKS.len();
    println!(
        "siege: p99 is within {:.0} % of that without during {within} of {all} attacks.",
        MOST * 100.0
    );
}

/// The server with as many threads as the program has, in a runtime of its own.
fn serve(paths: &Paths, config: Arc<rustls::ServerConfig>) -> (SocketAddr, impl Sized) {
    let (webhook, feeds) = support::webhook();
    let known = Arc::new(KnownPaths::of(paths.clone()));
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
fn during(attack: &Attack, target: &Target, lasts: Duration) -> (Seen, (String, f64)) {
    let over = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let attacker = {
            let (over, target) = (Arc::clone(&over), target.clone());
            scope.spawn(move || {
                let own = Thread::own();
                yield_cores();
                let got = runtime().block_on(attack.run(target, lasts, &over));
                (got, own.busy())
            })
        };
        // The attack is under way when measuring begins.
        std::thread::sleep(Duration::from_millis(500));
        let seen = honest(target, lasts.saturating_sub(Duration::from_secs(1)));
        over.store(true, Ordering::Relaxed);
        (seen, attacker.join().expect("the attack ends"))
    })
}

/// Has this thread compute when no other wants the core.
fn yield_cores() {
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19).expect("a thread may always be nicer");
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
    let connections = Arc::new(pool(target));
    let body = Bytes::from(support::review());
    let (began, gap) = (Instant::now(), Duration::from_secs(1) / RATE);
    let mut under_way = JoinSet::new();
    let count = u32::try_from(lasts.as_millis() * u128::from(RATE) / 1000).expect("a short time");
    for number in 0..count {
        tokio::time::sleep_until((began + gap * number).into()).await;
        let (connections, body) = (Arc::clone(&connections), body.clone());
        under_way.spawn(async move {
            let sent = Instant::now();
            let answered = connections.ask(body).await;
            answered.then(|| sent.elapsed())
        });
    }
    let all = under_way.join_all().await;
    let lost = all.iter().filter(|took| took.is_none()).count();
    (all.into_iter().flatten().collect(), lost)
}

fn pool(target: &Target) -> Pool {
    Pool::new(target.address, target.connector.clone(), &target.path)
}

/// A review each second on a connection of its own.
async fn anew(target: &Target, lasts: Duration) -> (Duration, usize) {
    let body = Bytes::from(support::review());
    let (began, mut slowest, mut lost) = (Instant::now(), Duration::ZERO, 0);
    while began.elapsed() + Duration::from_secs(1) < lasts {
        let sent = Instant::now();
        if pool(target).ask(body.clone()).await {
            slowest = slowest.max(sent.elapsed());
        } else {
            lost += 1;
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
