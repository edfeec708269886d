//! Foreign kinds and objects by what they are called.

/// What the API server calls a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// API group, such as `gateway.networking.k8s.io`.
    pub group: &'static str,
    /// Version we read and write.
    pub version: &'static str,
    /// Kind, such as `HTTPRoute`.
    pub kind: &'static str,
    /// The kind as paths have it.
    pub plural: &'static str,
    /// Whether every cluster has it; the others exist where their CustomResourceDefinition is installed.
    pub built_in: bool,
}

impl Resource {
    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// Name of its CustomResourceDefinition; `None` where it needs none.
    pub fn definition(&self) -> Option<String> {
        (!self.built_in).then(|| format!("{}.{}", self.plural, self.group))
    }
}

/// An object of the user's own whose settings something that stands beside a route takes over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Model {
    /// Kind of the object, with group and version.
    pub resource: Resource,
    /// Namespace of the object, which may be any.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
}
