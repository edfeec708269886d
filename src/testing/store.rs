//! The objects, and what became of them.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
};
use tokio::sync::watch;

/// What a request is answered: a status code and an object.
pub type Answer = (u16, Value);

/// One thing that happened to an object, and the version it has since.
#[derive(Debug, Clone)]
pub struct Event {
    pub version: u64,
    pub kind: &'static str,
    pub path: String,
    pub object: Value,
}

/// The objects by path. Whoever changes them as the map they are is heard by nobody who watches; see
/// [`ApiServer::put`](super::ApiServer::put).
#[derive(Debug)]
pub struct Store {
    objects: BTreeMap<String, Value>,
    pub version: u64,
    pub events: Vec<Event>,
    /// Nothing is known of what happened before this version.
    pub oldest: u64,
    /// How often watches were broken.
    pub breaks: u64,
    made: BTreeMap<String, u32>,
    pub applied: BTreeMap<(String, String), Value>,
    pulse: watch::Sender<()>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            version: 0,
            events: Vec::new(),
            oldest: 0,
            breaks: 0,
            made: BTreeMap::new(),
            applied: BTreeMap::new(),
            pulse: watch::channel(()).0,
        }
    }
}

impl Deref for Store {
    type Target = BTreeMap<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.objects
    }
}

impl DerefMut for Store {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.objects
    }
}

impl Store {
    /// Wakes on everything that happens.
    pub fn pulse(&self) -> watch::Receiver<()> {
        self.pulse.subscribe()
    }

    /// Wakes those who watch.
    pub fn beat(&self) {
        self.pulse.send_replace(());
    }

    /// Stores an object as it is to be, with what only the server knows of it; one that waits for its last finalizer goes.
    /// What is as before has no new version and is told to nobody.
    pub fn store(&mut self, path: &str, mut object: Value) -> Value {
        let before = self.objects.get(path).cloned();
        if before.is_none() {
            self.begin(path, &mut object);
        }
        if let Some(before) = &before {
            for kept in ["uid", "creationTimestamp", "resourceVersion", "generation"] {
                if let Some(value) = before["metadata"].get(kept) {
                    object["metadata"][kept] = value.clone();
                }
            }
            if object == *before {
                return object;
            }
            if before.get("spec") != object.get("spec") {
                let generation = before["metadata"]["generation"].as_i64().unwrap_or(1);
                object["metadata"]["generation"] = json!(generation + 1);
            }
        }
        if object["metadata"].get("uid").is_none() {
            object["metadata"]["uid"] = json!(format!("uid-of-{}", name(&object)));
        }
        self.advance(&mut object);
        let metadata = &object["metadata"];
        let finalizers = metadata["finalizers"].as_array().map_or(0, Vec::len);
        let kind = match (metadata.get("deletionTimestamp").is_some() && finalizers == 0, before) {
            (true, _) => "DELETED",
            (false, Some(_)) => "MODIFIED",
            (false, None) => "ADDED",
        };
        self.tell(kind, path, &object);
        object
    }

    /// Takes an object away at once.
    pub fn take(&mut self, path: &str) -> Option<Value> {
        let mut object = self.objects.get(path).cloned()?;
        self.advance(&mut object);
        self.tell("DELETED", path, &object);
        Some(object)
    }

    fn begin(&mut self, path: &str, object: &mut Value) {
        let made = self.made.entry(path.to_owned()).or_default();
        *made += 1;
        let again = if *made > 1 { format!("-{made}") } else { String::new() };
        let uid = format!("uid-of-{}{again}", name(object));
        let has_spec = object.get("spec").is_some();
        let metadata = &mut object["metadata"];
        for (field, value) in [
            ("uid", json!(uid)),
            ("creationTimestamp", json!(now())),
            ("generation", json!(1)),
        ] {
            if metadata.get(field).is_none() && (has_spec || field != "generation") {
                metadata[field] = value;
            }
        }
    }

    fn advance(&mut self, object: &mut Value) {
        let own = version(object).and_then(|text| text.parse().ok()).unwrap_or(0);
        self.version = self.version.max(own) + 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
    }

    fn tell(&mut self, kind: &'static str, path: &str, object: &Value) {
        if kind == "DELETED" {
            self.objects.remove(path);
            self.applied.retain(|(of, _), _| of != path);
        } else {
            self.objects.insert(path.to_owned(), object.clone());
        }
        self.events.push(Event {
            version: self.version,
            kind,
            path: path.to_owned(),
            object: object.clone(),
        });
        self.beat();
    }
}

/// The name of an object.
pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// The resourceVersion of an object.
pub fn version(object: &Value) -> Option<String> {
    object["metadata"]["resourceVersion"].as_str().map(str::to_owned)
}

/// As the API server writes instants.
pub fn now() -> String {
    format!("{:.0}", jiff::Timestamp::now())
}

/// An error as the API server words it.
pub fn failure(code: u16, message: &str) -> Answer {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        _ => "InternalError",
    };
    let message = if message.is_empty() { reason } else { message };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code,
        "message": message,
    });
    (code, status)
}
