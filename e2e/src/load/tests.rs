use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

fn answered(begin: Instant, millis: u64, version: &str, status: u16) -> Record {
    Record {
        sent: begin + Duration::from_millis(millis),
        took: Duration::from_millis(2),
        outcome: Outcome::Answered {
            status,
            version: Arc::from(version),
        },
        user: None,
        set_cookies: Vec::new(),
    }
}

fn missing(begin: Instant, millis: u64) -> Record {
    Record {
        outcome: Outcome::Lost {
            why: Arc::from("connection reset"),
        },
        ..answered(begin, millis, "", 0)
    }
}

#[test]
fn the_moment_all_users_are_on_a_version_follows_the_last_answer_of_another() {
    let begin = Instant::now();
    let at = |millis| begin + Duration::from_millis(millis);
    let report = Report::new(vec![
        answered(begin, 30, "v2", 200),
        answered(begin, 0, "v1", 200),
        answered(begin, 10, "v2", 500),
        answered(begin, 20, "v1", 200),
        answered(begin, 40, "v2", 200),
    ]);
    assert_eq!(report.first_all_on("v2"), Some(at(30)));
    assert_eq!(report.first_all_on("v1"), None);
    assert_eq!(report.all_on_before("v1", at(10)), Some(at(0)));
    assert_eq!(report.last_seen("v1"), Some(at(20)));
    assert_eq!(report.first_seen("v2"), Some(at(10)));
    assert_eq!(report.errors_of("v2"), 1);
    assert_eq!(report.share_of("v1", at(0), at(40)), 50.0);
}

#[test]
fn a_lost_request_is_of_no_version_and_ends_all_on() {
    let begin = Instant::now();
    let report = Report::new(vec![answered(begin, 0, "v1", 200), missing(begin, 5)]);
    assert_eq!(report.lost(), 1);
    assert_eq!(report.first_all_on("v1"), None);
    assert_eq!(report.losses().get("connection reset"), Some(&1));
    let said = report.nothing_lost().unwrap_err().to_string();
    assert!(
        said.starts_with("1 of 2 requests were lost, the first sent at "),
        "{said}"
    );
}

#[test]
fn a_target_outside_the_machine_and_its_cluster_is_refused() {
    for (address, ours) in [
        ("127.0.0.1:80", true),
        ("10.244.3.4:9898", true),
        ("10.96.0.10:80", true),
        ("10.0.0.1:80", false),
        ("192.0.2.1:80", false),
    ] {
        let load = Load::on(address.parse().unwrap(), "app.local");
        assert_eq!(load.check().is_ok(), ours, "{address}");
    }
}

/// A peer that answers each connection with one of `answers` in turn, then closes it.
async fn peer(answers: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for answer in answers.iter().cycle() {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn the_gateways_own_error_and_a_closed_connection_are_lost_and_the_apps_error_is_not() {
    let address = peer(&[
        "HTTP/1.1 200 OK\r\nx-app-version: v1\r\nconnection: close\r\ncontent-length: 3\r\n\r\nv1\n",
        "HTTP/1.1 500 Oops\r\nx-app-version: v1\r\nconnection: close\r\ncontent-length: 3\r\n\r\nv1\n",
        "HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "",
    ])
    .await;
    let load = Load {
        rate: 50,
        connections: Connections::New,
        at_most: Duration::from_millis(790),
        ..Load::on(address, "app.local")
    };
    let running = load.start().unwrap();
    let mut live = running.live();
    let all = live.wait_for(|live| live.requests >= 40);
    tokio::time::timeout(Duration::from_secs(10), all)
        .await
        .expect("all are answered")
        .unwrap();
    let report = running.stop().await.unwrap();
    assert_eq!(report.requests(), 40);
    assert_eq!(report.lost(), 20, "{:?}", report.losses());
    assert_eq!(report.errors_of("v1"), 10);
    assert_eq!(report.versions()["v1"].answers, 20);
    assert!(live.borrow().requests >= 40, "{:?}", live.borrow());
}

#[tokio::test]
async fn a_request_without_an_answer_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let load = Load {
        patience: Duration::from_millis(50),
        ..Load::on(listener.local_addr().unwrap(), "app.local")
    };
    let record = Sender::new(&load).unwrap().ask(0).await;
    assert_eq!(
        record.outcome,
        Outcome::Lost {
            why: Arc::from("no answer in time")
        }
    );
}

/// A peer that gives whoever has no cookie one, and answers v2 to those who have it and to insiders, v1 to others.
async fn sticky_peer() -> SocketAddr {
    use axum::http::HeaderMap;
    let page = async |headers: HeaderMap| {
        let has = |name: &str, part: &str| {
            let mut values = headers.get_all(name).iter();
            values.any(|value| value.to_str().is_ok_and(|value| value.contains(part)))
        };
        let version = if has("cookie", "side=canary") || has("x-canary", "insider") {
            "v2"
        } else {
            "v1"
        };
        let cookie = if version == "v1" {
            "side=canary; Max-Age=60; HttpOnly"
        } else {
            "seen=1"
        };
        (
            [("x-app-version", version), ("set-cookie", cookie)],
            format!("{version} pod\n"),
        )
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/", axum::routing::get(page));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Sends twenty requests and waits for the last.
async fn twenty(load: Load) -> Report {
    let load = Load {
        rate: 20,
        at_most: Duration::from_millis(975),
        ..load
    };
    let running = load.start().unwrap();
    running.live().wait_for(|live| live.requests == 20).await.unwrap();
    running.stop().await.unwrap()
}

#[tokio::test]
async fn loads_at_once_on_one_host_have_headers_and_cookies_of_their_own() {
    let address = sticky_peer().await;
    let load = Load::on(address, "app.local");
    let (anyone, insiders, users) = tokio::join!(
        twenty(load.clone()),
        twenty(load.clone().header("x-canary", "insider").header("cookie", "a=b")),
        twenty(load.users(10).header("cookie", "a=b")),
    );
    assert_eq!(anyone.versions()["v1"].answers, 20);
    assert_eq!(anyone.set_cookies()["side=canary; Max-Age=60; HttpOnly"], 20);
    assert!(anyone.by_user().is_empty());
    assert_eq!(insiders.versions()["v2"].answers, 20);
    assert_eq!(insiders.set_cookies().keys().collect::<Vec<_>>(), ["seen=1"]);

    assert_eq!(
        users.set_cookies()["side=canary; Max-Age=60; HttpOnly"],
        10,
        "each user is given it once"
    );
    let seen = users.by_user();
    assert_eq!(seen.len(), 10);
    for (user, versions) in seen {
        assert_eq!(versions, ["v1", "v2"], "user {user}");
    }
}
