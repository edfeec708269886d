//! What the two versions of App Mesh's kinds say in different words.

use super::GROUP;
use crate::routing::Resource;
use crate::routing::reference::with;
use serde_json::{Value, json};

/// A version of App Mesh's kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1beta1,
    V1beta2,
}

impl Version {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::V1beta1 => "v1beta1",
            Self::V1beta2 => "v1beta2",
        }
    }

    /// `apiVersion` of its objects.
    pub(super) fn api_version(self) -> String {
        format!("{GROUP}/{}", self.name())
    }

    /// One of its kinds.
    pub(super) fn resource(self, kind: &'static str, plural: &'static str) -> Resource {
        Resource {
            group: GROUP,
            version: self.name(),
            kind,
            plural,
            built_in: false,
        }
    }

    /// The kind whose objects have the routes.
    pub(super) fn of_routes(self) -> Resource {
        match self {
            Self::V1beta1 => self.resource("VirtualService", "virtualservices"),
            Self::V1beta2 => self.resource("VirtualRouter", "virtualrouters"),
        }
    }

    /// The line of shell that gives the objects with the routes back.
    pub(super) fn rescue(self) -> &'static str {
        match self {
            Self::V1beta1 => include_str!("services.sh"),
            Self::V1beta2 => include_str!("routers.sh"),
        }
    }

    /// The members of an entry of which requests can be told apart. The older controller looks for the VirtualNodes of one of them
    /// under names that they do not have, but for those of plain HTTP.
    pub(super) fn requests(self) -> &'static [&'static str] {
        match self {
            Self::V1beta1 => &["http"],
            Self::V1beta2 => &["httpRoute", "http2Route", "grpcRoute"],
        }
    }

    /// The member of an entry for requests of that protocol.
    pub(super) fn member(self, protocol: &str) -> &'static str {
        match (self, protocol) {
            (Self::V1beta1, _) => "http",
            (Self::V1beta2, "grpc") => "grpcRoute",
            (Self::V1beta2, "http2") => "http2Route",
            (Self::V1beta2, _) => "httpRoute",
        }
    }

    /// Where a router says what it listens to: a JSON pointer.
    pub(super) fn listeners(self) -> &'static str {
        match self {
            Self::V1beta1 => "/spec/virtualRouter/listeners",
            Self::V1beta2 => "/spec/listeners",
        }
    }

    /// What the object with the routes of `app` is called: in the older version that is the host that callers name.
    pub(super) fn called(self, app: &str, namespace: &str) -> String {
        match self {
            Self::V1beta1 => format!("{app}.{namespace}"),
            Self::V1beta2 => app.to_owned(),
        }
    }

    /// The VirtualNode that a target names, and its namespace where it says one.
    pub(super) fn node(self, target: &Value) -> Option<(&str, Option<&str>)> {
        match self {
            Self::V1beta1 => {
                let name = target.get("virtualNodeName")?.as_str()?;
                Some(match name.split_once('.') {
                    Some((name, namespace)) => (name, Some(namespace)),
                    None => (name, None),
                })
            }
            Self::V1beta2 => {
                let reference = target.get("virtualNodeRef")?;
                let namespace = reference.get("namespace").and_then(Value::as_str);
                Some((reference.get("name")?.as_str()?, namespace))
            }
        }
    }

    /// A target that names `node`.
    pub(super) fn target(self, node: &str, weight: u8) -> Value {
        match self {
            Self::V1beta1 => json!({"virtualNodeName": node, "weight": weight}),
            Self::V1beta2 => json!({"virtualNodeRef": {"name": node}, "weight": weight}),
        }
    }

    /// `target`, naming another VirtualNode of the same namespace in the same words.
    pub(super) fn naming(self, target: &Value, node: &str) -> Value {
        let (_, namespace) = self.node(target).unwrap_or_default();
        match (self, namespace) {
            (Self::V1beta1, Some(namespace)) => with(target, "virtualNodeName", json!(format!("{node}.{namespace}"))),
            (Self::V1beta1, None) => with(target, "virtualNodeName", json!(node)),
            (Self::V1beta2, _) => {
                let reference = target.get("virtualNodeRef").cloned().unwrap_or_default();
                with(target, "virtualNodeRef", with(&reference, "name", json!(node)))
            }
        }
    }
}
