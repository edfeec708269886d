use super::*;
use crate::analysis::{Refusal, ReleaseEvent, Subject};
use crate::api::alert_provider::AlertProviderSpec;
use crate::api::canary::{AlertRef, HookType, NamespacedRef};
use crate::plan::Workload;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use parking_lot::Mutex;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

fn subject() -> Subject {
    Subject {
        canary: "app".into(),
        namespace: "test".into(),
        target: "web".into(),
        workload: Workload::Deployment,
    }
}

fn refusal(muted: bool) -> Refusal {
    Refusal {
        hook: "gate".into(),
        error: "no".into(),
        muted,
    }
}

fn alert(severity: AlertSeverity) -> Alert {
    Alert {
        name: "app".into(),
        namespace: "test".into(),
        phase: "Progressing",
        severity,
        text: "Something <b>happened</b>.".into(),
        fields: vec![("Target".into(), "Deployment/web.test".into())],
        measured: vec![Measured {
            metric: "request-success-rate".into(),
            value: Some(50.0),
            threshold: ">=99".into(),
            failed: true,
        }],
    }
}

fn provider(kind: &str) -> AlertProviderSpec {
    AlertProviderSpec {
        kind: kind.into(),
        address: Some("https://chat.test/hook".into()),
        ..AlertProviderSpec::default()
    }
}

fn secret(entries: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    let entries = entries
        .iter()
        .map(|(key, value)| ((*key).into(), value.as_bytes().into()));
    entries.collect()
}

#[test]
fn people_are_told_flaggers_texts_and_what_flagger_keeps_to_itself() {
    let closed = |kind| ReleaseEvent::GateClosed(kind, refusal(false));
    let told = [
        (
            ReleaseEvent::Initialized,
            "info",
            "New Deployment detected, initialization completed.",
            true,
        ),
        (
            ReleaseEvent::NewRevision,
            "info",
            "New revision detected, progressing canary analysis.",
            true,
        ),
        (
            closed(HookType::ConfirmRollout),
            "warn",
            "Canary is waiting for approval.",
            false,
        ),
        (
            closed(HookType::ConfirmPromotion),
            "warn",
            "Canary promotion is waiting for approval.",
            false,
        ),
        (
            closed(HookType::ConfirmTrafficIncrease),
            "warn",
            "Canary traffic increase is waiting for approval.",
            false,
        ),
        (
            ReleaseEvent::RollingBackByHook,
            "warn",
            "Rolling back manual webhook invoked",
            false,
        ),
        (
            ReleaseEvent::ThresholdReached(5),
            "error",
            "Failed checks threshold reached 5",
            false,
        ),
        (
            ReleaseEvent::PromotionStuck("x".into()),
            "error",
            "Promotion failed, primary not ready: x",
            false,
        ),
        (
            ReleaseEvent::Promoted,
            "info",
            "Canary analysis completed successfully, promotion finished.",
            false,
        ),
        (
            ReleaseEvent::PromotedUnanalysed,
            "info",
            "Canary analysis was skipped, promotion finished.",
            false,
        ),
        // Flagger says nothing of these.
        (
            ReleaseEvent::RollingBack("deadline".into()),
            "error",
            "Rolling back, deadline",
            false,
        ),
        (
            ReleaseEvent::PrimaryFailed("x".into()),
            "error",
            "Initialization failed, primary not ready: x",
            false,
        ),
    ];
    for (event, severity, text, detailed) in told {
        let alarm = alarm(&event, &subject()).map(|a| (a.severity.as_str(), a.text, a.detailed));
        assert_eq!(alarm, Some((severity, text.to_owned(), detailed)), "{event:?}");
    }
    let muted = ReleaseEvent::GateClosed(HookType::ConfirmRollout, refusal(true));
    for event in [muted, ReleaseEvent::CanaryWeight(20), ReleaseEvent::Halt("slow".into())] {
        assert_eq!(alarm(&event, &subject()), None, "{event:?}");
    }
}

#[test]
fn each_entry_hears_its_severity_and_worse_and_one_without_hears_all() {
    let entry = |name: &str, severity: Option<&str>| AlertRef {
        name: name.into(),
        severity: severity.map(Into::into),
        provider_ref: NamespacedRef {
            name: name.into(),
            namespace: None,
        },
    };
    let entries = [
        entry("all", Some("info")),
        entry("none", None),
        entry("empty", Some("")),
        entry("gates", Some("warn")),
        entry("bad", Some("error")),
    ];
    let names = |severity| match recipients(&entries, severity) {
        Recipients::Named(all) => all.into_iter().map(|provider| provider.name).collect::<Vec<_>>(),
        Recipients::Global => panic!("nobody asks the global one"),
    };
    assert_eq!(names(AlertSeverity::Info), ["all", "none", "empty"]);
    assert_eq!(names(AlertSeverity::Warn), ["all", "none", "empty", "gates"]);
    assert_eq!(names(AlertSeverity::Error), ["all", "none", "empty", "gates", "bad"]);
    assert_eq!(recipients(&[], AlertSeverity::Info), Recipients::Global);
}

#[test]
fn the_fields_are_flaggers() {
    let told = |analysis: Value| {
        let canary = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "app", "namespace": "test"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "service": {"port": 80}, "progressDeadlineSeconds": 60, "analysis": analysis,
            },
        });
        details(&serde_json::from_value(canary).unwrap())
    };
    let all = told(json!({"threshold": 3, "stepWeight": 10, "maxWeight": 50}));
    let all: Vec<(&str, &str)> = all.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        all,
        [
            ("Target", "Deployment/web.test"),
            ("Failed checks threshold", "3"),
            ("Progress deadline", "60s"),
            ("Traffic routing", "Weight step: 10 max: 50"),
        ]
    );
    let routing = |analysis| told(analysis)[3].1.clone();
    assert_eq!(routing(json!({"stepWeights": [1, 2, 3]})), "Weight steps: 1,2,3 max: 0");
    assert_eq!(
        routing(json!({"iterations": 2, "match": [{"headers": {"x": {"exact": "y"}}}]})),
        "A/B Testing"
    );
    assert_eq!(routing(json!({"iterations": 2})), "Blue/Green");
}

#[test]
fn each_service_gets_the_body_it_reads() {
    let mut all = BTreeMap::new();
    for kind in AlertProviderSpec::TYPES {
        let entries = secret(&[("address", "https://chat.test/hook\n"), ("token", "t0k3n")]);
        let receiver = Receiver::of(&provider(kind), Some(&entries), "eu-1").unwrap();
        for severity in [AlertSeverity::Info, AlertSeverity::Warn, AlertSeverity::Error] {
            let request = receiver.request(&alert(severity));
            let said = json!({"url": request.url, "bearer": request.bearer, "body": request.body});
            all.insert(format!("{kind} {}", severity.as_str()), said);
        }
    }
    insta::assert_json_snapshot!(all);
}

#[test]
fn discords_address_may_have_its_path_already() {
    for address in [
        "https://d.test/1",
        "https://d.test/1/",
        "https://d.test/1/slack",
        "https://d.test/1/slack/",
    ] {
        let spec = AlertProviderSpec {
            address: Some(address.into()),
            ..provider("discord")
        };
        let receiver = Receiver::of(&spec, None, "").unwrap();
        let request = receiver.request(&alert(AlertSeverity::Info));
        assert_eq!(request.url, "https://d.test/1/slack");
    }
}

#[test]
fn a_provider_that_cannot_be_reached_says_what_is_missing() {
    let problem = |spec: &AlertProviderSpec, secret: Option<&_>| Receiver::of(spec, secret, "").unwrap_err();
    let none = secret(&[("token", "t")]);
    assert_eq!(
        problem(&provider("slack"), Some(&none)),
        "the Secret lacks the key address"
    );
    let neither = AlertProviderSpec {
        address: None,
        ..provider("slack")
    };
    assert_eq!(problem(&neither, None), "neither address nor secretRef is set");
    assert!(problem(&provider("pagerduty"), None).contains("routing key"));
    assert_eq!(problem(&provider("pigeon"), None), "type \"pigeon\" is not known");
}

#[test]
fn a_template_says_it_in_other_words_and_a_wrong_one_keeps_nothing_back() {
    let text = |template: &str| {
        let spec = AlertProviderSpec {
            message_template: Some(template.into()),
            ..provider("webhook")
        };
        let request = Receiver::of(&spec, None, "eu-1")
            .unwrap()
            .request(&alert(AlertSeverity::Error));
        request.body["message"].as_str().unwrap().to_owned()
    };
    let template = r#"{{ .Cluster }} {{ .Namespace }}/{{ .Name }} {{ .Status }} {{ .Severity }}: {{ .Message }}
{{- range .CanaryAnalysis.Iterations }}{{ if .Failed }} {{ .Metric }}={{ .Value }} or {{ printf "%.2f" .Value }} (want {{ .Threshold }}){{ end }}{{ end }}
{{- with index .Metadata "Target" }} {{ . }}{{ end }}"#;
    assert_eq!(
        text(template),
        "eu-1 test/app Progressing error: Something <b>happened</b>. request-success-rate=50 or 50.00 (want >=99) Deployment/web.test"
    );
    let wrong = text("{{ .Nmae }}");
    assert!(
        wrong.starts_with("Something <b>happened</b>. (messageTemplate: "),
        "{wrong}"
    );
}

type Heard = Arc<Mutex<Vec<(String, HeaderMap, Value)>>>;

// Answers in turn and 200 after them.
async fn service(answers: Vec<(u16, &'static str)>) -> (String, Heard) {
    let (heard, answers) = (Heard::default(), Mutex::new(VecDeque::from(answers)));
    let (log, answers) = (heard.clone(), Arc::new(answers));
    let hear = move |uri: Uri, headers: HeaderMap, body: axum::body::Bytes| async move {
        let body = serde_json::from_slice(&body).unwrap();
        log.lock().push((uri.to_string(), headers, body));
        let (status, body) = answers.lock().pop_front().unwrap_or((200, "ok"));
        (StatusCode::from_u16(status).unwrap(), body).into_response()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(axum::routing::post(hear));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, heard)
}

async fn send(spec: &AlertProviderSpec, secret: Option<&BTreeMap<String, Vec<u8>>>) -> Result<(), String> {
    let receiver = Receiver::of(spec, secret, "").unwrap();
    let sender = Sender::impatient(Duration::from_millis(5));
    sender.send(&receiver, &alert(AlertSeverity::Error)).await
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_is_final_is_not() {
    for (answers, attempts, outcome) in [
        (vec![], 1, Ok(())),
        (vec![(503, ""), (429, "")], 3, Ok(())),
        (
            vec![(500, ""), (500, ""), (500, "")],
            3,
            Err("status 500 Internal Server Error"),
        ),
        (vec![(404, "no_team")], 1, Err("status 404 Not Found")),
        (vec![(200, r#"{"ok": true}"#)], 1, Ok(())),
        (
            vec![(200, r#"{"ok": false, "error": "channel_not_found"}"#)],
            1,
            Err("channel_not_found"),
        ),
    ] {
        let (url, heard) = service(answers).await;
        let entries = secret(&[("address", &url), ("token", "t0k3n")]);
        let sent = send(&provider("slack"), Some(&entries)).await;
        assert_eq!(sent, outcome.map_err(str::to_owned));
        let heard = heard.lock();
        assert_eq!(heard.len(), attempts);
        assert_eq!(heard[0].1["authorization"], "Bearer t0k3n");
        assert_eq!(heard[0].2["channel"], "general");
    }
}

// Says that all is well, and then never ends.
async fn endless() -> (String, tokio::sync::mpsc::UnboundedReceiver<usize>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, closed) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 8192];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n\"").await;
            let mut taken = 0;
            while let Ok(n) = stream.write(&[b'a'; 64 * 1024]).await {
                taken += n;
            }
            let _ = sender.send(taken);
        }
    });
    (url, closed)
}

#[tokio::test]
async fn an_answer_without_end_is_a_good_one_and_is_left() {
    for kind in ["slack", "webhook", "rocket"] {
        let (url, mut closed) = endless().await;
        let spec = AlertProviderSpec {
            address: Some(url),
            ..provider(kind)
        };
        assert_eq!(send(&spec, None).await, Ok(()), "{kind}");
        let taken = closed.recv().await.unwrap();
        assert!(taken < 16 * 1024 * 1024, "{kind} {taken}");
    }
}

#[tokio::test]
async fn a_proxy_is_used_and_nobody_reads_the_address_in_an_error() {
    let (proxy, heard) = service(vec![]).await;
    let spec = AlertProviderSpec {
        address: Some("http://chat.invalid/t0k3n".into()),
        proxy: Some(proxy),
        ..provider("rocket")
    };
    assert_eq!(send(&spec, None).await, Ok(()));
    assert_eq!(heard.lock()[0].0, "http://chat.invalid/t0k3n");
    let direct = AlertProviderSpec { proxy: None, ..spec };
    let error = send(&direct, None).await.unwrap_err();
    assert!(!error.contains("t0k3n"), "{error}");
}
