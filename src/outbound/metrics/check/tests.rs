use super::*;
use crate::api::canary::{Analysis, Canary, Metric, NamespacedRef, ThresholdRange};
use crate::api::metric_template::{MetricProvider, SecretRef};
use crate::api::{CanarySpec, MetricTemplateSpec, Number};
use crate::messages;
use axum::{Router, extract::Query, routing::get};
use coalmine_core::metrics::{Scope, Verdict};
use parking_lot::Mutex;

type Asked = Arc<Mutex<Vec<String>>>;

/// A Prometheus that answers every query with the same text, and notes the queries.
async fn prometheus(value: &'static str) -> (String, Asked) {
    let asked = Asked::default();
    let log = asked.clone();
    let answer = move |Query(query): Query<BTreeMap<String, String>>| async move {
        log.lock().push(query.get("query").cloned().unwrap_or_default());
        format!(r#"{{"data":{{"result":[{{"value":[1,"{value}"]}}]}}}}"#)
    };
    let router = Router::new().route("/api/v1/query", get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, asked)
}

#[derive(Default)]
struct Stored {
    templates: BTreeMap<String, MetricTemplate>,
    own_only: bool,
}

impl Resolver for Stored {
    fn template<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Arc<MetricTemplate>, String>> {
        let found = self.templates.get(&format!("{namespace}/{name}")).cloned();
        let found = found
            .map(Arc::new)
            .ok_or_else(|| format!("metrictemplate {name:?} not found"));
        Box::pin(async move { found })
    }

    fn secret<'a>(
        &'a self,
        _: &'a str,
        name: &'a str,
        _: &'a [&'a str],
    ) -> BoxFuture<'a, Result<BTreeMap<String, Vec<u8>>, String>> {
        Box::pin(async move { Err(format!("secret {name:?} not found")) })
    }
}

fn metric(name: &str, max: f64) -> Metric {
    let range = ThresholdRange {
        min: None,
        max: Some(Number(max)),
    };
    Metric {
        name: name.into(),
        threshold_range: Some(range),
        ..Metric::default()
    }
}

fn templated(name: &str, template: &str) -> Metric {
    let template_ref = Some(NamespacedRef {
        name: template.into(),
        ..NamespacedRef::default()
    });
    Metric {
        template_ref,
        ..metric(name, 100.0)
    }
}

fn template(kind: &str, address: &str, secret: Option<&str>) -> MetricTemplate {
    let provider = MetricProvider {
        kind: kind.into(),
        address: Some(address.into()),
        secret_ref: secret.map(|name| SecretRef { name: name.into() }),
        ..MetricProvider::default()
    };
    let query = "x{ns=\"{{ namespace }}\"}[{{ interval }}]".to_owned();
    MetricTemplate::new("t", MetricTemplateSpec { provider, query })
}

async fn run(metrics: Vec<Metric>, server: &str, stored: &Stored) -> Vec<Measurement> {
    scoped(metrics, server, stored, &Scope::default()).await
}

async fn scoped(metrics: Vec<Metric>, server: &str, stored: &Stored, scope: &Scope) -> Vec<Measurement> {
    let analysis = Analysis {
        metrics: Some(metrics),
        ..Analysis::default()
    };
    let mut spec = CanarySpec {
        analysis: Some(analysis),
        ..CanarySpec::default()
    };
    spec.target_ref.name = "app".into();
    let mut canary = Canary::new("app", spec);
    canary.metadata.namespace = Some("test".into());
    let context = CheckContext {
        of: UnderTest {
            canary: &canary,
            mesh_provider: "istio",
            revision: None,
            scope,
        },
        metrics_server: server,
        clients: &Clients::default(),
        egress: &Egress::default(),
        resolver: stored,
        own_namespace_only: stored.own_only,
        now: Timestamp::UNIX_EPOCH,
    };
    check(context).await
}

#[tokio::test]
async fn templates_are_asked_after_everything_else() {
    let (server, asked) = prometheus("1").await;
    let templates = BTreeMap::from([("test/t".to_owned(), template("prometheus", &server, None))]);
    let inline = Metric {
        query: Some("up{a=\"{{ target }}\"}".into()),
        ..metric("inline", 5.0)
    };
    let metrics = vec![templated("custom", "t"), inline, metric("request-success-rate", 100.0)];
    let measured = run(
        metrics,
        &server,
        &Stored {
            templates,
            own_only: false,
        },
    )
    .await;
    let names: Vec<_> = measured.iter().map(|m| (m.metric.as_str(), m.failed())).collect();
    assert_eq!(
        names,
        [("inline", false), ("request-success-rate", false), ("custom", false)]
    );
    let asked = asked.lock().clone();
    assert_eq!(asked[0], "up{a=\"app\"}");
    assert_eq!(asked[2], "x{ns=\"test\"}[1m]");
}

#[tokio::test]
async fn a_template_of_another_namespace_is_not_asked_where_that_is_blocked() {
    let (server, asked) = prometheus("1").await;
    let named = |name: &str| (name.to_owned(), template("prometheus", &server, None));
    let templates = BTreeMap::from([named("infra/t"), named("test/t")]);
    let mut foreign = templated("custom", "t");
    foreign.template_ref.as_mut().unwrap().namespace = Some("infra".into());
    let stored = |own_only| Stored {
        templates: templates.clone(),
        own_only,
    };
    assert!(!run(vec![foreign.clone()], &server, &stored(false)).await[0].failed());
    assert_eq!(asked.lock().len(), 1);
    let measured = run(vec![foreign], &server, &stored(true)).await;
    assert!(measured[0].failed());
    let message = measured[0].message().unwrap();
    assert!(message.contains("cross-namespace references are blocked"), "{message}");
    assert_eq!(asked.lock().len(), 1);
    assert!(!run(vec![templated("custom", "t")], &server, &stored(true)).await[0].failed());
}

#[tokio::test]
async fn a_builtin_name_with_a_template_is_judged_both_ways() {
    let (server, asked) = prometheus("1").await;
    let templates = BTreeMap::from([("test/t".to_owned(), template("prometheus", &server, None))]);
    run(
        vec![templated("request-duration", "t")],
        &server,
        &Stored {
            templates,
            own_only: false,
        },
    )
    .await;
    assert_eq!(asked.lock().len(), 2);
}

#[tokio::test]
async fn nothing_is_asked_after_the_first_failure() {
    let (server, asked) = prometheus("7").await;
    let inline = |name: &str, max| Metric {
        query: Some("up".into()),
        ..metric(name, max)
    };
    let metrics = vec![inline("good", 7.0), inline("bad", 6.0), inline("never", 100.0)];
    let measured = run(metrics, &server, &Stored::default()).await;
    assert_eq!(asked.lock().len(), 2);
    let message = measured.last().and_then(Measurement::message);
    assert_eq!(message, Some("Halt app.test advancement bad 7.00 > 6"));
}

#[tokio::test]
async fn what_cannot_be_asked_fails_with_the_reason() {
    let templates = BTreeMap::from([
        (
            "test/secretive".to_owned(),
            template("prometheus", "http://x", Some("s")),
        ),
        ("test/elsewhere".to_owned(), template("splunk", "http://x", None)),
        ("test/large".to_owned(), template("prometheus", &"x".repeat(2049), None)),
    ]);
    let stored = Stored {
        templates,
        own_only: false,
    };
    let cases = [
        (metric("nothing", 1.0), messages::NO_USABLE_QUERY),
        (
            templated("m", "gone"),
            "Metric template gone.test error: metrictemplate \"gone\" not found",
        ),
        (
            templated("m", "secretive"),
            "Metric template secretive.test secret s error: secret \"s\" not found",
        ),
        (
            templated("m", "large"),
            "Metric template large.test error: spec.provider.address: Too long: may not be more than 2048 characters",
        ),
    ];
    for (metric, expected) in cases {
        let measured = run(vec![metric], "http://127.0.0.1:1", &stored).await;
        assert_eq!(
            measured.last().map(|m| m.verdict.clone()),
            Some(Verdict::Error(expected.to_owned()))
        );
    }
    let measured = run(vec![templated("m", "elsewhere")], "http://127.0.0.1:1", &stored).await;
    let expected = messages::template_unsupported("m", "elsewhere", "test", "splunk");
    assert_eq!(
        measured.last().map(|m| m.verdict.clone()),
        Some(Verdict::Unsupported(expected))
    );
}

fn tried_for(seconds: u64) -> Scope {
    Scope {
        pods: Some("app-5d8f9c7b6-[0-9a-z]{5}".into()),
        flows_for: Some(std::time::Duration::from_secs(seconds)),
    }
}

#[tokio::test]
async fn every_query_looks_at_the_pods_and_the_time_of_this_run() {
    let (server, asked) = prometheus("1").await;
    let templates = BTreeMap::from([("test/t".to_owned(), template("prometheus", &server, None))]);
    let stored = Stored {
        templates,
        own_only: false,
    };
    let inline = Metric {
        query: Some("up{pod=~\"{{ pods }}\"}[{{ interval }}]".into()),
        interval: Some("30s".into()),
        ..metric("inline", 5.0)
    };
    let metrics = || vec![inline.clone(), templated("custom", "t")];
    scoped(metrics(), &server, &stored, &tried_for(7)).await;
    scoped(metrics(), &server, &stored, &tried_for(45)).await;
    let expected = [
        r#"up{pod=~"app-5d8f9c7b6-[0-9a-z]{5}"}[7s]"#,
        r#"x{ns="test"}[7s]"#,
        r#"up{pod=~"app-5d8f9c7b6-[0-9a-z]{5}"}[30s]"#,
        r#"x{ns="test"}[45s]"#,
    ];
    assert_eq!(asked.lock().clone(), expected);
}

#[tokio::test]
async fn no_value_before_one_interval_of_traffic_is_early_and_another_metric_may_still_fail() {
    let (nothing, _) = prometheus("NaN").await;
    let (bad, _) = prometheus("7").await;
    let templates = BTreeMap::from([("test/t".to_owned(), template("prometheus", &bad, None))]);
    let stored = Stored {
        templates,
        own_only: false,
    };
    let quiet = Metric {
        query: Some("up".into()),
        interval: Some("30s".into()),
        ..metric("quiet", 5.0)
    };
    let measured = scoped(vec![quiet.clone()], &nothing, &stored, &tried_for(12)).await;
    let early = "Waiting for values of metric quiet: the canary has been tried for 12s of the metric's interval 30s; \
                 this is no failed check";
    assert_eq!(measured[0].verdict, Verdict::Early(early.into()));
    let strict = Metric {
        threshold_range: metric("custom", 5.0).threshold_range,
        ..templated("custom", "t")
    };
    let measured = scoped(vec![quiet.clone(), strict], &nothing, &stored, &tried_for(12)).await;
    assert!(matches!(measured[1].verdict, Verdict::Fail(_)), "{measured:?}");
    let measured = scoped(vec![quiet], &nothing, &stored, &tried_for(30)).await;
    assert!(matches!(measured[0].verdict, Verdict::NoData(_)), "{measured:?}");
}

#[tokio::test]
async fn a_canary_without_metrics_measures_nothing() {
    assert_eq!(run(Vec::new(), "http://127.0.0.1:1", &Stored::default()).await, []);
}
