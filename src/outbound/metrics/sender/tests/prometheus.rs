//! The one store there is, asked over a connection.

use super::*;
use crate::api::metric_template::MetricProvider;
use coalmine_core::metrics::prometheus::Prometheus;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Answers every request on a port of its own with `body`, and hands out what was asked.
async fn serve(status: &'static str, body: String) -> (String, UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = unbounded_channel();
    let body = Arc::new(body);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let n = stream.read(&mut request).await.unwrap();
            let _ = sender.send(String::from_utf8_lossy(&request[..n]).into_owned());
            let head = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(body.as_bytes()).await;
        }
    });
    (address, receiver)
}

fn at(address: &str) -> MetricProvider {
    MetricProvider {
        address: Some(address.to_owned()),
        ..MetricProvider::default()
    }
}

async fn asked(store: Prometheus) -> Result<Sample, QueryError> {
    let window = Window {
        text: "1m".into(),
        young: None,
    };
    let query = Query {
        text: "up",
        window: &window,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let sender = Sender::new(Box::new(store), &Clients::default(), &Egress::default());
    sender.unwrap().ask(&query).await
}

fn vector(samples: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{samples}]}}}}"#)
}

#[tokio::test]
async fn credentials_and_headers_are_sent() {
    let (address, mut requests) = serve("200 OK", vector(r#"{"value":[1,"7"]}"#)).await;
    let given = MetricProvider {
        headers: Some(BTreeMap::from([(
            "X-Scope-OrgID".to_owned(),
            vec!["a".to_owned(), "b".to_owned()],
        )])),
        ..at(&address)
    };
    let store = Prometheus::new(&given, Some(&BTreeMap::from([("token".to_owned(), b"token".to_vec())]))).unwrap();
    assert_eq!(asked(store).await, Ok(Sample::Value(7.0)));
    let request = requests.recv().await.unwrap();
    assert!(
        request.starts_with("GET /api/v1/query?query=up HTTP/1.1\r\n"),
        "{request}"
    );
    for header in [
        "x-scope-orgid: a\r\n",
        "x-scope-orgid: b\r\n",
        "authorization: Bearer token\r\n",
    ] {
        assert!(request.contains(header), "{request}");
    }
}

#[tokio::test]
async fn whatever_a_server_says_is_short() {
    let long = "x".repeat(LONGEST - 100);
    let value = vector(&format!(r#"{{"value":[1,"{long}"]}}"#));
    let kind = format!(r#"{{"data":"{long}"}}"#);
    for (status, body) in [
        ("500 no", long.clone()),
        ("200 OK", long.clone()),
        ("200 OK", value),
        ("200 OK", kind),
    ] {
        let (address, _requests) = serve(status, body).await;
        let error = asked(Prometheus::new(&at(&address), None).unwrap()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.len() < 700 && error.contains("xxx"), "{} {error}", error.len());
    }
}
