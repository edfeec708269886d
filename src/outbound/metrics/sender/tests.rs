use super::*;
use coalmine_core::metrics::scope::Window;
use coalmine_core::metrics::store::Endpoint;
use http::{Method, StatusCode};
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

mod prometheus;

/// Asks by POST at `at`, and reads a number.
struct Plain {
    endpoint: Endpoint,
    at: Url,
}

impl Store for Plain {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn request(&self, query: &Query<'_>) -> Result<Request, QueryError> {
        Ok(Request {
            method: Method::POST,
            credentials: Credentials::Basic {
                username: "me".into(),
                password: "secret".into(),
            },
            body: Some(format!("{} {} {}", query.text, query.window.text, query.now)),
            ..Request::get(self.at.clone())
        })
    }

    fn sample(&self, _: StatusCode, body: &[u8]) -> Result<Sample, QueryError> {
        let text = String::from_utf8_lossy(body);
        let number = text.trim().parse().map_err(|_| QueryError::NoValues);
        number.map(Sample::Value)
    }
}

fn plain(address: &str, at: &str) -> Box<Plain> {
    Box::new(Plain {
        endpoint: Endpoint::parse(address, false).unwrap(),
        at: Url::parse(at).unwrap(),
    })
}

async fn answered(store: Box<Plain>, egress: &Egress) -> Result<Sample, QueryError> {
    let window = Window {
        text: "1m".into(),
        young: None,
    };
    let query = Query {
        text: "secret_query",
        window: &window,
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    Sender::new(store, &Clients::default(), egress)
        .unwrap()
        .ask(&query)
        .await
}

/// Answers one request, and hands it out.
async fn serve(status: &'static str, body: String) -> (String, tokio::task::JoinHandle<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        while !request.ends_with("00Z") {
            let mut part = [0; 4096];
            let n = stream.read(&mut part).await.unwrap();
            request.push_str(&String::from_utf8_lossy(&part[..n]));
        }
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(body.as_bytes()).await;
        request
    });
    (address, answering)
}

#[tokio::test]
async fn what_the_store_says_is_sent_and_its_answer_read() {
    let (address, request) = serve("200 OK", format!("7{}", " ".repeat(LONGEST - 1))).await;
    let answer = answered(plain(&address, &format!("{address}/ask")), &Egress::default()).await;
    assert_eq!(answer, Ok(Sample::Value(7.0)));
    let request = request.await.unwrap();
    assert!(request.starts_with("POST /ask HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains("authorization: Basic bWU6c2VjcmV0\r\n")
            && request.ends_with("secret_query 1m 2026-01-01T00:00:00Z"),
        "{request}"
    );
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read_to_its_end() {
    let (address, _request) = serve("200 OK", " ".repeat(LONGEST + 1)).await;
    let error = answered(plain(&address, &address), &Egress::default())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "error reading body: longer than 65536 bytes");
}

#[tokio::test]
async fn an_error_status_carries_the_words_of_the_server() {
    let (address, _request) = serve("503 Service Unavailable", "starting".to_owned()).await;
    let expected = QueryError::Other("error response: Status 503 Service Unavailable: starting".to_owned());
    assert_eq!(
        answered(plain(&address, &address), &Egress::default()).await,
        Err(expected)
    );
}

#[tokio::test]
async fn nobody_listening_is_unreachable_and_does_not_print_the_query() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let at = format!("{address}/?query=secret_query");
    let error = answered(plain(&address, &at), &Egress::default()).await.unwrap_err();
    assert!(matches!(error, QueryError::Unreachable(_)), "{error}");
    assert!(!error.to_string().contains("secret_query"), "{error}");
}

#[tokio::test]
async fn neither_the_endpoint_nor_a_request_leads_where_calls_are_denied() {
    let egress = Egress::in_cluster(None);
    let there = "http://kubernetes.default.svc/metrics";
    let refused = Sender::new(plain(there, "http://elsewhere"), &Clients::default(), &egress);
    let why = "calls to kubernetes.default.svc are denied";
    assert_eq!(refused.err().as_deref(), Some(why));
    let error = answered(plain("http://elsewhere", there), &egress).await;
    assert_eq!(error, Err(QueryError::Other(why.to_owned())));
}
