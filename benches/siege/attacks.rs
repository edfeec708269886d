//! The attacks. Each ends when it is told to, and says what it got.

use super::client;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Where the webhook is and how it is spoken to.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub connector: TlsConnector,
    /// A path that is heard; strangers do not have it.
    pub path: String,
}

/// One way of attacking.
pub struct Attack {
    pub name: &'static str,
    /// How often it is done in the whole time.
    times: u32,
    one: fn(Target, u32) -> BoxFuture<'static, Got>,
}

/// What came of one attempt.
type Got = &'static str;

/// A path that nobody knows.
const GUESS: &str = "/follow-deployments/0000000000000000000000000000000000000000000000000000000000000000";

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "2,000 half-open connections of one address",
        times: 2_000,
        one: |target, _| half_open(target, 2).boxed(),
    },
    Attack {
        name: "2,000 half-open connections of 50 addresses",
        times: 2_000,
        one: |target, number| half_open(target, address(number, 50)).boxed(),
    },
    Attack {
        name: "10,000 slow bodies, to a path that is none",
        times: 10_000,
        one: |target, number| slow_body(GUESS.to_owned(), target, address(number, 50)).boxed(),
    },
    Attack {
        name: "10,000 slow bodies, to a path that was learned",
        times: 10_000,
        one: |target, number| slow_body(target.path.clone(), target, address(number, 1)).boxed(),
    },
    Attack {
        name: "10,000 slow bodies of 3 addresses, to a path that was learned",
        times: 10_000,
        one: |target, number| slow_body(target.path.clone(), target, address(number, 3)).boxed(),
    },
    Attack {
        name: "bodies of 8 MiB, 20 a second, to a path that is none",
        times: 400,
        one: |target, number| whole_body(GUESS.to_owned(), target, address(number, 1), blank(8)).boxed(),
    },
    Attack {
        name: "bodies of 8 MiB, 20 a second, to a path that was learned",
        times: 400,
        one: |target, number| whole_body(target.path.clone(), target, address(number, 1), blank(8)).boxed(),
    },
    Attack {
        name: "reviews of 6 MiB, 2 a second, to a path that was learned",
        times: 40,
        one: |target, number| whole_body(target.path.clone(), target, address(number, 1), review(6)).boxed(),
    },
    Attack {
        name: "reviews of 6 MiB, 2 a second of each of 3 addresses, to a path that was learned",
        times: 120,
        one: |target, number| whole_body(target.path.clone(), target, address(number, 3), review(6)).boxed(),
    },
    Attack {
        name: "JSON 100,000 deep, 50 a second, to a path that was learned",
        times: 1_000,
        one: |target, number| {
            whole_body(
                target.path.clone(),
                target,
                address(number, 1),
                Bytes::from(vec![b'['; 100_000]),
            )
            .boxed()
        },
    },
];

/// One of `count` addresses that are not the honest client's.
fn address(number: u32, count: u32) -> u8 {
    u8::try_from(number % count).unwrap_or_default() + 2
}

impl Attack {
    /// Does it at an even pace until `over`.
    pub async fn run(&self, target: Target, lasts: Duration, over: &Arc<AtomicBool>) -> String {
        let (began, gap) = (Instant::now(), lasts / self.times);
        let mut under_way = JoinSet::new();
        for number in 0..self.times {
            tokio::time::sleep_until((began + gap * number).into()).await;
            if over.load(Ordering::Relaxed) {
                break;
            }
            under_way.spawn((self.one)(target.clone(), number));
        }
        // What holds on holds on until the end.
        while !over.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (mut got, mut held) = (BTreeMap::<Got, usize>::new(), under_way.len());
        while let Some(ended) = under_way.try_join_next() {
            *got.entry(ended.unwrap_or("failed")).or_default() += 1;
            held = held.saturating_sub(1);
        }
        under_way.shutdown().await;
        let mut parts: Vec<String> = got.iter().map(|(what, times)| format!("{what}: {times}")).collect();
        parts.push(format!("still open: {held}"));
        parts.join(", ")
    }
}

/// The first bytes of a handshake and no more.
async fn half_open(target: Target, from: u8) -> Got {
    let Ok(mut stream) = client::tcp(target.address, from).await else {
        return "not connected";
    };
    let _ = stream.write_all(&[22, 3, 1, 2, 0]).await;
    let mut rest = [0; 64];
    let _ = stream.read(&mut rest).await;
    "closed"
}

/// A body of 20 KiB of which a byte comes now and then.
async fn slow_body(path: String, target: Target, from: u8) -> Got {
    let Ok(mut stream) = client::secure(target.address, from, &target.connector).await else {
        return "no handshake";
    };
    if head(&mut stream, &path, 20 * 1024).await.is_err() {
        return "closed";
    }
    let (mut reader, mut writer) = tokio::io::split(stream);
    let drip = async {
        while writer.write_all(b"{").await.is_ok() && writer.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        "closed"
    };
    tokio::select! {
        got = answer(&mut reader) => got,
        got = drip => got,
    }
}

async fn whole_body(path: String, target: Target, from: u8, body: Bytes) -> Got {
    let Ok(mut stream) = client::secure(target.address, from, &target.connector).await else {
        return "no handshake";
    };
    if head(&mut stream, &path, body.len()).await.is_err() {
        return "closed";
    }
    let (mut reader, mut writer) = tokio::io::split(stream);
    let send = async {
        let _ = writer.write_all(&body).await;
        let _ = writer.flush().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        got = answer(&mut reader) => got,
        () = send => "closed",
    }
}

async fn head(stream: &mut (impl tokio::io::AsyncWrite + Unpin), path: &str, length: usize) -> std::io::Result<()> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await
}

async fn answer(reader: &mut (impl tokio::io::AsyncRead + Unpin)) -> Got {
    let mut line = [0; 12];
    match reader.read_exact(&mut line).await {
        Ok(_) => match line.as_slice() {
            b"HTTP/1.1 200" => "200",
            b"HTTP/1.1 400" => "400",
            b"HTTP/1.1 404" => "404",
            b"HTTP/1.1 408" => "408",
            b"HTTP/1.1 413" => "413",
            b"HTTP/1.1 503" => "503",
            _ => "another answer",
        },
        Err(_) => "closed",
    }
}

fn blank(mib: usize) -> Bytes {
    Bytes::from(vec![b' '; mib * 1024 * 1024])
}

/// A review that is one, of this size.
fn review(mib: usize) -> Bytes {
    let item = r#"{"name":"SETTING","value":"the value of a setting"},"#;
    let items = item.repeat(mib * 1024 * 1024 / item.len());
    let items = items.trim_end_matches(',');
    Bytes::from(format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"1","name":"x","namespace":"y","operation":"CREATE","object":{{"items":[{items}]}}}}}}"#
    ))
}
