//! After a step that failed: when it is done again, what people are told, and that nothing is held meanwhile.

use super::counted;
use crate::controller::{
    context::{
        Context,
        memory::passing::{Heard, News},
    },
    effects::apply::write::WriteFailure,
    lifecycle::free,
    queue::Key,
    status::{self, dropped::Dropped, record, trouble},
    watch::informers::cache::Kind,
};
use crate::{
    analysis::Stage,
    api::Canary,
    foreign::{SAID, cut},
    messages::Severity,
    plan::Workload,
    telemetry::secrets::without_paths,
};
use jiff::Timestamp;
use std::{error::Error, sync::Arc, time::Duration};

/// What changed since it was looked at is looked at again this soon.
const STALE: Duration = Duration::from_millis(200);

/// Notes that a step of `canary` ended in `error`, and answers when to do it again.
pub async fn failed(context: &Arc<Context>, key: &Key, canary: &Canary, error: &kube::Error) -> Duration {
    counted::count(&context.effects.metrics, error);
    let (failure, memory) = (WriteFailure::of(error), &context.memory);
    let doing = memory.of(key, |canary| canary.failures.take_doing());
    if failure == WriteFailure::Stale && memory.of(key, |canary| canary.failures.is_stale()) {
        return STALE;
    }
    let (of, cause) = (format!("{}.{}", key.1, key.0), failure.as_str());
    tracing::error!(canary = of, cause, doing = doing.as_deref(), %error, "step failed, trying again");
    if Dropped::is(error) && is_without_primary(context, canary) {
        give_back(context, canary).await;
    }
    match failure {
        WriteFailure::Passing => passed_over(context, key, canary, (error, doing)).await,
        WriteFailure::Stale | WriteFailure::Refused => refused(context, key, canary, (error, doing)).await,
    }
}

// What is refused for good is done again at once, the first time: the step knows it then, records it, and gives back what
// it holds. Where not even that can be recorded, it is given back here.
async fn refused(
    context: &Context,
    key: &Key,
    canary: &Canary,
    (error, doing): (&kube::Error, Option<String>),
) -> Duration {
    let (message, words) = (cut(&error.to_string(), SAID), words(error));
    let (pause, new) = context
        .memory
        .of(key, |canary| canary.failures.note_refusal(&message, &words));
    if new {
        let what = doing.map_or_else(|| String::from("a request"), |doing| format!("to {doing}"));
        let text = format!("Cannot go on, the API server refuses {what}: {words}");
        context.effects.events.record(canary, Severity::Warning, text);
        return STALE;
    }
    give_back(context, canary).await;
    pause
}

// What is held for a pair that is being built serves by itself.
async fn give_back(context: &Context, canary: &Canary) {
    let building = status::state(canary, Timestamp::now()).stage == Stage::Building;
    if let Some(target) = context.cluster.target(canary).filter(|_| building) {
        let workload = Workload::of(canary).unwrap_or_default();
        free::held(&context.effects.client, Kind::of(workload), &target).await;
    }
}

// Whether it is known that there is no primary. Whose record is hidden seems to be building one, and a target whose primary
// serves is to rest.
fn is_without_primary(context: &Context, canary: &Canary) -> bool {
    let Some(workload) = Workload::of(canary).filter(|workload| workload.has_primary_beside()) else {
        return false;
    };
    let (cache, namespace) = (&context.cluster.cache, canary.namespace_name());
    let primary = || cache.get(Kind::of(workload), namespace, &canary.primary_name());
    cache.complete(namespace) && primary().is_none()
}

// What may go by itself is told when it begins, if the API server says what it is, and again and again while it lasts; then
// the conditions say it too. Where steps fail before they are recorded, it is recorded here. One that was recorded said what
// matters most, which may be something else: two that wrote one condition in turn would do so for ever, since each of these
// writes is a reason for a step.
async fn passed_over(
    context: &Context,
    key: &Key,
    canary: &Canary,
    (error, doing): (&kube::Error, Option<String>),
) -> Duration {
    let (words, now) = (words(error), Timestamp::now());
    let what = match doing {
        Some(doing) => format!("failed to {doing}: {words}"),
        None => words,
    };
    let (pause, news, lasting) = context.memory.of(key, |canary| {
        let failures = &mut canary.failures;
        let (pause, _) = failures.note(&what);
        let news = failures.passing.note(&what, heard(error), now);
        let lasting = failures.passing.lasting().filter(|_| !failures.is_recorded());
        (pause, news, lasting)
    });
    let recorded = match &lasting {
        Some(lasting) => record::failing(context, canary, &trouble::failing(lasting), now).await,
        None => Ok(false),
    };
    let told = recorded.unwrap_or_else(|error| {
        tracing::debug!(canary = canary.full_name(), %error, "what keeps it cannot be recorded");
        false
    });
    if let Some(text) = text(&news, &what, told) {
        context.effects.events.record(canary, Severity::Warning, text);
    }
    pause
}

// The Event of an error; of one that lasts, where none was made with the conditions.
fn text(news: &News, what: &str, told: bool) -> Option<String> {
    match news {
        News::First => Some(format!("Cannot go on for now: {what}; it is tried again")),
        News::Lasting(lasting) if !told => Some(trouble::failing(lasting).message),
        News::None | News::Lasting(_) => None,
    }
}

// Nobody else tells of a definition that was changed. An API server that is not there takes no events either, and is back before
// most people have read one.
fn heard(error: &kube::Error) -> Heard {
    match error {
        error if Dropped::is(error) => Heard::AtOnce,
        kube::Error::Api(status) if status.code == 429 => Heard::Never,
        kube::Error::Api(_) => Heard::AtOnce,
        _ => Heard::Late,
    }
}

// What an error says to people: without the client's own words around it, and with what lies below it. Where our own webhook
// cannot be reached, it has a path that nobody may read in a status.
fn words(error: &kube::Error) -> String {
    let said = match error {
        kube::Error::Api(status) if status.message.is_empty() => format!("the API server answers {}", status.code),
        kube::Error::Api(status) => status.message.clone(),
        kube::Error::Service(inner) => match inner.downcast_ref::<kube::Error>() {
            Some(inner) => words(inner),
            None => with_causes(&**inner),
        },
        other => other.to_string(),
    };
    cut(&without_paths(&said), SAID)
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("client error (Connect)")]
    struct Connect(#[source] std::io::Error);

    #[test]
    fn what_is_said_of_an_error_is_what_lies_at_the_bottom_of_it() {
        let refused = Connect(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        let refused = kube::Error::Service(refused.into());
        assert_eq!(words(&refused), "client error (Connect): connection refused");
        let late = || kube::Error::Service("GET /api was not answered within 30 s".into());
        assert_eq!(words(&late()), "GET /api was not answered within 30 s");
        assert_eq!(
            words(&kube::Error::Service(late().into())),
            words(&late()),
            "of two clients"
        );
    }

    #[test]
    fn conditions_hold_no_path_of_the_webhook() {
        let token = "0a".repeat(32);
        let text =
            format!("failed calling webhook: Post \"https://x.y.svc:443/validate-canaries/{token}?timeout=5s\": EOF");
        let status = serde_json::json!({"status": "Failure", "message": text, "reason": "InternalError", "code": 500});
        let status: kube::core::Status = serde_json::from_value(status).unwrap();
        let said = words(&kube::Error::Api(status.boxed()));
        assert!(said.contains("/validate-canaries/...?timeout=5s"), "{said}");
    }
}
