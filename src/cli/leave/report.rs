//! What `coalmine leave` says. Pure.

use super::survey::{App, Survey};
use crate::orders::{CONFIGURATIONS, Leave, WebhookConfiguration};
use crate::routing::registry;
use std::collections::BTreeMap;

/// The most lines of one list.
const MOST: usize = 20;

/// What gives apps back when no controller is there to do it: `docs/uninstall.md` has it too, with what it leaves undone. What
/// providers edit stands between the workloads, which serve before anybody is led to them, and the Canaries.
pub fn rescue() -> String {
    let (first, last) = (include_str!("rescue/first.sh"), include_str!("rescue/last.sh"));
    format!("{first}{}{last}", registry::rescue())
}

/// What would be given back, and what of an order is still to be done.
pub fn check(survey: &Survey, order: &Leave) -> String {
    let mut lines = vec![match order {
        Leave::Nobody => String::from("no order to leave stands"),
        leave => format!("an order stands: {leave}"),
    }];
    let (out, there): (Vec<&App>, Vec<&App>) = survey.apps.iter().partition(|app| app.is_out());
    for app in &there {
        let what = if app.generated {
            "given back, and its Canary, which a policy made, deleted"
        } else {
            "given back; its Canary stays as an object"
        };
        lines.push(format!("{}: {what} ({})", app.name, standing(app)));
    }
    lines.extend(
        out.iter()
            .map(|app| format!("{}: given back already, or never taken in", app.name)),
    );
    lines.extend(
        survey
            .objects
            .iter()
            .map(|object| format!("{object}: in Coalmine's hands")),
    );
    lines.extend(
        survey
            .configurations
            .iter()
            .map(|kind| format!("{kind} coalmine: there")),
    );
    let controller = if survey.controller { "runs" } else { "does not run" };
    lines.push(format!("the controller {controller}"));
    if survey.is_clean() {
        lines.push(String::from("nothing is to be given back"));
    }
    lines.join("\n") + "\n"
}

/// What is new since it was `said` last, by app.
pub fn news(survey: &Survey, said: &mut BTreeMap<String, String>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut now = BTreeMap::new();
    for app in &survey.apps {
        let text = if app.is_out() {
            String::from("given back")
        } else {
            standing(app)
        };
        if said.get(&app.name) != Some(&text) {
            lines.push(format!("{}: {text}", app.name));
        }
        now.insert(app.name.clone(), text);
    }
    // What a policy made is gone when its app has been given back.
    let gone = said.keys().filter(|name| !now.contains_key(*name));
    lines.extend(gone.map(|name| format!("{name}: given back")));
    *said = now;
    lines
}

fn standing(app: &App) -> String {
    let stage = if app.stage.is_empty() {
        "not taken in"
    } else {
        &app.stage
    };
    let says = if app.says.is_empty() {
        String::new()
    } else {
        format!(": {}", app.says)
    };
    format!("{stage}{says}")
}

/// What became of the webhook configurations, of which this account may not take away what is `left`.
pub fn configurations(left: &[WebhookConfiguration]) -> String {
    if left.is_empty() {
        return String::from("the webhook configurations are gone");
    }
    let mut kinds: Vec<String> = left.iter().map(|which| which.kind().to_lowercase()).collect();
    kinds.sort_unstable();
    format!(
        "this account may not delete webhook configurations. Since the order no entry of them fails closed, but each write asks in \
         vain once Coalmine is gone. So somebody who may has to take them away: kubectl delete {} {CONFIGURATIONS}",
        kinds.join(",")
    )
}

/// What is said when every app has been given back.
pub fn done(namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!(
            "every app of {namespace} serves by itself; it stays so until: coalmine leave --cancel --namespace {namespace}"
        ),
        None => String::from(
            "every app serves by itself; Coalmine can go now. It takes nothing in until: coalmine leave --cancel",
        ),
    }
}

/// What the cluster's definitions lack, and what becomes of that; nothing where they lack nothing.
pub fn definitions(amiss: &[String]) -> Option<String> {
    (!amiss.is_empty()).then(|| {
        format!(
            "the controller gives no app back whose steps it cannot record, and the definitions of its kinds may not let it \
             (docs/uninstall.md): {}",
            amiss.join("; ")
        )
    })
}

/// Time is over; `amiss` is what the definitions lack.
pub fn late(survey: &Survey, amiss: &[String], namespace: Option<&str>) -> String {
    let scope = namespace.map_or(String::new(), |namespace| format!(" --namespace {namespace}"));
    let why = definitions(amiss).map_or(String::new(), |why| format!("\nThe likely reason: {why}"));
    format!(
        "these have not been given back in time:\n{}{why}\nNothing is lost: each is served as before. The order stands, so the \
         rest goes on leaving; look again with: coalmine leave --check{scope}, wait longer with --timeout, or take the order \
         back with: coalmine leave --cancel{scope}",
        list(survey)
    )
}

/// Nobody would do it.
pub fn nobody_there(survey: &Survey, system: &str) -> String {
    format!(
        "no controller runs in namespace {system} (its Lease was not renewed lately), so nobody can give these back:\n{}\n\
         Start it and try again: kubectl -n {system} get pods. If it is gone for good, this gives them back (docs/uninstall.md \
         says what it leaves to you), and helm uninstall --no-hooks does the rest:\n{}",
        list(survey),
        rescue()
    )
}

fn list(survey: &Survey) -> String {
    let there = survey.apps.iter().filter(|app| !app.is_out());
    let mut lines: Vec<String> = there.map(|app| format!("  {}: {}", app.name, standing(app))).collect();
    lines.extend(survey.objects.iter().map(|object| format!("  {object}")));
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::labels, plan::workload::daemon_set::UPDATE_STRATEGY};

    fn app(name: &str, generated: bool, stage: &str, finalizer: bool) -> App {
        App {
            name: name.to_owned(),
            generated,
            stage: stage.to_owned(),
            finalizer,
            ..App::default()
        }
    }

    fn of(apps: Vec<App>) -> Survey {
        Survey {
            apps,
            controller: true,
            ..Survey::default()
        }
    }

    #[test]
    fn an_app_is_out_when_its_canary_is_gone_or_holds_nothing() {
        for (one, out) in [
            (app("web/a", true, "Left", false), false),
            (app("web/a", false, "Left", false), true),
            (app("web/a", false, "Left", true), false),
            (app("web/a", false, "", false), true),
            (app("web/a", false, "Rest", false), false),
        ] {
            assert_eq!(one.is_out(), out, "{one:?}");
        }
        let mut survey = of(vec![app("web/a", false, "Left", false)]);
        assert!(survey.is_clean());
        survey.objects = vec!["Deployment web/a-primary".to_owned()];
        assert!(!survey.is_clean());
    }

    #[test]
    fn each_change_is_said_once() {
        let mut said = BTreeMap::new();
        let mut waiting = app("web/a", true, "LeavingScale", true);
        waiting.says = String::from("1 of 2");
        let first = news(&of(vec![waiting.clone(), app("web/b", false, "Rest", true)]), &mut said);
        assert_eq!(first, ["web/a: LeavingScale: 1 of 2", "web/b: Rest"]);
        assert!(news(&of(vec![waiting, app("web/b", false, "Rest", true)]), &mut said).is_empty());
        let last = news(&of(vec![app("web/b", false, "Left", false)]), &mut said);
        assert_eq!(last, ["web/b: given back", "web/a: given back"]);
    }

    #[test]
    fn who_is_late_is_named_and_what_can_be_done() {
        let many = (0..25)
            .map(|n| app(&format!("web/a{n}"), true, "LeavingScale", true))
            .collect();
        let text = late(&of(many), &[], Some("web"));
        assert!(
            text.contains("web/a0: LeavingScale") && text.contains("and 5 more"),
            "{text}"
        );
        assert!(text.contains("coalmine leave --cancel --namespace web"), "{text}");
        assert!(!text.contains("definitions"), "{text}");
    }

    #[test]
    fn definitions_that_keep_apps_are_named_before_and_when_it_is_late() {
        assert_eq!(definitions(&[]), None);
        let amiss = [String::from("status.run would be lost, run: kubectl apply")];
        let before = definitions(&amiss).unwrap();
        assert!(
            before.ends_with("status.run would be lost, run: kubectl apply"),
            "{before}"
        );
        let text = late(&of(vec![app("web/a", true, "Rest", true)]), &amiss, None);
        assert!(
            text.contains("web/a: Rest\nThe likely reason: ") && text.contains(&before),
            "{text}"
        );
    }

    #[test]
    fn what_this_account_may_not_take_away_somebody_else_is_told_to() {
        assert_eq!(configurations(&[]), "the webhook configurations are gone");
        let text = configurations(&[WebhookConfiguration::Validating]);
        assert!(
            text.ends_with(": kubectl delete validatingwebhookconfiguration coalmine"),
            "{text}"
        );
        // Whoever has not read the log finds it here.
        let text = configurations(&WebhookConfiguration::ALL);
        let (_, command) = text.rsplit_once(": ").unwrap();
        for document in [
            include_str!("../../../docs/uninstall.md"),
            include_str!("../../../charts/coalmine/templates/NOTES.txt"),
        ] {
            assert!(document.lines().any(|line| line.trim() == command), "{command}");
        }
    }

    #[test]
    fn without_a_controller_the_rescue_line_is_said() {
        let text = nobody_there(&of(vec![app("web/a", true, "Rest", true)]), "coalmine-system");
        assert!(
            text.contains("web/a: Rest") && text.contains("--no-hooks") && text.ends_with(&rescue()),
            "{text}"
        );
    }

    #[test]
    fn a_check_says_what_would_happen_to_each() {
        let survey = of(vec![
            app("web/a", true, "Rest", true),
            app("web/b", false, "Rest", true),
        ]);
        let text = check(&survey, &Leave::Nobody);
        assert!(
            text.contains("web/a: given back, and its Canary, which a policy made, deleted (Rest)"),
            "{text}"
        );
        assert!(
            text.contains("web/b: given back; its Canary stays as an object (Rest)"),
            "{text}"
        );
        assert!(
            text.contains("no order to leave stands") && text.contains("the controller runs"),
            "{text}"
        );
    }

    #[test]
    fn the_rescue_takes_every_mark_off_a_target() {
        let rescue = rescue();
        let marks = [labels::REQUESTED_BY, labels::ANNOUNCE, UPDATE_STRATEGY];
        for mark in labels::OF_TARGETS.iter().chain(&marks) {
            assert!(rescue.contains(&format!("\"{mark}\":null")), "{mark} stays");
        }
    }
}
