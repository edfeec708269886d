use super::*;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;

const RUN: Run<'static> = Run {
    name: "app",
    namespace: "test",
    phase: "Progressing",
    checksum: "abc",
    canary_weight: 0,
};

/// Answers `/N` with status N.
async fn receiver() -> String {
    let answer = |Path(code): Path<u16>| async move { StatusCode::from_u16(code).unwrap() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/{code}", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn called(kind: HookType, codes: &[u16]) -> Vec<(String, bool)> {
    let address = receiver().await;
    let hook = |(n, code): (usize, &u16)| Webhook {
        name: n.to_string(),
        kind: Some(kind.as_str().into()),
        url: format!("{address}/{code}"),
        ..Webhook::default()
    };
    let other = Webhook {
        name: "other".into(),
        url: "http://127.0.0.1:1".into(),
        ..Webhook::default()
    };
    let mut hooks: Vec<_> = codes.iter().enumerate().map(hook).collect();
    if kind != HookType::Rollout {
        hooks.insert(0, other);
    }
    let outcomes = call_all(&Caller::default(), &hooks, kind, &RUN).await;
    outcomes.into_iter().map(|o| (o.hook, o.result.is_ok())).collect()
}

fn expected(outcomes: &[bool]) -> Vec<(String, bool)> {
    outcomes
        .iter()
        .enumerate()
        .map(|(n, ok)| (n.to_string(), *ok))
        .collect()
}

#[tokio::test]
async fn hooks_are_called_in_order_until_one_fails() {
    assert_eq!(
        called(HookType::Rollout, &[200, 202, 403, 200]).await,
        expected(&[true, true, false])
    );
    assert_eq!(
        called(HookType::ConfirmPromotion, &[403, 200]).await,
        expected(&[false])
    );
    assert_eq!(called(HookType::PreRollout, &[]).await, []);
}

#[tokio::test]
async fn rollback_hooks_are_called_until_one_asks_for_it() {
    assert_eq!(
        called(HookType::Rollback, &[403, 200, 200]).await,
        expected(&[false, true])
    );
}

#[tokio::test]
async fn event_hooks_are_all_called() {
    assert_eq!(
        called(HookType::Event, &[500, 200, 404]).await,
        expected(&[false, true, false])
    );
}
