//! The DestinationRules of the two halves: how a client's proxy treats their endpoints, of `spec.service.trafficPolicy`.
//!
//! There is one for each half for as long as a route names the halves, as with Flagger, also without a policy.

use super::API_VERSION;
use crate::routing::{Exposure, Names};
use serde_json::{Map, Value, json};

/// Kind of these objects.
pub(super) const KIND: &str = "DestinationRule";

/// Those of a pair whose `route` names its halves.
pub(super) fn beside(route: &Value, names: &Names, exposure: &Exposure) -> [Value; 2] {
    let namespace = route.pointer("/metadata/namespace");
    [&names.primary, &names.canary].map(|half| {
        let mut spec = Map::new();
        spec.insert("host".to_owned(), json!(half));
        spec.extend(
            exposure
                .policy
                .as_ref()
                .map(|policy| ("trafficPolicy".to_owned(), json!(policy))),
        );
        json!({
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": half, "namespace": namespace},
            "spec": spec,
        })
    })
}
