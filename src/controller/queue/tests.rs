use super::*;
use parking_lot::Mutex;

/// Which key was stepped at which second.
type Log = Arc<Mutex<Vec<(u64, String)>>>;

fn key(name: &str) -> Key {
    ("shop".to_owned(), name.to_owned())
}

// A queue whose steps take a second, and end as `answer` says: what it is given is how often this key was stepped before.
fn running(answer: impl Fn(&str, usize) -> Option<Duration> + Send + Sync + 'static) -> (Sender, Log) {
    let ((sender, queue), log, begun) = (queue(), Log::default(), Instant::now());
    let (seen, answer) = (log.clone(), Arc::new(answer));
    tokio::spawn(queue.run(move |(_, name)| {
        let (seen, answer) = (seen.clone(), answer.clone());
        async move {
            let before = seen.lock().iter().filter(|(_, other)| *other == name).count();
            seen.lock().push((begun.elapsed().as_secs(), name.clone()));
            tokio::time::sleep(Duration::from_secs(1)).await;
            answer(&name, before).into()
        }
    }));
    (sender, log)
}

fn seen(log: &Log) -> Vec<(u64, String)> {
    std::mem::take(&mut log.lock())
}

fn steps<const N: usize>(all: [(u64, &str); N]) -> Vec<(u64, String)> {
    all.map(|(second, name)| (second, name.to_owned())).to_vec()
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_often_is_stepped_once_and_once_more_if_it_was_running() {
    let (sender, log) = running(|_, _| None);
    for number in 0..AT_ONCE {
        sender.send(key(&format!("busy-{number}")));
    }
    // They wait in the line.
    for name in ["b", "a", "b", "c", "b"] {
        sender.send(key(name));
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // They run.
    for _ in 0..3 {
        sender.send(key("a"));
    }
    seconds(600).await;
    let stepped = seen(&log).split_off(AT_ONCE);
    assert_eq!(stepped, steps([(1, "b"), (1, "a"), (1, "c"), (2, "a")]));
}

#[tokio::test(start_paused = true)]
async fn of_many_only_so_many_run_at_once_and_the_others_in_the_order_they_were_asked_for() {
    let (sender, log) = running(|_, _| None);
    let names: Vec<String> = (0..AT_ONCE * 3).map(|number| format!("app-{number}")).collect();
    for name in &names {
        sender.send(key(name));
    }
    seconds(600).await;
    let stepped = seen(&log);
    for second in 0..3 {
        let then = stepped.iter().filter(|(at, _)| *at == second).count();
        assert_eq!(then, AT_ONCE, "in second {second}");
    }
    assert_eq!(stepped.into_iter().map(|(_, name)| name).collect::<Vec<_>>(), names);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_stepped_again_when_it_wanted_to_be_and_a_later_wish_replaces_the_earlier() {
    let waits = [Some(10), Some(20), None];
    let (sender, log) = running(move |_, before| waits[before].map(Duration::from_secs));
    sender.send(key("a"));
    seconds(5).await;
    sender.send(key("a"));
    seconds(600).await;
    // It ends in second 6 and wants to be woken in second 26; second 11 is not wanted any more.
    assert_eq!(seen(&log), steps([(0, "a"), (5, "a"), (26, "a")]));
}

// A queue whose steps end at once and answer by turns; at which millisecond each was.
fn stepping(answers: impl Fn(usize) -> Next + Send + Sync + 'static) -> (Sender, Arc<Mutex<Vec<u128>>>) {
    let ((sender, queue), log, begun) = (queue(), Arc::<Mutex<Vec<u128>>>::default(), Instant::now());
    let seen = log.clone();
    tokio::spawn(queue.run(move |_| {
        let mut seen = seen.lock();
        seen.push(begun.elapsed().as_millis());
        std::future::ready(answers(seen.len()))
    }));
    (sender, log)
}

async fn millis(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

// One event at each of these milliseconds.
async fn events<const N: usize>(sender: &Sender, all: [u64; N]) {
    let begun = Instant::now();
    for at in all {
        tokio::time::sleep_until(begun + Duration::from_millis(at)).await;
        sender.send(key("a"));
    }
    millis(1000).await;
}

const RESTS: Next = Next {
    wake: None,
    rests: true,
};

#[tokio::test(start_paused = true)]
async fn a_key_that_had_nothing_to_do_is_stepped_once_for_all_that_happens_in_a_moment() {
    let (sender, log) = stepping(|_| RESTS);
    events(&sender, [0, 10, 20, 30, 200, 300]).await;
    // The first after a pause is stepped at once, and those within its rest at the end of it.
    assert_eq!(*log.lock(), [0, 50, 200, 300]);
    // Whoever does something is stepped for every event.
    let (sender, log) = stepping(|_| Next::default());
    events(&sender, [0, 10, 20, 30]).await;
    assert_eq!(*log.lock(), [0, 10, 20, 30]);
    // It rests once only.
    let (sender, log) = stepping(|number| if number == 1 { RESTS } else { Next::default() });
    events(&sender, [0, 10]).await;
    assert_eq!(*log.lock(), [0, 50]);
    events(&sender, [0, 1]).await;
    assert_eq!(log.lock().len(), 4, "it has not rested since");
}

#[tokio::test(start_paused = true)]
async fn a_rest_puts_off_no_wake_that_comes_sooner_and_keeps_no_event_from_being_looked_at() {
    let wake = |millis| Next {
        wake: Some(Duration::from_millis(millis)),
        rests: true,
    };
    let (sender, log) = stepping(move |number| if number == 1 { wake(20) } else { RESTS });
    events(&sender, [0, 10]).await;
    assert_eq!(*log.lock(), [0, 20], "its own wake is for the event as well");
    // A later wake gives way to the end of the rest.
    let (sender, log) = stepping(move |number| if number == 1 { wake(500) } else { RESTS });
    events(&sender, [0, 10]).await;
    assert_eq!(*log.lock(), [0, 50]);
}

#[tokio::test(start_paused = true)]
async fn what_happens_during_a_step_with_nothing_to_do_waits_for_its_rest() {
    let ((sender, queue), begun) = (queue(), Instant::now());
    let log = Arc::<Mutex<Vec<u128>>>::default();
    let seen = log.clone();
    tokio::spawn(queue.run(move |_| {
        seen.lock().push(begun.elapsed().as_millis());
        async {
            millis(20).await;
            RESTS
        }
    }));
    events(&sender, [0, 5, 15]).await;
    assert_eq!(*log.lock(), [0, 70]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_panics_is_tried_again_and_holds_up_nobody() {
    let (sender, log) = running(|name, before| match (name, before) {
        ("bad", 0) => panic!("a step that panics"),
        _ => None,
    });
    sender.send(key("bad"));
    sender.send(key("good"));
    seconds(600).await;
    let again = 1 + AFTER_A_PANIC.as_secs();
    assert_eq!(seen(&log), steps([(0, "bad"), (0, "good"), (again, "bad")]));
}

#[tokio::test(start_paused = true)]
async fn without_anybody_who_could_ask_it_ends() {
    let (sender, queue) = queue();
    let running = tokio::spawn(queue.run(|_| async { Next::default() }));
    seconds(1).await;
    assert!(!running.is_finished());
    drop(sender);
    tokio::time::timeout(Duration::from_secs(1), running)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_waits_once_however_often_it_is_asked_for() {
    let (sender, mut queue) = queue();
    for number in 0..100_000 {
        sender.send(key(if number % 2 == 0 { "a" } else { "b" }));
    }
    assert_eq!(queue.0.with(|slots| (slots.waiting.len(), slots.listed.len())), (2, 2));
    let asked: Vec<Key> = std::iter::from_fn(|| queue.asked()).collect();
    assert_eq!(asked, [key("a"), key("b")]);
    sender.send(key("a"));
    assert_eq!(queue.asked(), Some(key("a")), "it is asked for anew");
}

#[tokio::test(start_paused = true)]
async fn from_outside_it_is_seen_how_many_wait_and_how_long() {
    let (sender, _log) = running(|name, _| (name == "later").then_some(Duration::from_secs(100)));
    let line = sender.line();
    let waits = || {
        let (count, longest) = line.waits();
        (count, longest.as_millis() / 100)
    };
    assert_eq!(waits(), (0, 0));
    for number in 0..AT_ONCE + 3 {
        sender.send(key(&format!("app-{number}")));
    }
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(waits(), (3, 9));
    // One that runs is to be stepped again: it waits for its own step to end.
    sender.send(key("app-0"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(waits(), (4, 9));
    seconds(60).await;
    assert_eq!(waits(), (0, 0));
    // What is due in a while does not wait.
    sender.send(key("later"));
    seconds(60).await;
    assert_eq!(waits(), (0, 0));
}
