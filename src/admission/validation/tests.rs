//! Every rule with manifests it accepts and manifests it refuses.
