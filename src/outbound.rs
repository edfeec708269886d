//! Whom we ask and tell outside of the cluster's API: hooks, metrics stores, chat services. Their HTTP clients are shared,
//! because each keeps its own pool of connections.

pub mod alerts;
mod answer;
mod clients;
mod egress;
pub mod hooks;
pub mod metrics;
mod persistence;
mod rendering;

pub use answer::{Answer, LONGEST, ask, said};
pub use clients::{ClientSettings, Clients};
pub use egress::Egress;
pub use persistence::{Failure, persist};

use crate::foreign::Foreign;

/// Makes aws-lc-rs the process's TLS provider; a second call does nothing. `main` calls it first.
pub fn install_tls_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The innermost error: reqwest's own texts repeat the URL, and with it queries and passwords. What is left may be the
/// other side's words.
pub fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "context deadline exceeded".to_owned();
    }
    let mut cause = std::error::Error::source(error);
    let mut text = error.to_string();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    Foreign::of(&text).into()
}
