use super::*;

/// What is waited for, longer than any test takes.
const LIMIT: Duration = Duration::from_secs(600);
/// More than what passes in any test.
const NEVER: Duration = Duration::from_secs(1_000_000);

/// Nothing ends because its time is over.
fn endless() -> Limits {
    Limits {
        handshake: NEVER,
        headers: NEVER,
        idle: NEVER,
        idle_stranger: NEVER,
        request: NEVER,
        bodies: Bodies {
            patience: NEVER,
            ..Bodies::default()
        },
        ..Limits::default()
    }
}

/// All that the server says until it ends the connection.
async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    // Whether it says goodbye is of no concern.
    let _ = tokio::io::AsyncReadExt::read_to_end(stream, &mut rest).await;
    rest
}

#[tokio::test]
async fn clients_that_say_nothing_are_let_go_when_the_handshakes_time_is_over() {
    let limits = Limits {
        handshake: LIMIT,
        ..endless()
    };
    let running = start(limits, false).await;
    let mut silent = tcp(&running, 1).await.unwrap();
    after_passing(LIMIT, rest(&mut silent)).await;
}

#[tokio::test]
async fn headers_that_drip_are_cut_off() {
    let limits = Limits {
        headers: LIMIT,
        ..endless()
    };
    let running = start(limits, false).await;
    let mut stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
    stream
        .write_all(format!("POST {} HTTP/1.1\r\nhost: x\r\n", path()).as_bytes())
        .await
        .unwrap();
    let said = after_passing(LIMIT, rest(&mut stream)).await;
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test]
async fn a_connection_rests_between_requests_and_a_late_head_is_cut_off_then_too() {
    let limits = Limits {
        headers: LIMIT,
        ..endless()
    };
    let running = start(limits, false).await;
    let mut stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
    let body = review("x");
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        path(),
        body.len()
    );
    for _ in 0..3 {
        stream.write_all(head.as_bytes()).await.unwrap();
        // As a body that does not fit into one write.
        until(|| running.shared.activity.quiet_for().is_zero()).await;
        passes(LIMIT * 2).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = [0; 4096];
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{read} bytes");
        until(|| !running.shared.activity.quiet_for().is_zero()).await;
        passes(LIMIT * 2).await;
    }
    stream.write_all(&head.as_bytes()[..20]).await.unwrap();
    let said = after_passing(LIMIT, rest(&mut stream)).await;
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test]
async fn stopping_answers_what_is_under_way_and_what_still_comes() {
    let limits = Limits {
        linger: LIMIT,
        quiet: LIMIT,
        ..endless()
    };
    let mut running = start(limits, false).await;
    let (stop, _) = tokio::sync::oneshot::channel();
    let stop = std::mem::replace(&mut running.stop, stop);
    let bundle = running.material.ca_bundle();
    let (under_way, came) = future::join(call(&running, &bundle, "later"), async {
        until(|| running.shared.reviewer.seen.load(Ordering::Relaxed) == 1).await;
        stop.send(()).unwrap();
        until(|| running.shared.is_stopping()).await;
        let came = call(&running, &bundle, "x").await;
        passes(Duration::from_secs(1)).await;
        came
    })
    .await;
    assert_eq!((under_way, came), (200, 200));
    after_passing(LIMIT, running.task).await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_client_that_never_named_a_path_rests_for_a_moment_and_asks_twice() {
    let limits = Limits {
        idle_stranger: LIMIT,
        ..endless()
    };
    let running = start(limits, false).await;
    let mut idle = connect(&running, &running.material.ca_bundle()).await.unwrap();
    after_passing(LIMIT, rest(&mut idle)).await;
    let running = start(endless(), false).await;
    let stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    for _ in 0..2 {
        sender.ready().await.unwrap();
        let answer = sender.send_request(post("/hold-routes", review("x"))).await.unwrap();
        assert_eq!(answer.status(), 404);
        assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
    let ended = tokio::time::timeout(Duration::from_secs(5), driver).await;
    assert!(ended.is_ok(), "it is closed after the second");
}

#[tokio::test]
async fn a_client_that_is_known_rests_as_long_as_api_servers_do() {
    let running = start(Limits::default(), false).await;
    let stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        sender.ready().await.unwrap();
        let answer = sender.send_request(post(&path(), review("x"))).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap();
        // Also when it names a path of before.
        sender.ready().await.unwrap();
        let answer = sender.send_request(post("/hold-routes/0", "")).await.unwrap();
        assert_eq!(answer.status(), 404);
        answer.into_body().collect().await.unwrap();
        passes(Duration::from_secs(90)).await;
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_and_its_room_is_free_again() {
    let bodies = Bodies {
        patience: LIMIT,
        ..Bodies::default()
    };
    let limits = Limits { bodies, ..endless() };
    let running = start(limits, false).await;
    let free = running.shared.small_memory.free();
    let mut stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        path()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 4096];
    let read = tokio::io::AsyncReadExt::read(&mut stream, &mut answer);
    let read = after_passing(LIMIT, read).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 408"), "{read} bytes");
    assert_eq!(running.shared.small_memory.free(), free);
}
