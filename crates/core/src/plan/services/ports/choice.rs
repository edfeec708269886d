//! Which of several ports is the one that users call.

use super::declared::{Declared, container_ports};
use crate::object::text;
use serde_json::{Value, json};

/// Sidecars whose ports are not the application's (Flagger's list).
const SIDECARS: [&str; 2] = ["istio-proxy", "envoy"];
/// The annotation that says which container is the application.
const MAIN: &str = "kubectl.kubernetes.io/default-container";
/// Names of ports that nobody's users call.
const INTERNAL: [&str; 8] = [
    "metrics",
    "prom",
    "admin",
    "health",
    "probe",
    "debug",
    "mgmt",
    "management",
];
const WEB: [&str; 5] = ["http", "web", "grpc", "h2c", "www"];
const USUAL: [u64; 6] = [80, 443, 8080, 8443, 8000, 3000];

/// The port of a Service that a gateway can speak to: TCP; by its appProtocol or name, else by its number, never one for
/// metrics first. Nothing without a TCP port.
pub fn best(ports: &[Value]) -> Option<&Value> {
    let tcp = ports.iter().filter(|port| super::protocol(port) == "TCP");
    tcp.min_by_key(|port| {
        rank(
            super::name(port),
            port.get("port").and_then(Value::as_u64),
            port.get("appProtocol"),
        )
    })
}

/// Where the pods of `template` listen for what was `desired`: there if they declare it, or declare nothing; else at the
/// port of the same name as in a template of `known` that has the desired one, or of the Service port's name, else at the
/// best they have.
pub fn chosen<'a>(template: &Value, desired: &Value, service: &str, known: impl Iterator<Item = &'a Value>) -> Value {
    if Declared::by(template).has(desired) {
        return desired.clone();
    }
    let offered = offered(template);
    let was = known
        .flat_map(container_ports)
        .find(|port| port.get("containerPort") == Some(desired));
    let was = was.map(super::name).filter(|name| !name.is_empty());
    let named = |wanted: &str| offered.iter().find(|port| super::name(port) == wanted);
    let found = was
        .and_then(named)
        .or_else(|| named(service))
        .or_else(|| first(&offered));
    found
        .and_then(|port| port.get("containerPort"))
        .unwrap_or(desired)
        .clone()
}

/// The container port that users call; nothing when none is TCP.
pub fn main_port(template: &Value) -> Option<i32> {
    let number = first(&offered(template))?.get("containerPort")?.as_i64()?;
    i32::try_from(number).ok()
}

/// Those besides `first`, as Service ports.
pub fn others(template: &Value, first: &Value) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for container in containers(template) {
        let of = text(container, "/name");
        let ports = container.get("ports").and_then(Value::as_array).into_iter().flatten();
        for (index, port) in ports.enumerate() {
            let number = port.get("containerPort").cloned().unwrap_or_default();
            let (name, protocol) = (super::name(port), super::protocol(port));
            if protocol == "TCP" && (number == *first || !name.is_empty() && first == name) {
                continue;
            }
            let name = match name {
                "" => format!("{}-{of}-{index}", protocol.to_lowercase()),
                name => name.to_owned(),
            };
            let port = json!({"name": name, "port": number, "protocol": protocol, "targetPort": number});
            if found.iter().all(|other| super::key(other) != super::key(&port)) {
                found.push(port);
            }
        }
    }
    found
}

fn first(offered: &[Value]) -> Option<&Value> {
    offered.iter().min_by_key(|port| {
        rank(
            super::name(port),
            port.get("containerPort").and_then(Value::as_u64),
            None,
        )
    })
}

// TCP ports of the application's own containers, the main one's first.
fn offered(template: &Value) -> Vec<Value> {
    let main = template
        .pointer("/metadata/annotations")
        .and_then(|all| all.get(MAIN))
        .and_then(Value::as_str);
    let mut all: Vec<&Value> = containers(template).collect();
    all.sort_by_key(|container| main.is_some_and(|main| main != text(container, "/name")));
    let ports = all
        .into_iter()
        .flat_map(|c| c.get("ports").and_then(Value::as_array).into_iter().flatten());
    ports.filter(|port| super::protocol(port) == "TCP").cloned().collect()
}

fn containers(template: &Value) -> impl Iterator<Item = &Value> {
    let all = template.pointer("/spec/containers").and_then(Value::as_array);
    all.into_iter()
        .flatten()
        .filter(|c| !SIDECARS.contains(&text(c, "/name")))
}

// Lower is better; of equals the first one counts.
fn rank(name: &str, number: Option<u64>, protocol: Option<&Value>) -> u8 {
    let spoken = protocol.and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let begins = |all: &[&str], text: &str| all.iter().any(|word| text.starts_with(word));
    let spoken = spoken.trim_start_matches("kubernetes.io/");
    if begins(&INTERNAL, name) || name.ends_with("metrics") {
        return 4;
    }
    if begins(&WEB, spoken) || spoken == "ws" {
        return 0;
    }
    match name {
        "https" => 2,
        _ if begins(&WEB, name) => 1,
        _ if number.is_some_and(|number| USUAL.contains(&number)) => 2,
        _ => 3,
    }
}
