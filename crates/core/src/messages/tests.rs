use super::*;

#[test]
fn the_texts_scripts_search_for_are_flaggers() {
    let said = [
        rollout_failed("app", "test", "acceptance", "boom"),
        success_rate("app", "test", "98.76", Side::Below, "99"),
        request_duration("app", "test", "2.415s", Side::Above, "500ms"),
        no_values_builtin("istio", "request-duration", "app", "test", None),
    ];
    insta::assert_snapshot!("texts", said.join("\n"));
}
