//! What a Canary says of its route that the definition of HTTPRoute refuses.

use super::durations;
use crate::api::GoDuration;
use crate::api::canary::{CanaryService, CanarySpec, HttpMatch, StringMatch};

/// How `rewrite.type` says that the prefix of a path is replaced.
pub(super) const PREFIX: &str = "ReplacePrefixMatch";

/// The fields, and what to say instead.
pub(super) fn of_canary(spec: &CanarySpec) -> Vec<(String, String)> {
    let Some(service) = &spec.service else {
        return Vec::new();
    };
    let timeouts = [
        ("timeout", &service.timeout),
        ("backendTimeout", &service.backend_timeout),
    ];
    let unsaid = timeouts.into_iter().filter_map(|(name, text)| {
        let text = text.as_deref().filter(|text| is_unsaid(text))?;
        let why = format!(
            "an HTTPRoute has whole milliseconds, up to 99999h, and {text} would be refused; write one such as 1500ms"
        );
        Some((format!("spec.service.{name}"), why))
    });
    unsaid.chain(unprefixed(service)).collect()
}

// One that is no duration is refused as that, whoever is to read it.
fn is_unsaid(text: &str) -> bool {
    let is_duration = GoDuration::parse(text).is_ok_and(|duration| duration.as_nanos() >= 0);
    is_duration && durations::written(text).is_none()
}

// A prefix can be replaced where one is matched; what says no path matches all of them, by the prefix `/`. Where there is nothing to
// replace it with, as where hosts alone are replaced, the type says nothing.
fn unprefixed(service: &CanaryService) -> Vec<(String, String)> {
    let rewrite = service.rewrite.as_ref().filter(|rewrite| rewrite.uri.is_some());
    let kind = rewrite.and_then(|rewrite| rewrite.kind.as_deref());
    if kind != Some(PREFIX) {
        return Vec::new();
    }
    let form = |of: &HttpMatch| of.uri.as_ref().and_then(StringMatch::form).map(|(form, _)| form);
    let all = service.matches.iter().flatten().enumerate();
    let other = all.filter(|(_, of)| form(of).is_some_and(|form| form != "prefix"));
    let why = "rewrite.type ReplacePrefixMatch needs uri.prefix here; leave rewrite.type out, or match so";
    other
        .map(|(at, _)| (format!("spec.service.match[{at}].uri"), why.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn refused(service: Value) -> Vec<String> {
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        let spec = serde_json::from_value(json!({"targetRef": target, "service": service})).unwrap();
        of_canary(&spec).into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn a_timeout_that_no_route_can_say_is_refused_and_one_that_is_none_is_anothers_to_refuse() {
        let of = |timeout: &str| refused(json!({"port": 80, "timeout": timeout, "backendTimeout": timeout}));
        for fine in ["5s", "1.5s", "0s", "soon", "-1s"] {
            assert_eq!(of(fine), [""; 0], "{fine}");
        }
        assert_eq!(of("100us"), ["spec.service.timeout", "spec.service.backendTimeout"]);
    }

    #[test]
    fn a_prefix_is_replaced_where_one_is_matched() {
        let matches = json!([
            {"uri": {"prefix": "/a"}}, {"uri": {"exact": "/b"}}, {"headers": {"x": {"exact": "y"}}}, {"uri": {"regex": "/c.*"}},
        ]);
        let of = |rewrite: Value| refused(json!({"port": 80, "match": matches, "rewrite": rewrite}));
        for fine in [
            json!({"uri": "/"}),
            json!({"authority": "web.test", "type": "ReplacePrefixMatch"}),
        ] {
            assert_eq!(of(fine.clone()), [""; 0], "{fine}");
        }
        let prefix = of(json!({"uri": "/", "type": "ReplacePrefixMatch"}));
        assert_eq!(prefix, ["spec.service.match[1].uri", "spec.service.match[3].uri"]);
    }
}
