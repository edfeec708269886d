//! Who is connected. A client is a stranger until it has posted to a path that only API servers know.
//!
//! Accepting never waits: when there is no room, somebody who is there goes. Strangers go before anybody who is known,
//! of strangers the one of the address that has most of them, and of those the one that is there longest. So an API
//! server, which needs a few milliseconds to stop being a stranger, gets in also through a crowd, even if the crowd has
//! its address: a node's host network and address translation make many clients look like one.

use super::activity::Activity;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Requests of a stranger that are answered, with nothing but 404, before its connection is closed.
const PATIENCE: u32 = 2;

/// How many may be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Altogether.
    pub all: usize,
    /// Strangers of one address.
    pub strangers: usize,
    /// Clients of one address that are known.
    pub known: usize,
}

/// One connection.
#[derive(Debug)]
pub(in crate::admission) struct Guest {
    /// The address it comes from.
    pub peer: IpAddr,
    known: AtomicBool,
    refusals: AtomicU32,
    /// It is to go...
    leave: Notify,
    /// ...because somebody else needs the room.
    dismissed: AtomicBool,
    /// Its requests.
    pub activity: Activity,
}

/// Everybody who is connected.
#[derive(Debug)]
pub(in crate::admission) struct Guests {
    room: Room,
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    next: u64,
    /// In the order in which they came.
    guests: BTreeMap<u64, Arc<Guest>>,
}

/// The place of one guest, given back when this is dropped.
#[derive(Debug)]
pub(in crate::admission) struct Place {
    number: u64,
    guest: Arc<Guest>,
    guests: Arc<Guests>,
}

impl Guest {
    /// A stranger.
    pub fn new(peer: IpAddr) -> Self {
        Self {
            peer: peer.to_canonical(),
            known: AtomicBool::new(false),
            refusals: AtomicU32::new(0),
            leave: Notify::new(),
            dismissed: AtomicBool::new(false),
            activity: Activity::new(),
        }
    }

    /// Whether it has posted to a path of ours.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// It has posted to a path of ours; true when that is the first time.
    pub fn recognise(&self) -> bool {
        !self.is_known() && !self.known.swap(true, Ordering::Relaxed)
    }

    /// It named a path that is none of ours. A known one may: an API server may lag.
    pub fn refuse(&self) {
        let refusals = self.refusals.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if !self.is_known() && refusals >= PATIENCE {
            self.leave.notify_one();
        }
    }

    /// Whether its room is needed now: a stranger gets no time to hear an answer.
    pub fn is_turned_out(&self) -> bool {
        !self.is_known() && self.dismissed.load(Ordering::Relaxed)
    }

    /// Completes when it is to go.
    pub async fn leaving(&self) {
        self.leave.notified().await;
    }
}

impl Place {
    /// Whose it is.
    pub fn guest(&self) -> &Arc<Guest> {
        &self.guest
    }

    /// Sees to it that one address does not fill the room with clients that are known, as when paths change every few
    /// seconds and an API server keeps its connections of before: the one that rests longest goes.
    pub fn recognised(&self) {
        let mut present = self.guests.present.lock();
        let of_peer = |guest: &Guest| guest.peer == self.guest.peer && guest.is_known();
        if present.guests.values().filter(|guest| of_peer(guest)).count() > self.guests.room.known
            && let Some(number) = present.resting(|guest| of_peer(guest))
        {
            present.dismiss(number);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.guests.present.lock().guests.remove(&self.number);
    }
}

impl Guests {
    /// Nobody yet.
    pub fn new(room: Room) -> Arc<Self> {
        Arc::new(Self {
            room,
            present: Mutex::default(),
        })
    }

    /// A place for a newcomer; nothing when everybody who is there is known and busy.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let guest = Arc::new(Guest::new(peer));
        let mut present = self.present.lock();
        if present.strangers_of(guest.peer) >= self.room.strangers.max(1) {
            let oldest = present.oldest_stranger(guest.peer)?;
            present.dismiss(oldest);
        } else if present.guests.len() >= self.room.all.max(1) {
            let crowd = present.crowd().and_then(|peer| present.oldest_stranger(peer));
            let somebody = crowd.or_else(|| present.resting(|guest| guest.is_known()))?;
            present.dismiss(somebody);
        }
        let number = present.next;
        present.next += 1;
        present.guests.insert(number, Arc::clone(&guest));
        Some(Place {
            number,
            guest,
            guests: Arc::clone(self),
        })
    }

    /// Has a stranger go, to free what it holds; false when there is none.
    pub fn make_room(&self) -> bool {
        let mut present = self.present.lock();
        let oldest = present.crowd().and_then(|peer| present.oldest_stranger(peer));
        oldest.is_some_and(|number| present.dismiss(number))
    }

    /// How many are there.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.present.lock().guests.len()
    }
}

impl Present {
    fn strangers(&self) -> impl Iterator<Item = (u64, &Arc<Guest>)> {
        let all = self.guests.iter().map(|(number, guest)| (*number, guest));
        all.filter(|(_, guest)| !guest.is_known())
    }

    fn strangers_of(&self, peer: IpAddr) -> usize {
        self.strangers().filter(|(_, guest)| guest.peer == peer).count()
    }

    fn oldest_stranger(&self, peer: IpAddr) -> Option<u64> {
        self.strangers()
            .find(|(_, guest)| guest.peer == peer)
            .map(|(number, _)| number)
    }

    /// The address with most strangers.
    fn crowd(&self) -> Option<IpAddr> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (_, guest) in self.strangers() {
            *counts.entry(guest.peer).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(peer, _)| peer)
    }

    /// Of those for whom `which` holds, the one that rests longest.
    fn resting(&self, which: impl Fn(&Guest) -> bool) -> Option<u64> {
        let some = self.guests.iter().filter(|(_, guest)| which(guest));
        let rests = some.map(|(number, guest)| (guest.activity.quiet_for(), *number));
        let longest = rests.filter(|(quiet, _)| *quiet > Duration::ZERO).max();
        longest.map(|(_, number)| number)
    }

    fn dismiss(&mut self, number: u64) -> bool {
        let gone = self.guests.remove(&number);
        gone.is_some_and(|guest| {
            guest.dismissed.store(true, Ordering::Relaxed);
            guest.leave.notify_one();
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room {
        all: 10,
        strangers: 4,
        known: 3,
    };

    fn peer(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    fn left(place: &Place) -> bool {
        use futures::FutureExt as _;
        place.guest().leaving().now_or_never().is_some()
    }

    #[test]
    fn a_crowd_of_one_address_makes_room_for_its_own_only() {
        let guests = Guests::new(ROOM);
        let other = guests.admit(peer(2)).unwrap();
        let known = guests.admit(peer(1)).unwrap();
        assert!(known.guest().recognise());
        let crowd: Vec<_> = (0..100).map(|_| guests.admit(peer(1)).unwrap()).collect();
        assert_eq!(guests.count(), 6);
        assert!(!left(&other) && !left(&known));
        assert_eq!(crowd.iter().filter(|place| left(place)).count(), 96);
        assert!(!left(&crowd[99]), "the last one stays");
    }

    #[test]
    fn crowds_of_many_addresses_give_way_to_anybody_new() {
        let guests = Guests::new(ROOM);
        let lonely = guests.admit(peer(99)).unwrap();
        let crowd: Vec<_> = (0..200).map(|number| guests.admit(peer(number % 5)).unwrap()).collect();
        assert_eq!(guests.count(), 10);
        assert!(!left(&lonely), "of an address that has no other");
        let newcomer = guests.admit(peer(100)).unwrap();
        assert!(!left(&newcomer));
        assert_eq!(crowd.iter().filter(|place| !left(place)).count(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn of_known_clients_the_one_that_rests_longest_gives_way_and_none_that_is_busy() {
        let guests = Guests::new(Room { known: 100, ..ROOM });
        let mut known = Vec::new();
        for _ in 0..10 {
            let place = guests.admit(peer(1)).unwrap();
            place.guest().recognise();
            known.push(place);
        }
        tokio::time::advance(Duration::from_millis(2)).await;
        let busy: Vec<_> = known
            .iter()
            .skip(1)
            .map(|place| place.guest().activity.begin())
            .collect();
        let newcomer = guests.admit(peer(2)).unwrap();
        assert!(left(&known[0]) && !left(&known[1]));
        newcomer.guest().recognise();
        let _busy_too = newcomer.guest().activity.begin();
        assert!(guests.admit(peer(3)).is_none());
        drop(busy);
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_has_only_so_many_known_clients() {
        let guests = Guests::new(ROOM);
        let mut known = Vec::new();
        for _ in 0..5 {
            let place = guests.admit(peer(1)).unwrap();
            assert!(place.guest().recognise() && !place.guest().recognise());
            tokio::time::advance(Duration::from_millis(2)).await;
            place.recognised();
            known.push(place);
        }
        assert_eq!(guests.count(), 3);
        assert_eq!(
            known.iter().map(left).collect::<Vec<_>>(),
            [true, true, false, false, false]
        );
    }

    #[test]
    fn a_stranger_is_refused_twice_and_a_known_client_as_often_as_it_asks() {
        let guests = Guests::new(ROOM);
        let (stranger, known) = (guests.admit(peer(1)).unwrap(), guests.admit(peer(1)).unwrap());
        known.guest().recognise();
        stranger.guest().refuse();
        assert!(!left(&stranger));
        stranger.guest().refuse();
        (0..100).for_each(|_| known.guest().refuse());
        assert!(left(&stranger) && !left(&known));
        drop(stranger);
        assert_eq!(guests.count(), 1);
    }

    #[test]
    fn an_address_is_the_same_in_both_notations() {
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(Guest::new(mapped).peer, peer(1));
    }
}
