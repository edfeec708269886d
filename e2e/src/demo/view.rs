//! The live view: one line a second with what the Canary says and what users get.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::load::Live;
use crate::scene::{CanaryView, Objects, Scene};

/// Characters of the bar that shows how answers are shared between versions.
const BAR: usize = 30;
/// Without a terminal to redraw, an unchanged state is told this often.
const QUIET_SECONDS: u32 = 5;

/// Prints until it is dropped.
pub struct View(JoinHandle<()>);

impl View {
    /// Follows the Canary of that name and the load on it.
    pub fn follow(scene: &Scene, canary: &str, live: watch::Receiver<Live>) -> Self {
        let (objects, canary) = (scene.objects(), canary.to_owned());
        Self(tokio::spawn(draw(objects, canary, live)))
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.0.abort();
        if std::io::stdout().is_terminal() {
            println!();
        }
    }
}

async fn draw(objects: Objects, name: String, mut live: watch::Receiver<Live>) {
    let redraws = std::io::stdout().is_terminal();
    let mut told = String::new();
    let mut unchanged = 0;
    while live.changed().await.is_ok() {
        let canary = tokio::time::timeout(Duration::from_secs(1), objects.canary(&name)).await;
        let Ok(Ok(Some(canary))) = canary else {
            continue;
        };
        let line = line(&canary, &live.borrow_and_update());
        let state = format!("{} {}", canary.phase(), canary.weight());
        let changed = state != told;
        if redraws {
            // A line that says something new stays; the others are written over.
            print!("{}\r\x1b[2K{line}", if changed { "\n" } else { "" });
            let _ = std::io::stdout().flush();
        } else if changed || unchanged >= QUIET_SECONDS {
            println!("{line}");
            unchanged = 0;
        }
        unchanged += 1;
        told = state;
    }
}

fn line(canary: &CanaryView, live: &Live) -> String {
    let shares: Vec<String> = live
        .last_second
        .keys()
        .map(|version| format!("{version} {:.0} %", live.share_of(version)))
        .collect();
    format!(
        "   {:>4} s  {:<12} weight {:>3}  [{}] {:<22} success {:>5.1} %  lost {}",
        live.elapsed.as_secs(),
        canary.phase(),
        canary.weight(),
        bar(live),
        shares.join(", "),
        live.success_rate(),
        live.lost,
    )
}

/// The older version as dashes, the newer as hashes.
fn bar(live: &Live) -> String {
    let newest = live.last_second.keys().next_back();
    let alone = live.last_second.len() < 2;
    let share = newest.filter(|_| !alone).map_or(0.0, |version| live.share_of(version));
    let hashes = ((share / 100.0 * BAR as f64).round() as usize).min(BAR);
    format!("{}{}", "#".repeat(hashes), "-".repeat(BAR - hashes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::load::Tally;

    #[test]
    fn a_line_says_phase_weight_shares_success_and_losses() {
        let tally = |answers, errors| Tally { answers, errors };
        let live = Live {
            elapsed: Duration::from_secs(12),
            lost: 0,
            last_second: [("v1", tally(80, 0)), ("v2", tally(20, 5))]
                .map(|(version, tally)| (version.to_owned(), tally))
                .into(),
            ..Live::default()
        };
        let canary = CanaryView(json!({"status": {"phase": "Progressing", "canaryWeight": 20}}));
        assert_eq!(
            line(&canary, &live),
            "     12 s  Progressing  weight  20  [######------------------------] v1 80 %, v2 20 %       \
             success  95.0 %  lost 0"
        );
    }
}
