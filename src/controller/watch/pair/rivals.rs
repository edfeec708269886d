//! Canaries that live and want the same objects as another one.

use super::owners::{is_owned_by, owners};
use crate::controller::{queue::Key, watch::cluster::Cluster};
use crate::{api::Canary, object::text};
use kube::ResourceExt;
use serde_json::Value;

/// The uids of other Canaries that live and own any of `objects`: what is theirs is never written.
pub fn rivals<'a>(
    cluster: &Cluster,
    key: &Key,
    canary: &Canary,
    objects: impl Iterator<Item = &'a Value>,
) -> Vec<String> {
    let own = canary.uid();
    let of = objects
        .flat_map(owners)
        .filter(|owner| text(owner, "/kind") == "Canary");
    let lives = |owner: &&Value| {
        let uid = owner.get("uid").and_then(Value::as_str);
        let named = cluster.canary(&(key.0.clone(), text(owner, "/name").to_owned()));
        uid != own.as_deref() && named.is_some_and(|named| named.metadata.uid.as_deref() == uid)
    };
    let mut found: Vec<String> = of.filter(lives).map(|owner| text(owner, "/uid").to_owned()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether one of those Canaries owns an object.
pub fn is_a_rivals(object: &Value, rivals: &[String]) -> bool {
    rivals.iter().any(|uid| is_owned_by(object, uid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::context::fake::{self, Fake};
    use serde_json::json;

    #[tokio::test]
    async fn only_a_canary_that_lives_is_a_rival() {
        let (context, _told): (Fake, _) = fake::context();
        let key = fake::add(&context, "web");
        let other = fake::add(&context, "other");
        let canary = context.cluster.canary(&key).unwrap();
        let owned =
            |uid: &str| json!({"metadata": {"ownerReferences": [{"kind": "Canary", "name": "other", "uid": uid}]}});
        let of = |object: &Value| rivals(&context.cluster, &key, &canary, [object].into_iter());
        assert_eq!(of(&owned("uid of other")), ["uid of other"]);
        assert!(of(&owned("uid of one before")).is_empty());
        let own = json!({"metadata": {"ownerReferences": [{"kind": "Canary", "name": "web", "uid": "uid of web"}]}});
        assert!(of(&own).is_empty());
        fake::remove(&context, &other);
        assert!(of(&owned("uid of other")).is_empty());
    }
}
