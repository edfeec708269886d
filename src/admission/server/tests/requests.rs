use super::*;

#[tokio::test]
async fn a_review_is_answered_at_its_path() {
    let shared = shared(Limits::default());
    for entry in Entry::ALL {
        let (status, body) = ask(&shared, post(&PATHS.path(entry), review("x"))).await;
        assert_eq!(status, 200);
        assert_eq!(
            body,
            r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"allowed":true,"uid":"u"}}"#
        );
    }
}

#[tokio::test]
async fn anything_but_a_posted_json_review_at_an_exact_path_is_refused() {
    let shared = shared(Limits::default());
    let path = path();
    assert_eq!(ask(&shared, post(&format!("{path}/"), review("x"))).await.0, 404);
    assert_eq!(ask(&shared, post("/", review("x"))).await.0, 404);
    let get = ::http::Request::get(&path).body(Full::default()).unwrap();
    assert_eq!(ask(&shared, get).await.0, 405);
    let form = ::http::Request::post(&path)
        .header("content-type", "text/plain")
        .body(Full::default())
        .unwrap();
    assert_eq!(ask(&shared, form).await.0, 415);
    assert_eq!(ask(&shared, post(&path, "{")).await.0, 400);
    assert_eq!(ask(&shared, post(&path, "[".repeat(100_000))).await.0, 400);
    assert_eq!(shared.reviewer.seen.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let shared = shared(Limits {
        bodies: Bodies {
            longest: 1000,
            ..Bodies::default()
        },
        ..Limits::default()
    });
    assert_eq!(ask(&shared, post(&path(), review(&"x".repeat(500)))).await.0, 200);
    assert_eq!(ask(&shared, post(&path(), review(&"x".repeat(1000)))).await.0, 413);
}

#[tokio::test]
async fn a_fault_or_a_panic_is_500_and_tells_nothing() {
    let shared = shared(Limits::default());
    for name in ["fault", "panic"] {
        assert_eq!(
            ask(&shared, post(&path(), review(name))).await,
            (500, "no verdict; see the log\n".to_owned())
        );
    }
    assert_eq!(*shared.reviewer.statuses.lock(), [(500, false), (500, true)]);
    assert_eq!(ask(&shared, post(&path(), review("x"))).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_504() {
    let shared = shared(Limits {
        request: Duration::from_millis(50),
        ..Limits::default()
    });
    assert_eq!(ask(&shared, post(&path(), review("slow"))).await.0, 504);
}

#[tokio::test(start_paused = true)]
async fn when_no_turn_comes_it_is_503() {
    let shared = shared(Limits {
        turns: Amount { all: 1, each: 1 },
        queue: Duration::from_millis(50),
        ..Limits::default()
    });
    let _taken = shared.turns.take([127, 0, 0, 1].into(), 1).await.unwrap();
    assert_eq!(ask(&shared, post(&path(), review("x"))).await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_verdict_holds_up_no_other_verdict() {
    let shared = shared(Limits {
        turns: Amount { all: 1, each: 1 },
        ..Limits::default()
    });
    let start = tokio::time::Instant::now();
    let (later, quick) = future::join(ask(&shared, post(&path(), review("later"))), async {
        until(|| shared.reviewer.seen.load(Ordering::Relaxed) == 1).await;
        ask(&shared, post(&path(), review("x"))).await;
        start.elapsed()
    })
    .await;
    assert_eq!(later.0, 200);
    assert!(quick < Duration::from_millis(250), "{quick:?}");
}

#[tokio::test]
async fn of_more_requests_at_once_than_one_address_may_have_the_rest_is_answered_at_once() {
    let requests = Amount { all: 4, each: 2 };
    let shared = shared(Limits {
        requests,
        ..Limits::default()
    });
    let slow = || {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { ask(&shared, post(&path(), review("slow"))).await })
    };
    let under_way = [slow(), slow()];
    until(|| shared.requests.free() == 2).await;
    assert_eq!(ask(&shared, post(&path(), review("x"))).await.0, 503);
    let other = shared.guests.admit([127, 0, 0, 2].into());
    let answer = respond(&shared, &other, post(&path(), review("x"))).await;
    assert_eq!(answer.status(), 200, "of another address");
    under_way.iter().for_each(tokio::task::JoinHandle::abort);
    until(|| shared.requests.free() == 4).await;
    assert_eq!(ask(&shared, post(&path(), review("x"))).await.0, 200);
}

#[tokio::test]
async fn while_stopping_reviews_are_answered_and_clients_are_sent_elsewhere() {
    let shared = shared(Limits::default());
    shared.stopping.store(true, Ordering::Relaxed);
    let place = shared.guests.admit([127, 0, 0, 1].into());
    let answer = respond(&shared, &place, post(&path(), review("x"))).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["connection"].to_str().unwrap()
        ),
        (200, "close")
    );
}

#[tokio::test]
async fn health_is_not_answered_where_reviews_are() {
    let shared = shared(Limits::default());
    for path in ["/healthz", "/livez", "/readyz", "/metrics"] {
        let get = ::http::Request::get(path).body(Full::default()).unwrap();
        assert_eq!(ask(&shared, get).await, (404, String::new()));
    }
}

/// A list of zeros: two bytes each, and half a hundred times that when it is read.
fn zeros(count: usize) -> String {
    let zeros = vec!["0"; count].join(",");
    review("x").replace("\"object\":{}", &format!("\"object\":[{zeros}]"))
}

#[tokio::test]
async fn a_review_of_too_many_parts_is_not_read() {
    let shared = shared(Limits::default());
    assert_eq!(ask(&shared, post(&path(), zeros(599_000))).await.0, 200);
    assert_eq!(ask(&shared, post(&path(), zeros(601_000))).await.0, 413);
    assert_eq!(shared.reviewer.seen.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_review_needs_when_it_is_read_is_taken_before_and_given_back() {
    let bodies = Bodies::default();
    let shared = shared(Limits {
        queue: Duration::from_millis(50),
        ..Limits::default()
    });
    let peer = [127, 0, 0, 1].into();
    let free = shared.small_memory.free();
    // As a small body: 60,000 zeros are a few megabytes.
    let left = bodies.small_memory.each - 2_000_000;
    let held = shared.small_memory.take(peer, left).await.unwrap();
    assert_eq!(ask(&shared, post(&path(), zeros(60_000))).await.0, 503);
    assert_eq!(ask(&shared, post(&path(), review("x"))).await.0, 200);
    drop(held);
    assert_eq!(ask(&shared, post(&path(), zeros(60_000))).await.0, 200);
    assert_eq!(shared.small_memory.free(), free);
}

#[tokio::test]
async fn a_large_review_is_judged_beside_the_threads_that_serve_everybody() {
    let shared = shared(Limits::default());
    let this = std::thread::current().id();
    let padding = "x".repeat(200_000);
    let large = |name: &str| review(name).replace("\"object\":{}", &format!("\"object\":\"{padding}\""));
    assert_eq!(ask(&shared, post(&path(), review("x"))).await.0, 200);
    assert_eq!(shared.reviewer.threads.lock().pop(), Some(this));
    assert_eq!(ask(&shared, post(&path(), large("x"))).await.0, 200);
    assert_ne!(shared.reviewer.threads.lock().pop(), Some(this));
    for name in ["fault", "panic"] {
        assert_eq!(ask(&shared, post(&path(), large(name))).await.0, 500);
    }
    assert_eq!(shared.reviewer.statuses.lock().last(), Some(&(500, true)));
}

#[tokio::test(start_paused = true)]
async fn large_reviews_leave_small_ones_their_room_and_their_turn() {
    let shared = shared(Limits {
        large_queue: Duration::from_millis(50),
        ..Limits::default()
    });
    let peer = [127, 0, 0, 1].into();
    let _turn = shared.large_turns.take(peer, 1).await.unwrap();
    let _memory = shared.large_memory.take(peer, u32::MAX).await.unwrap();
    let large = review(&"x".repeat(200_000));
    assert_eq!(ask(&shared, post(&path(), large)).await.0, 503);
    assert_eq!(ask(&shared, post(&path(), review("x"))).await.0, 200);
}

#[tokio::test]
async fn a_large_review_has_time_to_wait_for_the_one_before_it() {
    let limits = Limits::default();
    assert!(limits.large_queue > limits.queue && limits.large_queue * 2 <= Duration::from_secs(3));
    let shared = shared(Limits {
        queue: Duration::ZERO,
        ..limits
    });
    let peer = [127, 0, 0, 1].into();
    let padding = "x".repeat(200_000);
    let large = review("x").replace("\"object\":{}", &format!("\"object\":\"{padding}\""));
    for shares in [&shared.large_memory, &shared.large_turns] {
        let held = shares.take(peer, u32::MAX).await;
        let let_go = async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            drop(held);
        };
        let (answer, ()) = future::join(ask(&shared, post(&path(), large.clone())), let_go).await;
        assert_eq!(answer.0, 200);
    }
}
