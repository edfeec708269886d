use super::*;
use crate::testing::ApiServer;
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{PostParams, WatchParams};
use serde_json::json;
use std::convert::Infallible;

const ALL: &str = "/api/v1/namespaces/web/configmaps";

fn own() -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": "own", "namespace": "web"}})).unwrap()
}

fn api(server: &ApiServer) -> Api<ConfigMap> {
    Api::namespaced(bounded(&server.client()), "web")
}

async fn took<T>(work: impl Future<Output = T>) -> (T, u64) {
    let begun = Instant::now();
    let done = work.await;
    (done, begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn what_is_never_answered_ends_in_words_that_say_what_it_was() {
    let server = ApiServer::default();
    for name in [format!("GET {ALL}/own"), format!("POST {ALL}"), format!("WATCH {ALL}")] {
        server.delays.lock().insert(name, Duration::from_secs(3600));
    }
    let api = api(&server);
    let (read, seconds) = took(api.get("own")).await;
    let said = read.unwrap_err().to_string();
    assert!(
        said.ends_with(&format!("GET {ALL}/own was not answered within 30 s")),
        "{said}"
    );
    assert_eq!(seconds, 30);
    let (written, seconds) = took(api.create(&PostParams::default(), &own())).await;
    let said = written.unwrap_err().to_string();
    assert!(
        said.ends_with(&format!("POST {ALL} was not answered within 65 s")),
        "{said}"
    );
    assert_eq!(seconds, 65, "a webhook may take half a minute");
    let (watched, seconds) = took(api.watch(&WatchParams::default(), "0")).await;
    assert!(watched.is_err(), "a watch begins with an answer");
    assert_eq!(seconds, 30);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stops_in_the_middle_is_none() {
    let service = tower::service_fn(|_: Request<Body>| async {
        let begin = futures::stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from("{")))]);
        Ok::<_, Infallible>(Response::new(StreamBody::new(begin.chain(futures::stream::pending()))))
    });
    let client = bounded(&Client::new(service, "default"));
    let (read, seconds) = took(Api::<ConfigMap>::namespaced(client, "web").get("own")).await;
    let said = read.unwrap_err().to_string();
    assert!(said.contains("was not answered within 30 s"), "{said}");
    assert_eq!(seconds, 30);
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_for_as_long_as_it_likes() {
    let server = ApiServer::default();
    let api = api(&server);
    let events = api.watch(&WatchParams::default(), "0").await.unwrap();
    let mut events = Box::pin(events);
    let written = server.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(200)).await;
        written.put(&format!("{ALL}/own"), serde_json::to_value(own()).unwrap());
    });
    let (event, seconds) = took(events.next()).await;
    assert!(event.unwrap().is_ok());
    assert_eq!(seconds, 200);
}

#[tokio::test(start_paused = true)]
async fn a_question_is_put_again_for_a_moment_and_a_write_is_not() {
    let server = ApiServer::default();
    server.put(&format!("{ALL}/own"), serde_json::to_value(own()).unwrap());
    let api = api(&server);
    let times = |code: u16, times: usize| server.fail(&format!("GET {ALL}/own"), code, times);
    times(503, 1);
    times(429, 1);
    api.get("own").await.unwrap();
    assert_eq!(server.requests_for(&format!("{ALL}/own")), 3);
    times(503, 3);
    let (read, seconds) = took(api.get("own")).await;
    assert!(
        matches!(read, Err(kube::Error::Api(status)) if status.code == 503),
        "whoever asked has pauses"
    );
    assert_eq!(seconds, 1);
    times(500, 1);
    assert!(api.get("own").await.is_err(), "it is not busy but ill");

    server.fail(&format!("POST {ALL}"), 503, 1);
    server.log.lock().clear();
    assert!(api.create(&PostParams::default(), &own()).await.is_err());
    assert_eq!(server.writes(), [format!("POST {ALL}")]);
}

#[test]
fn whoever_is_told_when_to_come_again_comes_then_or_not_at_all() {
    let again_after = |code: u16, seconds: Option<&str>| {
        let answer = Response::builder().status(code);
        let answer = match seconds {
            Some(seconds) => answer.header(RETRY_AFTER, seconds),
            None => answer,
        };
        again(&answer.body(Body::empty()).unwrap(), PAUSES[0]).map(|pause| pause.as_millis())
    };
    assert_eq!(again_after(429, None), Some(200));
    assert_eq!(again_after(429, Some("1")), Some(1000));
    assert_eq!(again_after(503, Some("0")), Some(200));
    assert_eq!(again_after(429, Some("30")), None);
    assert_eq!(again_after(504, Some("1")), None, "it took a minute");
    assert_eq!(again_after(200, None), None);
}

fn named(server: &ApiServer, name: &str, data: &serde_json::Value) {
    let object = json!({"metadata": {"name": name, "namespace": "web"}, "data": data});
    server.put(&format!("{ALL}/{name}"), object);
}

// What comes of a list that asks for so many objects at once, and how many were asked for in the end.
async fn listed(server: &ApiServer, objects: u32) -> (String, Vec<usize>) {
    server.pages.lock().clear();
    let mut names = String::new();
    let which = kube::api::ListParams::default().limit(objects);
    let take = |object: ConfigMap| {
        names.push_str(object.metadata.name.as_deref().unwrap_or_default());
        std::ops::ControlFlow::Continue(())
    };
    assert!(pages::each(&api(server), which, take).await.unwrap());
    let asked = server.pages.lock().iter().filter_map(|(_, objects)| *objects).collect();
    (names, asked)
}

#[tokio::test]
async fn a_page_of_large_objects_comes_in_smaller_ones_and_none_is_missed() {
    let server = ApiServer::default();
    for name in ["a", "b", "c", "d", "e", "f"] {
        named(&server, name, &json!({"x": "x".repeat(1024 * 1024)}));
    }
    assert_eq!(listed(&server, 6).await, ("abcdef".to_owned(), vec![6, 3, 3]));
    // What is small as bytes and large as values.
    let server = ApiServer::default();
    let many: serde_json::Map<_, _> = (0..100_000).map(|key| (key.to_string(), json!(""))).collect();
    for name in ["a", "b"] {
        named(&server, name, &json!(many));
    }
    assert_eq!(listed(&server, 2).await, ("ab".to_owned(), vec![2, 1, 1]));
}

#[tokio::test(start_paused = true)]
async fn a_large_page_that_stands_still_gives_its_turn_up_and_is_said_to_do_so() {
    let service = tower::service_fn(|_: Request<Body>| async {
        let large = Bytes::from(vec![b' '; 300 * 1024]);
        let begin = futures::stream::iter([Ok::<_, Infallible>(Frame::data(large))]);
        Ok::<_, Infallible>(Response::new(StreamBody::new(begin.chain(futures::stream::pending()))))
    });
    let api = Api::<ConfigMap>::namespaced(bounded(&Client::new(service, "default")), "web");
    // More than there are turns: whoever has none waits for one, and that is not held against the answer.
    let lists = (0..2 * size::TURNS).map(|_| {
        let api = api.clone();
        async move { api.list(&kube::api::ListParams::default().limit(2)).await }
    });
    let (lists, seconds) = took(futures::future::join_all(lists)).await;
    for list in lists {
        let said = list.unwrap_err().to_string();
        assert!(
            said.contains(&format!("the answer to GET {ALL} stood still for 5 s")),
            "{said}"
        );
    }
    assert_eq!(seconds, 10);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let service = tower::service_fn(|_: Request<Body>| async {
        let more = Bytes::from(vec![b'x'; 1024 * 1024]);
        let frames = futures::stream::iter(0..1024).map(move |_| Ok::<_, Infallible>(Frame::data(more.clone())));
        Ok::<_, Infallible>(Response::new(StreamBody::new(frames)))
    });
    let api = Api::<ConfigMap>::namespaced(bounded(&Client::new(service, "default")), "web");
    let one = api.get("own").await.unwrap_err().to_string();
    assert!(one.contains(&format!("GET {ALL}/own has more than 32 MiB")), "{one}");
    let list = api.list(&kube::api::ListParams::default().limit(2)).await;
    let list = list.unwrap_err().to_string();
    assert!(list.contains(&format!("GET {ALL} has more than 32 MiB")), "{list}");
    assert!(list.contains("make it smaller"), "{list}");
}
