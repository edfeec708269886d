use super::*;

#[tokio::test]
async fn clients_that_say_nothing_are_let_go_when_the_handshakes_time_is_over() {
    let limits = Limits {
        handshake: Duration::from_millis(200),
        ..Limits::default()
    };
    let running = start(limits, false).await;
    let mut silent = tcp(&running, 1).await.unwrap();
    assert!(ends(&mut silent).await);
}

/// Whether the server ends it soon.
async fn ends(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> bool {
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(stream, &mut rest);
    tokio::time::timeout(Duration::from_secs(5), read).await.is_ok()
}

#[tokio::test]
async fn headers_that_drip_are_cut_off() {
    let limits = Limits {
        headers: Duration::from_millis(200),
        ..Limits::default()
    };
    let running = start(limits, false).await;
    let mut stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
    stream
        .write_all(format!("POST {} HTTP/1.1\r\nhost: x\r\n", path()).as_bytes())
        .await
        .unwrap();
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
    assert!(tokio::time::timeout(Duration::from_secs(3), read).await.is_ok());
}

#[tokio::test]
async fn a_connection_rests_between_requests_and_a_late_head_is_cut_off_then_too() {
    let limits = Limits {
        headers: Duration::from_millis(200),
        ..Limits::default()
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
        passes(Duration::from_millis(300)).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = [0; 4096];
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{read} bytes");
        until(|| !running.shared.activity.quiet_for().is_zero()).await;
        passes(Duration::from_millis(500)).await;
    }
    stream.write_all(&head.as_bytes()[..20]).await.unwrap();
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
    assert!(tokio::time::timeout(Duration::from_secs(3), read).await.is_ok());
}

#[tokio::test]
async fn stopping_answers_what_is_under_way_and_what_still_comes() {
    let limits = Limits {
        linger: Duration::from_millis(400),
        quiet: Duration::from_millis(50),
        ..Limits::default()
    };
    let mut running = start(limits, false).await;
    let (stop, _) = tokio::sync::oneshot::channel();
    let stop = std::mem::replace(&mut running.stop, stop);
    let bundle = running.material.ca_bundle();
    let (under_way, came) = future::join(call(&running, &bundle, "later"), async {
        until(|| running.shared.reviewer.seen.load(Ordering::Relaxed) == 1).await;
        stop.send(()).unwrap();
        until(|| running.shared.is_stopping()).await;
        call(&running, &bundle, "x").await
    })
    .await;
    assert_eq!((under_way, came), (200, 200));
    tokio::time::timeout(Duration::from_secs(5), running.task)
        .await
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_client_that_never_named_a_path_rests_for_a_moment_and_asks_twice() {
    let limits = Limits {
        idle_stranger: Duration::from_millis(200),
        headers: EVER,
        ..Limits::default()
    };
    let running = start(limits, false).await;
    let mut idle = connect(&running, &running.material.ca_bundle()).await.unwrap();
    assert!(ends(&mut idle).await);
    let running = start(
        Limits {
            idle_stranger: EVER,
            ..Limits::default()
        },
        false,
    )
    .await;
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
        patience: Duration::from_millis(200),
        ..Bodies::default()
    };
    let limits = Limits {
        bodies,
        ..Limits::default()
    };
    let running = start(limits, false).await;
    let free = running.shared.small_memory.free();
    let mut stream = connect(&running, &running.material.ca_bundle()).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        path()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 4096];
    let read = tokio::io::AsyncReadExt::read(&mut stream, &mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 408"), "{read} bytes");
    assert_eq!(running.shared.small_memory.free(), free);
}
