//! What somebody who crowds the port takes from probes and scrapes.

use super::*;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Longer than any connection lasts on which nothing happens.
const LONG: Duration = Duration::from_secs(60);

/// Answers by a text, and by one that is longer than what is on its way unread.
fn router() -> Router {
    Router::new()
        .route("/healthz", get(|| async { "fine" }))
        .route("/large", get(|| async { vec![b'x'; 1 << 20] }))
}

fn port() -> Arc<Port> {
    Port::new(router(), CancellationToken::new())
}

/// A connection of 10.0.0.`from`, and its end.
fn connect(port: &Arc<Port>, from: u8) -> (DuplexStream, JoinHandle<()>) {
    let (client, server) = tokio::io::duplex(1024);
    let place = port.guests.admit([10, 0, 0, from].into());
    (client, tokio::spawn(connected(Arc::clone(port), server, place)))
}

/// Asks, and leaves the connection open.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nfine") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "it is answered");
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

/// A probe of 10.0.0.`from`: a connection of its own, as the kubelet makes it.
async fn probe(port: &Arc<Port>, from: u8) {
    let (mut stream, connection) = connect(port, from);
    ask(&mut stream).await;
    drop(stream);
    connection.await.unwrap();
}

/// How long the server lets a connection be; nobody on the other side hangs up.
async fn lasts(connection: JoinHandle<()>) -> Duration {
    let began = Instant::now();
    tokio::time::timeout(LONG, connection).await.expect("it ends").unwrap();
    began.elapsed()
}

fn about(seconds: u64, took: Duration) -> bool {
    took.abs_diff(Duration::from_secs(seconds)) < Duration::from_millis(100)
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_idle_clients_keeps_neither_probes_nor_scrapes_out() {
    let port = port();
    let (mut scraper, _) = connect(&port, 3);
    ask(&mut scraper).await;
    let mut crowd = Vec::new();
    for number in 0..600 {
        let (mut stream, _) = connect(&port, 2);
        // Some have asked, and others say nothing.
        if number % 2 == 0 {
            ask(&mut stream).await;
        }
        crowd.push(stream);
        assert!(port.guests.count() <= 64, "{}", port.guests.count());
    }
    probe(&port, 1).await;
    probe(&port, 2).await;
    ask(&mut scraper).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    crowd.push(connect(&port, 2).0);
    assert_eq!(port.guests.count(), 8 + 1, "those of one address, and the scraper");
    probe(&port, 1).await;
    probe(&port, 2).await;
    ask(&mut scraper).await;
    drop(crowd);
}

#[tokio::test(start_paused = true)]
async fn crowds_of_many_addresses_keep_no_probe_out() {
    let port = port();
    let mut crowd = Vec::new();
    for number in 0..600_u32 {
        let from = u8::try_from(number % 40).unwrap() + 10;
        crowd.push(connect(&port, from).0);
        if number % 50 == 0 {
            probe(&port, 1).await;
        }
    }
    assert!(port.guests.count() <= 64, "{}", port.guests.count());
    probe(&port, 1).await;
    drop(crowd);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_or_does_not_end_is_not_waited_for() {
    let port = port();
    let (silent, connection) = connect(&port, 1);
    let took = lasts(connection).await;
    assert!(about(3, took), "{took:?}");
    drop(silent);
    let (mut slow, connection) = connect(&port, 1);
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").await.unwrap();
    let took = lasts(connection).await;
    assert!(about(3, took), "{took:?}");
    assert_eq!(port.guests.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_rests_between_requests_and_not_for_ever() {
    let port = port();
    let (mut stream, connection) = connect(&port, 1);
    for _ in 0..5 {
        ask(&mut stream).await;
        tokio::time::advance(Duration::from_secs(7)).await;
    }
    ask(&mut stream).await;
    let took = lasts(connection).await;
    assert!(about(10, took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_reads_is_given_up() {
    let port = port();
    let (mut stream, connection) = connect(&port, 1);
    stream
        .write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let took = lasts(connection).await;
    assert!(about(11, took), "{took:?}");
    assert_eq!(port.guests.count(), 0);
}

#[tokio::test]
async fn it_serves_until_it_is_told_to_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, router(), stop.clone()));
    let mut resting = TcpStream::connect(address).await.unwrap();
    ask(&mut resting).await;
    stop.cancel();
    tokio::time::timeout(LONG, server).await.unwrap().unwrap();
    assert_eq!(resting.read(&mut [0; 64]).await.unwrap(), 0, "it ends in good order");
    assert!(TcpStream::connect(address).await.is_err());
}
