use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LONG: Duration = Duration::from_secs(30);

/// Answers with `head`, and then without end; says how many bytes anybody took, and what was asked.
async fn endless(head: &'static str) -> (String, Arc<AtomicUsize>, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 8192];
        let n = stream.read(&mut request).await.unwrap();
        let _ = stream.write_all(head.as_bytes()).await;
        while let Ok(n) = stream.write(&[b'x'; 64 * 1024]).await {
            count.fetch_add(n, Ordering::Relaxed);
        }
        // Only now: the connection is closed.
        let _ = sender.send(String::from_utf8_lossy(&request[..n]).into_owned());
    });
    (url, taken, receiver)
}

async fn answer(url: &str) -> Answer {
    let client = super::super::Clients::default()
        .get(&super::super::ClientSettings::default())
        .unwrap();
    ask(client.get(url), LONG).await.unwrap()
}

const OK: &str = "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\n";

#[tokio::test]
async fn an_answer_without_end_is_read_to_its_limit_and_its_connection_is_closed() {
    let (url, taken, mut closed) = endless(OK).await;
    let error = answer(&url).await.body(LONGEST).await.unwrap_err();
    assert_eq!(error.as_str(), "longer than 65536 bytes");
    closed.recv().await.unwrap();
    // What lies in the buffers of the kernel and of hyper was taken, too.
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken < 16 * 1024 * 1024, "{taken}");
}

#[tokio::test]
async fn what_is_quoted_of_an_answer_without_end_is_its_beginning() {
    let (url, _, mut closed) = endless("HTTP/1.1 500 no\r\n\r\n").await;
    let says = answer(&url).await.says().await;
    assert_eq!(says.as_str(), format!("{}...", "x".repeat(crate::foreign::QUOTED)));
    closed.recv().await.unwrap();
}

#[tokio::test]
async fn nobody_is_asked_to_compress() {
    let (url, _, mut closed) = endless(OK).await;
    drop(answer(&url).await);
    let request = closed.recv().await.unwrap().to_lowercase();
    assert!(request.starts_with("get / http/1.1"), "{request}");
    assert!(!request.contains("accept-encoding"), "{request}");
}

#[tokio::test]
async fn an_answer_that_claims_to_be_compressed_is_taken_as_it_is() {
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 65536\r\n\r\n";
    let (url, ..) = endless(head).await;
    assert_eq!(answer(&url).await.body(LONGEST).await.unwrap(), vec![b'x'; 65536]);
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_ends_with_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 8192]).await;
        let _ = stream.write_all(format!("{OK}abc").as_bytes()).await;
        std::future::pending::<()>().await;
    });
    let client = super::super::Clients::default()
        .get(&super::super::ClientSettings::default())
        .unwrap();
    let answer = ask(client.get(&url), LONG).await.unwrap();
    // Nothing else is on its way: only a clock is waited for.
    tokio::time::pause();
    assert_eq!(
        answer.body(LONGEST).await.unwrap_err().as_str(),
        "context deadline exceeded"
    );
    server.abort();
}
