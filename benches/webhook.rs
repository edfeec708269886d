//! What a request costs the webhook in computing, from the bytes of the review to the bytes of the answer, and what the
//! controller's pure parts cost. The baseline reads the same review and allows it unseen.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::expect_used, reason = "a failed assumption is a failed measurement")]

mod support;

use coalmine::admission::review::{self, Request, Response};
use coalmine::admission::server::Reviewer as _;
use coalmine::api::entry::Entry;
use coalmine::plan::{self, revision::hash::template_hash};
use coalmine::routing::{self, Traffic};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::FutureExt as _;
use std::hint::black_box;

fn answer(response: &Response, request: &Request) -> Vec<u8> {
    response.to_bytes(request).expect("an answer is JSON")
}

fn webhook(criterion: &mut Criterion) {
    let (webhook, _feeds) = support::webhook();
    let body = support::review();
    let mut group = criterion.benchmark_group("webhook");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("baseline: allow unseen", |bencher| {
        bencher.iter(|| {
            let request = review::parse(black_box(&body)).expect("a review");
            answer(&Response::allow(), &request)
        });
    });
    for entry in [Entry::MutateDeployments, Entry::FollowDeployments] {
        group.bench_function(entry.as_str(), |bencher| {
            bencher.iter(|| {
                let request = review::parse(black_box(&body)).expect("a review");
                let verdict = webhook.review(entry, &request).expect("a verdict");
                // Without an API server nothing is waited for.
                let done = verdict.response().now_or_never();
                answer(&done.expect("computed at once").expect("a verdict"), &request)
            });
        });
    }
    group.finish();
}

fn pure(criterion: &mut Criterion) {
    let canary = serde_json::from_value(support::canary("team-1", "app-1")).expect("a Canary");
    let target = support::deployment("1");
    let template = target.pointer("/spec/template").expect("a template");
    let defaults = support::defaults();
    let blueprint = plan::blueprint(&canary, &defaults).expect("a blueprint");
    let names = blueprint.names.clone().expect("names of Services");
    let route = plan::route(&blueprint, Traffic::PRIMARY).expect("a route");
    let mut group = criterion.benchmark_group("pure");
    group.bench_function("blueprint of a Canary", |bencher| {
        bencher.iter(|| plan::blueprint(black_box(&canary), &defaults));
    });
    group.bench_function("hash of a 20 KiB template", |bencher| {
        bencher.iter(|| template_hash(black_box(template)));
    });
    group.bench_function("weights into a route", |bencher| {
        bencher.iter(|| routing::carrying(black_box(&route), &names, Traffic::share(20), &blueprint.exposure));
    });
    group.finish();
}

criterion_group!(benches, webhook, pure);
criterion_main!(benches);
