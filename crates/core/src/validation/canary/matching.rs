//! Conditions on requests.

use super::Subject;
use crate::api::canary::{Analysis, AnalysisMatch, CanaryService, StringMatch};
use crate::routing::{Forms, registry};
use crate::validation::report::Report;
use crate::validation::values::regexes;
use std::collections::BTreeMap;

type Named<'a> = (String, &'a StringMatch);

/// `spec.service.match`.
pub(super) fn service(report: &mut Report, subject: &Subject, service: &CanaryService) {
    for (index, request) in service.matches.iter().flatten().enumerate() {
        let base = format!("spec.service.match[{index}]");
        let uri = single(&base, "uri", &request.uri);
        let method = single(&base, "method", &request.method);
        let others = [("scheme", &request.scheme), ("authority", &request.authority)];
        let others = others.iter().flat_map(|(name, value)| single(&base, name, value));
        let maps =
            mapped(&base, "headers", &request.headers).chain(mapped(&base, "queryParams", &request.query_params));
        let maps: Vec<Named> = maps.collect();
        let without = mapped(&base, "withoutHeaders", &request.without_headers);
        for (field, value) in uri
            .iter()
            .chain(&method)
            .chain(&maps)
            .cloned()
            .chain(others)
            .chain(without)
        {
            expression(report, &field, value);
        }
        forms(report, subject, &uri, |forms| forms.uri);
        forms(report, subject, &method, |forms| forms.method);
        forms(report, subject, &maps, |forms| forms.named);
    }
}

/// What the provider can say of this part of a request.
fn forms(report: &mut Report, subject: &Subject, conditions: &[Named], of: fn(Forms) -> &'static [&'static str]) {
    let provider = subject.provider;
    let known = registry::router(provider).and_then(|router| router.forms()).map(of);
    for (field, value) in conditions {
        let Some((form, _)) = value.form() else {
            continue;
        };
        if known.is_some_and(|known| !known.contains(&form)) {
            let instead = match known {
                Some(known) if !known.contains(&"regex") => known.first().copied().unwrap_or("exact"),
                _ => "regex",
            };
            report.unsupported(
                field.clone(),
                form,
                format!("{form} is not supported by {provider}; use {instead}"),
            );
        }
    }
}

/// `analysis.match` at `base`.
pub(super) fn analysis(report: &mut Report, base: &str, analysis: &Analysis, provider: &str) {
    let refused = registry::router(provider).and_then(|router| router.refuses(analysis));
    if let Some((field, why)) = refused {
        report.forbidden(format!("{base}.{field}"), why);
    }
    for (index, users) in analysis.matches.iter().flatten().enumerate() {
        let base = format!("{base}.match[{index}]");
        said(report, &base, users, provider);
        for (field, value) in
            mapped(&base, "headers", &users.headers).chain(mapped(&base, "queryParams", &users.query_params))
        {
            expression(report, &field, value);
            anchored(report, &field, value, provider);
        }
        for (name, value) in users.headers.iter().flatten() {
            let field = format!("{base}.headers[{name}]");
            if name.chars().any(|c| c.is_ascii_uppercase()) {
                report.warn(&field, "header names are compared in lower case; lowered");
            }
            limits(report, &field, name, value, provider);
        }
    }
}

/// An entry must name somebody, by what the provider can see of a request; one left out would name everybody.
fn said(report: &mut Report, base: &str, users: &AnalysisMatch, provider: &str) {
    let callers = users.source_labels.as_ref().is_some_and(|labels| !labels.is_empty());
    if callers && !registry::can(provider).callers {
        report.unsupported(
            format!("{base}.sourceLabels"),
            "sourceLabels",
            format!("provider {provider} does not see who calls; use headers or queryParams"),
        );
    }
    let named = |map: &Option<BTreeMap<String, StringMatch>>| map.as_ref().is_some_and(|map| !map.is_empty());
    if !callers && !named(&users.headers) && !named(&users.query_params) {
        report.required(
            base,
            "headers or queryParams that tell who sees the canary; an empty entry is everybody",
        );
    }
}

/// Gateways differ in what an expression has to match.
fn anchored(report: &mut Report, field: &str, value: &StringMatch, provider: &str) {
    let open = |regex: &String| !(regex.starts_with('^') && regex.ends_with('$'));
    let forms = registry::router(provider).and_then(|router| router.forms());
    let differ = forms.is_some_and(|forms| forms.open_regexes_differ);
    if differ && value.regex.as_ref().is_some_and(open) {
        let text = "begin with ^ and end with $, gateways differ in what it must cover";
        report.warn(format!("{field}.regex"), text);
    }
}

/// What the provider cannot compare a header with.
fn limits(report: &mut Report, field: &str, name: &str, value: &StringMatch, provider: &str) {
    let misread = registry::router(provider).and_then(|router| router.misreads(name, value));
    if let Some(((form, _), why)) = value.form().zip(misread) {
        report.unsupported(field, form, why);
    }
}

fn expression(report: &mut Report, field: &str, value: &StringMatch) {
    if let Some(regex) = &value.regex {
        regexes::check(report, &format!("{field}.regex"), regex);
    }
}

fn single<'a>(base: &str, name: &str, value: &'a Option<StringMatch>) -> Vec<Named<'a>> {
    value.iter().map(|value| (format!("{base}.{name}"), value)).collect()
}

fn mapped<'a>(
    base: &str,
    name: &str,
    map: &'a Option<BTreeMap<String, StringMatch>>,
) -> impl Iterator<Item = Named<'a>> {
    let base = format!("{base}.{name}");
    map.iter()
        .flatten()
        .map(move |(key, value)| (format!("{base}[{key}]"), value))
}
