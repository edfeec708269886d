//! Where histories end: at rest, or gone.

use super::*;

impl Model {
    /// Steps, with time passing, until nothing changes any more.
    pub(in crate::analysis::tests) fn settle(&mut self) {
        self.crash = None;
        let mut quiet = 0;
        for _ in 0..2_000 {
            // Somebody wakes the app, or what came while it sleeps would wait.
            if self.state.stage == Stage::Waiting {
                self.wanted = self.wanted.max(1);
            }
            let before = (
                self.state.clone(),
                self.traffic,
                self.apex,
                self.target.clone(),
                self.primary.clone(),
            );
            self.step();
            let same = before
                == (
                    self.state.clone(),
                    self.traffic,
                    self.apex,
                    self.target.clone(),
                    self.primary.clone(),
                );
            quiet = if same && self.state.stage == Stage::Rest {
                quiet + 1
            } else {
                0
            };
            if quiet == 3 {
                return;
            }
            if same {
                self.now += seconds(1);
            }
        }
        panic!("never came to rest: {:?}", self.state);
    }

    /// Steps until nothing of ours is left, and the target serves by itself.
    pub(in crate::analysis::tests) fn leave(&mut self) {
        self.crash = None;
        for _ in 0..2_000 {
            let before = (self.state.clone(), self.target.clone());
            self.step();
            if self.state.stage == Stage::Left && before.0.stage == Stage::Left {
                let Some(target) = &self.target else { return };
                assert!(target.replicas >= self.wanted.min(1), "{target:?} {:?}", self.state);
                assert_eq!((self.apex, &self.primary), (ApexSide::Target, &None));
                assert_eq!(self.follower, ApexSide::Target);
                return;
            }
            if before == (self.state.clone(), self.target.clone()) {
                self.now += seconds(1);
            }
        }
        panic!("never left: {:?}", self.state);
    }

    pub(in crate::analysis::tests) fn assert_at_rest(&self) {
        let Some(target) = &self.target else { return };
        let primary = self.primary.as_ref().unwrap();
        assert_eq!(
            (target.replicas, self.label, self.held, self.admitted),
            (0, Some(TargetState::Rest), false, true),
            "{:?}",
            self.state
        );
        assert_eq!((self.traffic, self.apex), (Traffic::PRIMARY, ApexSide::Primary));
        assert_eq!(self.follower, ApexSide::Primary);
        assert!(!self.edited, "primary runs what somebody else made of it");
        assert_eq!(self.state.cookies.canary, None, "nobody is kept on a side after a run");
        assert_eq!(primary.replicas, self.effective());
        assert!(
            self.autoscaler_min_replicas
                .is_none_or(|min_replicas| min_replicas == 0),
            "{:?}",
            self.state
        );
        assert_eq!(self.state.last_promoted, Some(revision(primary.template, primary.read)));
        assert!(
            self.verified.contains(&revision(primary.template, primary.read)),
            "primary serves what was never verified: {:?}",
            self.state
        );
        let says = |release: ReleaseState| self.release.is_none_or(|is| is == release);
        match self.state.phase {
            Phase::Initialized | Phase::Succeeded => {
                assert!(says(ReleaseState::Succeeded), "{:?} {:?}", self.release, self.state);
                assert_eq!((primary.template, primary.read), (target.template, self.config));
            }
            Phase::Failed => {
                assert!(says(ReleaseState::Failed), "{:?} {:?}", self.release, self.state);
                assert_eq!(
                    self.state.last_applied,
                    Some(self.now_is(target.template)),
                    "no revision is lost"
                );
            }
            phase => panic!("at rest in {phase:?}"),
        }
    }
}
