//! What runs beside the steps, and how it ends: with what it is for, and never by taking anything else along.

use crate::foreign::Foreign;
use futures::FutureExt;
use std::{any::Any, future::Future, panic::AssertUnwindSafe, time::Duration};
use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinHandle},
};

/// What is under way when nobody waits for it any more has this long to end by itself.
pub const LAST_WORDS: Duration = Duration::from_secs(60);

/// A task that is ended when this is dropped.
#[derive(Debug)]
pub struct Task(Option<AbortHandle>);

impl Task {
    /// Of a task that was started.
    pub fn of<T>(started: &JoinHandle<T>) -> Self {
        Self(Some(started.abort_handle()))
    }

    /// Ends it in a while, unless it ends by itself; at once where nothing runs any more.
    pub fn linger(mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if let Some(task) = self.0.take().filter(|task| !task.is_finished()) {
            runtime.spawn(async move {
                tokio::time::sleep(LAST_WORDS).await;
                task.abort();
            });
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Does `work`, and catches a panic in it.
///
/// # Errors
/// What a panic said.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(|panic| said(&*panic))
}

/// The same of what is done at once.
///
/// # Errors
/// What a panic said.
pub fn caught_now<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| said(&*panic))
}

/// Counts and logs an internal error in `what` was done for whom.
pub fn internal_error(metrics: &crate::telemetry::Metrics, what: &str, of: &str, why: &str) {
    metrics.panicked();
    tracing::error!(canary = of, "internal error in {what}: {why}");
}

// What panics say may hold what users wrote.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    Foreign::of(text.unwrap_or("no message")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    #[tokio::test]
    async fn a_panic_is_a_text_and_a_task_ends_with_its_owner() {
        assert_eq!(caught(async { 1 }).await, Ok(1));
        let number = 7;
        assert_eq!(
            caught::<()>(async { panic!("at {number}") }).await,
            Err("at 7".to_owned())
        );
        assert_eq!(caught_now::<()>(|| panic!("at once")), Err("at once".to_owned()));
        let ended = Arc::new(AtomicBool::new(false));
        struct Tells(Arc<AtomicBool>);
        impl Drop for Tells {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let tells = Tells(ended.clone());
        let started = tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(tells);
        });
        drop(Task::of(&started));
        assert!(started.await.unwrap_err().is_cancelled());
        assert!(ended.load(Ordering::SeqCst));
    }

    #[tokio::test(start_paused = true)]
    async fn what_lingers_is_ended_in_a_while() {
        let started = tokio::spawn(std::future::pending::<()>());
        Task::of(&started).linger();
        let begun = tokio::time::Instant::now();
        assert!(started.await.unwrap_err().is_cancelled());
        let took = begun.elapsed();
        assert!(LAST_WORDS <= took && took < LAST_WORDS * 2, "{took:?}");
    }
}
