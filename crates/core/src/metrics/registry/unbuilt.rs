//! The types that cannot be asked yet. Templates of them are accepted and wait. Whoever builds one moves its rules to the
//! store's own folder.

use super::rules::{Address, Field, Rules, Secret, Text};

pub(super) static TABLE: [Rules; 11] = [
    Rules {
        address: Address::Needed,
        secret: Secret::optional(&[&["token", "org"]]),
        ..Rules::of("influxdb")
    },
    Rules {
        secret: Secret::needed(&[&["datadog_api_key", "datadog_application_key"]]),
        needs_window: true,
        ..Rules::of("datadog")
    },
    Rules {
        address: Address::ApiServer,
        query: Text {
            refused: not_external,
            ..Text::ANY
        },
        ..Rules::of("externalmetrics")
    },
    Rules {
        secret: Secret::optional(&[&["project"]]),
        ..Rules::of("stackdriver")
    },
    Rules {
        fields: &[Field {
            path: "spec.provider.region",
            what: "AWS region, e.g. eu-west-1",
            value: |provider| provider.region.as_deref(),
        }],
        needs_window: true,
        query: Text {
            refused: not_a_list,
            ..Text::ANY
        },
        ..Rules::of("cloudwatch")
    },
    Rules {
        secret: Secret::needed(&[&["newrelic_account_id", "newrelic_query_key"]]),
        needs_window: true,
        ..Rules::of("newrelic")
    },
    Rules {
        address: Address::Needed,
        secret: Secret::optional(&[&["username", "password"]]),
        ..Rules::of("graphite")
    },
    Rules {
        address: Address::Needed,
        secret: Secret::needed(&[&["dynatrace_token"]]),
        needs_window: true,
        ..Rules::of("dynatrace")
    },
    Rules::of("keptn"),
    Rules {
        // SignalFlow is a web socket.
        address: Address::SocketNeeded,
        secret: Secret::needed(&[&["sf_token_key"]]),
        needs_window: true,
        ..Rules::of("splunk")
    },
    Rules {
        address: Address::Needed,
        fields: &[Field {
            path: "spec.provider.jsonPath",
            what: "where the number stands in the answer, e.g. {.data.value}",
            value: |provider| provider.json_path.as_deref(),
        }],
        // The URL alone may say what is asked.
        query: Text {
            needed: false,
            ..Text::ANY
        },
        ..Rules::of("web")
    },
];

fn not_a_list(query: &str) -> Option<&'static str> {
    let list = serde_json::from_str::<Vec<serde_json::Value>>(query).is_ok();
    (!list).then_some("must be the JSON array of MetricDataQueries that GetMetricData takes")
}

fn not_external(query: &str) -> Option<&'static str> {
    let (path, selector) = query
        .trim()
        .split_once('?')
        .map_or((query.trim(), None), |(path, s)| (path, Some(s)));
    let parts: Vec<&str> = path.split('/').collect();
    let named = parts.len() <= 2 && parts.iter().all(|part| !part.is_empty());
    let selects = selector.is_none_or(|selector| selector.starts_with("labelSelector="));
    (!named || !selects).then_some("must be <namespace>/<metric>[?labelSelector=...], with at most one slash")
}
