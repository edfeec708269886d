//! The doing of a single write, and what an error of one asks for.

use super::copies;
use crate::api::labels::FIELD_MANAGER;
use crate::controller::{difference::write::Write, watch::informers::cache::Kind};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    core::DynamicObject,
};
use serde_json::{Value, json};

impl Write {
    /// Does it, and answers what the object is now, where it is one and stays. A deletion of what is gone already is
    /// done.
    pub async fn perform(&self, client: &Client) -> Result<Option<DynamicObject>, kube::Error> {
        let (kind, namespace, name) = self.subject();
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind.resource());
        match self {
            Self::Create { kind, object } => create(&api, *kind, name, object).await.map(Some),
            Self::Apply { object, .. } => {
                let params = PatchParams::apply(FIELD_MANAGER).force();
                api.patch(name, &params, &Patch::Apply(object)).await.map(Some)
            }
            Self::Patch { operations, .. } => {
                let patch = Patch::<()>::Json(operations.clone());
                api.patch(name, &managed(), &patch).await.map(Some)
            }
            Self::Merge { body, .. } => api.patch(name, &managed(), &Patch::Merge(body)).await.map(Some),
            Self::Copies(all) => copies::make(client, all).await.map(|()| None),
            Self::Delete { uid, .. } => delete(&api, name, uid).await.map(|()| None),
        }
    }
}

async fn create(
    api: &Api<DynamicObject>,
    kind: Kind,
    name: &str,
    object: &Value,
) -> Result<DynamicObject, kube::Error> {
    let object: DynamicObject = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    match api.create(&params, &object).await {
        // Its name is its content's: what is there is what is wanted, and has lost its owner.
        Err(kube::Error::Api(status)) if status.code == 409 && kind == Kind::ControllerRevision => {
            let body = json!({"metadata": {"ownerReferences": object.metadata.owner_references}});
            api.patch(name, &managed(), &Patch::Merge(body)).await
        }
        created => created,
    }
}

// Of the object of this `uid` and of no successor.
async fn delete(api: &Api<DynamicObject>, name: &str, uid: &str) -> Result<(), kube::Error> {
    let params = DeleteParams::background().preconditions(Preconditions {
        uid: Some(uid.to_owned()),
        resource_version: None,
    });
    match api.delete(name, &params).await {
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        deleted => deleted.map(drop),
    }
}

fn managed() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

/// How a write failed, and so what its error asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFailure {
    /// The object changed since it was looked at: its event is on the way.
    Stale,
    /// The API server, or who judges for it, does not take this write, however often it is sent.
    Refused,
    /// It may go by itself.
    Passing,
}

impl WriteFailure {
    /// One word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Refused => "refused",
            Self::Passing => "passing",
        }
    }

    /// What `error` asks for. A JSON Patch whose test fails is answered 422 without a cause, which a webhook that refuses
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
        use WriteFailure::{Passing, Refused, Stale};
        for (code, message, cause, expected) in [
            (409, "the object has been modified", false, Stale),
            (404, "not found", false, Stale),
            (422, "the server rejected our request", false, Stale),
            (422, "Service is invalid: must not contain dots", true, Refused),
            (422, "admission webhook \"x\" denied the request", false, Refused),
            (409, "admission webhook \"x\" denied the request", false, Refused),
            (403, "exceeded quota: room", false, Refused),
            (400, "unknown field", false, Refused),
            (429, "slowly", false, Passing),
            (500, "failed calling webhook", false, Passing),
            (503, "etcd", false, Passing),
        ] {
            let failure = WriteFailure::of(&answer(code, message, cause));
            assert_eq!(failure, expected, "{code} {message}");
        }
    }
}
