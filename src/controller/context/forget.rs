//! What is kept of single Canaries and namespaces in memory, and how it goes: all in one place, so that nothing stays
//! behind. Whatever is added to [`Context`] by key is added here.

use super::Context;
use crate::controller::queue::Key;

/// Forgets a Canary that is gone, and ends what is under way for it.
pub fn forget(context: &Context, key: &Key) {
    // Dropping them ends what runs.
    context.checks.lock().remove(key);
    context.hooks.lock().remove(key);
    context.listeners.forget(|listener| listener == key);
    context.listening.forget(key);
    context.alerts.lanes.forget(|(of, _)| of == key);
    context.written.forget(key);
    context.objects_written.forget(key);
    context.primaries.forget(key);
    context.pod_owners.forget(key);
    context.timers.forget(key);
    context.missed.lock().remove(key);
    context.shared.lock().remove(key);
    context.failures.forget(key);
    context.advice.forget();
    let left = context.index.count(&key.0);
    context.gauges.forget(&context.metrics, key, left);
}

/// Forgets a namespace that is not worked in any more.
pub fn forget_namespace(context: &Context, namespace: &str) {
    context.unenrolled.lock().retain(|(of, _), _| of != namespace);
    context.unmade.forget_if(|(of, _)| of == namespace);
    context.just_labelled.lock().remove(namespace);
    context.advice.forget();
}

#[cfg(test)]
mod tests;
