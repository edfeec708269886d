use super::*;

#[test]
fn the_texts_scripts_search_for_are_flaggers() {
    let said = [
        initialization_done("app", "test"),
        new_revision_scaling_up("app", "test"),
        advance_canary_weight("app", "test", 10),
        copying_template("app", "test"),
        promotion_completed("app", "test"),
        rolling_back_threshold("app", "test", 5),
        canary_failed("app", "test"),
        rollout_failed("app", "test", "acceptance", "boom"),
        success_rate("app", "test", "98.76", Side::Below, "99"),
        request_duration("app", "test", "2.415s", Side::Above, "500ms"),
        no_values_builtin("istio", "request-duration", "app", "test", None),
        canary_not_ready("app", "test", &waiting_for_rollout(&replicas_available(1, 2, 100))),
        primary_not_ready("app", "test", &exceeded_deadline("app-primary")),
    ];
    insta::assert_snapshot!("texts", said.join("\n"));
}
