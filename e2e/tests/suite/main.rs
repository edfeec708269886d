//! What must be seen on a real cluster with real traffic: `make test`, or `make up` and then
//! `cargo test -p coalmine-e2e --test suite -- NAME`.

mod ab_test;
mod affinity;
mod autoscaler;
mod bad_release;
mod blue_green;
mod brand_new;
mod configs;
mod control;
mod daemonset;
mod dry_run;
mod exit;
mod failing_pods;
mod gates;
mod good_release;
mod guard;
mod idle;
mod killed;
mod live_app;
mod manifests;
mod many;
mod mirror;
mod no_room;
mod on_demand;
mod overrides;
mod policy;
mod reapply;
mod refusals;
mod service_target;
mod stage;
mod sweep;
mod takeover;
mod tools;
mod verb_table;
mod verbs;
mod waits;
