//! Whole objects, as they are sent: those that are made beside an author's. The suite has a real API server judge them as well.

use super::*;

#[test]
fn a_share_is_a_second_ingress_with_the_paths_of_the_app_alone() {
    let annotations = json!({
        "nginx.ingress.kubernetes.io/rewrite-target": "/", "nginx.ingress.kubernetes.io/canary-weight": "7",
        "cert-manager.io/cluster-issuer": "letsencrypt", "kubectl.kubernetes.io/last-applied-configuration": "{}",
    });
    let mine = ingress(annotations);
    let objects = carried(&mine, Traffic::share(30), &Exposure::default());
    let [same, second] = objects.as_slice() else {
        panic!("{objects:?}")
    };
    assert_eq!(*same, mine);
    insta::assert_json_snapshot!("share", second);
    let second = &made(second);
    assert!(Nginx.is_companion(second) && !Nginx.is_companion(same));
    assert!(Nginx.names_a_half(second, &names()) && !Nginx.names_a_half(same, &names()));
    assert!(Nginx.refers_to(second, &names()) && Nginx.refers_to(same, &names()));
}

#[test]
fn a_test_is_by_one_header_and_one_cookie() {
    let exposure = test_of(json!([
        {"headers": {"x-canary": {"prefix": "in.ternal"}}}, {"headers": {"cookie": {"exact": "canary"}}},
    ]));
    let traffic = Traffic {
        matched: true,
        ..Traffic::PRIMARY
    };
    let objects = carried(&plain(), traffic, &exposure);
    insta::assert_json_snapshot!("ab_test", objects[1]);
    assert_eq!(read(&objects, &exposure, None), Some(traffic));
}
