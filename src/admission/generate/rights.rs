//! May the requester make Canaries here? A user who can edit Deployments must not get more by way of us.

use crate::admission::review::UserInfo;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long an answer is believed.
const FRESH: Duration = Duration::from_secs(10);
/// Answers that are kept at most.
const KEPT: usize = 1024;

/// Everything that an authorizer may look at.
type Key = (UserInfo, String);

/// Asks the API server, and remembers answers for a short time.
pub struct Rights {
    client: Client,
    answers: Mutex<HashMap<Key, (Instant, bool)>>,
}

impl Rights {
    /// Remembers nothing yet.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            answers: Mutex::default(),
        }
    }

    /// Whether `user` may create Canaries in `namespace`.
    ///
    /// # Errors
    /// When the API server gives no answer within the budget of a request.
    pub async fn may_create_canaries(&self, user: &UserInfo, namespace: &str) -> Result<bool, String> {
        let key = (user.clone(), namespace.to_owned());
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
        let (params, question) = (PostParams::default(), question(user, namespace));
        let answer = tokio::time::timeout(super::BUDGET, reviews.create(&params, &question)).await;
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

fn question(user: &UserInfo, namespace: &str) -> SubjectAccessReview {
    let attributes = ResourceAttributes {
        group: Some("flagger.app".to_owned()),
        resource: Some("canaries".to_owned()),
        verb: Some("create".to_owned()),
        namespace: Some(namespace.to_owned()),
        ..ResourceAttributes::default()
    };
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
