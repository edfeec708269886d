use super::*;
use crate::patches;
use serde_json::json;

fn request() -> Request {
    parse(
        json!({"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": {
            "uid": "u-1", "kind": {"group": "flagger.app", "version": "v1beta1", "kind": "Canary"},
            "resource": {"group": "flagger.app", "version": "v1beta1", "resource": "canaries"},
            "name": "shop", "namespace": "web", "operation": "UPDATE", "userInfo": {"username": "ann"},
            "object": {"metadata": {"name": "shop"}}, "oldObject": null, "dryRun": true, "options": {"kind": "x"}}})
        .to_string()
        .as_bytes(),
    )
    .unwrap()
}

#[test]
fn a_request_is_read_and_unknown_members_are_ignored() {
    let request = request();
    assert_eq!((request.operation, request.is_dry_run()), (Operation::Update, true));
    assert_eq!(request.object_name(), "shop");
}

#[test]
fn an_absent_dry_run_means_false() {
    assert!(!Request::default().is_dry_run());
}

#[test]
fn another_version_and_an_empty_review_are_refused() {
    let old = br#"{"apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"1"}}"#;
    assert!(matches!(parse(old), Err(ParseError::Version(_))));
    let empty = br#"{"apiVersion":"admission.k8s.io/v1"}"#;
    assert!(matches!(parse(empty), Err(ParseError::Empty)));
    assert!(matches!(parse(b"[[["), Err(ParseError::Json(_))));
}

#[test]
fn the_patch_is_base64_text() {
    let response = Response {
        patch: vec![patches::replace(["spec", "replicas"], 0)],
        ..Response::default()
    };
    let text = String::from_utf8(response.to_bytes(&request()).unwrap()).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"allowed":true,"#,
            r#""patch":"W3sib3AiOiJyZXBsYWNlIiwicGF0aCI6Ii9zcGVjL3JlcGxpY2FzIiwidmFsdWUiOjB9XQ==","#,
            r#""patchType":"JSONPatch","uid":"u-1"}}"#
        )
    );
}

#[test]
fn a_denial_carries_every_cause_and_no_patch() {
    let causes = vec![
        Cause {
            reason: CauseReason::Invalid,
            field: "spec.a".into(),
            message: "bad".into(),
        },
        Cause {
            reason: CauseReason::Required,
            field: "spec.b".into(),
            message: "missing".into(),
        },
    ];
    let mut response = Response::deny(Denial::invalid(&request(), causes));
    response.patch = vec![patches::replace(["x"], 1)];
    let value: Value = serde_json::from_slice(&response.to_bytes(&request()).unwrap()).unwrap();
    assert_eq!(value["response"]["allowed"], json!(false));
    assert_eq!(value["response"].get("patch"), None);
    let status = &value["response"]["status"];
    assert_eq!(status["code"], json!(422));
    assert_eq!(
        status["message"],
        json!("Canary.flagger.app \"shop\" is invalid: [spec.a: bad, spec.b: missing]")
    );
    assert_eq!(status["details"]["causes"][1]["reason"], json!("FieldValueRequired"));
}

#[test]
fn the_decision_is_annotated_in_one_word_beside_what_else_is_noted() {
    let annotations = |response: Response| {
        let value: Value = serde_json::from_slice(&response.to_bytes(&request()).unwrap()).unwrap();
        value["response"]["auditAnnotations"].clone()
    };
    let response = Response::allow()
        .with_decision(Decision::Followed)
        .with_audit("generated", "true");
    assert_eq!(response.decided(), "follow");
    assert_eq!(
        annotations(response),
        json!({"decision": "follow", "generated": "true"})
    );
    assert_eq!(Response::allow().decided(), "");
    assert_eq!(annotations(Response::allow()), Value::Null);
}

#[test]
fn warnings_lose_control_characters_and_are_bounded() {
    let response = Response::allow().with_warnings((0..30).map(|_| format!("a\nb{}", "x".repeat(400))));
    let value: Value = serde_json::from_slice(&response.to_bytes(&request()).unwrap()).unwrap();
    let warnings = value["response"]["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 10);
    assert!(warnings[0].as_str().unwrap().starts_with("a bx"));
    assert_eq!(warnings[0].as_str().unwrap().chars().count(), 256);
}
