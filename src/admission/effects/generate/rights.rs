//! What may the requester do himself? A user who can edit Deployments, or write a template, must not get more by way of
//! us.

use super::{BUDGET, LOOK};
use crate::admission::review::UserInfo;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How long an answer is believed.
const FRESH: Duration = Duration::from_secs(10);
/// Answers that are kept at most.
const KEPT: usize = 1024;
/// Longest identity that is asked about, as JSON, in bytes: groups and extras are as long as an authenticator makes them.
const LONGEST: usize = 64 * 1024;

/// Requesters who are asked about beside the requests at once; what is kept of each is as long as [`LONGEST`].
const LATER: usize = 64;

/// The checksum of everything that an authorizer may look at: an answer is kept in as many bytes whoever it is about.
type Key = [u8; 32];

/// Asks the API server, and remembers answers for a short time.
pub struct Rights {
    client: Client,
    answers: Mutex<HashMap<Key, (Instant, bool)>>,
    later: Arc<Semaphore>,
}

impl Rights {
    /// Remembers nothing yet.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            answers: Mutex::default(),
            later: Arc::new(Semaphore::new(LATER)),
        }
    }

    /// Room for asking about one more requester whom nobody waits for; nothing when there is none.
    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.later).try_acquire_owned().ok()
    }

    /// Whether `user` may create Canaries in `namespace`. It may take as long as the looks that it is asked beside.
    ///
    /// # Errors
    /// When the API server gives no answer by then.
    pub async fn may_create_canaries(&self, user: &UserInfo, namespace: &str) -> Result<bool, String> {
        let canaries = ResourceAttributes {
            group: Some("flagger.app".to_owned()),
            resource: Some("canaries".to_owned()),
            verb: Some("create".to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ResourceAttributes::default()
        };
        self.may(user, canaries, LOOK).await
    }

    /// Whether `user` may read the Secret `name` of `namespace`: whoever has us use it must be able to.
    ///
    /// # Errors
    /// When the API server gives no answer within the budget of a request.
    pub async fn may_get_secret(&self, user: &UserInfo, namespace: &str, name: &str) -> Result<bool, String> {
        let secret = ResourceAttributes {
            group: Some(String::new()),
            resource: Some("secrets".to_owned()),
            verb: Some("get".to_owned()),
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            ..ResourceAttributes::default()
        };
        self.may(user, secret, BUDGET).await
    }

    async fn may(&self, user: &UserInfo, what: ResourceAttributes, within: Duration) -> Result<bool, String> {
        let key = key(user, &what)?;
        let known = self
            .answers
            .lock()
            .get(&key)
            .filter(|(at, _)| at.elapsed() < FRESH)
            .map(|(_, allowed)| *allowed);
        if let Some(allowed) = known {
            return Ok(allowed);
        }
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let (params, question) = (PostParams::default(), question(user, what));
        let answer = tokio::time::timeout(within, reviews.create(&params, &question)).await;
        let answer = answer
            .map_err(|_| "it took too long".to_owned())?
            .map_err(|error| error.to_string())?;
        let allowed = answer.status.is_some_and(|status| status.allowed);
        let mut answers = self.answers.lock();
        if answers.len() >= KEPT {
            answers.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if answers.len() < KEPT {
            answers.insert(key, (Instant::now(), allowed));
        }
        Ok(allowed)
    }
}

fn key(user: &UserInfo, what: &ResourceAttributes) -> Result<Key, String> {
    let identity = serde_json::to_vec(&(user, what)).map_err(|error| error.to_string())?;
    if identity.len() > LONGEST {
        return Err(format!(
            "the requester's groups and extras are longer than {} KiB",
            LONGEST / 1024
        ));
    }
    Ok(Sha256::digest(identity).into())
}

fn question(user: &UserInfo, attributes: ResourceAttributes) -> SubjectAccessReview {
    let spec = SubjectAccessReviewSpec {
        user: Some(user.username.clone()),
        groups: Some(user.groups.clone()),
        uid: Some(user.uid.clone()).filter(|uid| !uid.is_empty()),
        extra: Some(user.extra.clone()).filter(|extra| !extra.is_empty()),
        resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    };
    SubjectAccessReview {
        spec,
        ..SubjectAccessReview::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ApiServer;

    fn user(name: &str, extra: usize) -> UserInfo {
        let extra = [("scopes".to_owned(), vec!["x".repeat(extra)])];
        UserInfo {
            username: name.into(),
            extra: extra.into(),
            ..UserInfo::default()
        }
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_one_identity_in_one_namespace() {
        let fake = ApiServer {
            allowed: Some(true),
            ..ApiServer::default()
        };
        let rights = Rights::new(fake.client());
        for (name, extra, namespace, asked) in [
            ("ann", 10, "a", 1),
            ("ann", 10, "a", 1),
            ("ann", 11, "a", 2),
            ("ann", 10, "b", 3),
            ("bob", 10, "a", 4),
        ] {
            assert_eq!(
                rights.may_create_canaries(&user(name, extra), namespace).await,
                Ok(true)
            );
            assert_eq!(fake.log.lock().len(), asked, "{name} {extra} {namespace}");
        }
    }

    #[tokio::test]
    async fn an_identity_without_measure_is_neither_kept_nor_asked_about() {
        let fake = ApiServer::default();
        let rights = Rights::new(fake.client());
        let answer = rights.may_create_canaries(&user("ann", 3_000_000), "a").await;
        assert!(answer.unwrap_err().contains("64 KiB"));
        assert!(fake.log.lock().is_empty() && rights.answers.lock().is_empty());
    }
}
