//! The Secret with the credentials of a metrics store.

use crate::api::metric_template::MetricProvider;
use crate::metrics::requirements::StoreRequirements;
use crate::validation::facts::SecretFacts;
use crate::validation::report::Report;

const FIELD: &str = "spec.provider.secretRef";

pub(super) fn check(report: &mut Report, store: &StoreRequirements, provider: &MetricProvider, secret: &SecretFacts) {
    let Some(reference) = &provider.secret_ref else {
        if store.secret.needed {
            let sets: Vec<String> = store.secret.keys.iter().map(|set| set.join(" and ")).collect();
            let keys = sets.join(", or ");
            report.required(
                FIELD,
                format!("{} asks for credentials; keys needed: {keys}", store.name),
            );
        }
        return;
    };
    if let Some(user) = &secret.denied_to {
        report.forbidden(FIELD, format!("user {user:?} cannot get secrets/{}", reference.name));
    }
}
