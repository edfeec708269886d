//! Which ports the Services of a pair have.
//!
//! Service ports belong to callers: they are added at once and removed only while primary is idle. A targetPort belongs to
//! the revision behind it: production keeps what the promoted revision listens on, the canary has what the revision under
//! test listens on, and a new one waits for the promotion.

mod choice;
mod declared;
#[cfg(test)]
mod tests;
mod wanted;

pub use choice::{best, chosen, main_port};
pub use declared::{DECLARED_PORTS, Declared};
pub use wanted::{AT_ONCE, Wanted, at_once};

use super::ApexSide;
use crate::plan::Blueprint;
use serde_json::{Map, Value, json};

/// Fields of a Service port that a copy has too; a node port belongs to one Service only.
const CARRIED: [&str; 5] = ["name", "port", "protocol", "targetPort", "appProtocol"];

/// The ports of a Service.
pub fn of(service: &Value) -> &[Value] {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array);
    ports.map(Vec::as_slice).unwrap_or_default()
}

/// What tells the ports of one Service apart, as `80/TCP`.
pub fn key(port: &Value) -> String {
    let number = port.get("port").and_then(Value::as_u64).unwrap_or(0);
    format!("{number}/{}", protocol(port))
}

/// Where a port leads: by default to the same number.
pub fn target(port: &Value) -> Value {
    let given = port.get("targetPort").filter(|target| !target.is_null());
    given.or(port.get("port")).cloned().unwrap_or_default()
}

fn protocol(port: &Value) -> &str {
    port.get("protocol").and_then(Value::as_str).unwrap_or("TCP")
}

fn name(port: &Value) -> &str {
    port.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// The port with another targetPort.
pub fn leading(port: &Value, target: Value) -> Value {
    let mut port = port.clone();
    if let Some(members) = port.as_object_mut() {
        members.insert("targetPort".to_owned(), target);
    }
    port
}

fn carried(port: &Value) -> Value {
    let mut out: Map<String, Value> = CARRIED
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), port.get(field)?.clone())))
        .collect();
    out.insert("protocol".to_owned(), json!(protocol(port)));
    out.insert("targetPort".to_owned(), target(port));
    Value::Object(out)
}

/// Whether two lists say the same of what we write, in whatever order.
pub fn same(live: &[Value], wanted: &[Value]) -> bool {
    let in_order = |ports: &[Value]| {
        let mut all: Vec<(String, Value)> = ports.iter().map(|port| (key(port), carried(port))).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    };
    in_order(live) == in_order(wanted)
}

/// The port that `port` takes the place of: the same, else the one of its name, else the only one.
fn counterpart<'a>(among: &'a [Value], port: &Value) -> Option<&'a Value> {
    let same = among.iter().find(|other| key(other) == key(port));
    let namesake = || {
        among
            .iter()
            .find(|other| !name(port).is_empty() && name(other) == name(port))
    };
    same.or_else(namesake)
}

/// What a Service in front of pods that declare `declared` gets of the ports that are `sent` for it, given those it has,
/// and which targetPorts have to wait.
pub fn held(has: &[Value], sent: &[Value], declared: &Declared) -> (Vec<Value>, Wanted) {
    let mut wanted = Wanted::default();
    let kept = sent.iter().map(|port| match counterpart(has, port) {
        Some(old) if target(old) != target(port) && !declared.has(&target(port)) => {
            wanted.insert(port);
            leading(port, target(old))
        }
        _ => port.clone(),
    });
    (kept.collect(), wanted)
}

/// What the ports of a pair are made from: its live Services, and the pod templates behind them.
#[derive(Debug, Clone, Copy)]
pub struct PortSources<'a> {
    /// What the Canary says.
    pub blueprint: &'a Blueprint,
    /// The apex Service; `None` before there is one.
    pub apex: Option<&'a Value>,
    /// Whether that is the user's own; then it says which ports there are.
    pub users: bool,
    /// `-primary`.
    pub primary: Option<&'a Value>,
    /// `-canary`.
    pub canary: Option<&'a Value>,
    /// The template of the pods of production.
    pub verified: Option<&'a Value>,
    /// The template of the pods under test.
    pub tested: Option<&'a Value>,
    /// Whether nobody is served by primary: it is being made.
    pub idle: bool,
}

impl<'a> PortSources<'a> {
    /// Of a new pair, both halves of which are made from `template`.
    pub fn first(blueprint: &'a Blueprint, template: Option<&'a Value>) -> Self {
        Self {
            blueprint,
            apex: None,
            users: false,
            primary: None,
            canary: None,
            verified: template,
            tested: template,
            idle: true,
        }
    }

    /// Of `-primary`.
    pub fn of_primary(&self) -> Vec<Value> {
        let desired = self.desired(self.verified);
        let declared = self.verified.map(Declared::by).unwrap_or_default();
        let has = self.primary.map(of).unwrap_or_default();
        // What the apex has while its change waits, where `-primary` does not say it.
        let apex = self.apex.filter(|_| self.users).map(of).unwrap_or_default();
        let free = self.idle || self.apex.is_some_and(at_once);
        let led = |port: &Value| match counterpart(has, port).or_else(|| counterpart(apex, port)) {
            Some(old) if !free && !declared.has(&target(port)) => target(old),
            _ => target(port),
        };
        merged(&desired, has, self.idle, led)
    }

    /// Of `-canary`. A change that comes before its revision waits for that.
    pub fn of_canary(&self) -> Vec<Value> {
        let desired = self.desired(self.tested);
        let declared = self.tested.map(Declared::by).unwrap_or_default();
        let has = self.canary.map(of).unwrap_or_default();
        let led = |port: &Value| match counterpart(has, port) {
            Some(old) if !declared.has(&target(port)) && declared.has(&target(old)) => target(old),
            _ => target(port),
        };
        merged(&desired, has, self.idle, led)
    }

    /// Of an apex that we made, in front of `side`.
    pub fn of_apex(&self, side: ApexSide) -> Vec<Value> {
        let behind = match side {
            ApexSide::Primary => self.of_primary(),
            ApexSide::Target => self.of_canary(),
        };
        merged(&behind, self.apex.map(of).unwrap_or_default(), self.idle, target)
    }

    /// Of the user's own apex in front of `side`, whole, and what of them waits.
    pub fn of_users_apex(&self, apex: &Value, side: ApexSide) -> (Vec<Value>, Wanted) {
        let wanted = Wanted::of(apex);
        let desired = wanted.over(of(apex));
        if side == ApexSide::Target {
            let canary = self.of_canary();
            let led = |port: &Value| canary.iter().find(|other| key(other) == key(port)).map(target);
            let ports = desired
                .iter()
                .map(|port| leading(port, led(port).unwrap_or_else(|| target(port))));
            return (ports.collect(), wanted);
        }
        if self.idle || at_once(apex) {
            return (desired, Wanted::default());
        }
        let declared = self.verified.map(Declared::by).unwrap_or_default();
        let has = self.primary.map_or(of(apex), of);
        held(has, &desired, &declared)
    }

    // The ports asked for, as the pods of `template` have them.
    fn desired(&self, template: Option<&Value>) -> Vec<Value> {
        if let Some(apex) = self.apex.filter(|_| self.users) {
            return Wanted::of(apex).over(of(apex)).iter().map(carried).collect();
        }
        let Some(first) = &self.blueprint.port else {
            return Vec::new();
        };
        let desired = template.filter(|_| self.blueprint.port_is_ours).map(|template| {
            let known = [self.verified, self.tested].into_iter().flatten();
            chosen(template, &first.target_port, &first.name, known)
        });
        let target_port = desired.unwrap_or_else(|| first.target_port.clone());
        let mut port = json!({"name": first.name, "port": first.port, "protocol": "TCP", "targetPort": target_port});
        if let (Some(members), Some(protocol)) = (port.as_object_mut(), &first.app_protocol) {
            members.insert("appProtocol".to_owned(), json!(protocol));
        }
        let mut all = vec![port];
        if self.blueprint.port_discovery {
            all.extend(
                template
                    .map(|template| choice::others(template, &target_port))
                    .unwrap_or_default(),
            );
        }
        all
    }
}

/// What is desired, in the shape of a Service that `has` ports already: a port in use keeps its name, because to those who
/// connect a renamed port is another one until they have heard of it, and none is taken from callers unless primary is
/// `idle`.
fn merged(desired: &[Value], has: &[Value], idle: bool, led: impl Fn(&Value) -> Value) -> Vec<Value> {
    let asked = |port: &Value| desired.iter().find(|one| key(one) == key(port));
    let mut out: Vec<Value> = Vec::new();
    for old in has {
        match asked(old) {
            Some(one) => out.push(named(&leading(one, led(one)), name(old))),
            None if !idle => out.push(carried(old)),
            None => {}
        }
    }
    for one in desired {
        if out.iter().any(|port| key(port) == key(one)) {
            continue;
        }
        let port = leading(one, led(one));
        let free = unused(&out, &port);
        out.push(named(&port, &free));
    }
    if out.len() > 1 {
        for port in &mut out {
            if name(port).is_empty() {
                *port = named(port, &numbered("port", port));
            }
        }
    }
    out
}

fn unused(taken: &[Value], port: &Value) -> String {
    let is_free = |wanted: &str| taken.iter().all(|other| name(other) != wanted);
    let own = name(port);
    if own.is_empty() || is_free(own) {
        return own.to_owned();
    }
    numbered(own, port)
}

fn numbered(base: &str, port: &Value) -> String {
    format!(
        "{base}-{}",
        key(port).replace('/', "-").to_lowercase().trim_end_matches("-tcp")
    )
}

fn named(port: &Value, name: &str) -> Value {
    let mut port = port.clone();
    if let Some(members) = port.as_object_mut() {
        if name.is_empty() {
            members.remove("name");
        } else {
            members.insert("name".to_owned(), json!(name));
        }
    }
    port
}
