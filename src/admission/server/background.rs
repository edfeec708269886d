//! Work that can wait, on a thread of its own that leaves the cores to everybody else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, Result};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How far behind others such a thread stands, as `nice` counts: it has a quarter of a core that others want too, and all of
/// one that is free. Not further: who waits for the answer, for three seconds, is the API server here too, and one review may
/// hold the only turn of its address.
///
/// Nobody waits long for a thread that stands behind. What it shares with others are locks of caches: it holds one while it
/// looks something up and counts a reference to it, never while it reads, judges or frees a review, and never across a wait.
/// If it is put aside in just these microseconds, others wait until the scheduler comes round to it, some milliseconds later.
/// A look at the API server that several share is one that each of them waits for only so long.
const NICE: i32 = 5;

/// Runs `work` there to its end, even if nobody waits for it any more. A panic of it is an `Err`.
///
/// Not tokio's threads for blocking work: those are used again for work that is urgent, and nobody without a privilege
/// may take a thread's priority down and up again.
///
/// # Errors
/// The system has no thread left.
pub(super) async fn run<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> std::io::Result<Result<T>> {
    let (tell, told) = oneshot::channel();
    let runtime = Handle::current();
    Builder::new().name("large-review".to_owned()).spawn(move || {
        if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
            tracing::debug!(%error, "the priority of a thread stays as it is");
        }
        let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
        let _ = tell.send(ended);
    })?;
    told.await
        .map_err(|_| std::io::Error::other("the thread of a large review ended without a word"))
}

#[cfg(test)]
mod tests {
    use super::{NICE, run};

    #[tokio::test]
    async fn work_has_a_thread_that_stands_behind() {
        let ours = nice();
        let theirs = run(async { nice() }).await.unwrap().unwrap();
        assert_eq!((theirs, nice()), (NICE, ours), "only that thread stands behind");
    }

    #[tokio::test]
    async fn a_panic_is_told() {
        let ended = run(async { panic!("in the work") }).await.unwrap();
        let panic: Box<dyn std::any::Any + Send> = ended.map(|(): ()| ()).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"in the work"));
    }

    fn nice() -> i32 {
        rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap()
    }
}
