//! Why pods do not start, in a line, by what pods and quota say: asked of the API server only when a deadline has passed.

use crate::controller::watch::pair::live::Live;
use crate::object::condition;
use crate::{analysis::State, foreign::Foreign};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{Api, Client, ResourceExt, api::ListParams};
use serde_json::Value;
use std::time::Duration;

/// Most pods that are looked at; what keeps one from starting keeps most.
const LOOKED_AT: u32 = 50;

/// What keeps the target's pods from starting, once the stage is past its deadline.
pub async fn of(client: &Client, live: &Live, state: &State, deadline: Duration) -> Option<String> {
    let over = state.since.checked_add(deadline).unwrap_or(Timestamp::MAX);
    if Timestamp::now() < over {
        return None;
    }
    let target = live.target.as_ref()?;
    let namespace = target.pointer("/metadata/namespace").and_then(Value::as_str)?;
    let labels = target
        .pointer("/spec/selector/matchLabels")
        .and_then(Value::as_object)?;
    let selector: Vec<String> = labels
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    let api = Api::<Pod>::namespaced(client.clone(), namespace);
    let first = ListParams::default().labels(&selector.join(",")).limit(LOOKED_AT);
    let pods = api.list(&first).await.ok()?;
    pods.items.iter().find_map(describe).or_else(|| quota(target))
}

fn describe(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let name = pod.name_any();
    let containers = status
        .init_container_statuses
        .iter()
        .flatten()
        .chain(status.container_statuses.iter().flatten());
    if let Some(why) = containers.filter_map(container).next() {
        return Some(format!("pod {name}: {why}"));
    }
    let conditions = status.conditions.iter().flatten();
    let unscheduled = conditions
        .clone()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False");
    if let Some(condition) = unscheduled {
        let reason = condition.reason.clone().unwrap_or_default();
        let message = capped(condition.message.as_deref().unwrap_or_default());
        return Some(format!("pod {name}: {reason}: {message}"));
    }
    let unready = conditions.clone().find(|c| c.type_ == "Ready" && c.status == "False")?;
    let why = unready.message.as_deref().or(unready.reason.as_deref());
    Some(format!("pod {name}: {}", capped(why.unwrap_or_default())))
}

// Waiting on an image or in a crash loop; for the latter the last exit code says more than the back-off. Between two
// crashes a container runs or has just ended: its restarts tell.
fn container(status: &ContainerStatus) -> Option<String> {
    let name = &status.name;
    let state = status.state.as_ref()?;
    let ended = status
        .last_state
        .as_ref()
        .and_then(|s| s.terminated.as_ref())
        .or(state.terminated.as_ref());
    if let Some(waiting) = state.waiting.as_ref().filter(|w| !is_starting(w.reason.as_deref())) {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let detail = match ended {
            Some(ended) => format!("last exit code {}", ended.exit_code),
            None => capped(waiting.message.as_deref().unwrap_or_default()),
        };
        return Some(format!("container {name}: {reason}: {detail}"));
    }
    let ended = ended.filter(|_| status.restart_count > 0)?;
    let (restarts, code) = (status.restart_count, ended.exit_code);
    Some(format!(
        "container {name}: CrashLoopBackOff: restarted {restarts} times, last exit code {code}"
    ))
}

fn is_starting(reason: Option<&str>) -> bool {
    matches!(reason, None | Some("ContainerCreating" | "PodInitializing"))
}

fn capped(text: &str) -> String {
    Foreign::of(text).into()
}

/// Why no pod could be made at all: the ReplicaSet was refused one, and its Deployment repeats the reason.
pub fn quota(target: &Value) -> Option<String> {
    let failed = condition(target, "ReplicaFailure")?;
    failed.get("message").and_then(Value::as_str).map(capped)
}

#[cfg(test)]
mod tests;
