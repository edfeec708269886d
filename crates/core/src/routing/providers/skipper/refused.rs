//! What of an analysis predicates cannot say.

use super::predicates::MOST;
use crate::api::canary::{Analysis, AnalysisMatch};

/// The path below the analysis, and what to do instead.
pub(super) fn refuses(analysis: &Analysis) -> Option<(String, String)> {
    let matches = analysis.matches.as_deref().unwrap_or_default();
    if matches.len() > MOST {
        let why = format!(
            "skipper needs a second Ingress for each entry, of which there are at most {MOST}; join some by a regex, or use \
             gatewayapi:v1"
        );
        return Some(("match".to_owned(), why));
    }
    let by_host = |one: &AnalysisMatch| {
        let mut names = one.headers.iter().flatten().map(|(name, _)| name);
        names.any(|name| name.eq_ignore_ascii_case("host"))
    };
    let at = matches.iter().position(by_host)?;
    let why = "skipper does not see the header host among the others; use another header, or gatewayapi:v1";
    Some((format!("match[{at}].headers[host]"), why.to_owned()))
}
