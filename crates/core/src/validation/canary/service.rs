//! `spec.service`. Here its name and ports.

mod metadata;
mod routing;
mod traffic;

pub(in crate::validation) use routing::listed as gateways;

use super::{Subject, matching};
use crate::api::Canary;
use crate::api::canary::CanaryService;
use crate::validation::report::Report;
use crate::validation::values::names::{MAX_BASE, is_label, is_port_name, is_service_name};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube_core::ResourceExt;

const FIELD: &str = "spec.service";
const NAME: &str = "spec.service.name";
const PORT_NAME: &str = "spec.service.portName";

pub(super) fn check(report: &mut Report, subject: &Subject) {
    match &subject.canary.spec.service {
        Some(service) => {
            name(report, subject, service);
            ports(report, subject, service);
            routing::check(report, subject, service);
            traffic::check(report, service);
            metadata::check(report, subject, service);
            matching::service(report, subject, service);
        }
        None => missing(report, subject),
    }
}

/// A worker, known to have no ports, is released without traffic; anything else needs a port.
fn missing(report: &mut Report, subject: &Subject) {
    if subject.canary.targets_a_route() {
        return;
    }
    if subject.facts.target.found().is_some() && subject.facts.container_ports().is_empty() {
        return report.warn(
            FIELD,
            "the target has no ports; it is released without traffic, judged by its metrics",
        );
    }
    report.required(FIELD, "port of the workload, e.g. service: {port: 80}");
}

fn name(report: &mut Report, subject: &Subject, service: &CanaryService) {
    if let Some(name) = service.name.as_deref().filter(|name| !name.is_empty()) {
        if !is_service_name(name) {
            let why = "no Service can have this name; start with a letter, then lower-case letters, digits and \"-\"";
            report.invalid(NAME, name, why);
        }
        if name.len() > MAX_BASE {
            report.too_long(
                NAME,
                MAX_BASE,
                format!("\"{name}-primary\" must fit a Service name of 63"),
            );
        }
    }
    taken(report, subject);
}

/// Services of other Canaries are refused, Services of nobody we know are announced.
fn taken(report: &mut Report, subject: &Subject) {
    let names = subject.canary.service_names();
    let clashes =
        |other: &&Canary| other.spec.service.is_some() && other.service_names().iter().any(|name| names.contains(name));
    // A shared target shares its Services too, and has its own message; generated Canaries yield.
    let mut rivals = subject
        .others()
        .filter(|other| other.target_name() != subject.canary.target_name() && !other.was_generated());
    if let Some(other) = rivals.find(clashes) {
        let [apex, ..] = &names;
        let why = format!(
            "{apex:?}, {apex}-primary or {apex}-canary is used by canary {:?}",
            other.name_any()
        );
        report.duplicate(NAME, apex, why);
    }
    for (index, name) in names.iter().enumerate() {
        if subject
            .facts
            .services
            .iter()
            .any(|known| known.name == *name && !known.ours)
        {
            let fate = match index {
                0 => "will be taken over: its selector is changed",
                _ => "is not ours; the release waits until it is gone",
            };
            report.warn(NAME, format!("Service {name:?} {fate}"));
        }
    }
}

fn ports(report: &mut Report, subject: &Subject, service: &CanaryService) {
    if service.port().is_none() {
        report.invalid(
            "spec.service.port",
            service.port,
            "must be a whole number between 1 and 65535",
        );
    }
    let containers = subject.facts.container_ports();
    match &service.target_port {
        Some(IntOrString::Int(port)) if *port != 0 && !(1..=65535).contains(port) => {
            report.invalid(
                "spec.service.targetPort",
                port,
                "must be between 1 and 65535, or the name of a container port",
            );
        }
        Some(IntOrString::String(name)) if !name.is_empty() => target_port(report, subject, name, &containers),
        _ => {}
    }
    let Some(name) = service.port_name.as_deref().filter(|name| !name.is_empty()) else {
        return;
    };
    // A port of a Service, which takes more than a port of a container.
    if !is_label(name) {
        let why = "must be lower-case letters, digits and \"-\", at most 63, with a letter or digit at both ends";
        report.invalid(PORT_NAME, name, why);
    }
    if name.contains("grpc") && service.app_protocol.as_deref() == Some("http") {
        report.warn(
            PORT_NAME,
            "mixed protocol hints: the name says grpc, appProtocol says http",
        );
    }
    discovered(report, service, name, &containers);
}

fn target_port(report: &mut Report, subject: &Subject, name: &str, containers: &[(Option<&str>, i64)]) {
    const FIELD: &str = "spec.service.targetPort";
    if let Ok(number) = name.parse::<i64>() {
        // A quoted number: Kubernetes takes it for a name and finds no port.
        return report.invalid(
            FIELD,
            name,
            format!("a port name needs a letter; write {number} without quotes"),
        );
    }
    if !is_port_name(name) {
        let why = "1 to 65535, or a port name: lower-case letters, digits and \"-\", at most 15";
        report.invalid(FIELD, name, why);
    } else if subject.facts.target.found().is_some() && !containers.iter().any(|(known, _)| *known == Some(name)) {
        report.warn(
            FIELD,
            format!("container port {name:?} not found in {}", subject.canary.target_name()),
        );
    }
}

/// With portDiscovery the other container ports join the Service under their own names.
fn discovered(report: &mut Report, service: &CanaryService, name: &str, containers: &[(Option<&str>, i64)]) {
    if service.port_discovery != Some(true) {
        return;
    }
    let main = |port: &(Option<&str>, i64)| match service.target_port() {
        IntOrString::Int(number) => port.1 == i64::from(number),
        IntOrString::String(named) => port.0 == Some(named.as_str()),
    };
    if containers.iter().any(|port| port.0 == Some(name) && !main(port)) {
        report.duplicate(
            PORT_NAME,
            name,
            "with portDiscovery another container port has this name; rename one",
        );
    }
}
