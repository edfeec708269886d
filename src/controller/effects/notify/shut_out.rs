//! Gateways by which nobody comes to an app, while users come by others.

use super::once::tell_once;
use crate::api::Canary;
use crate::controller::{context::Context, queue::Key};

/// Says once which gateway takes no route of a Canary's app, and why; nothing is said where all do.
pub fn tell_shut_out(context: &Context, key: &Key, canary: &Canary, why: Option<String>) {
    let text = why.map(|why| {
        format!(
            "Nobody comes by one of the gateways, and releases go on by the others: {why}. Let its listeners take the route, or take it \
             out of the route's parents"
        )
    });
    tell_once(context, key, canary, |memory| &mut memory.shut_out, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::context::fake;

    #[tokio::test]
    async fn a_gateway_that_takes_no_route_is_told_of_once() {
        let (context, mut told) = fake::context();
        let key = fake::add(&context, "web");
        let canary = context.cluster.canary(&key).unwrap();
        let mut count = |why: Option<&str>| {
            tell_shut_out(&context, &key, &canary, why.map(str::to_owned));
            std::iter::from_fn(|| told.try_recv().ok()).count()
        };
        assert_eq!([count(Some("no")), count(Some("no"))], [1, 0]);
        assert_eq!([count(None), count(Some("no"))], [0, 1]);
    }
}
