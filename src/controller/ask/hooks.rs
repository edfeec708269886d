//! Hooks run beside the steps: one that takes minutes delays its own Canary's gate and nobody else.

use crate::controller::{
    context::Context,
    notify::announce::announce,
    queue::{Key, tasks::Task},
    watch::live::version,
};
use crate::{
    analysis::{Answer, Commands, Question, Refusal, State},
    api::{
        Canary,
        canary::{HookType, Webhook},
        labels,
    },
    hooks::{self, Outcome, Run, run_checksum},
    messages,
    metrics::Severity,
};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The questions of one Canary, newest of each type.
pub type Slots = BTreeMap<HookType, Slot>;

/// A question that is being asked, or whose answer is here.
#[derive(Debug)]
pub struct Slot {
    question: Question,
    task: Task,
    answer: Option<Answer>,
}

impl Slot {
    // An answer is on its way, or is here and its step has been asked for.
    fn is_news_to(&self, heard: &[Answer]) -> bool {
        self.answer.as_ref().is_none_or(|answer| !heard.contains(answer))
    }
}

/// What the hooks of a Canary have answered.
pub fn answers(context: &Context, key: &Key) -> Vec<Answer> {
    let all = context.hooks.lock();
    let slots = all.get(key).into_iter().flat_map(BTreeMap::values);
    slots.filter_map(|slot| slot.answer.clone()).collect()
}

/// A run begins: what is still told of the end of the one before has a while for it.
pub fn begin_run(context: &Context, key: &Key) {
    let mut all = context.hooks.lock();
    if let Some(slot) = all.get_mut(key).and_then(|slots| slots.remove(&HookType::PostRollout)) {
        slot.task.linger();
    }
}

/// Asks, unless the same is being asked, or was answered while the step that asks was deciding by what it had `heard`. A
/// question of the same type that nobody waits for any more is given up; only `post-rollout` hooks have a while to
/// be told to the end.
pub fn ask(
    context: &Arc<Context>,
    key: &Key,
    canary: &Arc<Canary>,
    (state, heard): (&State, &[Answer]),
    question: Question,
) {
    let mut all = context.hooks.lock();
    let slots = all.entry(key.clone()).or_default();
    let before = slots.get(&question.kind);
    let same = before.filter(|slot| slot.question == question);
    if same.is_some_and(|slot| slot.is_news_to(heard)) {
        return;
    }
    let heard = same.is_some();
    let kind = question.kind;
    let asked = Asked {
        context: context.clone(),
        key: key.clone(),
        canary: canary.clone(),
        state: state.clone(),
        question: question.clone(),
        heard,
    };
    let slot = Slot {
        question,
        task: Task::of(&tokio::spawn(asked.run())),
        answer: None,
    };
    if let Some(before) = slots.insert(kind, slot)
        && kind == HookType::PostRollout
    {
        before.task.linger();
    }
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
        let asked = call(&self.context, &self.canary, &self.state, kind);
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
        let answer = answer(self.question.clone(), outcomes);
        let mut all = self.context.hooks.lock();
        let slot = all
            .get_mut(&self.key)
            .and_then(|slots| slots.get_mut(&self.question.kind));
        if let Some(slot) = slot.filter(|slot| slot.question == self.question) {
            slot.answer = Some(answer);
            drop(all);
            self.context.queue.send(self.key);
        }
    }
}

// Nothing is agreed to by an error of our own.
fn unheard(kind: HookType, why: String) -> Outcome {
    Outcome {
        hook: kind.as_str().to_owned(),
        muted: false,
        result: Err(why),
    }
}

/// Calls the hooks of a type in their order.
pub async fn call(context: &Context, canary: &Canary, state: &State, kind: HookType) -> Vec<Outcome> {
    let checksum = run_checksum(canary, state.last_applied.as_deref());
    let name = canary.name_any();
    let run = Run {
        name: &name,
        namespace: canary.namespace_name(),
        phase: state.phase.as_str(),
        checksum: &checksum,
        canary_weight: i32::from(state.canary_weight()),
    };
    hooks::call_all(&context.caller, webhooks(canary), kind, &run).await
}

fn webhooks(canary: &Canary) -> &[Webhook] {
    canary.analysis().webhooks.as_deref().unwrap_or_default()
}

fn answer(question: Question, outcomes: Vec<Outcome>) -> Answer {
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

/// Takes the annotations away; their wish is recorded.
pub async fn take_annotations(context: &Context, key: &Key, canary: &Canary) -> Result<(), kube::Error> {
    let api = Api::<Canary>::namespaced(context.client.clone(), &key.0);
    let body = json!({"metadata": {"annotations": {labels::SKIP_ANALYSIS: null, labels::RESET: null}}});
    let params = PatchParams {
        field_manager: Some(labels::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let stored = api.patch(&canary.name_any(), &params, &Patch::Merge(body)).await?;
    if let Some(version) = version(stored.metadata.resource_version.as_deref()) {
        context.written.note(key, version);
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
        let mut canary = serde_json::to_value(&*context.canary(&key).unwrap()).unwrap();
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
        begin_run(&context, &key);
        connection.read_to_end(&mut rest).await.unwrap();
        let took = begun.elapsed();
        assert!(LAST_WORDS <= took && took < LAST_WORDS * 2, "{took:?}");
        tokio::time::resume();

        ask(&context, &key, &canary, (&state, &[]), asked(HookType::PostRollout));
        let (mut connection, _) = listener.accept().await.unwrap();
        crate::controller::context::forget::forget(&context, &key);
        connection.read_to_end(&mut rest).await.unwrap();
        assert!(context.hooks.lock().is_empty());
    }

    #[tokio::test]
    async fn what_came_while_a_step_decided_is_not_asked_again_and_what_it_knew_is() {
        let question = asked(HookType::ConfirmRollout);
        let answer = Answer {
            question: question.clone(),
            at: Timestamp::UNIX_EPOCH,
            agreed: Vec::new(),
            refused: None,
        };
        let mut slot = Slot {
            question,
            task: Task::of(&tokio::spawn(async {})),
            answer: None,
        };
        assert!(slot.is_news_to(&[]), "it is being asked");
        slot.answer = Some(answer.clone());
        assert!(slot.is_news_to(&[]), "the step looked before it came");
        assert!(
            !slot.is_news_to(std::slice::from_ref(&answer)),
            "refused, and asked an interval later"
        );
        let later = Answer {
            at: Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(1),
            ..answer
        };
        assert!(slot.is_news_to(&[later]), "another answer to the same question");
    }
}
