//! Instants that users have a say in: a delay of years, a time in a status that somebody wrote.

use jiff::Timestamp;
use std::time::Duration;

/// `span` after `since`; where no clock gets that far, the last instant there is, which never comes.
pub fn after(since: Timestamp, span: Duration) -> Timestamp {
    since.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::after;
    use jiff::Timestamp;
    use std::time::Duration;

    #[test]
    fn what_no_clock_reaches_never_comes() {
        let second = Duration::from_secs(1);
        assert_eq!(after(Timestamp::UNIX_EPOCH, second).as_second(), 1);
        for (since, span) in [
            (Timestamp::MAX, second),
            (Timestamp::UNIX_EPOCH, Duration::MAX),
            (Timestamp::MIN, Duration::MAX),
            (Timestamp::MAX, Duration::MAX),
        ] {
            assert_eq!(after(since, span), Timestamp::MAX);
        }
    }
}
