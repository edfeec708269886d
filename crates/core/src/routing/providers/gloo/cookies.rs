//! Set-Cookie on a weighted destination (`options.headerManipulation.responseHeadersToAdd`), and taking it off again.

use crate::object::text;
use serde_json::{Value, json};

const HEADER: &str = "Set-Cookie";
/// The members on the way to the headers that are added.
const WAY: [&str; 3] = ["options", "headerManipulation", "responseHeadersToAdd"];

fn cookie(added: &Value) -> Option<&str> {
    let is_cookie = text(added, "/header/key").eq_ignore_ascii_case(HEADER);
    is_cookie.then(|| text(added, "/header/value"))
}

/// The Set-Cookie values that a destination adds to its answers.
pub(super) fn set(entry: &Value) -> Vec<String> {
    let added = entry.pointer(&format!("/{}", WAY.join("/"))).and_then(Value::as_array);
    let cookies = added.into_iter().flatten().filter_map(cookie);
    cookies.map(str::to_owned).collect()
}

/// The destination with `cookie` added to its answers.
pub(super) fn setting(entry: &Value, cookie: &str) -> Value {
    let mut entry = entry.clone();
    let [options, manipulation, list] = WAY;
    let mut place = Some(&mut entry);
    for (member, empty) in [(options, json!({})), (manipulation, json!({})), (list, json!([]))] {
        place = place
            .and_then(Value::as_object_mut)
            .map(|members| members.entry(member).or_insert(empty));
    }
    if let Some(added) = place.and_then(Value::as_array_mut) {
        // Beside those of the app, not in their place.
        added.push(json!({"header": {"key": HEADER, "value": cookie}, "append": true}));
    }
    entry
}

/// The destination without cookies that are not the `users`, and without what has nothing else in it.
pub(super) fn without(entry: &Value, users: &dyn Fn(&str) -> bool) -> Value {
    let mut entry = entry.clone();
    taken(&mut entry, &WAY, users);
    entry
}

// Takes our cookies out from below `value`; whether that left nothing in it.
fn taken(value: &mut Value, way: &[&str], users: &dyn Fn(&str) -> bool) -> bool {
    let Some((next, rest)) = way.split_first() else {
        let Some(added) = value.as_array_mut() else {
            return false;
        };
        let before = added.len();
        added.retain(|one| cookie(one).is_none_or(users));
        return added.len() < before && added.is_empty();
    };
    let Some(members) = value.as_object_mut() else {
        return false;
    };
    let emptied = members.get_mut(*next).is_some_and(|below| taken(below, rest, users));
    if emptied {
        members.remove(*next);
    }
    emptied && members.is_empty()
}
