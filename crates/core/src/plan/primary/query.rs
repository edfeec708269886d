//! Queries about the target, asked about primary instead.

/// `query` with every mention of `{target}-canary` and `{target}` replaced by `{target}-primary` (Flagger 1.44's rule for
/// ScaledObjects).
///
/// A name that only contains the target's (`webshop` for `web`), a metric's name (`web_requests_total`) and a mention of
/// primary stay as they are; Flagger breaks all three.
pub fn about_primary(query: &str, target: &str) -> String {
    let mut out = String::with_capacity(query.len() + 16);
    let mut rest = query;
    let mut quote = None;
    while let Some(next) = rest.chars().next() {
        let mention = rest.strip_prefix(target).filter(|_| !target.is_empty());
        if let Some(after) = mention.filter(|after| stands_alone(&out, after, quote.is_some())) {
            out.push_str(target);
            out.push_str("-primary");
            rest = ["-canary", "-primary"]
                .iter()
                .find_map(|half| after.strip_prefix(half))
                .unwrap_or(after);
            continue;
        }
        quote = match (quote, next) {
            (None, '"' | '\'' | '`') => Some(next),
            (Some(open), _) if open == next && !out.ends_with('\\') => None,
            (quote, _) => quote,
        };
        out.push(next);
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
    }
    out
}

// In quotes an underscore joins names (shop_web_80); outside of them it is part of an identifier.
fn stands_alone(before: &str, after: &str, quoted: bool) -> bool {
    let joins = |c: char| c.is_alphanumeric() || (c == '_' && !quoted);
    // `app="app"`: the label is called like the target, only its value is the target.
    let is_label = !quoted && after.trim_start().starts_with(['=', '!', ':']);
    !is_label && !before.chars().next_back().is_some_and(joins) && !after.chars().next().is_some_and(joins)
}

#[cfg(test)]
mod tests {
    use super::about_primary;
    use proptest::prelude::*;

    #[test]
    fn the_target_and_its_canary_become_primary() {
        for (asked, about) in [
            (
                r#"sum(rate(http_requests{app="web"}[1m]))"#,
                r#"sum(rate(http_requests{app="web-primary"}[1m]))"#,
            ),
            (
                r#"rate(x{service="web-canary"}[1m])"#,
                r#"rate(x{service="web-primary"}[1m])"#,
            ),
            (r#"x{pod=~"web-[0-9a-f]+-.*"}"#, r#"x{pod=~"web-primary-[0-9a-f]+-.*"}"#),
            (
                r#"x{backend="shop_web_80"} / y{b='shop-web-80'}"#,
                r#"x{backend="shop_web-primary_80"} / y{b='shop-web-primary-80'}"#,
            ),
            ("avg:trace.hits{service:web}", "avg:trace.hits{service:web-primary}"),
            (
                r#"x{web="web", web !~ "web-canary"} / y{web:web}"#,
                r#"x{web="web-primary", web !~ "web-primary"} / y{web:web-primary}"#,
            ),
        ] {
            assert_eq!(about_primary(asked, "web"), about);
        }
    }

    #[test]
    fn what_is_not_the_target_stays() {
        for asked in [
            r#"web_requests_total{app="webshop"}"#,
            r#"x{app="web-primary"}"#,
            r#"x{app="cobweb"}"#,
            "",
        ] {
            assert_eq!(about_primary(asked, "web"), asked);
        }
        assert_eq!(about_primary("x", ""), "x");
    }

    proptest! {
        #[test]
        fn asking_twice_is_asking_once(query in r#"[web_\-canrypim"'\\ {}=]{0,40}"#) {
            let once = about_primary(&query, "web");
            prop_assert_eq!(about_primary(&once, "web"), once);
        }
    }
}
