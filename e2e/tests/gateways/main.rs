//! Every routing provider with real requests through a real data plane, one after the other, and how long a weight takes to
//! show: `make test-gateways`, or `make up` and then
//! `cargo test -p coalmine-e2e --test gateways -- --nocapture --test-threads=1 NAME`.
//!
//! `make test` plays one of these in turn. So each is short, and its name begins with that of the gateway that it asks for.

mod convergence;
mod copied;
mod given_back;
mod judged;
mod plane;
mod released;
mod sessions;
mod tested;

use anyhow::{Context as _, Result};
use e2e::scene::quick::{labelled, labelled_by};
use e2e::scene::{Hooks, Scene, play};

use plane::Plane;

/// A namespace that is labelled, with the policy of that provider, once its data plane serves.
async fn on(plane: Plane, what: &str, body: impl AsyncFnOnce(&Scene, &Hooks) -> Result<()>) {
    play(&format!("gateways-{}-{what}", plane.word()), async |scene| {
        plane.ready(scene).await?;
        let hooks = scene.hooks().await?;
        if plane.is_named_by_policies() {
            labelled_by(scene, &hooks, plane.provider()).await?;
        } else {
            labelled(scene, &hooks).await?;
        }
        body(scene, &hooks).await
    })
    .await;
}

/// One thing after the other: each is looked at closely, on a machine that may have two cores.
async fn carries(plane: Plane) {
    on(plane, "carries", async |scene, hooks| {
        released::good_and_bad(plane, scene, hooks).await?;
        if plane.tests() {
            tested::by_what_they_send(plane, scene, hooks).await?;
        }
        if plane.copies() {
            copied::every_other(plane, scene).await?;
        }
        Ok(())
    })
    .await;
}

async fn keeps(plane: Plane) {
    on(plane, "sessions", async |scene, hooks| {
        sessions::kept_while_it_lasts(plane, scene, hooks).await
    })
    .await;
}

async fn is_judged(plane: Plane) {
    on(plane, "judged", async |scene, _| {
        let series = plane.series().context("no series are known")?;
        judged::by_its_own_series(plane, series, scene).await
    })
    .await;
}

async fn gives_back(plane: Plane) {
    on(plane, "own", async |scene, hooks| {
        given_back::untouched(plane, scene, hooks).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contour_by_httpproxies() {
    carries(Plane::HttpProxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contour_by_the_series_of_its_envoy() {
    is_judged(Plane::HttpProxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contour_by_an_httpproxy_of_its_authors_own() {
    gives_back(Plane::HttpProxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contour_by_httproutes() {
    carries(Plane::ContourRoute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contour_keeps_sessions_by_httproutes() {
    keeps(Plane::ContourRoute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn istio_by_virtualservices() {
    carries(Plane::VirtualService).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn istio_keeps_sessions_by_virtualservices() {
    keeps(Plane::VirtualService).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn istio_by_the_series_of_its_envoy() {
    is_judged(Plane::VirtualService).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn istio_by_a_virtualservice_of_its_authors_own() {
    gives_back(Plane::VirtualService).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn istio_by_httproutes() {
    carries(Plane::IstioRoute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn istio_keeps_sessions_by_httproutes() {
    keeps(Plane::IstioRoute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn knative_by_traefik() {
    carries(Plane::KnativeService).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn skipper_by_annotations_of_ingresses() {
    carries(Plane::SkipperIngress).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn skipper_by_its_own_series() {
    is_judged(Plane::SkipperIngress).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_by_traefikservices() {
    carries(Plane::TraefikService).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_by_its_own_series() {
    is_judged(Plane::TraefikService).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_by_httproutes() {
    carries(Plane::TraefikRoute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_keeps_sessions_by_httproutes() {
    keeps(Plane::TraefikRoute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_by_the_series_of_the_pods_behind_httproutes() {
    is_judged(Plane::TraefikRoute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_by_grpcroutes() {
    carries(Plane::TraefikGrpcRoute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_by_annotations_of_ingresses() {
    carries(Plane::NginxIngress).await;
}
