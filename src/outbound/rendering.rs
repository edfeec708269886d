//! Whose turn it is to render a template, and on which thread.
//!
//! A template without a loop is rendered between two waits of the threads that serve everybody, which takes some microseconds.
//! One with loops may take some hundredths of a second ([`limits::TEMPLATE_STEPS`](crate::api::limits::TEMPLATE_STEPS)), an
//! app may have many of them in each check, and those threads also renew the lease and answer probes. So these are rendered
//! one after the other, on a thread beside.

use tokio::{sync::Semaphore, task::spawn_blocking};

/// Whoever renders a template with loops, in the whole process.
static TURN: Semaphore = Semaphore::const_new(1);
/// What a template needs for a loop.
const LOOP: &str = "range";

/// Does `work`, which renders the template `source`.
pub async fn in_turn<T: Send + 'static>(source: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    if !source.contains(LOOP) {
        return work();
    }
    let turn = TURN.acquire().await; // nobody closes it
    let rendered = spawn_blocking(move || {
        // Also when nobody waits for it any more, the next one waits.
        let _turn = turn;
        work()
    });
    match rendered.await {
        Ok(rendered) => rendered,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        // The process ends, and whoever asked ends with it.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::thread;

    const LOOPS: &str = "{{ range variables }}x{{ end }}";

    #[tokio::test]
    async fn what_loops_is_rendered_beside_the_threads_that_serve_everybody() {
        let own = thread::current().id();
        let on = || thread::current().id();
        assert_eq!(in_turn("up{ns=\"{{ namespace }}\"}", on).await, own);
        assert_ne!(in_turn(LOOPS, on).await, own);
    }

    #[tokio::test]
    async fn what_loops_is_rendered_one_after_the_other() {
        static BUSY: AtomicUsize = AtomicUsize::new(0);
        // Whoever renders holds the only turn there is for as long as that takes.
        let work = || {
            let others = BUSY.fetch_add(1, SeqCst);
            let left = TURN.available_permits();
            BUSY.fetch_sub(1, SeqCst);
            (others, left)
        };
        let all = join_all((0..8).map(|_| in_turn(LOOPS, work))).await;
        assert_eq!(all, [(0, 0); 8]);
    }

    #[tokio::test]
    async fn a_panic_reaches_whoever_asked_and_the_next_one_has_its_turn() {
        let fell = tokio::spawn(in_turn(LOOPS, || -> u8 { panic!("the engine fell") })).await;
        assert!(fell.unwrap_err().is_panic());
        assert_eq!(in_turn(LOOPS, || 1).await, 1);
    }
}
