//! Which traffic each step of a strategy wants. The table of an analysis, check by check:
//!
//! | strategy | first | after a passed check |
//! | --- | --- | --- |
//! | weighted | the mirror's steps, if any, at weight 0; then the first weight | the next mirror step, the next weight; after the last, promotion |
//! | A/B | who matches goes to the canary | the same for `iterations` checks, then promotion |
//! | blue/green | nobody, or copies of requests | the next mirror step for `iterations` checks; then everybody for one more, then promotion |
//!
//! Where there is no route to move, blue/green ends without the check that has live traffic.

use crate::analysis::{ReleaseEvent, Strategy, transition::step::Step};
use crate::routing::{Traffic, exposure::cookie_value};

enum Next {
    Show(Traffic),
    Hold(u8),
    Promote,
}

impl Step<'_> {
    /// A run's first traffic, or what it comes back to after faltering.
    pub(in crate::analysis) fn show_first(&mut self) {
        let mirror = self.mirror().first().copied();
        if !self.settings.mirror.is_empty() && !self.seen.mirrors {
            self.emit(ReleaseEvent::NoMirror);
        }
        let traffic = match &self.settings.strategy {
            Strategy::Weighted(steps) => match mirror {
                Some(percent) => mirrored(percent),
                None => self.drawn(first_of(steps)),
            },
            Strategy::Matched(_) => self.chosen(),
            Strategy::Iterations(_) => self.unseen(self.state.iterations.max(1)),
        };
        if let Strategy::Matched(of) | Strategy::Iterations(of) = self.settings.strategy
            && self.state.iterations == 0
        {
            self.state.iterations = 1;
            if self.settings.all_at_once && traffic.matched {
                self.emit(ReleaseEvent::AllAtOnce);
            }
            self.emit(ReleaseEvent::Iteration(1, of));
        }
        self.show(traffic);
    }

    /// The weight that a run begins with, of a strategy that has weights.
    pub(in crate::analysis) fn first_weight(&self) -> Option<u8> {
        match &self.settings.strategy {
            Strategy::Weighted(steps) => Some(first_of(steps)),
            Strategy::Matched(_) | Strategy::Iterations(_) => None,
        }
    }

    /// A check passed: `true` when the run goes on, `false` when it is to be promoted.
    pub(in crate::analysis) fn show_next(&mut self) -> bool {
        match self.next() {
            Next::Show(traffic) => {
                self.state.reason = None;
                self.show(traffic);
            }
            Next::Hold(weight) => self.say_too_few(weight),
            Next::Promote => return false,
        }
        true
    }

    fn next(&mut self) -> Next {
        match self.settings.strategy.clone() {
            Strategy::Weighted(steps) => self.next_weight(&steps),
            Strategy::Matched(of) => {
                if self.state.iterations >= of {
                    return Next::Promote;
                }
                self.count(of);
                Next::Show(self.chosen())
            }
            Strategy::Iterations(of) if self.state.iterations < of => {
                self.count(of);
                Next::Show(self.unseen(self.state.iterations))
            }
            // The last check has live traffic, where traffic can move and the canary can carry it.
            Strategy::Iterations(of) if self.state.iterations == of && self.seen.routed && self.can_carry() => {
                self.state.remember_size(self.seen);
                self.state.iterations = self.state.iterations.saturating_add(1);
                self.emit(ReleaseEvent::CutOver(self.state.intent.mirror > 0));
                Next::Show(Traffic::CANARY)
            }
            Strategy::Iterations(_) => Next::Promote,
        }
    }

    /// Shows the canary to `weight` percent of users, drawn by lot.
    pub(in crate::analysis) fn show_weight(&mut self, weight: u8) {
        self.show(self.drawn(weight));
    }

    fn next_weight(&mut self, steps: &[u8]) -> Next {
        let above = |list: &[u8], value: u8| list.iter().copied().find(|step| *step > value);
        let now = self.state.intent;
        let copies = above(self.mirror(), now.mirror).filter(|_| now.mirror > 0);
        let raised = match copies {
            Some(_) => None,
            None if now.mirror > 0 => Some(first_of(steps)),
            None => above(steps, now.canary()),
        };
        if let Some(weight) = raised.filter(|weight| !self.carries(*weight)) {
            return Next::Hold(weight);
        }
        if let Some(most) = self.settings.most_checks {
            self.state.iterations = self.state.iterations.saturating_add(1);
            if self.state.iterations >= most {
                return Next::Promote;
            }
        }
        match (copies, raised) {
            (Some(percent), _) => Next::Show(mirrored(percent)),
            (None, Some(weight)) => Next::Show(self.drawn(weight)),
            (None, None) => Next::Promote,
        }
    }

    // Without a filter for it, a mirror would lose requests: there is none then.
    fn mirror(&self) -> &[u8] {
        let can = self.seen.mirrors;
        if can { &self.settings.mirror } else { &[] }
    }

    fn count(&mut self, of: u32) {
        self.state.iterations = self.state.iterations.saturating_add(1);
        self.emit(ReleaseEvent::Iteration(self.state.iterations, of));
    }

    // Users drawn by lot.
    fn drawn(&self, weight: u8) -> Traffic {
        Traffic {
            sticky: self.settings.sessions.is_some() && weight > 0,
            ..Traffic::share(weight)
        }
    }

    // Users chosen by what they send.
    fn chosen(&self) -> Traffic {
        Traffic {
            matched: true,
            sticky: self.settings.sessions.is_some(),
            ..Traffic::PRIMARY
        }
    }

    // No users; copies of their requests when asked for.
    fn unseen(&self, iteration: u32) -> Traffic {
        let at = usize::try_from(iteration.saturating_sub(1)).unwrap_or(usize::MAX);
        let mirror = self.mirror();
        let percent = mirror.get(at).or(mirror.last());
        percent.map_or(Traffic::PRIMARY, |percent| mirrored(*percent))
    }

    fn show(&mut self, traffic: Traffic) {
        if self.state.intent != traffic {
            self.state.moved_at = None;
        }
        self.state.intent = traffic;
        if traffic.sticky {
            self.bake(traffic);
        }
        // Flagger says weight 0 of a mirror before the first weight.
        if matches!(self.settings.strategy, Strategy::Weighted(_)) {
            self.emit(ReleaseEvent::CanaryWeight(traffic.canary()));
        }
    }

    // The canary's cookie holds for the run; primary's for one step, or nobody on primary would ever be drawn again. Where
    // users are chosen nobody is drawn.
    fn bake(&mut self, traffic: Traffic) {
        let Some(sessions) = &self.settings.sessions else {
            return;
        };
        let revision = self.state.last_applied.as_deref().unwrap_or_default();
        let now = self.now.to_string();
        let cookies = &mut self.state.cookies;
        let canary = cookies.canary.get_or_insert_with(|| {
            let value = cookie_value(&[&sessions.seed, revision, &now]);
            format!("{}={value}", sessions.canary)
        });
        let step = format!("{canary} {}", traffic.canary());
        let primary = sessions.primary.as_ref().filter(|_| !traffic.matched);
        cookies.primary = primary.map(|name| format!("{name}={}", cookie_value(&[&step, "primary"])));
    }
}

fn first_of(steps: &[u8]) -> u8 {
    steps.first().copied().unwrap_or(100)
}

fn mirrored(percent: u8) -> Traffic {
    Traffic {
        mirror: percent,
        ..Traffic::PRIMARY
    }
}
