//! Several cases in one scene: each acts on apps of its own, all at once, and a failure says which case it was.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use super::{Scene, suffix};

/// One case: its name, and what happens in it.
pub type Case<'a> = (&'static str, LocalBoxFuture<'a, Result<()>>);

/// A case of that name.
pub fn case<'a>(name: &'static str, body: impl Future<Output = Result<()>> + 'a) -> Case<'a> {
    (name, body.boxed_local())
}

/// Plays all cases at once to their end, also those beside one that fails.
///
/// # Errors
/// When any fails, naming each that did.
pub async fn together(cases: Vec<Case<'_>>) -> Result<()> {
    let ended = cases.into_iter().map(async |(name, body)| {
        let began = Instant::now();
        let played = AssertUnwindSafe(body).catch_unwind().await;
        let took = began.elapsed().as_secs_f64();
        let why = match played {
            Ok(Ok(())) => {
                println!("case {name}: {took:.1} s");
                return None;
            }
            Ok(Err(error)) => format!("{error:#}"),
            Err(panicked) => said_by(&*panicked),
        };
        println!("--- case {name} failed after {took:.1} s: {why}");
        Some(format!("case {name}: {why}"))
    });
    let failed: Vec<String> = futures::future::join_all(ended).await.into_iter().flatten().collect();
    match failed.is_empty() {
        true => Ok(()),
        false => bail!("{} failed\n{}", failed.len(), failed.join("\n")),
    }
}

/// What a panic says.
pub(super) fn said_by(panicked: &(dyn std::any::Any + Send)) -> String {
    let text = panicked.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panicked.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "it panicked".to_owned())
}

impl Scene {
    /// A namespace more, for a case that would be in the way of the others in theirs: it has a quota, or leaves. It goes
    /// when the case has ended well; else it is told about first.
    pub async fn apart(&self, name: &str, body: impl AsyncFnOnce(&Self) -> Result<()>) -> Result<()> {
        let own = Self::on(self.cluster.clone(), &format!("{name}-{}", suffix()))
            .await
            .with_context(|| format!("no namespace for {name}"))?;
        let played = AssertUnwindSafe(body(&own)).catch_unwind().await;
        if !matches!(played, Ok(Ok(()))) {
            own.dump().await;
        }
        let closed = own.close().await;
        match played {
            Err(panicked) => std::panic::resume_unwind(panicked),
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) => closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_case_that_fails_or_panics_is_named_and_stops_no_other() {
        let other = std::cell::Cell::new(false);
        let played = together(vec![
            case("fails", async { bail!("no") }),
            case("panics", async { panic!("{} is not two", 1) }),
            case("passes", async {
                tokio::task::yield_now().await;
                other.set(true);
                Ok(())
            }),
        ]);
        let said = played.await.unwrap_err().to_string();
        assert!(
            said.contains("case fails: no") && said.contains("case panics: 1 is not two"),
            "{said}"
        );
        assert!(other.get() && !said.contains("passes"), "{said}");
    }
}
