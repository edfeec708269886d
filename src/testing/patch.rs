//! Writes of objects that are there.

use super::{
    address::Address,
    store::{Answer, Store, failure, name, now, version},
};
use serde_json::{Value, json};

/// How a write says what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The whole object, by PUT.
    Replace,
    /// `application/merge-patch+json`.
    Merge,
    /// `application/json-patch+json`.
    Operations,
    /// `application/apply-patch+yaml`.
    Apply,
}

impl How {
    /// Of a request that is no creation.
    pub fn of(method: &str, content_type: &str) -> Option<Self> {
        match (method, content_type) {
            ("PUT", _) => Some(Self::Replace),
            ("PATCH", "application/merge-patch+json") => Some(Self::Merge),
            ("PATCH", "application/json-patch+json") => Some(Self::Operations),
            ("PATCH", "application/apply-patch+yaml") => Some(Self::Apply),
            _ => None,
        }
    }
}

impl Store {
    /// A new object.
    pub fn create(&mut self, at: &str, mut sent: Value) -> Answer {
        if let (None, Some(prefix)) = (sent["metadata"].get("name"), sent["metadata"]["generateName"].as_str()) {
            sent["metadata"]["name"] = json!(format!("{prefix}{}", self.version));
        }
        let path = format!("{at}/{}", name(&sent));
        if self.contains_key(&path) {
            let (code, mut status) = failure(409, "already exists");
            status["reason"] = json!("AlreadyExists");
            return (code, status);
        }
        for theirs in ["uid", "resourceVersion", "generation", "creationTimestamp"] {
            sent["metadata"].as_object_mut().unwrap().remove(theirs);
        }
        sent.as_object_mut().unwrap().remove("status");
        (201, self.store(&path, sent))
    }

    /// Another state of an object at `path`, or of its status.
    pub fn change(&mut self, (path, at): (&str, &Address), how: How, manager: &str, sent: &Value) -> Answer {
        let path = at
            .part
            .as_ref()
            .map_or(path, |part| path.trim_end_matches(part).trim_end_matches('/'));
        let Some(before) = self.get(path).cloned() else {
            return match (how, &at.part) {
                (How::Apply, None) => {
                    self.applied.insert((path.to_owned(), manager.to_owned()), sent.clone());
                    let mut sent = sent.clone();
                    sent.as_object_mut().unwrap().remove("status");
                    (201, self.store(path, sent))
                }
                _ => failure(404, "not found"),
            };
        };
        if version(sent).is_some_and(|sent| Some(sent) != version(&before)) {
            return failure(409, "the object has been modified");
        }
        let mut next = match self.changed(path, &before, how, manager, sent) {
            Ok(next) => next,
            Err(answer) => return answer,
        };
        // A write of a part says nothing of the rest, and one of the whole nothing of the status.
        let status = if at.part.is_some() {
            let status = next.get("status").cloned();
            next = before;
            status
        } else {
            if let Some(going) = before["metadata"].get("deletionTimestamp") {
                next["metadata"]["deletionTimestamp"] = going.clone();
            }
            before.get("status").cloned()
        };
        match (status, next.as_object_mut()) {
            (Some(status), Some(next)) => drop(next.insert("status".to_owned(), status)),
            (None, Some(next)) => drop(next.remove("status")),
            (_, None) => return failure(422, "not an object"),
        }
        (200, self.store(path, next))
    }

    fn changed(&mut self, path: &str, before: &Value, how: How, manager: &str, sent: &Value) -> Result<Value, Answer> {
        let mut next = before.clone();
        match how {
            How::Replace => next = sent.clone(),
            How::Merge => json_patch::merge(&mut next, sent),
            How::Operations => {
                let operations: json_patch::Patch =
                    serde_json::from_value(sent.clone()).map_err(|error| failure(400, &error.to_string()))?;
                // As the real one answers: without a cause.
                let refused = "the server rejected our request due to an error in our request";
                json_patch::patch(&mut next, &operations).map_err(|_| failure(422, refused))?;
            }
            How::Apply => {
                let key = (path.to_owned(), manager.to_owned());
                if let Some(earlier) = self.applied.insert(key, sent.clone()) {
                    without(&mut next, &earlier, sent);
                }
                json_patch::merge(&mut next, sent);
            }
        }
        Ok(next)
    }

    /// Deletes an object, once nobody holds it any more.
    pub fn delete(&mut self, path: &str, options: &Value) -> Answer {
        let Some(object) = self.get(path).cloned() else {
            return failure(404, "not found");
        };
        let wanted = &options["preconditions"];
        for field in ["uid", "resourceVersion"] {
            if wanted[field].is_string() && wanted[field] != object["metadata"][field] {
                return failure(409, &format!("the {field} in the precondition does not match"));
            }
        }
        if object["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
        {
            let mut going = object;
            if going["metadata"].get("deletionTimestamp").is_none() {
                going["metadata"]["deletionTimestamp"] = json!(now());
            }
            return (200, self.store(path, going));
        }
        self.take(path);
        (
            200,
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
        )
    }
}

// Whoever applies gives up what is in `earlier` and not in `now`.
fn without(object: &mut Value, earlier: &Value, now: &Value) {
    let (Some(members), Some(earlier)) = (object.as_object_mut(), earlier.as_object()) else {
        return;
    };
    for (key, before) in earlier {
        match (now.get(key), members.get_mut(key)) {
            (None, Some(Value::Object(_))) if before.is_object() => {
                without(&mut members[key], before, &Value::Null);
            }
            (None, Some(_)) => drop(members.remove(key)),
            (Some(now), Some(member)) => without(member, before, now),
            (_, None) => {}
        }
    }
}
