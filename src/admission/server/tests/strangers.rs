//! Somebody who is no API server: what can they have, and what can they take from others?

use super::*;

/// As the API server would post it, if it were one: case by case what a forged review could have done.
fn forged() -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "1", "name": "ghost", "namespace": "victim", "operation": "CREATE",
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "userInfo": {"username": "nobody", "groups": ["system:masters"]}, "object": {}}})
    .to_string()
}

#[tokio::test]
async fn a_forged_review_is_not_found_and_nobody_has_seen_it() {
    let running = start(Limits::default(), false).await;
    let bundle = running.material.ca_bundle();
    let other = Paths::random().unwrap();
    for entry in Entry::ALL {
        for path in [
            format!("/{}", entry.as_str()),
            other.path(entry),
            PATHS.path(entry) + "/",
        ] {
            let stream = connect(&running, &bundle).await.unwrap();
            assert_eq!(send(stream, post(&path, forged())).await, 404, "{path}");
        }
    }
    let reviewer = &running.shared.reviewer;
    assert_eq!(reviewer.seen.load(Ordering::Relaxed), 0);
    assert_eq!(reviewer.unheard.load(Ordering::Relaxed), Entry::ALL.len() * 3);
    assert!(reviewer.statuses.lock().is_empty());
}

#[tokio::test]
async fn a_strangers_body_is_not_read() {
    let running = start(Limits::default(), false).await;
    let free = (running.shared.small_memory.free(), running.shared.large_memory.free());
    let mut stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
    let head = "POST /validate-canaries HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 7340000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer);
    // Answered and closed, although no byte of the body has come.
    let _ = tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .expect("it is closed");
    assert!(answer.starts_with(b"HTTP/1.1 404"));
    assert!(answer.ends_with(b"\r\n\r\n"), "and nothing is said");
    let after = (running.shared.small_memory.free(), running.shared.large_memory.free());
    assert_eq!(free, after);
}

/// Keeps a connection until the server ends it.
fn held(stream: impl tokio::io::AsyncRead + Unpin + Send + 'static) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let (mut stream, mut rest) = (stream, Vec::new());
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
    })
}

/// Waits until no more than so many are there. Those that have just come stay for a second, and go when others come.
async fn thinned_out(running: &Running, most: usize) {
    let thinned = async {
        while running.shared.guests.count() > most {
            for from in [1, 2] {
                heard(running, from).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), thinned)
        .await
        .expect("they go");
}

/// Nothing ends because its time is over.
fn patient() -> Limits {
    Limits {
        handshake: EVER,
        headers: EVER,
        idle_stranger: EVER,
        idle: EVER,
        ..Limits::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_is_answered_soon_through_a_crowd_of_its_own_address() {
    let running = start(patient(), false).await;
    let bundle = running.material.ca_bundle();
    // One that posted before the crowd came, and rests.
    let stream = connect(&running, &bundle).await.unwrap();
    let (mut known, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let answer = known.send_request(post(&path(), review("x"))).await.unwrap();
    answer.into_body().collect().await.unwrap();
    let mut idle = Vec::new();
    for number in 0..560 {
        idle.push(held(connect(&running, &bundle).await.unwrap()));
        if number % 100 == 0 {
            heard(&running, 1).await;
        }
    }
    thinned_out(&running, 32 + 8 + 1).await;
    known.ready().await.unwrap();
    let answer = known.send_request(post(&path(), review("x"))).await.unwrap();
    assert_eq!(answer.status(), 200, "one that is known is not sent away for strangers");
    idle.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crowds_of_many_addresses_leave_an_api_server_room() {
    let running = start(patient(), false).await;
    let mut silent = Vec::new();
    for number in 0..2000_usize {
        let from = u8::try_from(number % 40).unwrap() + 10;
        silent.push(held(tcp(&running, from).await.unwrap()));
        if number % 400 == 0 {
            heard(&running, 1).await;
        }
    }
    heard(&running, 1).await;
    assert!(
        running.shared.guests.count() <= 1024,
        "{}",
        running.shared.guests.count()
    );
    silent.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_of_one_address_are_a_few_at_any_time() {
    let running = start(patient(), false).await;
    let mut open = Vec::new();
    for number in 0..2000 {
        let mut stream = tcp(&running, 2).await.unwrap();
        // The first bytes of a handshake, and no more.
        let _ = stream.write_all(&[22, 3, 1, 2, 0]).await;
        open.push(held(stream));
        if number % 500 == 0 {
            heard(&running, 1).await;
        }
    }
    heard(&running, 1).await;
    heard(&running, 2).await;
    thinned_out(&running, 32 + 7).await;
    open.iter().for_each(tokio::task::JoinHandle::abort);
}

/// Begins a request whose body of `length` bytes never ends; the stream, for as long as it is to be kept.
async fn endless(running: &Running, from: u8, path: &str, length: usize) -> Stream {
    let mut stream = connect_from(running, &running.material.ca_bundle(), from)
        .await
        .unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&[b' '; 16 * 1024]).await;
    stream
}

/// Nor does a body that does not come.
fn patient_with_bodies() -> Limits {
    Limits {
        bodies: Bodies {
            patience: EVER,
            ..Bodies::default()
        },
        request: EVER,
        ..patient()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_never_end_hold_what_is_theirs_and_no_more_also_by_who_knows_a_path() {
    const LENGTH: usize = 7 * 1024 * 1024 - 64;
    let limits = Limits {
        queue: Duration::from_millis(100),
        ..patient_with_bodies()
    };
    let bodies = limits.bodies;
    let running = start(limits, false).await;
    let large = running.shared.large_memory.free();
    for path in ["/validate-canaries".to_owned(), path()] {
        let mut streams = Vec::new();
        for _ in 0..45 {
            streams.push(endless(&running, 2, &path, LENGTH).await);
        }
        // Of the same address, also.
        heard(&running, 2).await;
        heard(&running, 1).await;
        let each = usize::try_from(bodies.large_memory.each).unwrap();
        let taken = large - running.shared.large_memory.free();
        assert!(taken <= each, "{taken}");
        let large_one = review("x").replace("\"object\":{}", &format!("\"object\":\"{}\"", "x".repeat(1_000_000)));
        let stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
        assert_eq!(
            send(stream, post(&self::path(), large_one)).await,
            200,
            "a large one of somebody else"
        );
        drop(streams);
    }
}

/// Somebody who learned a path is known as soon as the first request comes, and is not to be mistaken for an API server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies_to_a_path_that_was_learned_take_no_connection_from_an_api_server() {
    let running = start(patient_with_bodies(), false).await;
    let stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
    let (mut resting, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut slow = Vec::new();
    for number in 0..600 {
        slow.push(held(endless(&running, 2, &path(), 20 * 1024).await));
        if number % 50 == 0 {
            let answer = resting.send_request(post(&path(), review("x"))).await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.into_body().collect().await.unwrap();
            resting.ready().await.unwrap();
            heard(&running, 1).await;
        }
    }
    heard(&running, 1).await;
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn requests_of_a_stranger_on_one_connection_are_few_also_in_http_2() {
    let running = start(patient(), false).await;
    let mut config = client_config(&running.material.ca_bundle(), rustls::ALL_VERSIONS).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("webhook.test").unwrap();
    let stream = tcp(&running, 1).await.unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (sender, connection) = hyper::client::conn::http2::handshake(executor, TokioIo::new(stream))
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let mut answered = 0;
    for _ in 0..100 {
        let mut sender = sender.clone();
        let request = post("https://webhook.test/validate-canaries", forged());
        match sender.send_request(request).await {
            Ok(answer) => assert_eq!(answer.status(), 404),
            Err(_) => break,
        }
        answered += 1;
    }
    assert!((1..50).contains(&answered), "{answered}");
    drop(sender);
    let _ = tokio::time::timeout(Duration::from_secs(5), driver)
        .await
        .expect("it is closed");
}
