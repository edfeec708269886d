//! How much of a run's measurements a status keeps. Pure.

use crate::api::canary::Measurement;

/// Newest measurements kept in the status.
const MOST: usize = 100;
/// Most bytes of them, as JSON: a status is read by everybody who watches.
const BYTES: usize = 32 * 1024;
/// Longest message of one, in characters.
const MESSAGE: usize = 256;

/// The newest of `kept` and then `new`, within the bounds.
pub fn newest(mut kept: Vec<Measurement>, new: &[Measurement]) -> Vec<Measurement> {
    if new.is_empty() {
        return kept;
    }
    kept.extend(new.iter().cloned().map(|mut one| {
        one.message = one.message.map(|text| text.chars().take(MESSAGE).collect());
        one
    }));
    let mut left = BYTES;
    let fitting = kept.iter().rev().take(MOST).take_while(|one| {
        // The comma, too.
        let size = serde_json::to_vec(one).map_or(BYTES, |json| json.len() + 1);
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    });
    let surplus = kept.len() - fitting.count();
    kept.split_off(surplus)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(iteration: i32, message: &str) -> Measurement {
        Measurement {
            metric: "request-success-rate".into(),
            iteration,
            message: Some(message.into()),
            ..Measurement::default()
        }
    }

    #[test]
    fn the_newest_hundred_are_kept() {
        let all: Vec<Measurement> = (1..=100).map(|n| one(n, "")).collect();
        let kept = newest(all, &[one(101, ""), one(102, "")]);
        assert_eq!((kept.len(), kept[0].iteration, kept[99].iteration), (100, 3, 102));
    }

    #[test]
    fn long_messages_are_cut_and_the_whole_stays_below_32_kib() {
        let long = "é".repeat(5000);
        let new: Vec<Measurement> = (1..=100).map(|n| one(n, &long)).collect();
        let kept = newest(Vec::new(), &new);
        let size = serde_json::to_vec(&kept).unwrap().len();
        assert!(size <= BYTES + 2 && size > BYTES / 2, "{size}");
        assert_eq!(kept.last().unwrap().iteration, 100);
        assert_eq!(kept[0].message.as_ref().unwrap().chars().count(), MESSAGE);
    }
}
