use super::*;
use crate::{plan::Port, routing::Names};
use proptest::prelude::*;

fn template(ports: Value) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "ports": ports}]}})
}

fn listening(number: u16) -> Value {
    template(json!([{"name": "http", "containerPort": number}]))
}

fn blueprint(port_is_ours: bool) -> Blueprint {
    Blueprint {
        names: Some(Names::new("web")),
        port: Some(Port {
            port: 80,
            name: "http".into(),
            target_port: json!(9898),
            app_protocol: None,
        }),
        port_is_ours,
        ..Blueprint::sample()
    }
}

fn with(ports: &[Value]) -> Value {
    json!({"metadata": {"name": "web"}, "spec": {"ports": ports}})
}

fn port(number: u16, name: &str, target: Value) -> Value {
    json!({"name": name, "port": number, "protocol": "TCP", "targetPort": target})
}

// v1 listens on 9898 and is promoted, `v2` is under test.
fn in_a_run<'a>(blueprint: &'a Blueprint, v1: &'a Value, v2: &'a Value, primary: &'a Value) -> PortSources<'a> {
    PortSources {
        primary: Some(primary),
        canary: Some(primary),
        tested: Some(v2),
        idle: false,
        ..PortSources::first(blueprint, Some(v1))
    }
}

#[test]
fn each_half_of_a_generated_pair_leads_to_where_its_own_pods_listen() {
    let (blueprint, v1) = (blueprint(true), listening(9898));
    let has = with(&[port(80, "http", json!(9898))]);
    let proxy = json!({"spec": {"containers": [
        {"name": "envoy", "ports": [{"containerPort": 9901}]},
        {"name": "app", "ports": [{"name": "metrics", "containerPort": 9090}, {"name": "http", "containerPort": 8080}]}]}});
    for (what, v2, leads) in [
        ("another number", listening(8080), 8080),
        ("ports left out", template(json!([])), 9898),
        ("metrics and a sidecar first", proxy, 8080),
        (
            "another name",
            template(json!([{"name": "web", "containerPort": 8081}])),
            8081,
        ),
        ("the same", listening(9898), 9898),
    ] {
        let around = in_a_run(&blueprint, &v1, &v2, &has);
        assert_eq!(around.of_primary(), of(&has), "{what}");
        assert_eq!(around.of_apex(ApexSide::Primary), of(&has), "{what}");
        let tested = [port(80, "http", json!(leads))];
        assert_eq!(around.of_canary(), tested, "{what}");
        assert_eq!(around.of_apex(ApexSide::Target), tested, "{what}");
        // Promoted while nobody is served by it.
        let promoted = PortSources {
            verified: Some(&v2),
            idle: true,
            ..around
        };
        assert_eq!(promoted.of_primary(), tested, "{what}");
    }
}

#[test]
fn a_canary_written_by_hand_is_taken_at_its_word() {
    let (blueprint, v1) = (blueprint(false), listening(8080));
    assert_eq!(
        PortSources::first(&blueprint, Some(&v1)).of_canary(),
        [port(80, "http", json!(9898))]
    );
}

#[test]
fn a_port_of_the_service_is_added_at_once_and_taken_away_while_primary_is_idle() {
    let (mut blueprint, v1) = (blueprint(true), listening(9898));
    let has = with(&[port(9898, "http", json!(9898))]);
    let around = in_a_run(&blueprint, &v1, &v1, &has);
    // A port in use keeps its name.
    let both = [port(9898, "http", json!(9898)), port(80, "http-80", json!(9898))];
    assert_eq!(around.of_primary(), both);
    let after = with(&both);
    assert_eq!(in_a_run(&blueprint, &v1, &v1, &after).of_primary(), both);
    let idle = PortSources {
        idle: true,
        ..in_a_run(&blueprint, &v1, &v1, &after)
    };
    assert_eq!(idle.of_primary(), [port(80, "http-80", json!(9898))]);
    blueprint.port = None;
    assert!(PortSources::first(&blueprint, Some(&v1)).of_primary().is_empty());
}

#[test]
fn discovered_ports_are_told_apart() {
    let mut blueprint = blueprint(true);
    blueprint.port_discovery = true;
    let all = template(json!([
        {"name": "dns", "containerPort": 53}, {"name": "dns-udp", "containerPort": 53, "protocol": "UDP"},
        {"containerPort": 7000}, {"name": "metrics", "containerPort": 9090}, {"name": "http", "containerPort": 9898}]));
    let ports = PortSources::first(&blueprint, Some(&all)).of_primary();
    let keys: Vec<String> = ports.iter().map(key).collect();
    assert_eq!(keys, ["80/TCP", "53/TCP", "53/UDP", "7000/TCP", "9090/TCP"]);
    let mut names: Vec<&str> = ports.iter().map(name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 5);
}

#[test]
fn the_halves_carry_every_port_of_the_users_own_service() {
    let blueprint = blueprint(false);
    let v1 = listening(9898);
    let apex = json!({"metadata": {"name": "web"}, "spec": {"ports": [
        {"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080, "appProtocol": "kubernetes.io/h2c"},
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53}, {"name": "admin", "port": 9090}]}});
    let around = PortSources {
        apex: Some(&apex),
        users: true,
        ..PortSources::first(&blueprint, Some(&v1))
    };
    let mirrored = json!([
        {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http", "appProtocol": "kubernetes.io/h2c"},
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
        {"name": "admin", "port": 9090, "protocol": "TCP", "targetPort": 9090}]);
    assert_eq!(json!(around.of_primary()), mirrored);
    assert_eq!(json!(around.of_canary()), mirrored);
}

#[test]
fn a_users_own_service_moves_to_the_new_port_with_its_selector_and_not_before() {
    let blueprint = blueprint(false);
    let (v1, v2) = (listening(9898), listening(9899));
    let has = with(&[port(80, "http", json!(9898))]);
    // As it came past the webhook: written without it.
    let sent = with(&[port(80, "http", json!(9899))]);
    let around = PortSources {
        apex: Some(&sent),
        users: true,
        ..in_a_run(&blueprint, &v1, &v2, &has)
    };
    let (ports, wanted) = around.of_users_apex(&sent, ApexSide::Primary);
    assert_eq!(ports, of(&has));
    assert_eq!(wanted.text().as_deref(), Some(r#"{"80/TCP":9899}"#));
    let mut held = has.clone();
    held["metadata"]["annotations"] = json!({Wanted::ANNOTATION: wanted.text()});
    let around = PortSources {
        apex: Some(&held),
        ..around
    };
    assert_eq!(
        around.of_users_apex(&held, ApexSide::Primary),
        (of(&has).to_vec(), wanted.clone())
    );
    assert_eq!(around.of_primary(), of(&has));
    assert_eq!(around.of_canary(), of(&sent));
    assert_eq!(
        around.of_users_apex(&held, ApexSide::Target),
        (of(&sent).to_vec(), wanted)
    );
    // Primary runs it by now.
    let promoted = PortSources {
        verified: Some(&v2),
        primary: Some(&sent),
        ..around
    };
    assert_eq!(
        promoted.of_users_apex(&held, ApexSide::Primary),
        (of(&sent).to_vec(), Wanted::default())
    );
    // Its author knows better.
    let mut now = held.clone();
    now["metadata"]["annotations"][AT_ONCE] = json!("now");
    let at_once = PortSources {
        apex: Some(&now),
        ..around
    };
    assert_eq!(
        at_once.of_users_apex(&now, ApexSide::Primary),
        (of(&sent).to_vec(), Wanted::default())
    );
    assert_eq!(at_once.of_primary(), of(&sent));
}

#[test]
fn the_next_revisions_port_does_not_reach_the_one_under_test() {
    let blueprint = blueprint(false);
    let (v1, v2) = (listening(9898), listening(9898));
    let has = with(&[port(80, "http", json!(9898))]);
    let mut apex = has.clone();
    apex["metadata"]["annotations"] = json!({Wanted::ANNOTATION: r#"{"80/TCP":9899}"#});
    let around = PortSources {
        apex: Some(&apex),
        users: true,
        ..in_a_run(&blueprint, &v1, &v2, &has)
    };
    assert_eq!(around.of_canary(), of(&has));
}

#[test]
fn a_note_that_cannot_be_read_waits_for_nothing() {
    for text in ["", "{", "[]", "7", r#"{"80/TCP": 0, "81/TCP": null, "82/TCP": 99999}"#] {
        let service = json!({"metadata": {"annotations": {Wanted::ANNOTATION: text}}});
        assert_eq!(Wanted::of(&service), Wanted::default(), "{text}");
    }
    let declared = Declared::by(&listening(9898));
    assert_eq!(declared.text(), "9898,http");
    assert_eq!(Declared::parse(&declared.text()), declared);
    assert!(declared.has(&json!("http")) && declared.has(&json!(9898)) && !declared.has(&json!(80)));
}

fn any_ports() -> impl Strategy<Value = Vec<Value>> {
    let one = (1u16..6, 0u8..4, 1u16..6);
    proptest::collection::vec(one, 1..4).prop_map(|all| {
        let mut ports: Vec<Value> = Vec::new();
        for (number, named, target) in all {
            let next = port(number, &format!("p{named}"), json!(target));
            if ports
                .iter()
                .all(|other| key(other) != key(&next) && name(other) != name(&next))
            {
                ports.push(next);
            }
        }
        ports
    })
}

proptest! {
    // Whatever is asked for, in whatever order it comes: production is never led to where its pods do not listen.
    #[test]
    fn production_is_never_led_to_a_port_it_lacks(first in any_ports(), sent in any_ports(), extra in 1u16..6) {
        let blueprint = blueprint(false);
        let mut listens: Vec<Value> = first.iter().map(|p| json!({"containerPort": target(p)})).collect();
        listens.dedup();
        let (v1, v2) = (template(json!(listens)), template(json!([{"containerPort": extra}])));
        let declared = Declared::by(&v1);
        let has = with(&first);
        let (stored, wanted) = held(&first, &sent, &declared);
        let mut apex = with(&stored);
        apex["metadata"]["annotations"] = json!({Wanted::ANNOTATION: wanted.text().unwrap_or_default()});
        let around = PortSources { apex: Some(&apex), users: true, ..in_a_run(&blueprint, &v1, &v2, &has) };
        let ports = around.of_primary();
        for port in ports.iter().filter(|port| counterpart(&first, port).is_some()) {
            prop_assert!(declared.has(&target(port)), "{port}");
        }
        for old in &first {
            prop_assert!(ports.iter().any(|port| key(port) == key(old)), "taken from callers: {old}");
        }
        // Holding twice, and writing twice, changes nothing more.
        prop_assert_eq!(held(&first, &stored, &declared).0, stored.clone());
        let written = with(&ports);
        let again = PortSources { primary: Some(&written), ..around };
        prop_assert_eq!(again.of_primary(), ports);
        let (users, waits) = around.of_users_apex(&apex, ApexSide::Primary);
        let mut after = with(&users);
        after["metadata"]["annotations"] = json!({Wanted::ANNOTATION: waits.text().unwrap_or_default()});
        prop_assert_eq!(around.of_users_apex(&after, ApexSide::Primary), (users, waits));
    }
}
