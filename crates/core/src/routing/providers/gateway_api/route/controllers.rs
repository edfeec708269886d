//! What is known of the controllers that answer for a route, and that the Gateway API has no word for.

use super::verdict::parents;
use crate::object::text;
use serde_json::Value;

/// Those without the RequestMirror filter: Traefik (3.7), which serves no request of a rule that has one.
const WITHOUT_MIRROR: &str = "traefik.io/gateway-controller";
/// What the names of Contour's begin with. It tells its proxies of routes and of Services by streams of their own, and copies every
/// request, whatever share a RequestMirror filter says (1.33).
const CONTOUR: &str = "projectcontour.io/";

/// The parents of a route whose controller is known to copy no requests, with its name.
pub(super) fn unmirrored(route: &Value) -> Vec<(&Value, &str)> {
    led_by(route, |controller| controller == WITHOUT_MIRROR)
}

/// The parents of a route whose controller is known to copy every request where a share is to be copied, with its name.
pub(super) fn copying_all(route: &Value) -> Vec<(&Value, &str)> {
    led_by(route, |controller| controller.starts_with(CONTOUR))
}

/// Whether any gateway that has a say in the route is known to tell its proxies of routes and of Services apart.
pub(super) fn hears_apart(route: &Value) -> bool {
    parents(route).any(|parent| text(parent, "/controllerName").starts_with(CONTOUR))
}

fn led_by(route: &Value, is_one: impl Fn(&str) -> bool) -> Vec<(&Value, &str)> {
    let all = parents(route).filter_map(|parent| Some((parent.get("parentRef")?, text(parent, "/controllerName"))));
    all.filter(|(_, controller)| is_one(controller)).collect()
}
