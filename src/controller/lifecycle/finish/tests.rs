//! Who is kept by our finalizer, and when it is taken off.

mod finalizers;

use super::*;

fn canary(stage: &str, finalizer: bool) -> Canary {
    let finalizers = if finalizer {
        json!([labels::FINALIZER])
    } else {
        json!([])
    };
    serde_json::from_value(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": "shop", "namespace": "web", "finalizers": finalizers},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
        "status": {"phase": "", "run": {"stage": stage}},
    }))
    .unwrap()
}

#[test]
fn a_canary_that_stays_is_out_when_nothing_of_its_pair_is_left() {
    let held = json!({"metadata": {"labels": {labels::MANAGED: "true"}}});
    let plain = json!({"metadata": {}});
    for (stage, finalizer, target, out) in [
        // Never taken up, or taken apart.
        ("", false, Some(&plain), true),
        ("Left", false, Some(&plain), true),
        // The webhook held it, and no step has seen it: somebody has to let it go.
        ("", false, Some(&held), false),
        ("Rest", false, Some(&plain), false),
        ("Left", true, Some(&plain), false),
        // Nothing to give back to.
        ("Rest", false, None, true),
        ("Rest", true, None, false),
    ] {
        assert_eq!(
            is_out(&canary(stage, finalizer), target),
            out,
            "{stage} {finalizer} {target:?}"
        );
    }
}
