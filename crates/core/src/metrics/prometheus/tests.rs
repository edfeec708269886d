use super::*;
use crate::metrics::scope::Window;

fn at(address: &str) -> MetricProvider {
    MetricProvider {
        address: Some(address.to_owned()),
        ..MetricProvider::default()
    }
}

fn data(keys: &[&str]) -> BTreeMap<String, Vec<u8>> {
    keys.iter().map(|k| (k.to_string(), k.as_bytes().to_vec())).collect()
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

#[test]
fn a_request_carries_the_headers_of_the_template_and_the_credentials_of_its_secret() {
    let values = vec!["a".to_owned(), "b".to_owned()];
    let given = MetricProvider {
        headers: Some(BTreeMap::from([("X-Scope-OrgID".to_owned(), values)])),
        ..at("http://prom:9090")
    };
    let store = Prometheus::new(&given, Some(&data(&["token"]))).unwrap();
    let window = Window {
        text: "1m".into(),
        young: None,
    };
    let request = store.request(&Query {
        text: "up",
        window: &window,
        now: jiff::Timestamp::UNIX_EPOCH,
    });
    let request = request.unwrap();
    assert_eq!(request.url.as_str(), "http://prom:9090/api/v1/query?query=up");
    let sent: Vec<_> = request.headers.get_all("x-scope-orgid").iter().collect();
    assert_eq!(sent, ["a", "b"]);
    assert!(request.credentials == Credentials::Bearer("token".into()));
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
