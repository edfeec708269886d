//! The types that cannot be asked yet. Templates of them are accepted and wait. Whoever builds one moves its requirements to the
//! store's own folder.

use crate::metrics::requirements::{Address, Field, Secret, StoreRequirements, Text};

pub(super) static TABLE: [StoreRequirements; 11] = [
    StoreRequirements {
        address: Address::Needed,
        secret: Secret::optional(&[&["token", "org"]]),
        ..StoreRequirements::of("influxdb")
    },
    StoreRequirements {
        secret: Secret::needed(&[&["datadog_api_key", "datadog_application_key"]]),
        needs_window: true,
        ..StoreRequirements::of("datadog")
    },
    StoreRequirements {
        address: Address::ApiServer,
        query: Text {
            refused: not_external,
            ..Text::ANY
        },
        ..StoreRequirements::of("externalmetrics")
    },
    StoreRequirements {
        secret: Secret::optional(&[&["project"]]),
        ..StoreRequirements::of("stackdriver")
    },
    StoreRequirements {
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
        ..StoreRequirements::of("cloudwatch")
    },
    StoreRequirements {
        secret: Secret::needed(&[&["newrelic_account_id", "newrelic_query_key"]]),
        needs_window: true,
        ..StoreRequirements::of("newrelic")
    },
    StoreRequirements {
        address: Address::Needed,
        secret: Secret::optional(&[&["username", "password"]]),
        ..StoreRequirements::of("graphite")
    },
    StoreRequirements {
        address: Address::Needed,
        secret: Secret::needed(&[&["dynatrace_token"]]),
        needs_window: true,
        ..StoreRequirements::of("dynatrace")
    },
    StoreRequirements::of("keptn"),
    StoreRequirements {
        // SignalFlow is a web socket.
        address: Address::SocketNeeded,
        secret: Secret::needed(&[&["sf_token_key"]]),
        needs_window: true,
        ..StoreRequirements::of("splunk")
    },
    StoreRequirements {
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
        ..StoreRequirements::of("web")
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
