//! What the command line says to providers. Whoever hands it on knows no word of it: each provider takes what is meant for it.

/// Flagger's flags of the same names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderDefaults {
    /// `--ingress-annotations-prefix`: by what annotations ingress-nginx is told; its own when empty.
    pub ingress_annotations_prefix: String,
    /// `--ingress-class`: of the HTTPProxies that are made; none when empty.
    pub ingress_class: String,
}
