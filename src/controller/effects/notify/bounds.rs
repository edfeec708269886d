//! What of a Canary does not count, because the guard rails of its policy say otherwise.

use super::once::tell_once;
use crate::api::Canary;
use crate::controller::{context::Context, queue::Key};

/// Says once what of a Canary does not count as it is written.
pub fn tell_bounds(context: &Context, key: &Key, canary: &Canary, lines: &[String]) {
    let text = (!lines.is_empty()).then(|| format!("Held to its policy: {}", lines.join("; ")));
    tell_once(context, key, canary, |memory| &mut memory.bounds, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::context::fake::{self, Fake};
    use serde_json::{Value, json};
    use std::sync::Arc;

    const PROVIDER: &str = "gatewayapi:v1";

    fn canary(context: &Fake, annotations: &Value) -> Arc<Canary> {
        let key = fake::learn(
            context,
            json!({
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
                "metadata": {"name": "web", "namespace": "shop", "annotations": annotations},
                "spec": {
                    "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "skipAnalysis": true}}),
        );
        context.cluster.canary(&key).unwrap()
    }

    #[tokio::test]
    async fn whoever_names_a_policy_that_does_not_exist_stays_under_that_of_the_namespace() {
        let (context, mut told) = fake::context();
        fake::policy(&context, &json!({"guardRails": {"maxWeight": 50}}));
        let annotated = json!({"coalmine.dev/policy": "none"});
        let (own, said) = context.cluster.completed(canary(&context, &annotated), PROVIDER);
        assert!(own.skip_analysis(), "nobody opted in, so it is what it says");
        assert_eq!(said, ["there is no CanaryPolicy \"none\", and no other governs"]);

        fake::enable(&context, "shop");
        let known = canary(&context, &annotated);
        let (held, said) = context.cluster.completed(known.clone(), PROVIDER);
        assert!(!held.skip_analysis() && context.cluster.demands_analysis(&known, None));
        assert!(said[0].contains("policy \"default\" governs instead"), "{said:?}");
        assert!(said[1].starts_with("spec.skipAnalysis does not count"), "{said:?}");
        let key = crate::controller::queue::key(&known);
        let mut count = || {
            tell_bounds(&context, &key, &held, &said);
            std::iter::from_fn(|| told.try_recv().ok()).count()
        };
        assert_eq!([count(), count()], [1, 0]);
    }
}
