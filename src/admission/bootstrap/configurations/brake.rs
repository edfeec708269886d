//! What becomes of one webhook configuration now. Pure.
//!
//! An edit is put back. A deletion by hand is an emergency brake: whoever pulls it has a reason, and to have the webhook in
//! its way again two seconds later would be the worst answer. So it stays away for [`BRAKE`], which every replica heeds. What
//! the garbage collector took, because the ClusterRole it belongs to was made anew, comes back at once; without that
//! ClusterRole the installation is being taken away, and nothing is made any more.

use crate::orders::{Installed, Standing, WebhookConfiguration};
use jiff::Timestamp;
use std::time::Duration;

/// How long a configuration that somebody deleted stays away.
pub const BRAKE: Duration = Duration::from_secs(15 * 60);

/// What is stored of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    /// Uid of the ClusterRole it belongs to.
    pub owner: Option<String>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Bring what is stored up to date.
    Update,
    /// Create the configuration, which is not there.
    Create,
    /// Leave it away until then; `new` when this replica says so for the first time, `noted` when the order is stored.
    Braked { until: Timestamp, new: bool, noted: bool },
    /// Make none, and leave what is stored.
    HandsOff,
    /// Take it away: we are going ourselves.
    TakeAway,
}

/// What one replica remembers of one configuration.
#[derive(Debug)]
pub(super) struct Kept {
    which: WebhookConfiguration,
    before: Option<Stored>,
    brake: Option<Brake>,
    was_installed: bool,
}

#[derive(Debug)]
struct Brake {
    until: Timestamp,
    // Whether the order that says so was seen: once it is gone, somebody took it back.
    ordered: bool,
}

impl Kept {
    pub fn new(which: WebhookConfiguration) -> Self {
        Self {
            which,
            before: None,
            brake: None,
            was_installed: false,
        }
    }

    /// Which of the two it is.
    pub fn which(&self) -> WebhookConfiguration {
        self.which
    }

    /// Decides, given what is stored.
    pub fn turn(&mut self, stored: Option<Stored>, standing: &Standing, now: Timestamp) -> Action {
        self.was_installed |= matches!(standing.installed, Installed::As(_));
        if standing.ending {
            return Action::TakeAway;
        }
        let uninstalled = self.was_installed && standing.installed == Installed::Absent;
        if let Some(stored) = stored {
            self.before = Some(stored);
            self.brake = None;
            return if uninstalled { Action::HandsOff } else { Action::Update };
        }
        let before = self.before.take();
        if uninstalled || standing.leaves_all() {
            self.brake = None;
            return Action::HandsOff;
        }
        self.absent(before, standing, now)
    }

    fn absent(&mut self, before: Option<Stored>, standing: &Standing, now: Timestamp) -> Action {
        let ordered = standing.brake(self.which).filter(|until| *until > now);
        if let Some(brake) = &mut self.brake {
            let lifted = brake.ordered && ordered.is_none();
            brake.ordered |= ordered.is_some();
            brake.until = ordered.unwrap_or(brake.until);
            let (until, noted) = (brake.until, brake.ordered);
            if lifted || now >= until {
                self.brake = None;
                return Action::Create;
            }
            return Action::Braked {
                until,
                new: false,
                noted,
            };
        }
        let pulled = before
            .filter(|before| !is_collected(before, standing))
            .map(|_| now + BRAKE);
        let Some(until) = ordered.or(pulled) else {
            return Action::Create;
        };
        let noted = ordered.is_some();
        self.brake = Some(Brake { until, ordered: noted });
        Action::Braked {
            until,
            new: true,
            noted,
        }
    }
}

// Whether the ClusterRole it belonged to is not the one of now.
fn is_collected(before: &Stored, standing: &Standing) -> bool {
    match (&before.owner, &standing.installed) {
        (Some(owner), Installed::As(installation)) => *owner != installation.uid,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::{Installation, Leave};
    use k8s_openapi::api::core::v1::ConfigMap;

    const T0: &str = "2026-11-23T10:00:00Z";

    fn at(minutes: u64) -> Timestamp {
        T0.parse::<Timestamp>().unwrap() + Duration::from_secs(60 * minutes)
    }

    fn of(uid: &str) -> Option<Stored> {
        Some(Stored {
            owner: Some(uid.to_owned()),
        })
    }

    fn standing(uid: Option<&str>) -> Standing {
        Standing::of(uid.map_or(Installed::Absent, |uid| {
            Installed::As(Installation {
                uid: uid.to_owned(),
                release: String::from("1"),
            })
        }))
    }

    fn braked(mut standing: Standing, until: Option<Timestamp>) -> Standing {
        let data = until.map(|until| [("validating".to_owned(), until.to_string())].into());
        standing.told_to_brake(Some(&ConfigMap {
            data,
            ..ConfigMap::default()
        }));
        standing
    }

    fn kept() -> Kept {
        Kept::new(WebhookConfiguration::Validating)
    }

    fn pulled(until: Timestamp, new: bool, noted: bool) -> Action {
        Action::Braked { until, new, noted }
    }

    #[test]
    fn at_the_first_start_it_is_made_and_an_edit_is_put_back() {
        let mut one = kept();
        assert_eq!(one.turn(None, &standing(Some("r")), at(0)), Action::Create);
        assert_eq!(one.turn(of("r"), &standing(Some("r")), at(0)), Action::Update);
    }

    #[test]
    fn a_deletion_by_hand_holds_for_a_quarter_of_an_hour_and_is_said_once() {
        let (mut one, plain) = (kept(), standing(Some("r")));
        one.turn(of("r"), &plain, at(0));
        assert_eq!(one.turn(None, &plain, at(1)), pulled(at(16), true, false));
        // The order is on its way to us, then it is there.
        assert_eq!(one.turn(None, &plain, at(2)), pulled(at(16), false, false));
        let ordered = braked(plain.clone(), Some(at(16)));
        assert_eq!(one.turn(None, &ordered, at(15)), pulled(at(16), false, true));
        assert_eq!(one.turn(None, &ordered, at(16)), Action::Create);
        // The order of last time says nothing about the next deletion.
        one.turn(of("r"), &ordered, at(17));
        assert_eq!(one.turn(None, &ordered, at(20)), pulled(at(35), true, false));
        assert_eq!(one.turn(None, &ordered, at(21)), pulled(at(35), false, false));
    }

    #[test]
    fn another_replica_and_a_restart_heed_it() {
        let ordered = braked(standing(Some("r")), Some(at(16)));
        let mut restarted = kept();
        assert_eq!(restarted.turn(None, &ordered, at(5)), pulled(at(16), true, true));
        let mut other = kept();
        other.turn(of("r"), &ordered, at(0));
        assert_eq!(other.turn(None, &ordered, at(5)), pulled(at(16), true, true));
        assert_eq!(other.turn(None, &ordered, at(16)), Action::Create);
        assert_eq!(kept().turn(None, &ordered, at(16)), Action::Create);
    }

    #[test]
    fn whoever_pulled_it_may_let_go() {
        let (mut one, plain) = (kept(), standing(Some("r")));
        one.turn(of("r"), &plain, at(0));
        one.turn(None, &braked(plain.clone(), Some(at(15))), at(1));
        assert_eq!(one.turn(None, &plain, at(2)), Action::Create);
        // Also by making it again.
        one.turn(None, &braked(plain.clone(), Some(at(15))), at(3));
        assert_eq!(one.turn(of("r"), &plain, at(4)), Action::Update);
    }

    #[test]
    fn what_the_collector_took_is_made_again_and_no_brake() {
        let mut one = kept();
        one.turn(of("old"), &standing(Some("old")), at(0));
        assert_eq!(one.turn(None, &standing(Some("new")), at(1)), Action::Create);
        // In time: brought up to date with its new owner before anybody takes it.
        one.turn(of("old"), &standing(Some("old")), at(2));
        assert_eq!(one.turn(of("old"), &standing(Some("new")), at(3)), Action::Update);
    }

    #[test]
    fn an_uninstall_is_no_brake_and_nothing_is_made_any_more() {
        let mut one = kept();
        one.turn(of("r"), &standing(Some("r")), at(0));
        assert_eq!(one.turn(of("r"), &standing(None), at(1)), Action::HandsOff);
        assert_eq!(one.turn(None, &standing(None), at(1)), Action::HandsOff);
        let mut ending = standing(Some("r"));
        ending.ending = true;
        assert_eq!(one.turn(of("r"), &ending, at(2)), Action::TakeAway);
        // Where rights come from elsewhere there never was such a ClusterRole.
        assert_eq!(kept().turn(None, &standing(None), at(1)), Action::Create);
    }

    #[test]
    fn while_everybody_leaves_nothing_is_made_and_what_is_there_is_kept() {
        let mut leaving = standing(Some("r"));
        leaving.told_to_leave(Some(&ConfigMap {
            data: Some(leaving.order(&Leave::Everybody).into()),
            ..ConfigMap::default()
        }));
        let mut one = kept();
        assert_eq!(one.turn(of("r"), &leaving, at(0)), Action::Update);
        assert_eq!(one.turn(None, &leaving, at(1)), Action::HandsOff);
        // Told to stay after all, it is made at once.
        assert_eq!(one.turn(None, &standing(Some("r")), at(2)), Action::Create);
    }
}
