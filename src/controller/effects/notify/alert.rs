//! Alerts on their way: nothing waits for a chat service.

use crate::controller::{
    context::{Context, memory::outbox::Waiting},
    queue::Key,
};
use crate::{
    analysis::{ReleaseEvent, Subject},
    api::{
        AlertProvider, Canary,
        canary::{Measurement, NamespacedRef, Phase},
    },
    foreign::{Foreign, SAID, cut},
    outbound::alerts::{Alarm, Alert, Measured, Receiver, Recipients, alarm, details, recipients},
    outbound::metrics::Resolver,
};
use coalmine_core::validation::too_large;
use kube::{Api, ResourceExt};
use std::sync::Arc;

/// Most receivers that are told of one thing.
const MOST: usize = 32;

/// Tells people of an event, if it is for people.
///
/// `canary` is what was just stored, `dry_run` whether the run changes nothing.
pub fn raise(
    context: &Arc<Context>,
    key: &Key,
    canary: &Canary,
    (phase, dry_run): (Phase, bool),
    event: &ReleaseEvent,
    of: &Subject,
) {
    let Some(alarm) = alarm(event, of) else { return };
    let named = canary.analysis().alerts.as_deref().unwrap_or_default();
    let receivers: Vec<Option<NamespacedRef>> = match recipients(named, alarm.severity) {
        Recipients::Named(providers) => providers.into_iter().take(MOST).map(Some).collect(),
        Recipients::Global if context.options.alerts.global.is_some() => vec![None],
        Recipients::Global => Vec::new(),
    };
    if receivers.is_empty() {
        return;
    }
    let alert = Arc::new(complete(alarm, canary, phase, dry_run));
    let bytes = size(&alert);
    for provider in receivers {
        let name = name(provider.as_ref(), &alert.namespace);
        let work = |waiting| tell(context.clone(), key.clone(), provider, waiting);
        let (all, item) = (&context.memory.waiting_alerts, (alert.clone(), bytes));
        let outbox = name.clone();
        if !context
            .memory
            .of(key, |canary| canary.alerts.send(all, outbox, item, work))
        {
            left_out(context, &alert, &name, "too many alerts wait for it");
        }
    }
}

// What it keeps while it waits; several outboxes share it.
fn size(alert: &Alert) -> usize {
    let measured = alert
        .measured
        .iter()
        .map(|one| one.metric.len() + one.threshold.len() + size_of::<Measured>());
    let fields = alert.fields.iter().map(|(title, value)| title.len() + value.len());
    size_of::<Alert>() + alert.text.len() + measured.sum::<usize>() + fields.sum::<usize>()
}

fn complete(alarm: Alarm, canary: &Canary, phase: Phase, dry_run: bool) -> Alert {
    let measured = canary.status.iter().flat_map(|s| s.canary_analysis.iter().flatten());
    let text = if dry_run {
        format!("Dry run: {}", alarm.text)
    } else {
        alarm.text
    };
    Alert {
        name: canary.name_any(),
        namespace: canary.namespace_name().to_owned(),
        phase: phase.as_str(),
        severity: alarm.severity,
        text: cut(&text, SAID),
        fields: if alarm.detailed { details(canary) } else { Vec::new() },
        measured: measured.map(plain).collect(),
    }
}

// Of an AlertProvider, or of the one that flags name.
fn name(provider: Option<&NamespacedRef>, own: &str) -> String {
    match provider {
        Some(provider) => format!("{}.{}", provider.name, provider.namespace_or(own)),
        None => String::from("of the controller's flags"),
    }
}

fn plain(one: &Measurement) -> Measured {
    Measured {
        metric: one.metric.clone(),
        value: one.value.map(|value| value.0),
        threshold: one.threshold.clone(),
        failed: one.failed,
    }
}

// An alert that cannot be told is not the end of the others.
async fn tell(context: Arc<Context>, key: Key, provider: Option<NamespacedRef>, mut waiting: Waiting<Arc<Alert>>) {
    while let Some(alert) = waiting.recv().await {
        let one = async {
            let receiver = receiver(&context, provider.as_ref(), &alert.namespace).await?;
            context.effects.alerts.send(&receiver, &alert).await
        };
        let told = context.caught(&key, "an alert", one).await;
        if let Err(why) = told.and_then(|told| told) {
            left_out(&context, &alert, &name(provider.as_ref(), &alert.namespace), &why);
        }
    }
    let outbox = name(provider.as_ref(), &key.0);
    context.memory.of_known(&key, |canary| canary.alerts.ended(&outbox));
}

fn left_out(context: &Context, alert: &Alert, provider: &str, why: &str) {
    tracing::error!(
        canary = alert.full_name(),
        alert = alert.text,
        "alert provider {provider} error: {why}"
    );
    context.effects.metrics.alert_dropped();
}

// Looked up when there is something to tell, which is rare: nothing is watched for it.
async fn receiver(context: &Context, provider: Option<&NamespacedRef>, own: &str) -> Result<Receiver, String> {
    let settings = &context.options.alerts;
    let Some(provider) = provider else {
        return settings.global.clone().ok_or_else(|| String::from("not set"));
    };
    let namespace = provider.namespace_within(own, context.options.defaults.no_cross_namespace_refs)?;
    let providers = Api::<AlertProvider>::namespaced(context.effects.client.clone(), namespace);
    let found = providers
        .get_opt(&provider.name)
        .await
        .map_err(|error| Foreign::of(&error.to_string()).to_string())?;
    let found = found.ok_or("not found")?;
    // It may name any Secret: what is written of it now is not refused, see the resolver of templates.
    if found.metadata.deletion_timestamp.is_some() {
        return Err(String::from("is being deleted"));
    }
    let spec = found.spec;
    // It may have been stored before there were limits.
    if let Some(why) = too_large("AlertProvider", &spec) {
        return Err(why);
    }
    let secret = match &spec.secret_ref {
        Some(secret) => {
            let data = context.secret(namespace, &secret.name, &Receiver::KEYS).await;
            Some(data.map_err(|error| format!("secret {}: {error}", secret.name))?)
        }
        None => None,
    };
    Receiver::of(&spec, secret.as_ref(), &settings.cluster)
}

#[cfg(test)]
mod tests;
