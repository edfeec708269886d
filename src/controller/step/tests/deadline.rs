//! A step whose requests are not answered.

use super::super::*;
use super::house::{CANARY, House};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn it_ends_and_is_tried_again_as_one_that_failed() {
    let house = House::new().await;
    let hour = Duration::from_secs(3600);
    let record = format!("PUT {CANARY}/status");
    house.server.delays.lock().insert(record.clone(), hour);
    let begun = Instant::now();
    let next = step(house.context.clone(), house.key.clone()).await;
    assert_eq!(begun.elapsed().as_secs(), LONGEST.as_secs());
    assert_eq!(next, Some(Duration::from_secs(2)).into());
    assert!(house.server.sent(&record).is_empty(), "nothing goes on without it");
    house.server.delays.lock().clear();
    house.all().await;
    assert_eq!(house.condition("/status/phase"), "Initialized");
}
