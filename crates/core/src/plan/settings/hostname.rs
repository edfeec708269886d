//! The host name of an app whose policy has a template for it.

use crate::{api::limits, template::with_names};

/// The host name a policy's template gives. What is no template is no host name either, and the API server says so where
/// the route is written.
pub(in crate::plan) fn hostname(source: &str, name: &str, namespace: &str) -> String {
    let given = with_names(source, &[("name", name), ("namespace", namespace)]);
    given.unwrap_or_else(|_| limits::shortened(source, limits::NAME))
}
