//! What of an analysis does nothing to those who call by gRPC.

use crate::api::canary::AnalysisMatch;
use crate::routing::Exposure;

/// The paths below the analysis, and why.
pub(super) fn unsaid(exposure: &Exposure) -> Vec<(String, String)> {
    let sessions = exposure.affinity.as_ref().map(|_| {
        let why = "no effect by a GRPCRoute: whoever calls by gRPC keeps no cookies";
        (String::from("sessionAffinity"), why.to_owned())
    });
    let unmet = exposure.matches.iter().enumerate().filter(|(_, entry)| asks(entry));
    let unmet = unmet.map(|(at, _)| {
        let why = "nobody who comes by a GRPCRoute meets it, as no call of gRPC has query parameters; name headers";
        (format!("match[{at}].queryParams"), why.to_owned())
    });
    sessions.into_iter().chain(unmet).collect()
}

fn asks(entry: &AnalysisMatch) -> bool {
    entry.query_params.as_ref().is_some_and(|all| !all.is_empty())
}
