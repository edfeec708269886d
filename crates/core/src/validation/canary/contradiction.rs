//! A test against what the route that is made for the app asks of every request: who is to see the canary has to meet both.

use super::Subject;
use crate::api::canary::{AnalysisMatch, CanaryService, CanarySpec};
use crate::routing::{Exposure, Names, Provider, tests_nobody};
use crate::validation::report::Report;
use serde_json::Value;

const FIELD: &str = "spec.analysis.match";
/// Why, and what to do.
const NOBODY: &str = "nobody meets it: spec.service.match asks another value of that header; choose by another";

/// Entries that a route without `spec.service.match` would show the canary by, and this one does not.
pub(super) fn check(report: &mut Report, subject: &Subject) {
    let spec = &subject.canary.spec;
    let conditions = spec.service.as_ref().and_then(|service| service.matches.as_ref());
    let asks = conditions.is_some_and(|all| !all.is_empty()) && !subject.facts.user_route;
    let Some(provider) = Provider::parse(subject.provider).filter(|_| asks) else {
        return;
    };
    let (made, open) = (
        Made::of(provider, subject, spec),
        Made::of(provider, subject, &open(spec)),
    );
    let Some((made, open)) = made.zip(open) else { return };
    let entries = spec
        .analysis
        .iter()
        .flat_map(|analysis| analysis.matches.iter().flatten());
    // What no route could say is told elsewhere.
    let sayable = entries.enumerate().filter(|(_, entry)| open.shows(entry));
    let met: Vec<(usize, bool)> = sayable.map(|(at, entry)| (at, made.shows(entry))).collect();
    if !met.is_empty() && met.iter().all(|(_, shown)| !shown) {
        return report.forbidden(FIELD, NOBODY);
    }
    for (at, _) in met.iter().filter(|(_, shown)| !shown) {
        report.warn(format!("{FIELD}[{at}]"), NOBODY);
    }
}

fn open(spec: &CanarySpec) -> CanarySpec {
    let service = spec.service.clone().map(|service| CanaryService {
        matches: None,
        ..service
    });
    CanarySpec {
        service,
        ..spec.clone()
    }
}

// The route that is made for an app whose user has none.
struct Made {
    provider: Provider,
    names: Names,
    route: Value,
}

impl Made {
    fn of(provider: Provider, subject: &Subject, spec: &CanarySpec) -> Option<Self> {
        let names = Names::new(subject.canary.service_name());
        let route = provider.published(subject.canary.namespace_name(), &names, spec)?;
        Some(Self { provider, names, route })
    }

    // Whether anybody who meets that entry alone may be shown the canary.
    fn shows(&self, entry: &AnalysisMatch) -> bool {
        let exposure = Exposure {
            matches: vec![entry.clone()],
            ..Exposure::default()
        };
        let kind = self.provider.kind_of(&self.route);
        kind.is_some_and(|kind| !tests_nobody(kind, &self.route, &self.names, &exposure))
    }
}
