//! Until when an answer is waited for, and what is said of one that does not come.

use http::Request;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use std::time::Duration;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout, timeout_at},
};

/// Longest pause between two pieces of an answer whose turn it is to be read: others wait for that.
const PIECE: Duration = Duration::from_secs(5);
/// Longest wait for a turn to be read. The API server ends what nobody reads after a minute.
const TURN: Duration = Duration::from_secs(30);

/// The time for one answer.
pub struct Deadline {
    /// When it is over.
    pub until: Instant,
    asked: String,
    limit: Duration,
}

impl Deadline {
    /// That begins now.
    pub fn new(request: &Request<Body>, limit: Duration) -> Self {
        Self {
            until: Instant::now() + limit,
            asked: format!("{} {}", request.method(), request.uri().path()),
            limit,
        }
    }

    /// What is said when it is over.
    pub fn late(&self) -> String {
        format!("{} was not answered within {} s", self.asked, self.limit.as_secs())
    }

    /// What `work` comes to in time.
    ///
    /// # Errors
    /// The time is over.
    pub async fn keeps<T>(&self, work: impl Future<Output = T>) -> Result<T, kube::Error> {
        timeout_at(self.until, work).await.map_err(|_| error(self.late()))
    }

    /// The next piece of a body; of one that is read `in_turn` it has to come soon.
    ///
    /// # Errors
    /// It broke off, or did not come in time.
    pub async fn piece(&self, body: &mut Body, in_turn: bool) -> Result<Option<Frame<Bytes>>, kube::Error> {
        let next = async { body.frame().await.transpose() };
        if !in_turn {
            return self.keeps(next).await?;
        }
        let stalled = |_| {
            error(format!(
                "the answer to {} stood still for {} s and was given up, as others wait for their turn to be read",
                self.asked,
                PIECE.as_secs()
            ))
        };
        self.keeps(timeout(PIECE, next)).await?.map_err(stalled)?
    }

    /// A turn to be read. To wait for it is no fault of whoever answers, so the time for the answer is put off by it.
    ///
    /// # Errors
    /// There is none.
    pub async fn turn<'a>(&mut self, turns: &'a Semaphore) -> Result<Option<SemaphorePermit<'a>>, kube::Error> {
        let begun = Instant::now();
        let Ok(turn) = timeout(TURN, turns.acquire()).await else {
            return Err(error(format!(
                "{} was answered, but the answer was not read: for {} s other large ones were",
                self.asked,
                TURN.as_secs()
            )));
        };
        self.until += begun.elapsed();
        Ok(turn.ok()) // nobody closes it
    }
}

fn error(said: String) -> kube::Error {
    kube::Error::Service(said.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    fn deadline() -> Deadline {
        let request = Request::get("/api/v1/pods?limit=16").body(Body::empty()).unwrap();
        Deadline::new(&request, Duration::from_secs(30))
    }

    #[tokio::test(start_paused = true)]
    async fn to_wait_for_a_turn_takes_nothing_of_the_time_for_the_answer() {
        let turns = Semaphore::new(1);
        let held = turns.acquire().await.unwrap();
        let mut deadline = deadline();
        let others = async {
            sleep(Duration::from_secs(20)).await;
            drop(held);
        };
        let (turn, ()) = tokio::join!(deadline.turn(&turns), others);
        assert!(turn.unwrap().is_some());
        deadline.keeps(sleep(Duration::from_secs(29))).await.unwrap();
        let late = deadline
            .keeps(sleep(Duration::from_secs(2)))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            late.ends_with("GET /api/v1/pods was not answered within 30 s"),
            "{late}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_never_comes_is_not_said_to_be_an_answer_that_did_not() {
        let turns = Semaphore::new(0);
        let said = deadline().turn(&turns).await.unwrap_err().to_string();
        assert!(
            said.contains("GET /api/v1/pods was answered") && said.contains("for 30 s other large ones were"),
            "{said}"
        );
    }
}
