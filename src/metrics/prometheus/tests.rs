use super::*;
use crate::metrics::scope::Window;
use crate::metrics::sender::Sender;
use crate::outbound::{Clients, Egress, LONGEST};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Answers every request on a port of its own with `response`, and hands out what was asked.
async fn serve(status: &'static str, body: String) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
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

fn data(keys: &[&str]) -> BTreeMap<String, Vec<u8>> {
    keys.iter().map(|k| (k.to_string(), k.as_bytes().to_vec())).collect()
}

async fn answered(store: Prometheus) -> Result<Sample, QueryError> {
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

#[test]
fn the_query_is_on_one_line_and_the_path_of_the_address_is_kept() {
    let url = Prometheus::new(&at("http://prom:9090/base/"), None)
        .unwrap()
        .url("sum(\n\t\trate(x{a=\"b\"}[1m])\n) + 1");
    let expected = "http://prom:9090/base/api/v1/query?query=sum%28+rate%28x%7Ba%3D%22b%22%7D%5B1m%5D%29+%29+%2B+1";
    assert_eq!(url.as_str(), expected);
}

#[test]
fn an_address_that_is_no_http_url_is_refused() {
    for address in ["", "prom:9090", "ftp://prom", "not a url"] {
        assert!(Prometheus::new(&at(address), None).is_err(), "{address}");
    }
}

#[test]
fn answers_are_read_as_flagger_reads_them_and_several_series_are_none() {
    let sample = |v: &str| format!(r#"{{"metric":{{}},"value":[1.5,"{v}"]}}"#);
    let cases = [
        (vector(&sample("99.5")), Ok(99.5)),
        (
            vector(&format!("{},{}", sample("1"), sample("2"))),
            Err(QueryError::SeveralSeries(2)),
        ),
        (vector(&sample("+Inf")), Ok(f64::INFINITY)),
        (vector(&sample("NaN")), Err(QueryError::NoValues)),
        (vector(""), Err(QueryError::NoValues)),
        (
            vector(r#"{"metric":{},"values":[[1,"2"]]}"#),
            Err(QueryError::MultipleValues),
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(answer::value(body.as_bytes()), expected, "{body}");
    }
    for body in [r#"{"data":{"resultType":"scalar","result":[1,"2"]}}"#, "<html>", "{}"] {
        assert!(
            matches!(answer::value(body.as_bytes()), Err(QueryError::Other(_))),
            "{body}"
        );
    }
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
    let store = Prometheus::new(&given, Some(&data(&["token"]))).unwrap();
    assert_eq!(answered(store).await, Ok(Sample::Value(7.0)));
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
        let error = answered(Prometheus::new(&at(&address), None).unwrap()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.len() < 700 && error.contains("xxx"), "{} {error}", error.len());
    }
}

#[test]
fn a_secret_holds_a_token_or_a_pair() {
    assert!(credentials(&data(&["token", "username"])) == Ok(Credentials::Bearer("token".into())));
    let basic = Credentials::Basic {
        username: "username".into(),
        password: "password".into(),
    };
    assert!(credentials(&data(&["username", "password"])) == Ok(basic));
    let missing = Prometheus::new(&at("http://prom"), Some(&data(&["username"]))).err();
    assert_eq!(
        missing.as_deref(),
        Some("prometheus credentials does not contain a password")
    );
}
