//! The router of an app whose user has none: `spec.service` in App Mesh's words, as Flagger 1.44 maps it (flagger
//! `pkg/router/appmesh.go` and `appmesh_v1beta2.go`), with an entry for each of `match`.

use super::conditions;
use super::retries::{lasting, millis, policy};
use super::version::Version;
use crate::api::canary::{CanaryService, CanarySpec, HttpMatch, Metadata, StringMatch};
use crate::routing::{Names, Traffic};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What annotations of App Mesh's gateway begin with.
pub(super) const GATEWAY: &str = "gateway.appmesh.k8s.aws/";
/// The priority of an entry before which a test is to be placed: Flagger's.
const PRIORITY: u64 = 20;

/// The name of the mesh.
pub(super) fn mesh(service: &CanaryService) -> Option<&str> {
    service.mesh_name.as_deref().filter(|name| !name.is_empty())
}

/// The route, named after the apex, at rest: everything goes to primary. `None` without a port, or a mesh that has to be named.
pub(super) fn generated(version: Version, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
    let service = spec.service.as_ref()?;
    let entries = entries(version, names, spec, service);
    let listeners = json!([{"portMapping": {"port": port(version, service)?, "protocol": protocol(version, service)}}]);
    let Metadata { labels, annotations } = service.apex.clone().unwrap_or_default();
    let mut annotations = annotations.unwrap_or_default();
    annotations.extend(for_gateway(service));
    let spec = match version {
        Version::V1beta1 => json!({
            "meshName": mesh(service)?, "virtualRouter": {"name": names.apex, "listeners": listeners}, "routes": entries,
        }),
        Version::V1beta2 => json!({"listeners": listeners, "routes": entries}),
    };
    Some(json!({
        "apiVersion": version.api_version(),
        "kind": version.of_routes().kind,
        "metadata": {
            "name": version.called(&names.apex, namespace), "namespace": namespace,
            "labels": labels.unwrap_or_default(), "annotations": annotations,
        },
        "spec": spec,
    }))
}

// The newer version is about the port of the pods, where their proxies listen.
fn port(version: Version, service: &CanaryService) -> Option<u16> {
    let of_pods = match service.target_port() {
        IntOrString::Int(port) if version == Version::V1beta2 => u16::try_from(port).ok(),
        _ => None,
    };
    of_pods.or_else(|| service.port())
}

/// What an app speaks. The older version has routes of plain HTTP alone, whatever its listener is told.
pub(super) fn protocol(version: Version, service: &CanaryService) -> &'static str {
    let spoken = service.app_protocol.as_deref().unwrap_or_default();
    let is = |known: &str| version == Version::V1beta2 && spoken.eq_ignore_ascii_case(known);
    if service.port_name().contains("grpc") || is("grpc") {
        "grpc"
    } else if is("h2c") || is("kubernetes.io/h2c") {
        "http2"
    } else {
        "http"
    }
}

/// Whether the route of an app is one for gRPC, which has no paths and methods.
pub(super) fn is_grpc(version: Version, service: &CanaryService) -> bool {
    version.member(protocol(version, service)) == "grpcRoute"
}

fn entries(version: Version, names: &Names, spec: &CanarySpec, service: &CanaryService) -> Vec<Value> {
    let matches: Vec<HttpMatch> = match service.matches.as_deref() {
        None | Some([]) => vec![HttpMatch::default()],
        Some(all) => all.to_vec(),
    };
    let analysis = spec.analysis.as_ref();
    let is_tested = analysis
        .and_then(|analysis| analysis.matches.as_ref())
        .is_some_and(|all| !all.is_empty());
    let member = version.member(protocol(version, service));
    let entry = |(at, of): (usize, &HttpMatch)| {
        let name = match at {
            0 => names.apex.clone(),
            at => format!("{}-{}", names.apex, at + 1),
        };
        let mut entry = Map::new();
        entry.insert("name".to_owned(), json!(name));
        entry.extend(is_tested.then(|| ("priority".to_owned(), json!(PRIORITY))));
        entry.insert(member.to_owned(), request(version, names, service, of));
        Value::Object(entry)
    };
    matches.iter().enumerate().map(entry).collect()
}

fn request(version: Version, names: &Names, service: &CanaryService, of: &HttpMatch) -> Value {
    let timeout = service.timeout.as_deref().and_then(millis);
    let timeout = timeout.filter(|_| version == Version::V1beta2);
    let rest = Traffic::PRIMARY;
    let targets = json!([
        version.target(&names.canary, rest.canary()),
        version.target(&names.primary, rest.primary()),
    ]);
    let members = [
        ("match", Some(matching(is_grpc(version, service), of))),
        ("timeout", timeout.map(|millis| json!({"perRequest": lasting(millis)}))),
        (
            "retryPolicy",
            service.retries.as_ref().map(|retries| policy(version, retries)),
        ),
        ("action", Some(json!({"weightedTargets": targets}))),
    ];
    let said = members
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(said.collect())
}

fn matching(is_grpc: bool, of: &HttpMatch) -> Value {
    let headers = conditions::of_service(of.headers.as_ref());
    let headers = (!headers.is_empty()).then(|| json!(headers));
    let text = |of: Option<&StringMatch>| of.and_then(StringMatch::form).map(|(_, text)| text.to_owned());
    let prefix = text(of.uri.as_ref()).filter(|prefix| !prefix.is_empty());
    let members = if is_grpc {
        vec![("metadata", headers)]
    } else {
        vec![
            ("prefix", Some(json!(prefix.as_deref().unwrap_or("/")))),
            ("method", text(of.method.as_ref()).map(|method| json!(method))),
            ("headers", headers),
        ]
    };
    let said = members
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(said.collect())
}

// By which the gateway of App Mesh's first years was told of an app.
fn for_gateway(service: &CanaryService) -> BTreeMap<String, String> {
    let hosts = service.hosts.as_deref().unwrap_or_default();
    if hosts.is_empty() {
        return BTreeMap::new();
    }
    let attempts = service.retries.as_ref().and_then(|retries| retries.attempts);
    let attempts = attempts.map(|attempts| attempts.int()).filter(|attempts| *attempts > 0);
    let timeout = service.timeout.clone().filter(|timeout| !timeout.is_empty());
    let said = [
        ("expose", Some("true".to_owned())),
        // With a comma after the last one, too: Flagger's.
        ("domain", Some(hosts.join(",") + ",")),
        ("timeout", timeout),
        ("retries", attempts.map(|attempts| attempts.to_string())),
    ];
    let said = said
        .into_iter()
        .filter_map(|(key, value)| Some((format!("{GATEWAY}{key}"), value?)));
    said.collect()
}
