//! What is remembered of Deployments that have no Canary: why they were said to have none, and errors of passes that keep
//! coming.

use super::failures::Failures;
use crate::controller::queue::Key;
use parking_lot::Mutex;
use std::{collections::HashMap, time::Duration};

/// Deployments, by namespace and name.
#[derive(Debug, Default)]
pub struct Deployments(Mutex<HashMap<Key, OfDeployment>>);

#[derive(Debug, Default)]
struct OfDeployment {
    // Of which uid it was, and why it was last said not to be enrolled.
    unenrolled: Option<(String, String)>,
    failures: Failures,
}

impl OfDeployment {
    fn is_nothing(&self) -> bool {
        self.unenrolled.is_none() && self.failures.is_none()
    }
}

impl Deployments {
    /// Whether a Deployment of the namespace could not be enrolled.
    pub fn lacks_any(&self, namespace: &str) -> bool {
        let all = self.0.lock();
        all.iter()
            .any(|((of, _), one)| of == namespace && one.unenrolled.is_some())
    }

    /// Remembers why one of this `uid` is not enrolled. Answers whether that was not said already.
    pub fn unenrolled(&self, key: Key, uid: String, why: String) -> bool {
        let told = Some((uid, why));
        let mut all = self.0.lock();
        let one = all.entry(key).or_default();
        let new = one.unenrolled != told;
        one.unenrolled = told;
        new
    }

    /// It is enrolled, or nobody asks for it.
    pub fn enrolled(&self, key: &Key) {
        self.change(key, |one| one.unenrolled = None);
    }

    /// Nobody asks for any Deployment of the namespace to be enrolled.
    pub fn left(&self, namespace: &str) {
        self.0.lock().retain(|(of, _), one| {
            if of == namespace {
                one.unenrolled = None;
            }
            !one.is_nothing()
        });
    }

    /// Notes an error of a pass: when to try again, and whether it is another one than last time.
    pub fn failed(&self, key: &Key, message: &str) -> (Duration, bool) {
        let mut all = self.0.lock();
        all.entry(key.clone()).or_default().failures.note(message)
    }

    /// A pass went well.
    pub fn went_well(&self, key: &Key) {
        self.change(key, |one| one.failures = Failures::default());
    }

    /// Whether what failed lately is not to be tried yet.
    pub fn rests(&self, key: &Key) -> bool {
        self.0.lock().get(key).is_some_and(|one| one.failures.rests())
    }

    /// Forgets those of these keys.
    pub fn forget_if(&self, gone: impl Fn(&Key) -> bool) {
        self.0.lock().retain(|key, _| !gone(key));
    }

    // What is left of nothing goes.
    fn change(&self, key: &Key, change: impl FnOnce(&mut OfDeployment)) {
        let mut all = self.0.lock();
        let Some(one) = all.get_mut(key) else { return };
        change(one);
        if one.is_nothing() {
            all.remove(key);
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

    #[test]
    fn why_one_is_not_enrolled_is_news_once_for_each_uid_and_reason() {
        let all = Deployments::default();
        let news = |uid: &str, why: &str| all.unenrolled(key("web"), uid.to_owned(), why.to_owned());
        assert!(news("1", "no port") && !news("1", "no port"));
        assert!(news("1", "a claim") && news("2", "a claim"));
        assert!(all.lacks_any("shop") && !all.lacks_any("other"));
        all.enrolled(&key("web"));
        assert!(!all.lacks_any("shop") && all.is_empty());
    }

    #[test]
    fn nothing_stays_of_what_went_well_or_is_gone_and_what_failed_rests_wherever_it_is_wanted() {
        let all = Deployments::default();
        assert_eq!(all.failed(&key("web"), "full"), (Duration::from_secs(2), true));
        all.unenrolled(key("web"), String::new(), "full".to_owned());
        all.unenrolled(key("mail"), String::new(), "full".to_owned());
        all.left("shop");
        assert!(all.rests(&key("web")) && !all.lacks_any("shop"));
        assert_eq!(all.failed(&key("web"), "full"), (Duration::from_secs(4), false));
        all.went_well(&key("web"));
        assert!(all.is_empty());
        all.failed(&key("web"), "full");
        all.forget_if(|(_, name)| name == "mail");
        assert!(!all.is_empty());
        all.forget_if(|(of, _)| of == "shop");
        assert!(all.is_empty());
    }
}
