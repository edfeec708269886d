//! Whatever is asked, and whatever the author says: it is read as it was written, and the author's Ingress stays as it is.

use super::*;
use crate::routing::ingress::tests::{has_path, some_ingress};
use proptest::prelude::*;
use proptest::sample::select;

fn some_match() -> impl Strategy<Value = Value> {
    let form = select(vec!["exact", "prefix", "suffix", "regex"]);
    let named = || {
        (
            select(vec!["x-canary", "cookie", "user-agent"]),
            form.clone(),
            "[a-z\"\\\\/ .]{0,6}",
        )
    };
    (named(), named(), any::<bool>()).prop_map(|(header, query, both)| {
        let (name, form, value) = header;
        let mut entry = json!({"headers": {name: {form: value}}});
        if both {
            let (name, form, value) = query;
            entry["queryParams"] = json!({name: {form: value}});
        }
        entry
    })
}

fn some_route() -> impl Strategy<Value = Value> {
    let users = select(vec![
        None,
        Some("True()"),
        Some("Traffic(0.5)"),
        Some("Method(\"GET\")"),
    ]);
    let of = |users: Option<&'static str>| {
        let mut annotations = vec![
            ("zalando.org/skipper-filter", json!("compress()")),
            ("zalando.org/backend-weights", json!("{\"web\": 100}")),
            ("nginx.ingress.kubernetes.io/rewrite-target", json!("/$1")),
            ("cert-manager.io/cluster-issuer", json!("letsencrypt")),
        ];
        annotations.extend(users.map(|users| ("zalando.org/skipper-predicate", json!(users))));
        some_ingress(annotations)
    };
    users.prop_flat_map(of)
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(
        route in some_route(), matches in proptest::collection::vec(some_match(), 1..=4),
        share in 0u8..=100, matched in any::<bool>(), expected in 0u8..=100,
    ) {
        let count = matches.len();
        let exposure = tested(json!(matches));
        let wanted = Traffic { matched, ..Traffic::share(share) };
        let objects = carried(&route, wanted, &exposure);
        prop_assert_eq!(&objects[0], &route);
        let beside = if has_path(&route) { usize::from(share > 0) + if matched { count } else { 0 } } else { 0 };
        prop_assert_eq!(objects.len(), 1 + beside);
        if has_path(&route) {
            prop_assert_eq!(read(&objects, &exposure, Some(wanted)), Some(wanted));
            prop_assert_eq!(read(&objects, &exposure, Some(Traffic::share(expected))), Some(wanted));
        }
        let leads = |one: &Value, service: &str| Skipper.services(one).iter().all(|name| name == service);
        prop_assert!(objects.iter().skip(1).all(|one| leads(one, "web-canary")));
        prop_assert_eq!(Skipper.folded(&objects[0], &names()), route);
    }
}
