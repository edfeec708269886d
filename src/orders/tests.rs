use super::*;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::ClusterRole;
use serde_json::json;

fn installed(uid: &str, release: &str) -> Installed {
    Installed::As(Installation {
        uid: uid.to_owned(),
        release: release.to_owned(),
    })
}

fn standing(installed: Installed) -> Standing {
    Standing::of(installed)
}

fn map(data: impl IntoIterator<Item = (String, String)>) -> ConfigMap {
    ConfigMap {
        data: Some(data.into_iter().collect()),
        ..ConfigMap::default()
    }
}

fn only(namespace: &str) -> Leave {
    Leave::Nobody.with(Some(namespace))
}

#[test]
fn an_order_reads_as_it_was_written() {
    for leave in [Leave::Everybody, only("web"), only("web").with(Some("shop"))] {
        let mut one = standing(installed("u-1", "3"));
        one.told_to_leave(Some(&map(one.order(&leave))));
        assert_eq!(one.leave(), &leave);
        assert!(one.leaves("web"));
        assert_eq!(one.leaves("other"), leave == Leave::Everybody);
        one.told_to_leave(None);
        assert_eq!(one.leave(), &Leave::Nobody);
    }
}

#[test]
fn the_next_release_and_the_next_installation_are_not_on_their_way_out() {
    let order = map(standing(installed("u-1", "3")).order(&Leave::Everybody));
    for (of, heeds) in [
        (installed("u-1", "3"), true),
        (installed("u-1", "4"), false),
        (installed("u-2", "3"), false),
        // Whose chart gives no right to look, or whose rights come from elsewhere.
        (Installed::Hidden, true),
        (Installed::Absent, true),
        // Told before it is known whom it is for.
        (Installed::Unknown, false),
    ] {
        let mut one = standing(of.clone());
        one.told_to_leave(Some(&order));
        assert_eq!(one.leaves_all(), heeds, "{of:?}");
    }
}

#[test]
fn a_namespace_that_was_given_back_stays_so_through_upgrades() {
    let order = map(standing(installed("u-1", "3")).order(&only("web")));
    for (of, heeds) in [(installed("u-1", "4"), true), (installed("u-2", "3"), false)] {
        let mut one = standing(of.clone());
        one.told_to_leave(Some(&order));
        assert_eq!(one.leaves("web"), heeds, "{of:?}");
    }
}

#[test]
fn namespaces_come_and_go_one_by_one() {
    let both = only("web").with(Some("shop"));
    assert_eq!(both.clone().without(Some("shop")), Some(only("web")));
    assert_eq!(only("web").without(Some("web")), Some(Leave::Nobody));
    assert_eq!(both.clone().without(None), Some(Leave::Nobody));
    assert_eq!(both.with(None), Leave::Everybody);
    assert_eq!(Leave::Everybody.with(Some("web")), Leave::Everybody);
    assert_eq!(Leave::Everybody.without(Some("web")), None);
}

#[test]
fn a_brake_is_read_for_each_half_and_nonsense_is_none() {
    let until = "2026-11-23T10:15:00Z";
    let mut one = Standing::default();
    one.told_to_brake(Some(&map([
        ("mutating".to_owned(), until.to_owned()),
        ("validating".to_owned(), "soon".to_owned()),
    ])));
    assert_eq!(one.brake(WebhookConfiguration::Mutating), Some(until.parse().unwrap()));
    assert_eq!(one.brake(WebhookConfiguration::Validating), None);
}

#[test]
fn what_belongs_to_an_installation_goes_with_its_role_and_blocks_nothing() {
    let role: ClusterRole = serde_json::from_value(json!({
        "metadata": {"name": ROLE, "uid": "u-1", "annotations": {RELEASE: "7"}}}))
    .unwrap();
    let installation = Installation::of(&role);
    assert_eq!(installation.text(), "u-1/7");
    let owner = installation.owner();
    assert_eq!((owner.uid.as_str(), owner.block_owner_deletion), ("u-1", Some(false)));
}

#[tokio::test]
async fn what_another_replica_notes_in_between_takes_nothing_away() {
    let server = crate::testing::ApiServer::default();
    let path = format!("/api/v1/namespaces/mine/configmaps/{BRAKE}");
    let until = "2026-11-23T10:15:00Z";
    let noted = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": BRAKE, "namespace": "mine"},
        "data": {"mutating": until}});
    server.put(&path, noted);
    // It was not there a moment ago.
    server.fail(&format!("PATCH {path}"), 404, 1);
    let brake = (WebhookConfiguration::Validating, Some(until.parse().unwrap()));
    write::brake(&server.client(), "mine", brake, &Installed::Absent)
        .await
        .unwrap();
    let stored = server.get(&path).unwrap();
    assert_eq!(stored["data"], json!({"mutating": until, "validating": until}));
}
