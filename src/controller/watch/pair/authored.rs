//! The templates of stored revisions, read once in a step however often they are asked for.
//!
//! A Deployment stores up to ten revisions or more, and a step asks for their templates in several places: to take one out of
//! its object and to hash it is most of what a step at rest does.

use crate::plan::{revision::hash::template_hash, workload::template};
use serde_json::Value;
use std::{borrow::Cow, ptr, sync::OnceLock};

/// A pod template as its author wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Authored {
    /// The template itself.
    pub template: Value,
    /// Its hash, without the configs that it names.
    pub hash: String,
}

impl Authored {
    /// That of a workload or of a stored revision; `None` of what has none.
    pub fn of(object: &Value) -> Option<Self> {
        let template = template::authored(object)?;
        let hash = template_hash(&template);
        Some(Self { template, hash })
    }
}

/// What was read of the stored revisions of a pair so far, in their order. They are those of one step: whoever puts others in
/// their place begins with an empty one.
#[derive(Debug, Clone, Default)]
pub struct Read(OnceLock<Vec<OnceLock<Option<Authored>>>>);

impl Read {
    /// What `object` says. It is kept if that is one of `stored`, by its address and not by what is in it.
    pub fn of<'a, 's>(
        &'a self,
        stored: impl Iterator<Item = &'s Value> + Clone,
        object: &Value,
    ) -> Option<Cow<'a, Authored>> {
        let Some(at) = stored.clone().position(|one| ptr::eq(one, object)) else {
            return Authored::of(object).map(Cow::Owned);
        };
        let kept = self.0.get_or_init(|| stored.map(|_| OnceLock::new()).collect());
        match kept.get(at) {
            Some(kept) => kept.get_or_init(|| Authored::of(object)).as_ref().map(Cow::Borrowed),
            None => Authored::of(object).map(Cow::Owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::watch::pair::live::Live;
    use serde_json::json;

    fn set(image: &str) -> Value {
        json!({"kind": "ReplicaSet", "metadata": {"ownerReferences": [{"uid": "1", "controller": true}]},
            "spec": {"template": {"spec": {"containers": [{"image": image}]}}}})
    }

    #[test]
    fn what_is_stored_is_read_once_and_anything_else_each_time() {
        let live = Live {
            target: Some(json!({"metadata": {"uid": "1"}, "spec": set("web:2")["spec"]})),
            revisions: vec![set("web:1"), set("web:2")],
            history: vec![set("web:0")],
            ..Live::default()
        };
        for stored in live.revisions.iter().chain(&live.history) {
            let (Some(Cow::Borrowed(once)), Some(Cow::Borrowed(again))) =
                (live.authored(stored), live.authored(stored))
            else {
                panic!("a stored revision is not kept");
            };
            assert!(ptr::eq(once, again), "read twice");
            assert_eq!(Some(once), Authored::of(stored).as_ref());
        }
        // Equal, and yet not the one that is stored: what it says may change.
        let mut other = live.revisions[0].clone();
        assert!(matches!(live.authored(&other), Some(Cow::Owned(_))));
        other["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:3");
        assert_eq!(live.authored(&other).map(Cow::into_owned), Authored::of(&other));
        assert!(live.authored(&json!({})).is_none());
        // And what is known of them all is what each of them says.
        let hashes = ["web:0", "web:1", "web:2"].map(|image| template::revision(&set(image)).unwrap());
        let mut expected = hashes.to_vec();
        expected.sort_unstable();
        assert_eq!(live.known(), expected);
    }
}
