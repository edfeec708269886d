//! What the path and the query of a request say.

use serde_json::Value;

/// Objects of one kind, in one namespace or everywhere; or one of them, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    group: String,
    namespace: Option<String>,
    plural: String,
    /// Of one object.
    pub name: Option<String>,
    /// `status`, say.
    pub part: Option<String>,
}

impl Address {
    /// What a path leads to; nothing outside the API of objects.
    pub fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => (format!("api/{version}"), rest),
            ["apis", group, version, rest @ ..] => (format!("apis/{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let mut rest = rest.iter().map(|part| (*part).to_owned());
        Some(Self {
            group,
            namespace,
            plural: rest.next()?,
            name: rest.next(),
            part: rest.next(),
        })
    }

    /// Whether the object at `path` is one of a list.
    pub fn holds(&self, path: &str) -> bool {
        Self::of(path).is_some_and(|other| {
            other.name.is_some()
                && (&other.group, &other.plural) == (&self.group, &self.plural)
                && (self.namespace.is_none() || self.namespace == other.namespace)
        })
    }

    /// Whether the kind is one of Kubernetes's own, of which lists do not repeat the type.
    pub fn is_built_in(&self) -> bool {
        let group = self.group.split('/').nth(1).unwrap_or_default();
        !group.contains('.') || group.ends_with(".k8s.io") && group != "gateway.networking.k8s.io"
    }
}

/// The query of a request.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Of what comes after the question mark.
    pub fn of(text: Option<&str>) -> Self {
        let pairs = text
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(key, value)| (decoded(key), decoded(value))).collect())
    }

    /// One word of it, if it says anything.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == key)?;
        Some(found.1.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether `fieldSelector` selects the object.
    pub fn selects(&self, object: &Value) -> bool {
        let field = |path: &str| {
            let found = object.pointer(&format!("/{}", path.replace('.', "/")));
            found.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut all = self
            .get("fieldSelector")
            .unwrap_or_default()
            .split(',')
            .filter(|one| !one.is_empty());
        all.all(|one| match one.split_once("!=") {
            Some((path, value)) => field(path) != value,
            None => one.split_once('=').is_some_and(|(path, value)| field(path) == value),
        })
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                let hex = String::from_utf8(hex).unwrap();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}
