//! What must be seen on a real cluster with real traffic: `make test`, or `make up` and then
//! `cargo test -p coalmine-e2e --test suite -- NAME`.

mod autoscaler;
mod bad_release;
mod brand_new;
mod daemonset;
mod dry_run;
mod exit;
mod failing_pods;
mod good_release;
mod idle;
mod killed;
mod live_app;
mod manifests;
mod overrides;
mod policy;
mod reapply;
mod refusals;
mod service_target;
mod stage;
mod verbs;
