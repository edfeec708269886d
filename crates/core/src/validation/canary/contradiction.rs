//! A test against what the route that is made for the app asks of every request: who is to see the canary has to meet both.

use super::Subject;
use crate::api::canary::{AnalysisMatch, CanaryService, CanarySpec, HttpMatch, StringMatch};
use crate::routing::{Exposure, Names, Provider, tests_nobody};
use crate::validation::report::Report;
use serde_json::Value;
use std::collections::BTreeMap;

const FIELD: &str = "spec.analysis.match";
/// Why, and what to do.
const NOBODY: &str = "nobody meets it: spec.service.match asks another value of that header; choose by another";
/// The same where somebody may meet both, as far as we can tell.
const UNSAID: &str = "shows nobody: no route asks this and spec.service.match; choose a value that meets it";

type Compared = BTreeMap<String, StringMatch>;

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
    let met: Vec<(usize, Option<&str>)> = sayable
        .map(|(at, entry)| (at, (!made.shows(entry)).then(|| why(spec, entry))))
        .collect();
    if !met.is_empty() && met.iter().all(|(_, why)| *why == Some(NOBODY)) {
        return report.forbidden(FIELD, NOBODY);
    }
    for (at, why) in met {
        if let Some(why) = why {
            report.warn(format!("{FIELD}[{at}]"), why);
        }
    }
}

// Why nobody is shown the canary by `entry`.
fn why(spec: &CanarySpec, entry: &AnalysisMatch) -> &'static str {
    let mut own = spec.service.iter().flat_map(|service| service.matches.iter().flatten());
    if own.all(|of| exclude(of, entry)) {
        NOBODY
    } else {
        UNSAID
    }
}

// Whether no request meets both: one header or parameter is to be two texts.
fn exclude(of: &HttpMatch, entry: &AnalysisMatch) -> bool {
    let headers = (of.headers.as_ref(), entry.headers.as_ref());
    let parameters = (of.query_params.as_ref(), entry.query_params.as_ref());
    differ(headers, str::eq_ignore_ascii_case) || differ(parameters, |one, other| one == other)
}

fn differ((own, wanted): (Option<&Compared>, Option<&Compared>), same_name: fn(&str, &str) -> bool) -> bool {
    let exact = |of: &StringMatch| {
        of.form()
            .filter(|(form, _)| *form == "exact")
            .map(|(_, text)| text.to_owned())
    };
    own.into_iter().flatten().any(|(name, own)| {
        let mut wanted = wanted.into_iter().flatten().filter(|(other, _)| same_name(name, other));
        wanted.any(|(_, wanted)| exact(own).zip(exact(wanted)).is_some_and(|(own, wanted)| own != wanted))
    })
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
