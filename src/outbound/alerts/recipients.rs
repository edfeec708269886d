//! Whom an alert goes to. Pure.

use crate::api::canary::{AlertRef, AlertSeverity, NamespacedRef};

/// Who hears an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// The Canary names nobody: the one that flags name, if there is one.
    Global,
    /// These AlertProviders; nobody when the alert is not bad enough for any.
    Named(Vec<NamespacedRef>),
}

/// Who hears of something this bad. A Canary that names providers is not told to the global one (Flagger's rule); an entry
/// without a severity hears everything, where Flagger would never tell it anything.
pub fn recipients(alerts: &[AlertRef], severity: AlertSeverity) -> Recipients {
    if alerts.is_empty() {
        return Recipients::Global;
    }
    let hearing = alerts.iter().filter(|alert| severity >= alert.severity());
    Recipients::Named(hearing.map(|alert| alert.provider_ref.clone()).collect())
}
