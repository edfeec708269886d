//! The questions of one Canary to its hooks: which are being asked, and what was answered.

use crate::{
    analysis::{Answer, Question},
    api::canary::HookType,
    controller::queue::tasks::Task,
};
use std::collections::BTreeMap;
use tokio::task::JoinHandle;

/// The newest question of each type.
#[derive(Debug, Default)]
pub struct Questions(BTreeMap<HookType, Slot>);

// A question that is being asked, or whose answer is here.
#[derive(Debug)]
struct Slot {
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

impl Questions {
    /// What was answered.
    pub fn answers(&self) -> Vec<Answer> {
        self.0.values().filter_map(|slot| slot.answer.clone()).collect()
    }

    /// A run begins: what is still told of the end of the one before has a while for it.
    pub fn begin_run(&mut self) {
        if let Some(slot) = self.0.remove(&HookType::PostRollout) {
            slot.task.linger();
        }
    }

    /// Starts the hook calls (by `begin`) unless they run already, or were answered after this step read its answers
    /// (`heard`). `begin` gets whether an answer to this very question was heard before. An older question of the same
    /// type is given up; only `post-rollout` hooks have a while to be called to the end.
    pub fn ask(&mut self, question: Question, heard: &[Answer], begin: impl FnOnce(bool) -> JoinHandle<()>) {
        let kind = question.kind;
        let same = self.0.get(&kind).filter(|slot| slot.question == question);
        if same.is_some_and(|slot| slot.is_news_to(heard)) {
            return;
        }
        let slot = Slot {
            task: Task::of(&begin(same.is_some())),
            question,
            answer: None,
        };
        if let Some(before) = self.0.insert(kind, slot)
            && kind == HookType::PostRollout
        {
            before.task.linger();
        }
    }

    /// Whether any hook has not answered yet.
    #[cfg(test)]
    pub fn wait(&self) -> bool {
        self.0.values().any(|slot| slot.answer.is_none())
    }

    /// Keeps the answer to a question. Answers whether that is still being asked.
    pub fn answer(&mut self, answer: Answer) -> bool {
        let slot = self.0.get_mut(&answer.question.kind);
        let Some(slot) = slot.filter(|slot| slot.question == answer.question) else {
            return false;
        };
        slot.answer = Some(answer);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[tokio::test]
    async fn what_came_while_a_step_decided_is_not_asked_again_and_what_it_knew_is() {
        let question = Question {
            kind: HookType::ConfirmRollout,
            at: Timestamp::UNIX_EPOCH,
            edition: String::new(),
        };
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
