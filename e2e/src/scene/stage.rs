//! Who plays when: most scenes side by side, and those that take Coalmine itself away alone.

use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

/// Scenes that play side by side: they mostly wait, two cores carry this many.
const AT_ONCE: u32 = 4;
/// Tests that are begun at once, most of which wait for the stage: more than [`AT_ONCE`] and the scenes that play alone
/// together, so that those keep nobody else from it.
pub const BEGUN: u32 = 24;
/// A stage that was free for so long is wanted by nobody but those who play alone.
const FREE: Duration = Duration::from_secs(1);

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE as usize);
static ALONE: Mutex<()> = Mutex::const_new(());

/// The right to play.
pub(super) struct Place {
    _places: SemaphorePermit<'static>,
    _alone: Option<MutexGuard<'static, ()>>,
}

/// A place beside others.
pub(super) async fn beside_others() -> Place {
    Place {
        _places: PLACES.acquire().await.expect("the stage never closes"),
        _alone: None,
    }
}

/// The whole stage, when everybody else has played: in between, all would wait for the longest scene under way before
/// it, with the machine idle.
pub(super) async fn alone() -> Place {
    let turn = ALONE.lock().await;
    let mut taken = Instant::now();
    loop {
        // With whoever waits for a place there is none left.
        if PLACES.available_permits() < AT_ONCE as usize {
            taken = Instant::now();
        } else if taken.elapsed() >= FREE
            && let Ok(all) = PLACES.try_acquire_many(AT_ONCE)
        {
            return Place {
                _places: all,
                _alone: Some(turn),
            };
        }
        tokio::time::sleep(FREE / 10).await;
    }
}
