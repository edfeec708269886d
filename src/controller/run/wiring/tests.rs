use super::*;
use crate::{
    controller::{context::fake, watch::cache::CHANGES},
    testing::ApiServer,
};
use serde_json::json;
use tokio::sync::mpsc::channel;

#[tokio::test(start_paused = true)]
async fn what_is_remembered_of_a_namespace_goes_when_nobody_works_in_it_any_more() {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    let (changes, _changed) = channel(CHANGES);
    let (to, cache) = (
        (server.client(), context.effects.metrics.clone()),
        &context.cluster.cache,
    );
    let watches = Watches::new(to, cache.clone(), changes, true);
    let mut wiring = Wiring::new(context.clone(), watches);
    let memory = &context.memory;
    let key = |namespace: &str| (namespace.to_owned(), "app".to_owned());
    for namespace in ["shop", "web"] {
        fake::enable(&context, namespace);
        wiring.hear(Told::Namespace(namespace.to_owned()));
        memory.deployments.failed(&key(namespace), "full");
        memory
            .labelled
            .note(namespace, Instant::now() + Duration::from_secs(60));
    }
    fake::namespace(&context, "shop", &json!({}));
    wiring.hear(Told::Namespace("shop".to_owned()));
    let kept = |namespace: &str| {
        let failed = memory.deployments.rests(&key(namespace));
        (failed, !memory.labelled.is_over(namespace))
    };
    assert_eq!((kept("shop"), kept("web")), ((false, false), (true, true)));
}
