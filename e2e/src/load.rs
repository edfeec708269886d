//! An open-loop load generator: requests leave at a fixed rate whatever happens to those before them, so a
//! stall shows as late answers and lost requests, never as fewer questions.
//!
//! `scene.load("app")?` is 100 requests a second of nobody in particular. `.header("x-canary", "insider")` makes it the
//! load of those with that header, `.users(20)` makes the requests come from twenty users in turn, each of whom keeps
//! the cookies it is given and sends them back. Loads are independent: start several on one host, and ask each
//! [`Report`] which versions answered, which `Set-Cookie` lines came, and which versions each user saw. `.grpc()` has each
//! request be a call of the workload's one method, by HTTP/2.

mod grpc;
mod jar;
mod live;
mod record;
mod report;
mod send;
mod ways;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

pub use live::{Live, Tally};
pub use record::{Outcome, Record};
pub use report::{LOST, Report};
use send::Sender;
pub use ways::{Connections, Spoken};

/// Pods and Services of the cluster this harness makes; besides loopback nothing else may be a target.
const CLUSTER_RANGES: [[u8; 2]; 2] = [[10, 244], [10, 96]];

/// Ceilings of one load, so that a forgotten one ends by itself.
const MOST_REQUESTS: u64 = 500_000;
const LONGEST: Duration = Duration::from_secs(3600);

/// What to ask, whom, and how often.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where to connect: loopback, a pod or a Service of the harness's cluster.
    pub address: SocketAddr,
    /// The `Host` header, by which a gateway finds the route.
    pub host: String,
    /// What is spoken.
    pub spoken: Spoken,
    /// The path asked for.
    pub path: String,
    /// Headers of every request, besides `Host`.
    pub headers: Vec<(String, String)>,
    /// How many users ask, in turn, each with cookies of its own; with 0 nobody keeps any.
    pub users: u32,
    /// Requests per second.
    pub rate: u32,
    /// Whether connections are used again.
    pub connections: Connections,
    /// A request without an answer after this is lost.
    pub patience: Duration,
    /// The load stops by itself after this.
    pub at_most: Duration,
}

impl Load {
    /// The load most scenes use: 100 requests a second on `/` over kept connections, for up to ten minutes.
    pub fn on(address: SocketAddr, host: impl Into<String>) -> Self {
        Self {
            address,
            host: host.into(),
            spoken: Spoken::Http,
            path: "/".to_owned(),
            headers: Vec::new(),
            users: 0,
            rate: 100,
            connections: Connections::KeepAlive,
            patience: Duration::from_secs(10),
            at_most: Duration::from_secs(600),
        }
    }

    /// The same load with a header on every request.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same load as calls of gRPC.
    #[must_use]
    pub fn grpc(self) -> Self {
        Self {
            spoken: Spoken::Grpc,
            path: grpc::METHOD.to_owned(),
            ..self
        }
    }

    /// The same load, sent by that many users in turn who keep cookies.
    #[must_use]
    pub fn users(self, users: u32) -> Self {
        Self { users, ..self }
    }

    /// Begins to send; the load goes on until it is stopped or reaches its bound.
    pub fn start(self) -> anyhow::Result<Running> {
        self.check()?;
        let began = Instant::now();
        let sender = Arc::new(Sender::new(&self)?);
        let (records, received) = mpsc::unbounded_channel();
        let (live_writer, live) = watch::channel(Live::default());
        let (stop, stopped) = watch::channel(false);
        let recorder = tokio::spawn(live::record(began, received, live_writer));
        tokio::spawn(self.send_all(sender, began, records, stopped));
        Ok(Running { live, stop, recorder })
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(
            is_ours(self.address.ip()),
            "load goes to loopback or to the harness's own pods and Services only, not to {}",
            self.address
        );
        ensure!(self.rate > 0, "a rate of 0 requests per second is no load");
        Ok(())
    }

    async fn send_all(
        self,
        sender: Arc<Sender>,
        began: Instant,
        records: mpsc::UnboundedSender<Record>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let gap = Duration::from_secs(1) / self.rate;
        let mut under_way = JoinSet::new();
        for number in 0..MOST_REQUESTS {
            let due = began + gap * u32::try_from(number).unwrap_or(u32::MAX);
            if due.duration_since(began) > self.at_most.min(LONGEST) {
                break;
            }
            tokio::select! {
                _ = tokio::time::sleep_until(due.into()) => {}
                _ = stopped.wait_for(|stop| *stop) => break,
            }
            let (sender, records) = (sender.clone(), records.clone());
            under_way.spawn(async move { drop(records.send(sender.ask(number).await)) });
            while under_way.try_join_next().is_some() {}
        }
        // What was asked is waited for: a request cut off by the end of the load is not a lost one.
        while under_way.join_next().await.is_some() {}
    }
}

/// A load that is being sent.
pub struct Running {
    live: watch::Receiver<Live>,
    stop: watch::Sender<bool>,
    recorder: JoinHandle<Vec<Record>>,
}

impl Running {
    /// Follows the load: a new value every second.
    pub fn live(&self) -> watch::Receiver<Live> {
        self.live.clone()
    }

    /// Stops sending, waits for the answers that are still due, and sums up.
    pub async fn stop(self) -> anyhow::Result<Report> {
        self.stop.send_replace(true);
        let records = self.recorder.await.context("the load's recorder ended")?;
        Ok(Report::new(records))
    }
}

fn is_ours(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_loopback() || CLUSTER_RANGES.contains(&[a, b])
        }
        IpAddr::V6(v6) => v6.is_loopback(),
    }
}

/// Asks until the application itself answers 200 (its mark is on the answer), and tells which version did.
pub async fn until_reachable(load: &Load, within: Duration) -> anyhow::Result<String> {
    load.check()?;
    let sender = Sender::new(load)?;
    let deadline = Instant::now() + within;
    loop {
        let record = sender.ask(0).await;
        match record.outcome {
            Outcome::Answered { status: 200, version } => return Ok(version.to_string()),
            outcome if Instant::now() > deadline => anyhow::bail!(
                "http://{} with Host {} was not answered by the app within {within:?}: {outcome:?}",
                load.address,
                load.host
            ),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

#[cfg(test)]
mod tests;
