//! The NetworkPolicies of all namespaces: those of others may name a Deployment's pods as peers. One look serves all who
//! asked before it began, so that many applies at once cost the API server two lists and not one each.

use super::LOOK;
use super::lists::{Lists, Wanted};
use crate::plan::enrolment::reach;
use parking_lot::Mutex;
use serde_json::Value;
use std::sync::{Arc, Weak};
use tokio::sync::Mutex as Turn;
use tokio::time::{Instant, timeout};

/// What one look found; nothing is kept once nobody uses it.
type Found = (Instant, Weak<Vec<Value>>);

/// Looks for policies.
#[derive(Default)]
pub(super) struct Policies {
    turn: Turn<()>,
    last: Mutex<Option<Found>>,
}

impl Policies {
    /// All policies, or, of very many, the first; nothing when they could not be looked at in time, which has room for half of a
    /// look that began too early and the one after it.
    pub async fn all(&self, lists: &Lists) -> Option<Arc<Vec<Value>>> {
        let asked = Instant::now();
        let look = async {
            let _turn = self.turn.lock().await;
            if let Some(found) = self.since(asked) {
                return Some(found);
            }
            let began = Instant::now();
            let wanted = Wanted {
                namespace: None,
                kind: ("networking.k8s.io", "v1", "NetworkPolicy"),
                plural: "networkpolicies",
                slim: reach::slim,
            };
            let found = Arc::new(lists.list(wanted).await.in_time()?.objects);
            *self.last.lock() = Some((began, Arc::downgrade(&found)));
            Some(found)
        };
        timeout(LOOK + LOOK / 2, look).await.ok().flatten()
    }

    fn since(&self, asked: Instant) -> Option<Arc<Vec<Value>>> {
        let (began, found) = self.last.lock().clone()?;
        (began >= asked).then(|| found.upgrade()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ApiServer;
    use serde_json::json;
    use std::time::Duration;

    const PATH: &str = "/apis/networking.k8s.io/v1/networkpolicies";

    fn fake() -> ApiServer {
        let fake = ApiServer {
            delay: Duration::from_millis(20),
            ..ApiServer::default()
        };
        let policy = json!({"metadata": {"name": "keep", "namespace": "web"}, "spec": {"podSelector": {}}});
        let list = json!({"metadata": {}, "items": [policy]});
        fake.objects.lock().insert(PATH.to_owned(), list);
        fake
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_share_a_look() {
        let fake = fake();
        let (lists, policies) = (Lists::new(fake.client()), Policies::default());
        let all = futures::future::join_all((0..20).map(|_| policies.all(&lists))).await;
        assert!(all.iter().all(|found| found.as_ref().unwrap().len() == 1));
        let asked = fake.requests_for(PATH);
        assert!((1..=2).contains(&asked), "{asked} lists");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_too_much_is_marked_and_nobody_else_can_mark_one() {
        let peer = json!({"podSelector": {"matchLabels": {"app": "web"}}});
        let policy = |peers: usize| {
            json!({
                "metadata": {"name": "keep", "namespace": "web", "annotations": {reach::TOO_LARGE: "1"}},
                "spec": {"podSelector": {}, "ingress": [{"from": vec![&peer; peers]}]},
            })
        };
        let fake = fake();
        let list = json!({"metadata": {}, "items": [policy(2000), policy(1)]});
        fake.objects.lock().insert(PATH.to_owned(), list);
        let found = Policies::default().all(&Lists::new(fake.client())).await.unwrap();
        let marked = |policy: &Value| policy["metadata"]["annotations"].get(reach::TOO_LARGE).is_some();
        assert_eq!((marked(&found[0]), marked(&found[1])), (true, false));
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_later_sees_what_came_in_between() {
        let fake = fake();
        let (lists, policies) = (Lists::new(fake.client()), Policies::default());
        let before = policies.all(&lists).await.unwrap();
        fake.objects
            .lock()
            .insert(PATH.to_owned(), json!({"metadata": {}, "items": []}));
        assert_eq!((before.len(), policies.all(&lists).await.unwrap().len()), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_looked_at_in_time_is_not_taken_for_nothing() {
        let slow = ApiServer {
            delay: Duration::from_secs(9),
            ..fake()
        };
        assert_eq!(Policies::default().all(&Lists::new(slow.client())).await, None);
    }
}
