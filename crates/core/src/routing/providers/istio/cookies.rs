//! Set-Cookie on a destination (`headers.response.add`), and taking it off again.

use serde_json::{Value, json};

const HEADER: &str = "Set-Cookie";
/// The members on the way to the headers that are added.
const WAY: [&str; 3] = ["headers", "response", "add"];

fn is_set_cookie(name: &str) -> bool {
    name.eq_ignore_ascii_case(HEADER)
}

/// The Set-Cookie values that a destination adds to its answers.
pub(super) fn set(destination: &Value) -> Vec<String> {
    let added = destination.pointer("/headers/response/add").and_then(Value::as_object);
    let cookies = added.into_iter().flatten().filter(|(name, _)| is_set_cookie(name));
    cookies
        .filter_map(|(_, value)| value.as_str().map(str::to_owned))
        .collect()
}

/// The destination with `cookie` added to its answers.
pub(super) fn setting(destination: &Value, cookie: &str) -> Value {
    let mut destination = destination.clone();
    let mut place = Some(&mut destination);
    for member in WAY {
        place = place
            .and_then(Value::as_object_mut)
            .map(|members| members.entry(member).or_insert_with(|| json!({})));
    }
    if let Some(added) = place.and_then(Value::as_object_mut) {
        added.insert(HEADER.to_owned(), json!(cookie));
    }
    destination
}

/// The destination without cookies that are not the `users`, and without what has nothing else in it.
pub(super) fn without(destination: &Value, users: &dyn Fn(&str) -> bool) -> Value {
    let mut destination = destination.clone();
    taken(&mut destination, &WAY, users);
    destination
}

// Takes our cookies out from below `value`; whether that left nothing in it.
fn taken(value: &mut Value, way: &[&str], users: &dyn Fn(&str) -> bool) -> bool {
    let Some(members) = value.as_object_mut() else {
        return false;
    };
    let before = members.len();
    match way {
        [] => members.retain(|name, value| !is_set_cookie(name) || value.as_str().is_some_and(users)),
        [next, rest @ ..] => {
            if members.get_mut(*next).is_some_and(|below| taken(below, rest, users)) {
                members.remove(*next);
            }
        }
    }
    members.len() < before && members.is_empty()
}
