//! Every routing provider with real requests through a real data plane, one after the other, and how long a weight takes to
//! show: `make test-gateways`, or `make up` and then
//! `cargo test -p coalmine-e2e --test gateways -- --nocapture --test-threads=1 NAME`.

mod convergence;
mod copied;
mod judged;
mod plane;
mod released;
mod tested;

use e2e::scene::play;
use e2e::scene::quick::labelled_by;

use plane::Plane;

/// One thing after the other: each is looked at closely, on a machine that may have two cores.
async fn carries(plane: Plane) {
    play(&format!("gateways-{}", plane.word()), async |scene| {
        plane.ready(scene).await?;
        let hooks = scene.hooks().await?;
        labelled_by(scene, &hooks, plane.provider()).await?;
        released::good_and_bad(plane, scene, &hooks).await?;
        if plane.tests() {
            tested::by_a_header(plane, scene, &hooks).await?;
        }
        if plane.copies() {
            copied::every_other(plane, scene).await?;
        }
        if plane.counts() {
            judged::by_its_own_series(plane, scene).await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contour_by_httpproxies() {
    carries(Plane::HttpProxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn istio_by_virtualservices() {
    carries(Plane::VirtualService).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_by_traefikservices() {
    carries(Plane::TraefikService).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_by_httproutes() {
    carries(Plane::HttpRoute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_by_grpcroutes() {
    carries(Plane::GrpcRoute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_by_annotations_of_ingresses() {
    carries(Plane::Ingress).await;
}
