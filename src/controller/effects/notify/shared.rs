//! Services that follow no pair because they point at other workloads too.

use super::once::tell_once;
use crate::api::Canary;
use crate::controller::{context::Context, queue::Key, watch::pair::pointing::Pointing};

/// Says once which Services are left alone because they point at other workloads too.
pub fn tell_shared(context: &Context, key: &Key, canary: &Canary, found: &Pointing) {
    let lines: Vec<String> = found.shared.iter().map(ToString::to_string).collect();
    let text = (!lines.is_empty()).then(|| format!("Not moved with the app: {}", lines.join("; ")));
    tell_once(context, key, canary, |memory| &mut memory.shared, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{controller::context::fake, plan::services::pointing::Shared};

    #[tokio::test]
    async fn a_service_that_is_left_alone_is_told_of_once() {
        let (context, mut told) = fake::context();
        let key = fake::add(&context, "web");
        let canary = context.cluster.canary(&key).unwrap();
        let shared = Pointing {
            shared: vec![Shared {
                service: "tier".into(),
                others: vec!["Deployment/worker".into()],
            }],
            ..Pointing::default()
        };
        let mut count = |found: &Pointing| {
            tell_shared(&context, &key, &canary, found);
            std::iter::from_fn(|| told.try_recv().ok()).count()
        };
        assert_eq!([count(&shared), count(&shared)], [1, 0]);
        assert_eq!([count(&Pointing::default()), count(&shared)], [0, 1]);
    }
}
