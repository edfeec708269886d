//! Who is connected. A client is a stranger until it has posted to a path that only API servers know; on the port of
//! health and metrics, where there are no such paths, everybody is one.
//!
//! Accepting never waits: when there is no room, somebody who is there goes. Strangers go before anybody who is known,
//! of strangers the one of the address that has most of them, and of those the one that is there longest. So an API
//! server, which needs a few milliseconds to stop being a stranger, gets in also through a crowd, even if the crowd has
//! its address: a node's host network and address translation make many clients look like one.
//!
//! An API server asks by HTTP/1, so each review that is under way is a connection, and a burst of writes is a burst of
//! connections: strangers are left alone for as long as the handshakes of such a burst take.
//!
//! Whoever is known may have read our Secret, so being known is no licence: where there is no room, the address that has
//! most connections gives one up, one at rest first and then the one on which nothing has begun or ended for longest. A
//! body that never ends is such a one.

use super::activity::Activity;
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Requests of a stranger that are answered, with nothing but 404, before its connection is closed.
const PATIENCE: u32 = 2;

/// How long nobody goes who has just come or just been answered, while there is room: the handshakes of hundreds of reviews at
/// once, which are computed two at a time, take less.
const YOUNG: Duration = Duration::from_secs(1);

/// How long a request may still be answered: no API server waits longer for a review of ours.
const HEARD: Duration = Duration::from_secs(6);

/// How many may be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Of all addresses together.
    pub all: usize,
    /// Strangers of one address, but for those that have just come.
    pub strangers: usize,
    /// Clients of one address that are known, but for those who are being answered.
    pub known: usize,
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Guest {
    /// The address it comes from.
    pub peer: IpAddr,
    came: Instant,
    known: AtomicBool,
    refusals: AtomicU32,
    /// It is to go...
    leave: Notify,
    /// ...at once, because somebody else needs the room.
    turned_out: AtomicBool,
    /// Which of its requests are under way.
    pub activity: Activity,
}

/// Everybody who is connected.
#[derive(Debug)]
pub(crate) struct Guests {
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
pub(crate) struct Place {
    number: u64,
    guest: Arc<Guest>,
    guests: Arc<Guests>,
}

impl Guest {
    /// A client that has posted to no path of ours.
    pub fn new(peer: IpAddr) -> Self {
        Self {
            peer: peer.to_canonical(),
            came: Instant::now(),
            known: AtomicBool::new(false),
            refusals: AtomicU32::new(0),
            leave: Notify::new(),
            turned_out: AtomicBool::new(false),
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

    /// Whether its room is needed now: there is no time to hear an answer.
    pub fn is_turned_out(&self) -> bool {
        self.turned_out.load(Ordering::Relaxed)
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
    /// seconds and an API server keeps its connections of before, or when somebody who learned a path sends bodies that
    /// never end: the one that is still for longest goes.
    pub fn recognised(&self) {
        let mut present = self.guests.present.lock();
        let peer = self.guest.peer;
        if present.known_of(peer).count() > self.guests.room.known.max(1)
            && let Some(number) = present.stillest(peer).filter(Still::is_spare)
        {
            present.dismiss(number.number);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.guests.present.lock().guests.remove(&self.number);
    }
}

impl Guests {
    /// A server that nobody is connected to.
    pub fn new(room: Room) -> Arc<Self> {
        Arc::new(Self {
            room,
            present: Mutex::default(),
        })
    }

    /// A place for a newcomer.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Place {
        let guest = Arc::new(Guest::new(peer));
        let mut present = self.present.lock();
        present.thin_out(guest.peer, self.room.strangers.max(1));
        if present.guests.len() >= self.room.all.max(1) {
            present.make_room();
        }
        let number = present.next;
        present.next += 1;
        present.guests.insert(number, Arc::clone(&guest));
        Place {
            number,
            guest,
            guests: Arc::clone(self),
        }
    }

    /// Has somebody go, to free what it holds.
    pub fn make_room(&self) {
        self.present.lock().make_room();
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

    // Of the strangers of an address so many stay that one more has room, and those that have just come.
    fn thin_out(&mut self, peer: IpAddr, most: usize) {
        let own = self.strangers().filter(|(_, guest)| guest.peer == peer);
        let own: Vec<_> = own.map(|(number, guest)| (number, guest.came.elapsed())).collect();
        let surplus = (own.len() + 1).saturating_sub(most);
        let old = own.into_iter().take(surplus).filter(|(_, age)| *age >= YOUNG);
        old.for_each(|(number, _)| self.dismiss(number));
    }

    fn oldest_stranger(&self, peer: IpAddr) -> Option<u64> {
        self.strangers()
            .find(|(_, guest)| guest.peer == peer)
            .map(|(number, _)| number)
    }

    fn known_of(&self, peer: IpAddr) -> impl Iterator<Item = (u64, &Arc<Guest>)> {
        let all = self.guests.iter().map(|(number, guest)| (*number, guest));
        all.filter(move |(_, guest)| guest.is_known() && guest.peer == peer)
    }

    /// Of those who are known at this address, the one that is missed least.
    fn stillest(&self, peer: IpAddr) -> Option<Still> {
        let still = self.known_of(peer).map(|(number, guest)| Still::of(number, guest));
        still.max_by_key(|still| (still.is_spare(), still.since, Reverse(still.number)))
    }

    /// The one who is missed least goes: a stranger of the address that has most of them; where nobody is a stranger,
    /// somebody of the address that has most connections.
    fn make_room(&mut self) {
        let crowd = most_common(self.strangers().map(|(_, guest)| guest.peer));
        let stranger = crowd.and_then(|peer| self.oldest_stranger(peer));
        let somebody = stranger.or_else(|| {
            let crowd = most_common(self.guests.values().map(|guest| guest.peer));
            crowd.and_then(|peer| self.stillest(peer)).map(|still| still.number)
        });
        somebody.into_iter().for_each(|number| self.dismiss(number));
    }

    /// One of a known client that rests may end in good order, since nobody waits for that.
    fn dismiss(&mut self, number: u64) {
        if let Some(guest) = self.guests.remove(&number) {
            let in_good_order = guest.is_known() && !guest.activity.is_busy();
            guest.turned_out.store(!in_good_order, Ordering::Relaxed);
            guest.leave.notify_one();
        }
    }
}

/// How long nothing has begun or ended on a connection.
struct Still {
    number: u64,
    busy: bool,
    since: Duration,
}

impl Still {
    fn of(number: u64, guest: &Guest) -> Self {
        Self {
            number,
            busy: guest.activity.is_busy(),
            since: guest.activity.still_for(),
        }
    }

    /// Whether nobody misses it: neither an API server that waits for an answer, nor one that asks all the time and rests
    /// for an instant.
    fn is_spare(&self) -> bool {
        self.since >= if self.busy { HEARD } else { YOUNG }
    }
}

/// The address that is there most often; of several such ones the first, who is there longest: a newcomer among crowds has
/// time to be answered.
fn most_common(peers: impl Iterator<Item = IpAddr>) -> Option<IpAddr> {
    let mut counts: HashMap<IpAddr, (usize, Reverse<usize>)> = HashMap::new();
    for (place, peer) in peers.enumerate() {
        counts.entry(peer).or_insert((0, Reverse(place))).0 += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(peer, _)| peer)
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

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_one_address_makes_room_for_its_own_only() {
        let guests = Guests::new(ROOM);
        let other = guests.admit(peer(2));
        let known = guests.admit(peer(1));
        assert!(known.guest().recognise());
        let mut crowd = Vec::new();
        for _ in 0..100 {
            crowd.push(guests.admit(peer(1)));
            tokio::time::advance(YOUNG).await;
        }
        assert_eq!(guests.count(), 6);
        assert!(!left(&other) && !left(&known));
        assert_eq!(crowd.iter().filter(|place| left(place)).count(), 96);
        assert!(!left(&crowd[99]), "the last one stays");
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_reviews_has_all_the_room_that_there_is() {
        let guests = Guests::new(ROOM);
        let burst: Vec<_> = (0..10).map(|_| guests.admit(peer(1))).collect();
        let mut busy = Vec::new();
        for place in &burst {
            assert!(place.guest().recognise());
            busy.push(place.guest().activity.begin());
            place.recognised();
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert!(!burst.iter().any(left), "each of them is being answered");
        drop(busy);
        tokio::time::advance(YOUNG).await;
        burst.iter().for_each(Place::recognised);
        assert_eq!(guests.count(), 3);
    }

    #[test]
    fn crowds_of_many_addresses_give_way_to_anybody_new() {
        let guests = Guests::new(ROOM);
        let lonely = guests.admit(peer(99));
        let crowd: Vec<_> = (0..200).map(|number| guests.admit(peer(number % 5))).collect();
        assert_eq!(guests.count(), 10);
        assert!(!left(&lonely), "of an address that has no other");
        let newcomer = guests.admit(peer(100));
        assert!(!left(&newcomer));
        assert_eq!(crowd.iter().filter(|place| !left(place)).count(), 8);
    }

    #[test]
    fn of_addresses_that_have_as_many_the_one_that_is_there_longest_gives_way() {
        let guests = Guests::new(ROOM);
        let crowd: Vec<_> = (0..10).map(|number| guests.admit(peer(number))).collect();
        let newcomers: Vec<_> = (10..14).map(|number| guests.admit(peer(number))).collect();
        assert!(crowd[..4].iter().all(left));
        assert!(!crowd[4..].iter().chain(&newcomers).any(left));
    }

    #[tokio::test(start_paused = true)]
    async fn of_known_clients_the_stillest_of_the_address_that_has_most_gives_way() {
        let guests = Guests::new(Room { known: 100, ..ROOM });
        let known = |number| {
            let place = guests.admit(peer(number));
            place.guest().recognise();
            place
        };
        // An API server's connection, which rests; and nine of somebody who sends bodies that do not end.
        let honest = known(1);
        let endless: Vec<_> = (0..9).map(|_| known(2)).collect();
        let mut busy = Vec::new();
        for place in &endless {
            tokio::time::advance(Duration::from_millis(2)).await;
            busy.push(place.guest().activity.begin());
        }
        let newcomer = known(1);
        assert!(!left(&honest), "of an address that has fewer");
        assert!(left(&endless[0]) && endless[0].guest().is_turned_out());
        assert_eq!(endless.iter().filter(|place| left(place)).count(), 0);
        let third = known(3);
        assert!(left(&endless[1]) && !left(&newcomer) && !left(&honest));
        assert_eq!(guests.count(), 10);
        drop((busy, third));
    }

    #[tokio::test(start_paused = true)]
    async fn of_one_address_the_request_that_stands_still_gives_way_before_those_that_come_and_go() {
        let guests = Guests::new(ROOM);
        let served = guests.admit(peer(1));
        let endless: Vec<_> = (0..3).map(|_| guests.admit(peer(1))).collect();
        served.guest().recognise();
        let mut busy = Vec::new();
        for place in &endless {
            place.guest().recognise();
            busy.push(place.guest().activity.begin());
            place.recognised();
        }
        assert!(!endless.iter().chain([&served]).any(left), "they may be reviews");
        tokio::time::advance(HEARD).await;
        drop(served.guest().activity.begin());
        served.recognised();
        assert!(left(&endless[0]) && endless[0].guest().is_turned_out());
        assert!(!left(&served) && !left(&endless[1]) && !left(&endless[2]));
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_has_only_so_many_known_clients() {
        let guests = Guests::new(ROOM);
        let mut known = Vec::new();
        for _ in 0..5 {
            let place = guests.admit(peer(1));
            assert!(place.guest().recognise() && !place.guest().recognise());
            tokio::time::advance(YOUNG).await;
            place.recognised();
            known.push(place);
        }
        assert_eq!(guests.count(), 3);
        assert_eq!(
            known.iter().map(left).collect::<Vec<_>>(),
            [true, true, false, false, false]
        );
        assert!(!known[0].guest().is_turned_out(), "it rests: it may say farewell");
    }

    #[test]
    fn a_stranger_is_refused_twice_and_a_known_client_as_often_as_it_asks() {
        let guests = Guests::new(ROOM);
        let (stranger, known) = (guests.admit(peer(1)), guests.admit(peer(1)));
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
