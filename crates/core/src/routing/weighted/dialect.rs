//! What kinds of routes with weighted references write differently.

use crate::api::canary::AnalysisMatch;
use crate::routing::reference::{Local, Side, with};
use serde_json::Value;

/// How one kind writes its rules, their conditions and their references.
pub(in crate::routing) trait Dialect {
    /// Where its rules are: a JSON pointer.
    const RULES: &'static str;
    /// The member of a rule with its weighted references.
    const REFS: &'static str;
    /// The member of a rule with its conditions.
    const MATCHES: &'static str;
    /// Weights up to this one can be multiplied by 100, for shares in percent, and stay below the greatest that is allowed.
    const FINE: u64;

    /// Which Service of the pair a reference names.
    fn side(reference: &Value, names: &Local<'_>) -> Option<Side>;

    /// The reference to another Service of the pair, in the same words.
    fn named(reference: &Value, service: &str) -> Value;

    /// What a reference weighs; `alone` in its rule it may need no weight.
    fn weight(reference: &Value, alone: bool) -> u64;

    /// The reference to the apex as its author writes it who has no other in the rule.
    fn alone(apex: &Value) -> Value;

    /// A rule that is to stand beside the one it was copied from.
    fn copied(rule: Value) -> Value {
        rule
    }

    /// The condition that every request meets.
    fn everything() -> Value;

    /// The conditions of a rule, any of which suffices; none where it has none.
    fn matches(rule: &Value) -> Vec<Value> {
        let own = rule.get(Self::MATCHES).and_then(Value::as_array);
        own.cloned().unwrap_or_default()
    }

    /// A copy of `rule` for those requests only that meet any of `matches`: as many rules as it takes to say so.
    fn matching(rule: &Value, matches: Vec<Value>) -> Vec<Value> {
        vec![Self::copied(with(rule, Self::MATCHES, Value::Array(matches)))]
    }

    /// The entries of `analysis.match` that can be said exactly. One that cannot, or that says nothing, is left out:
    /// admission refuses it, and a route never sends more users to the canary than were named.
    fn conditions(matches: &[AnalysisMatch]) -> Vec<Value>;

    /// Requests that carry `cookie` (`name=value`), among others or alone.
    fn with_cookie(cookie: &str) -> Value;

    /// What meets `one` and `other`; `None` where that cannot be said, never widened to one of the two.
    fn both(one: &Value, other: &Value) -> Option<Value>;

    /// The Set-Cookie values that a reference adds to its answers. Unless a dialect has a word for that, none.
    fn cookies(_reference: &Value) -> Vec<String> {
        Vec::new()
    }

    /// The reference with `cookie` added to its answers. Only asked of one that adds none.
    fn setting(reference: &Value, _cookie: &str) -> Value {
        reference.clone()
    }

    /// The reference without the Set-Cookie values that are not the `users`.
    fn without_cookies(reference: &Value, _users: &dyn Fn(&str) -> bool) -> Value {
        reference.clone()
    }

    /// Percent of the requests a rule copies to the canary for us; 0 without such a mirror.
    fn mirrored(rule: &Value, names: &Local<'_>) -> u8;

    /// A split rule that copies so much besides.
    fn mirroring(rule: &Value, names: &Local<'_>, percent: u8) -> Value;

    /// The rule without the mirror that we added.
    fn without_mirror(rule: &Value, names: &Local<'_>) -> Value;
}
