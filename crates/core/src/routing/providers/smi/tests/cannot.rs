//! What cannot be moved is said, and left as it is.

use super::*;

#[test]
fn a_root_whose_traffic_goes_to_others_alone() {
    for root in ["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local"] {
        let mine = of_version("v1alpha2", root, json!([{"service": "legacy", "weight": 1}]));
        assert!(kind().refers_to(&mine, &names()), "{root}");
        assert!(told(&mine).unwrap().contains("to others alone"), "{root}");
        assert_eq!(carried(&mine, Traffic::share(20)), mine);
        assert_eq!(read(&mine, None), Some(Traffic::PRIMARY));
        assert_eq!(folded(&mine), mine);
    }
}

#[test]
fn one_that_leads_elsewhere() {
    for root in ["shop", "webby", "web.other.svc"] {
        let mine = of_version("v1alpha2", root, json!([{"service": "legacy", "weight": 1}]));
        assert!(!kind().refers_to(&mine, &names()), "{root}");
        assert!(told(&mine).unwrap().contains("does not send to Service web"), "{root}");
    }
}

#[test]
fn a_weight_that_cannot_be_read() {
    for weight in [json!("0.5"), json!("1k"), json!("m"), json!(0.5), json!(-1), json!({})] {
        let mine = of_version("v1alpha1", "web", json!([{"service": "web", "weight": weight}]));
        assert!(told(&mine).unwrap().contains("neither a whole number"), "{weight}");
        assert_eq!(carried(&mine, Traffic::share(20)), mine);
        assert_eq!(read(&mine, None), Some(Traffic::PRIMARY));
        // Halves go all the same.
        let halved = of_version("v1alpha1", "web", json!([{"service": "web-primary", "weight": weight}]));
        assert_eq!(read(&halved, None), None);
        assert_eq!(folded(&halved), mine);
    }
}

#[test]
fn a_weight_that_cannot_be_cut() {
    let of = |weight: u64| around(json!([{"service": "web", "weight": weight}, {"service": "legacy", "weight": 1}]));
    assert_eq!(told(&of(1_000_000)), None);
    assert!(told(&of(1_000_001)).unwrap().contains("above 1000000"));
    assert_eq!(told(&carried(&of(1_000_000), Traffic::share(1))), None);
}
