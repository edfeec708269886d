//! How many objects there is room for in a page, by what was seen of the pages before it: where the objects of a path are
//! large, a list of them would otherwise begin every page with some that are too large.

use parking_lot::Mutex;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// What was seen so long ago says nothing any more.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);
/// Pages of one size that fit before twice as many objects are tried: where that does not go well, it costs one try in so
/// many.
const OFTEN: u32 = 8;
/// Most paths that are remembered.
const MOST: usize = 256;

/// A path, and how many objects are asked for there at most: of metadata more have room than of whole objects.
type Asked = (String, u32);

struct Seen {
    objects: u32,
    pages: u32,
    at: Instant,
}

/// What has fitted where less did than was asked for.
#[derive(Default)]
pub struct Fitted(Mutex<HashMap<Asked, Seen>>);

impl Fitted {
    /// How many objects of `most` to begin with.
    pub fn begin(&self, path: &str, most: u32) -> u32 {
        let all = self.0.lock();
        let seen = all.get(&(path.to_owned(), most));
        let seen = seen.filter(|seen| seen.at.elapsed() < REMEMBERED);
        seen.map_or(most, |seen| seen.objects)
    }

    /// More than so many of `most` did not. Whoever has no time left to try them begins with that the next time.
    pub fn try_next(&self, path: &str, most: u32, objects: u32) {
        self.put((path.to_owned(), most), objects, 0);
    }

    /// A page of so many of `most` did.
    pub fn note(&self, path: &str, most: u32, objects: u32) {
        let asked = (path.to_owned(), most);
        let before = self.0.lock().remove(&asked);
        if objects >= most {
            return;
        }
        let before = before.filter(|seen| seen.objects == objects && seen.at.elapsed() < REMEMBERED);
        let pages = before.map_or(1, |seen| seen.pages + 1);
        match pages < OFTEN {
            true => self.put(asked, objects, pages),
            false => self.put(asked, (objects * 2).min(most), 0),
        }
    }

    fn put(&self, asked: Asked, objects: u32, pages: u32) {
        let mut all = self.0.lock();
        if all.len() >= MOST {
            all.retain(|_, seen| seen.at.elapsed() < REMEMBERED);
        }
        if all.len() < MOST {
            let at = Instant::now();
            all.insert(asked, Seen { objects, pages, at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_fitted_is_begun_with_and_now_and_then_twice_as_much() {
        let fitted = Fitted::default();
        assert_eq!(fitted.begin("/pods", 16), 16);
        for _ in 1..OFTEN {
            fitted.note("/pods", 16, 4);
            assert_eq!(fitted.begin("/pods", 16), 4);
        }
        assert_eq!(
            (fitted.begin("/pods", 100), fitted.begin("/services", 16)),
            (100, 16),
            "what else is asked for"
        );
        fitted.note("/pods", 16, 4);
        assert_eq!(fitted.begin("/pods", 16), 8);
        fitted.try_next("/pods", 16, 2);
        assert_eq!(fitted.begin("/pods", 16), 2, "eight did not fit");
        fitted.note("/pods", 16, 4);
        assert_eq!(fitted.begin("/pods", 16), 4, "it did not go well");
        fitted.note("/pods", 16, 16);
        assert_eq!(fitted.begin("/pods", 16), 16);
        fitted.note("/pods", 16, 2);
        tokio::time::advance(REMEMBERED).await;
        assert_eq!(fitted.begin("/pods", 16), 16, "for a while");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_paths_are_remembered_than_there_is_room_for() {
        let fitted = Fitted::default();
        for path in 0..2 * MOST {
            fitted.note(&path.to_string(), 16, 4);
        }
        assert_eq!(fitted.0.lock().len(), MOST);
        tokio::time::advance(REMEMBERED).await;
        fitted.note("/pods", 16, 4);
        assert_eq!(fitted.0.lock().len(), 1);
    }
}
