//! What is remembered of Deployments that have no Canary: why they were said to have none, and errors of passes that keep
//! coming.

use super::failures::Failures;
use crate::{controller::queue::Key, plan::enrolment::Around};
use parking_lot::Mutex;
use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};
use tokio::time::Instant;

/// Deployments, by namespace and name.
#[derive(Debug, Default)]
pub struct Deployments(Mutex<HashMap<String, OfNamespace>>);

type OfNamespace = HashMap<String, OfDeployment>;

/// Why a Deployment is not enrolled, or not as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unenrolled {
    /// Of which uid it is.
    pub uid: String,
    /// What is said of it.
    pub why: String,
    /// What may take the reason away by changing.
    pub lifted_by: Option<Around>,
}

#[derive(Debug, Default)]
struct OfDeployment {
    // What was last said of it.
    unenrolled: Option<Unenrolled>,
    // When it is looked at again although nothing may have told of a change.
    again: Option<Instant>,
    failures: Failures,
}

impl OfDeployment {
    fn is_nothing(&self) -> bool {
        self.unenrolled.is_none() && self.failures.is_none()
    }

    fn waits_for(&self, around: Around) -> bool {
        let lifted_by = self.unenrolled.as_ref().and_then(|known| known.lifted_by);
        lifted_by == Some(around)
    }
}

impl Deployments {
    /// Whether a Deployment of the namespace could not be enrolled.
    pub fn lacks_any(&self, namespace: &str) -> bool {
        let all = self.0.lock();
        let of = all.get(namespace);
        of.is_some_and(|of| of.values().any(|one| one.unenrolled.is_some()))
    }

    /// Those of the namespace that could not be enrolled for a reason that such a change may take away.
    pub fn waiting_for(&self, around: Around, namespace: &str) -> BTreeSet<String> {
        let all = self.0.lock();
        let of = all.get(namespace).into_iter().flatten();
        of.filter(|(_, one)| one.waits_for(around))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Remembers why one is not enrolled. Answers whether that was not said already.
    pub fn unenrolled(&self, key: Key, told: Unenrolled) -> bool {
        let mut all = self.0.lock();
        let one = all.entry(key.0).or_default().entry(key.1).or_default();
        let told = Some(told);
        let new = one.unenrolled != told;
        one.unenrolled = told;
        new
    }

    /// Whether nobody has it looked at again in a while yet. From now on somebody has, in `pause`.
    pub fn is_to_be_looked_at_again(&self, key: &Key, pause: Duration) -> bool {
        let mut all = self.0.lock();
        let one = all.entry(key.0.clone()).or_default().entry(key.1.clone()).or_default();
        let now = Instant::now();
        if one.again.is_some_and(|again| now < again) {
            return false;
        }
        one.again = Some(now + pause);
        true
    }

    /// It is enrolled, or nobody asks for it.
    pub fn enrolled(&self, key: &Key) {
        self.change(key, |one| one.unenrolled = None);
    }

    /// Nobody asks for any Deployment of the namespace to be enrolled.
    pub fn left(&self, namespace: &str) {
        self.retain(namespace, |_, one| {
            one.unenrolled = None;
            true
        });
    }

    /// Notes an error of a pass: when to try again, and whether it is another one than last time.
    pub fn failed(&self, key: &Key, message: &str) -> (Duration, bool) {
        let mut all = self.0.lock();
        let of = all.entry(key.0.clone()).or_default();
        of.entry(key.1.clone()).or_default().failures.note(message)
    }

    /// A pass went well.
    pub fn went_well(&self, key: &Key) {
        self.change(key, |one| one.failures = Failures::default());
    }

    /// Whether what failed lately is not to be tried yet.
    pub fn rests(&self, key: &Key) -> bool {
        let all = self.0.lock();
        let one = all.get(&key.0).and_then(|of| of.get(&key.1));
        one.is_some_and(|one| one.failures.rests())
    }

    /// Forgets those of a namespace that are gone, by their names.
    pub fn forget_if(&self, namespace: &str, gone: impl Fn(&str) -> bool) {
        self.retain(namespace, |name, _| !gone(name));
    }

    // What is left of nothing goes.
    fn change(&self, key: &Key, change: impl FnOnce(&mut OfDeployment)) {
        let mut all = self.0.lock();
        let Some(of) = all.get_mut(&key.0) else { return };
        let Some(one) = of.get_mut(&key.1) else { return };
        change(one);
        if one.is_nothing() {
            of.remove(&key.1);
        }
        if of.is_empty() {
            all.remove(&key.0);
        }
    }

    fn retain(&self, namespace: &str, keep: impl Fn(&str, &mut OfDeployment) -> bool) {
        let mut all = self.0.lock();
        let Some(of) = all.get_mut(namespace) else { return };
        of.retain(|name, one| keep(name, one) && !one.is_nothing());
        if of.is_empty() {
            all.remove(namespace);
        }
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        ("shop".to_owned(), name.to_owned())
    }

    fn told(uid: &str, why: &str, lifted_by: Option<Around>) -> Unenrolled {
        Unenrolled {
            uid: uid.to_owned(),
            why: why.to_owned(),
            lifted_by,
        }
    }

    #[test]
    fn why_one_is_not_enrolled_is_news_once_for_each_uid_and_reason() {
        let all = Deployments::default();
        let news = |uid: &str, why: &str| all.unenrolled(key("web"), told(uid, why, None));
        assert!(news("1", "no port") && !news("1", "no port"));
        assert!(news("1", "a claim") && news("2", "a claim"));
        assert!(all.lacks_any("shop") && !all.lacks_any("other"));
        all.enrolled(&key("web"));
        assert!(!all.lacks_any("shop") && all.is_empty());
    }

    #[test]
    fn only_those_wait_for_a_change_around_them_that_it_may_let_in() {
        let all = Deployments::default();
        let waiting = |around: Around, namespace: &str| {
            let names = all.waiting_for(around, namespace).into_iter();
            names.collect::<Vec<String>>().join(" ")
        };
        all.unenrolled(key("recreated"), told("1", "its strategy", None));
        for name in ["walled", "walled-too"] {
            all.unenrolled(key(name), told("1", "a policy", Some(Around::NetworkPolicy)));
        }
        all.unenrolled(key("mounting"), told("1", "a claim", Some(Around::Claim)));
        all.failed(&key("failing"), "full");
        assert_eq!(waiting(Around::NetworkPolicy, "shop"), "walled walled-too");
        assert_eq!(waiting(Around::Claim, "shop"), "mounting");
        assert_eq!(waiting(Around::Claim, "other"), "");
        all.enrolled(&key("walled"));
        assert_eq!(waiting(Around::NetworkPolicy, "shop"), "walled-too");
        all.left("shop");
        assert_eq!(waiting(Around::NetworkPolicy, "shop"), "");
    }

    #[test]
    fn nothing_stays_of_what_went_well_or_is_gone_and_what_failed_rests_wherever_it_is_wanted() {
        let all = Deployments::default();
        assert_eq!(all.failed(&key("web"), "full"), (Duration::from_secs(2), true));
        all.unenrolled(key("web"), told("", "full", None));
        all.unenrolled(key("mail"), told("", "full", None));
        all.left("shop");
        assert!(all.rests(&key("web")) && !all.lacks_any("shop"));
        assert_eq!(all.failed(&key("web"), "full"), (Duration::from_secs(4), false));
        all.went_well(&key("web"));
        assert!(all.is_empty());
        all.failed(&key("web"), "full");
        all.forget_if("shop", |name| name == "mail");
        all.forget_if("other", |_| true);
        assert!(!all.is_empty());
        all.forget_if("shop", |_| true);
        assert!(all.is_empty());
    }
}
