//! The doing of a single write, and what an error of one asks for.

use super::copies;
use crate::api::labels::FIELD_MANAGER;
use crate::controller::{difference::write::Write, watch::cache::Kind};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    core::DynamicObject,
};
use serde_json::json;

impl Write {
    /// Does it, and answers what the object is now, where it is one and stays. A deletion of what is gone already is
    /// done.
    pub async fn perform(&self, client: &Client) -> Result<Option<DynamicObject>, kube::Error> {
        let written = match self {
            Self::Create { kind, object } => {
                let (_, namespace, _) = self.subject();
                let object: DynamicObject = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
                let params = PostParams {
                    field_manager: Some(FIELD_MANAGER.to_owned()),
                    ..PostParams::default()
                };
                match api(client, *kind, namespace).create(&params, &object).await {
                    // Its name is its content's: what is there is what is wanted, and has lost its owner.
                    Err(kube::Error::Api(status)) if status.code == 409 && *kind == Kind::ControllerRevision => {
                        let (_, _, name) = self.subject();
                        let body = json!({"metadata": {"ownerReferences": object.metadata.owner_references}});
                        api(client, *kind, namespace)
                            .patch(name, &managed(), &Patch::Merge(body))
                            .await?
                    }
                    other => other?,
                }
            }
            Self::Apply { kind, object } => {
                let (_, namespace, name) = self.subject();
                let params = PatchParams::apply(FIELD_MANAGER).force();
                api(client, *kind, namespace)
                    .patch(name, &params, &Patch::Apply(object))
                    .await?
            }
            Self::Patch {
                kind,
                namespace,
                name,
                operations,
            } => {
                api(client, *kind, namespace)
                    .patch(name, &managed(), &Patch::<()>::Json(operations.clone()))
                    .await?
            }
            Self::Merge {
                kind,
                namespace,
                name,
                body,
            } => {
                api(client, *kind, namespace)
                    .patch(name, &managed(), &Patch::Merge(body))
                    .await?
            }
            Self::Copies(all) => return copies::make(client, all).await.map(|()| None),
            Self::Delete {
                kind,
                namespace,
                name,
                uid,
            } => {
                let params = DeleteParams::background().preconditions(Preconditions {
                    uid: Some(uid.clone()),
                    resource_version: None,
                });
                return match api(client, *kind, namespace).delete(name, &params).await {
                    Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(None),
                    other => other.map(|_| None),
                };
            }
        };
        Ok(Some(written))
    }
}

fn managed() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

fn api(client: &Client, kind: Kind, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kind.resource())
}

/// What an error of a write asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The object changed since it was looked at: its event is on the way.
    Stale,
    /// The API server, or who judges for it, does not take this write, however often it is sent.
    Refused,
    /// It may go by itself.
    Passing,
}

impl Cause {
    /// The cause of an error. A JSON Patch whose test fails is answered 422 without a cause, which a webhook that refuses
    /// something may answer too.
    pub fn of(error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::Passing;
        };
        let judged = status.message.starts_with("admission webhook ");
        let without_cause = status.details.as_ref().is_none_or(|details| details.causes.is_empty());
        match status.code {
            404 | 409 if !judged => Self::Stale,
            422 if !judged && without_cause => Self::Stale,
            401 | 408 | 425 | 429 => Self::Passing,
            400..=499 => Self::Refused,
            _ => Self::Passing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    fn answer(code: u16, message: &str, cause: bool) -> kube::Error {
        let causes = if cause {
            json!([{"message": message}])
        } else {
            json!([])
        };
        let status: Status = serde_json::from_value(json!({
            "status": "Failure", "message": message, "reason": "Invalid", "code": code, "details": {"causes": causes},
        }))
        .unwrap();
        kube::Error::Api(status.boxed())
    }

    #[test]
    fn what_is_stale_is_told_from_what_is_refused() {
        for (code, message, cause, expected) in [
            (409, "the object has been modified", false, Cause::Stale),
            (404, "not found", false, Cause::Stale),
            (422, "the server rejected our request", false, Cause::Stale),
            (422, "Service is invalid: must not contain dots", true, Cause::Refused),
            (422, "admission webhook \"x\" denied the request", false, Cause::Refused),
            (409, "admission webhook \"x\" denied the request", false, Cause::Refused),
            (403, "exceeded quota: room", false, Cause::Refused),
            (400, "unknown field", false, Cause::Refused),
            (429, "slowly", false, Cause::Passing),
            (500, "failed calling webhook", false, Cause::Passing),
            (503, "etcd", false, Cause::Passing),
        ] {
            assert_eq!(Cause::of(&answer(code, message, cause)), expected, "{code} {message}");
        }
    }
}
