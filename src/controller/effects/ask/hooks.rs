//! Hooks run beside the steps: one that takes minutes delays its own Canary's gate and nobody else.

use crate::controller::{context::Context, effects::notify::announce::announce, queue::Key};
use crate::object::version;
use crate::{
    analysis::{Answer, Commands, Question, Refusal, State},
    api::{
        Canary,
        canary::{HookType, Webhook},
        labels,
    },
    messages::{self, Severity},
    outbound::hooks::{self, Caller, HookAnswer, Run, run_checksum},
};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Starts the hook calls unless they run already, or were answered after this step read its answers (`heard`). An older
/// question of the same type is given up; only `post-rollout` hooks have a while to be called to the end.
pub fn ask(
    context: &Arc<Context>,
    key: &Key,
    canary: &Arc<Canary>,
    (state, heard): (&State, &[Answer]),
    question: Question,
) {
    let begin = |heard_before| {
        let asked = Asked {
            context: context.clone(),
            key: key.clone(),
            canary: canary.clone(),
            state: state.clone(),
            question: question.clone(),
            heard: heard_before,
        };
        tokio::spawn(asked.run())
    };
    let question = question.clone();
    context
        .memory
        .of(key, |canary| canary.questions.ask(question, heard, begin));
}

// One question on its way.
struct Asked {
    context: Arc<Context>,
    key: Key,
    canary: Arc<Canary>,
    state: State,
    question: Question,
    // A refusal of this very question was heard before.
    heard: bool,
}

impl Asked {
    async fn run(self) {
        let kind = self.question.kind;
        let asked = call(&self.context.effects.caller, &self.canary, &self.state, kind);
        let outcomes = self.context.caught(&self.key, "a hook", asked).await;
        let outcomes = outcomes.unwrap_or_else(|why| vec![unheard(kind, why)]);
        if self.question.kind == HookType::Rollback && !self.heard {
            for one in outcomes.iter().filter(|one| one.result.is_err()) {
                let message = messages::rollback_not_signaled(&one.hook);
                announce(
                    &self.context,
                    &self.key,
                    &self.canary,
                    &self.state,
                    Severity::Normal,
                    message,
                );
            }
        }
        let answer = answer(self.question, outcomes);
        let memory = &self.context.memory;
        // A Canary that is gone is told nothing.
        if memory.of_known(&self.key, |canary| canary.questions.answer(answer)) == Some(true) {
            self.context.queues.steps.send(self.key);
        }
    }
}

// Nothing is agreed to by an error of our own.
fn unheard(kind: HookType, why: String) -> HookAnswer {
    HookAnswer {
        hook: kind.as_str().to_owned(),
        muted: false,
        result: Err(why),
    }
}

/// Calls the hooks of a type in their order.
pub async fn call(caller: &Caller, canary: &Canary, state: &State, kind: HookType) -> Vec<HookAnswer> {
    let checksum = run_checksum(canary, state.last_applied.as_deref());
    let name = canary.name_any();
    let run = Run {
        name: &name,
        namespace: canary.namespace_name(),
        phase: state.phase.as_str(),
        checksum: &checksum,
        canary_weight: i32::from(state.canary_weight()),
    };
    hooks::call_all(caller, webhooks(canary), kind, &run).await
}

fn webhooks(canary: &Canary) -> &[Webhook] {
    canary.analysis().webhooks.as_deref().unwrap_or_default()
}

fn answer(question: Question, outcomes: Vec<HookAnswer>) -> Answer {
    let agreed = outcomes.iter().filter(|one| one.result.is_ok());
    let agreed = agreed.map(|one| one.hook.clone()).collect();
    let refused = outcomes.into_iter().find_map(|one| {
        Some(Refusal {
            hook: one.hook,
            error: one.result.err()?,
            muted: one.muted,
        })
    });
    Answer {
        question,
        at: Timestamp::now(),
        agreed,
        refused,
    }
}

/// Another text for each spec and each set of annotations, our own writes of the status aside.
pub fn edition(canary: &Canary) -> String {
    let mut hasher = DefaultHasher::new();
    canary.metadata.generation.hash(&mut hasher);
    canary.annotations().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What the annotations ask for.
pub fn commands(canary: &Canary) -> Commands {
    Commands {
        skip: canary.asked_to_skip(),
        reset: canary.asked_to_reset(),
    }
}

/// Takes the annotations away; what they ask for is recorded.
pub async fn take_annotations(context: &Context, key: &Key, canary: &Canary) -> Result<(), kube::Error> {
    let api = Api::<Canary>::namespaced(context.effects.client.clone(), &key.0);
    let body = json!({"metadata": {"annotations": {labels::SKIP_ANALYSIS: null, labels::RESET: null}}});
    let params = PatchParams {
        field_manager: Some(labels::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let stored = api.patch(&canary.name_any(), &params, &Patch::Merge(body)).await?;
    if let Some(version) = version(stored.metadata.resource_version.as_deref()) {
        context.memory.of(key, |canary| canary.written.note_status(version));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::{context::fake, queue::tasks::LAST_WORDS};
    use tokio::io::AsyncReadExt;

    fn asked(kind: HookType) -> Question {
        Question {
            kind,
            at: Timestamp::UNIX_EPOCH,
            edition: String::new(),
        }
    }

    #[tokio::test]
    async fn what_is_told_of_a_run_ends_a_while_after_the_next_one_began_and_at_once_with_its_canary() {
        let (context, _told) = fake::context();
        let key = fake::add(&context, "app");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let mut canary = serde_json::to_value(&*context.cluster.canary(&key).unwrap()).unwrap();
        canary["spec"]["analysis"]["webhooks"] =
            json!([{"name": "p", "type": "post-rollout", "url": url, "timeout": "1h"}]);
        let canary: Arc<Canary> = Arc::new(serde_json::from_value(canary).unwrap());
        let state = State::new(Timestamp::UNIX_EPOCH);
        let mut rest = Vec::new();
        // It hears the question, and says nothing until it is hung up on.
        ask(&context, &key, &canary, (&state, &[]), asked(HookType::PostRollout));
        let (mut connection, _) = listener.accept().await.unwrap();
        // Nothing is on its way any more: only clocks are waited for.
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        context.memory.of(&key, |canary| canary.questions.begin_run());
        connection.read_to_end(&mut rest).await.unwrap();
        let took = begun.elapsed();
        assert!(LAST_WORDS <= took && took < LAST_WORDS * 2, "{took:?}");
        tokio::time::resume();

        ask(&context, &key, &canary, (&state, &[]), asked(HookType::PostRollout));
        let (mut connection, _) = listener.accept().await.unwrap();
        context.forget(&key);
        connection.read_to_end(&mut rest).await.unwrap();
    }
}
