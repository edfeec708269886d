use super::*;
use crate::telemetry::{Metrics, Readiness, Recorder, StatusEncoding, events::Queue};
use http::{Request, Response};
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the API server has of each definition, by name; `Err` is a status code.
type Served = Arc<Mutex<BTreeMap<String, Result<Value, u16>>>>;

fn client(served: &Served, after_each: impl Fn(&Served) + Clone + Send + Sync + 'static) -> Client {
    let served = served.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let name = request.uri().path().rsplit('/').next().unwrap().to_owned();
        let (code, answer) = match served.lock().get(&name).cloned().unwrap_or(Err(404)) {
            Ok(crd) => (200, crd),
            Err(code) => (
                code,
                json!({"status": "Failure", "message": "", "reason": "", "code": code}),
            ),
        };
        after_each(&served);
        let body = Body::from(answer.to_string().into_bytes());
        async move { Ok::<_, kube::Error>(Response::builder().status(code).body(body).unwrap()) }
    });
    Client::new(service, "default")
}

fn ours() -> Served {
    let all = crds::all(&registry::names()).into_iter();
    let served = all.map(|crd| (crd.name_any(), Ok(serde_json::to_value(&crd).unwrap())));
    Arc::new(Mutex::new(served.collect()))
}

/// Takes `status.run` out of the Canaries' definition, as it is in Flagger's.
fn without_run(served: &Served) {
    let mut served = served.lock();
    let Some(Ok(crd)) = served.get_mut("canaries.flagger.app") else {
        unreachable!()
    };
    let fields = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/status/properties");
    fields.unwrap().as_object_mut().unwrap().remove("run").unwrap();
}

fn telemetry() -> (Telemetry, Queue) {
    let metrics = Metrics::new("0", "", StatusEncoding::default());
    let (events, queue) = Recorder::new(metrics.clone());
    let readiness = Readiness::default();
    (
        Telemetry {
            metrics,
            events,
            readiness,
        },
        queue,
    )
}

#[tokio::test]
async fn definitions_of_this_version_are_passed_at_once() {
    let ((telemetry, _queue), shutdown) = (telemetry(), CancellationToken::new());
    awaited(&client(&ours(), |_| ()), "system", &telemetry, &shutdown).await;
    assert!(telemetry.readiness.missing().is_empty());
}

#[tokio::test]
async fn an_older_one_is_waited_for_and_the_process_is_not_ready() {
    let ((telemetry, _queue), shutdown) = (telemetry(), CancellationToken::new());
    let (served, looks) = (ours(), Arc::new(Mutex::new(0)));
    without_run(&served);
    let (readiness, counted) = (telemetry.readiness.clone(), looks.clone());
    // Each look reads all four; after the second one somebody runs the command.
    let client = client(&served, move |served| {
        assert_eq!(readiness.missing(), ["definitions"]);
        *counted.lock() += 1;
        if *counted.lock() == 8 {
            served.lock().clone_from(&ours().lock());
        }
    });
    looking_every(Duration::ZERO, &client, "system", &telemetry, &shutdown).await;
    assert_eq!(*looks.lock(), 12);
    assert!(telemetry.readiness.missing().is_empty());
}

#[tokio::test]
async fn a_missing_one_is_waited_for_until_the_process_is_told_to_stop() {
    let ((telemetry, _queue), shutdown) = (telemetry(), CancellationToken::new());
    let served = ours();
    served.lock().remove("canarypolicies.coalmine.dev");
    let stop = shutdown.clone();
    let client = client(&served, move |_| stop.cancel());
    looking_every(Duration::ZERO, &client, "system", &telemetry, &shutdown).await;
    assert_eq!(telemetry.readiness.missing(), ["definitions"]);
}

#[tokio::test]
async fn who_may_not_read_them_goes_on() {
    let ((telemetry, _queue), shutdown) = (telemetry(), CancellationToken::new());
    let served = ours();
    served.lock().insert("canaries.flagger.app".into(), Err(403));
    awaited(&client(&served, |_| ()), "system", &telemetry, &shutdown).await;
    assert!(telemetry.readiness.missing().is_empty());
}
