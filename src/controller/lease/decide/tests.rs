use super::*;
use crate::controller::lease::Timing;
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn held(holder: &str, renewed: i64, seen: i64) -> LeaseState {
    LeaseState {
        holder: holder.into(),
        duration: Duration::from_secs(15),
        renewed: Some(at(renewed)),
        seen: at(seen),
        transitions: 3,
    }
}

#[test]
fn every_kind_of_lease_has_its_answer() {
    let acquire = Action::Acquire { transitions: 4 };
    let cases = [
        (None, 0, Action::Create),
        (Some(held("me_1", 0, 0)), 100, Action::Renew),
        (Some(held("", 0, 0)), 1, acquire),
        (Some(held("you_1", 0, 0)), 14, Action::Wait { until: at(15) }),
        (Some(held("you_1", 0, 0)), 15, acquire),
        // Seen for the first time long after it was renewed: no need to watch it for a whole lease.
        (Some(held("you_1", 0, 100)), 100, acquire),
        // The holder's clock is ahead: its renewal time proves nothing, what we saw does.
        (Some(held("you_1", 1000, 0)), 15, acquire),
        (
            Some(LeaseState {
                renewed: None,
                ..held("you_1", 0, 0)
            }),
            0,
            acquire,
        ),
    ];
    for (lease, now, expected) in cases {
        assert_eq!(decide(lease.as_ref(), "me_1", None, at(now)), expected, "{lease:?}");
    }
}

#[test]
fn a_restarted_container_takes_over_from_itself_at_once() {
    let lease = held("pod-a_1", 0, 0);
    let wait = Action::Wait { until: at(15) };
    assert_eq!(
        decide(Some(&lease), "pod-a_2", Some("pod-a"), at(1)),
        Action::Acquire { transitions: 4 }
    );
    assert_eq!(decide(Some(&lease), "pod-a_2", None, at(1)), wait);
    assert_eq!(decide(Some(&lease), "pod-b_2", Some("pod-b"), at(1)), wait);
}

/// One candidate of the model: its clock, what it last read, and until when it believes in itself.
#[derive(Clone, Default)]
struct Candidate {
    offset: i64,
    read: Option<(u64, LeaseState)>,
    looked: bool,
    begun: i64,
    believes_until: i64,
}

#[derive(Clone, Debug)]
enum Step {
    Pass(i64),
    Read(usize),
    Write(usize),
    Release(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..3usize;
    let step = prop_oneof![
        3 => (1..6i64).prop_map(Step::Pass),
        4 => who.clone().prop_map(Step::Read),
        4 => who.clone().prop_map(Step::Write),
        1 => who.prop_map(Step::Release),
    ];
    prop::collection::vec(step, 1..200)
}

/// The API server: one lease and its version.
#[derive(Default)]
struct Store(Option<(u64, LeaseState)>);

impl Store {
    fn write(&mut self, version: Option<u64>, lease: LeaseState) -> bool {
        let current = self.0.as_ref().map(|(v, _)| *v);
        if current != version {
            return false;
        }
        self.0 = Some((current.unwrap_or(0) + 1, lease));
        true
    }
}

fn read(c: &mut Candidate, store: &Store, now: i64) {
    c.looked = true;
    c.begun = now;
    let clock = at(now + c.offset);
    c.read = store.0.clone().map(|(version, lease)| {
        let known = c
            .read
            .as_ref()
            .filter(|(_, k)| k.renewed == lease.renewed && k.holder == lease.holder);
        let seen = known.map_or(clock, |(_, k)| k.seen);
        (version, LeaseState { seen, ..lease })
    });
}

fn write(c: &mut Candidate, me: &str, store: &mut Store, now: i64) {
    let clock = at(now + c.offset);
    let lease = c.read.as_ref().map(|(_, l)| l);
    let transitions = match decide(lease, me, None, clock) {
        Action::Wait { .. } => return,
        Action::Create | Action::Renew => lease.map_or(0, |l| l.transitions),
        Action::Acquire { transitions } => transitions,
    };
    let timing = Timing::default();
    let mine = LeaseState {
        holder: me.into(),
        duration: timing.lease,
        renewed: Some(clock),
        seen: clock,
        transitions,
    };
    if store.write(c.read.as_ref().map(|(v, _)| *v), mine) {
        c.believes_until = now + timing.belief().as_secs() as i64;
        read(c, store, now);
    } else {
        c.looked = false;
    }
}

proptest! {
    #[test]
    fn two_candidates_never_lead_at_once_whatever_their_clocks_say(
        offsets in prop::array::uniform3(-2..=2i64),
        steps in steps(),
    ) {
        let mut store = Store::default();
        let mut candidates = offsets.map(|offset| Candidate { offset, ..Candidate::default() });
        let mut now = 0;
        for step in steps {
            match step {
                Step::Pass(seconds) => now += seconds,
                Step::Read(i) => read(&mut candidates[i], &store, now),
                Step::Write(i) if candidates[i].looked => write(&mut candidates[i], &format!("c_{i}"), &mut store, now),
                Step::Write(_) => (),
                Step::Release(i) => {
                    if let Some((version, lease)) = candidates[i].read.clone()
                        && lease.holder == format!("c_{i}")
                    {
                        candidates[i].believes_until = 0; // stops first, releases then
                        store.write(Some(version), LeaseState { holder: String::new(), ..lease });
                    }
                }
            }
            let leaders = candidates.iter().filter(|c| now < c.believes_until).count();
            prop_assert!(leaders <= 1, "{leaders} lead at {now}");
        }
    }

    #[test]
    fn a_lease_that_was_just_seen_alive_is_never_taken(age in 0..15i64, ahead in -1000..1000i64) {
        // Seen `age` seconds ago, whatever the holder's clock says, unless that says it is long gone.
        let lease = held("you_1", ahead, 0);
        let action = decide(Some(&lease), "me_1", None, at(age));
        if age < ahead + 20 {
            let waits = matches!(action, Action::Wait { .. });
            prop_assert!(waits);
        }
    }
}
