//! The routing providers are the seam: what the program watches, may do and names of foreign kinds follows from the registry.

mod rendered;
mod sources;

use coalmine::api::canary::CanarySpec;
use coalmine::routing::{Names, OwnRoute, Provider, Resource, registry, rights};
use rendered::list;
use serde_json::{Value, json};
use sources::files_below;
use std::{collections::BTreeSet, fs, io, path::Path};

/// The folder of those who may name them.
const AT_HOME: &str = "crates/core/src/routing";
/// Files besides those that may name a provider, a kind of theirs or its API group in code, and why.
const MAY_NAME: [(&str, &str); 16] = [
    (
        "crates/api/src/canary.rs",
        "a field of Flagger's is called after a kind",
    ),
    (
        "crates/api/src/canary/accessors.rs",
        "which targets are their own routes; core says it too, and compares",
    ),
    (
        "crates/api/src/canary/references.rs",
        "a field of Flagger's is called after a kind",
    ),
    (
        "crates/api/src/canary/service.rs",
        "the group that gatewayRefs of Flagger's leave out",
    ),
    (
        "crates/api/src/crds/refinements.rs",
        "the kinds that fields of Flagger's may name, and the words of one of them",
    ),
    (
        "crates/core/src/metrics/builtin.rs",
        "whose series are read is said in Flagger's words for meshes, of which some are no provider",
    ),
    (
        "crates/core/src/metrics/prometheus/builtin.rs",
        "versions of a provider have the same series",
    ),
    (
        "crates/core/src/metrics/prometheus/builtin/table.rs",
        "the series of each data plane",
    ),
    (
        "crates/core/src/plan/enrolment/reach/foreign.rs",
        "who keeps users from pods, whatever moves them",
    ),
    (
        "crates/core/src/plan/services/ports/choice.rs",
        "a proxy beside an app, whose ports are not the app's",
    ),
    (
        "crates/core/src/validation/canary/analysis/weights.rs",
        "a way out where a gateway copies more than it is asked to",
    ),
    (
        "src/admission/effects/generate/policies.rs",
        "NetworkPolicies are of the group of Ingresses",
    ),
    (
        "src/cli/serve.rs",
        "the defaults of --mesh-provider and --ingress-annotations-prefix",
    ),
    ("src/controller/context/fake.rs", "a context for tests"),
    ("src/outbound/egress.rs", "the API server is called like a provider"),
    (
        "src/testing/address.rs",
        "a group that is called like those that are built in, and is not",
    ),
];

#[test]
fn nobody_else_names_a_provider_or_a_kind_of_theirs() {
    let named = named_elsewhere().unwrap();
    let may = |path: &str| MAY_NAME.iter().any(|(file, _)| *file == path);
    let others = named.iter().filter(|(path, _)| !may(path));
    let others: Vec<String> = others.map(|(path, line)| format!("{path}: {line}")).collect();
    assert!(others.is_empty(), "\n{}", others.join("\n"));
    for (file, why) in MAY_NAME {
        let does = named.iter().any(|(path, _)| path == file);
        assert!(does, "{file} names none any more, so it need not be let ({why})");
    }
}

#[test]
fn a_name_in_code_is_seen_and_one_in_a_comment_is_not() {
    let words = Words::all();
    for seen in [
        r#"x("nginx")"#,
        r#"let key = "appmesh.flagger.app/accesslog";"#,
        r#"x == "smi:v1alpha1""#,
        r#"x == "kubernetes""#,
        r#"("HTTPRoute", 1)"#,
        r#"x("httproutes")"#,
        r#"x("IngressRoute")"#,
        r#"x.starts_with("serving.knative.dev/")"#,
        r#"group == "gateway.solo.io""#,
    ] {
        assert!(words.are_in(seen), "{seen}");
    }
    for unseen in [
        "// as nginx does",
        "/// An HTTPRoute.",
        "x(); // as Contour does",
        "self.dismiss(number)",
        "on_kubernetes()",
        "ScaleTooSmall",
    ] {
        assert!(!words.are_in(unseen), "{unseen}");
    }
}

#[test]
fn the_chart_has_the_kinds_that_the_registry_says() {
    let path = Path::new(rights::FOLDER).join(rights::FILE);
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == rights::render(),
        "{} is stale; run: cargo run -- crds --write",
        path.display()
    );
    let read: Value = serde_saphyr::from_str(&stored).unwrap();
    for part in [
        "written",
        "targets",
        "carrying",
        "published",
        "fronts",
        "decidingFronts",
        "definitions",
        "halves",
    ] {
        assert!(!list(&read[part]).is_empty(), "{part}");
    }
}

#[test]
fn both_roles_may_do_with_every_kind_what_is_done_with_it() {
    let all = rendered::objects().unwrap();
    for kind in kinds() {
        assert!(
            may(&all, "coalmine-webhook", kind, &["get", "list", "watch"]),
            "the webhook, {kind:?}"
        );
    }
    // What it makes beside an app in the same apply, whatever that speaks.
    let spec = |protocol: &str| -> CanarySpec {
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        let service = json!({"port": 80, "appProtocol": protocol, "hosts": ["a.test"], "gatewayRefs": [{"name": "g"}]});
        serde_json::from_value(json!({"targetRef": target, "service": service})).unwrap()
    };
    let specs = ["http", "grpc"].map(spec);
    let providers = registry::ROUTERS
        .iter()
        .filter_map(|router| Provider::parse(router.name()))
        // Routes to what is not there yet are made by the controller.
        .filter(|provider| !provider.has_destinations());
    let made = providers.flat_map(|provider| {
        let of = |spec| provider.published("shop", &Names::new("web"), spec);
        specs.iter().filter_map(of).collect::<Vec<_>>()
    });
    let made: BTreeSet<Resource> = made
        .map(|route| registry::kind_of(&route).unwrap().resource())
        .collect();
    assert!(made.len() > 5, "{made:?}");
    for kind in made {
        assert!(
            may(&all, "coalmine-webhook", kind, &["create", "patch"]),
            "the webhook makes {kind:?}"
        );
    }
    for kind in registry::written().map(|kind| kind.resource()) {
        let made = OwnRoute::all().all(|own| own.resource() != kind);
        let of_controller = ["get", "list", "watch", "patch"];
        assert!(
            may(&all, "coalmine-controller", kind, &of_controller),
            "the controller, {kind:?}"
        );
        // What is the target itself is never made, and never taken away.
        for verb in ["create", "delete"] {
            assert_eq!(
                may(&all, "coalmine-controller", kind, &[verb]),
                made,
                "the controller, {verb} {kind:?}"
            );
        }
        for role in ["coalmine-controller", "coalmine-webhook"] {
            let Some(definition) = kind.definition() else { continue };
            let rules = rules(&all, role);
            let mut names = rules.iter().flat_map(|rule| of(rule, "resourceNames"));
            assert!(
                names.any(|name| *name == definition),
                "{role}: {definition} is not watched"
            );
        }
    }
}

#[test]
fn the_webhook_may_look_at_what_leads_past_the_routes_and_the_controller_where_that_ends_a_run() {
    let all = rendered::objects().unwrap();
    let fronts: Vec<_> = registry::ROUTERS.iter().filter_map(|router| router.front()).collect();
    assert!(fronts.iter().any(|front| front.decides) && fronts.iter().any(|front| !front.decides));
    for front in fronts {
        let kind = front.resource;
        assert!(may(&all, "coalmine-webhook", kind, &["list"]), "{kind:?}");
        let looks = may(&all, "coalmine-controller", kind, &["list"]);
        assert_eq!(looks, front.decides, "{kind:?}");
    }
}

#[test]
fn the_documents_say_what_each_provider_can_do_and_name_every_kind() {
    let table = fs::read_to_string("docs/providers.md").unwrap();
    let row = |first: &str| -> Vec<String> {
        let line = table.lines().find(|line| line.starts_with(&format!("| {first} |")));
        line.unwrap().split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let columns = row("provider");
    let rows = table
        .lines()
        .skip_while(|line| !line.starts_with("| provider |"))
        .skip(2);
    let named: BTreeSet<&str> = rows
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('`').nth(1))
        .collect();
    let built: BTreeSet<&str> = registry::ROUTERS.iter().map(|router| router.name()).collect();
    assert_eq!(named, built, "the rows of docs/providers.md");
    for router in registry::ROUTERS {
        let (can, cells) = (router.can(), row(&format!("`{}`", router.name())));
        for (column, able) in [
            ("A/B test", can.matches),
            ("mirror", can.mirror),
            ("sessions", can.affinity),
            ("TCP", can.tcp),
            ("gRPC", can.grpc),
            ("several ports", can.several_ports),
        ] {
            let at = columns.iter().position(|name| name == column).unwrap();
            let said = cells[at] != "no" && !cells[at].starts_with("no:");
            assert_eq!(said, able, "{}, {column}: {}", router.name(), cells[at]);
        }
    }
    for document in fs::read_dir("docs/providers").unwrap() {
        let name = document.unwrap().file_name().into_string().unwrap();
        let link = format!("](providers/{name})");
        assert!(table.contains(&link), "docs/providers.md does not link {name}");
    }
    let enrolment = fs::read_to_string("docs/enrolment.md").unwrap();
    for kind in registry::written().map(|kind| kind.resource().kind) {
        assert!(enrolment.contains(kind), "docs/enrolment.md does not name {kind}");
    }
}

#[test]
fn people_with_tools_that_compare_are_told_which_fields_of_which_kinds_are_held() {
    let gitops = fs::read_to_string("docs/gitops.md").unwrap();
    let rows = gitops.lines().skip_while(|line| !line.starts_with("| kind |")).skip(2);
    let rows: Vec<Vec<&str>> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let names = |cell: &str, kind: &str| cell.split(|c: char| !c.is_alphanumeric()).any(|word| word == kind);
    for kind in registry::kinds() {
        let (of, fields) = (kind.resource(), kind.fields());
        let dotted: Vec<String> = fields
            .iter()
            .map(|field| field.trim_start_matches('/').replace('/', "."))
            .collect();
        let says = |cell: &str| match dotted.as_slice() {
            [] => cell.starts_with("none"),
            dotted => dotted.iter().all(|field| cell.contains(&format!("`{field}`"))),
        };
        let told = rows.iter().any(|cells| names(cells[1], of.kind) && says(cells[2]));
        assert!(told, "docs/gitops.md has no row of {} that says {dotted:?}", of.kind);
        let ignored = format!(
            "{{group: {}, kind: {}, jsonPointers: [{}]}}",
            of.group,
            of.kind,
            fields.join(", ")
        );
        assert!(
            fields.is_empty() || gitops.contains(&ignored),
            "docs/gitops.md: {ignored}"
        );
    }
    // What is made beside routes has a row of its own, or is named in that of its routes.
    for kind in registry::written().map(|kind| kind.resource().kind) {
        let mut cells = rows.iter().flat_map(|cells| [cells[1], cells[3]]);
        assert!(
            cells.any(|cell| cell.contains(kind)),
            "docs/gitops.md does not name {kind}"
        );
    }
}

/// By what a provider, or what is theirs, is named.
struct Words {
    /// Kinds, plurals and API groups.
    of_kinds: BTreeSet<&'static str>,
    /// Names of providers, without versions.
    names: BTreeSet<&'static str>,
}

impl Words {
    fn all() -> Self {
        let written = registry::written().map(|kind| kind.resource());
        let fronts = registry::ROUTERS.iter().filter_map(|router| router.front());
        let resources: Vec<Resource> = written.chain(fronts.map(|front| front.resource)).collect();
        // One that is called like a kind of Kubernetes' own is named everywhere.
        let own = resources.iter().filter(|kind| kind.kind != "Service");
        let called = own.flat_map(|kind| [kind.kind, kind.plural]);
        let groups = resources.iter().map(|kind| kind.group);
        let names = registry::names().into_iter();
        Self {
            of_kinds: called.chain(groups).collect(),
            names: names.filter_map(|name| name.split(':').next()).collect(),
        }
    }

    fn are_in(&self, line: &str) -> bool {
        let line = line.trim();
        let code = line.split(" // ").next().filter(|_| !line.starts_with("//"));
        let code = code.unwrap_or_default();
        let lower = code.to_lowercase();
        let word = |name: &str| lower.split(|c: char| !c.is_alphanumeric()).any(|word| word == name);
        // That one is a word for much else: it is a provider's name where it stands alone.
        let named = |name: &str| match name {
            "kubernetes" => code.contains("\"kubernetes\""),
            name => word(name),
        };
        self.of_kinds.iter().any(|known| code.contains(known)) || self.names.iter().any(|name| named(name))
    }
}

/// The lines of code that name a provider or what is theirs, and are no provider's and no test's, each with its file.
fn named_elsewhere() -> io::Result<Vec<(String, String)>> {
    let (mut files, mut lines, mut read) = (Vec::new(), Vec::new(), 0);
    for sources in ["src", "crates"] {
        files_below(Path::new(sources), &mut files)?;
    }
    let words = Words::all();
    for file in files {
        let path = file.to_string_lossy();
        let test = path.contains("tests/") || path.ends_with("tests.rs");
        if path.starts_with(AT_HOME) || test {
            continue;
        }
        let text = fs::read_to_string(&file)?;
        read += 1;
        let code = text.lines().take_while(|line| *line != "mod tests {");
        let named = code.filter(|line| words.are_in(line));
        lines.extend(named.map(|line| (path.to_string(), line.trim().to_owned())));
    }
    assert!(read > 200, "only {read} files were read");
    Ok(lines)
}

fn kinds() -> impl Iterator<Item = Resource> {
    registry::kinds().map(|kind| kind.resource())
}

fn may(all: &[Value], role: &str, kind: Resource, verbs: &[&str]) -> bool {
    let rules = rules(all, role);
    let about = rules.iter().filter(|rule| {
        of(rule, "apiGroups").iter().any(|group| *group == kind.group)
            && of(rule, "resources").iter().any(|resource| *resource == kind.plural)
    });
    let granted: Vec<&Value> = about.flat_map(|rule| of(rule, "verbs")).collect();
    verbs.iter().all(|verb| granted.iter().any(|granted| *granted == verb))
}

fn rules(all: &[Value], role: &str) -> Vec<Value> {
    let is = |object: &Value, at: &str, text: &str| object.pointer(at).is_some_and(|found| found == text);
    let mut roles = all
        .iter()
        .filter(|object| is(object, "/kind", "ClusterRole") && is(object, "/metadata/name", role));
    roles.next().map(|role| of(role, "rules").to_vec()).unwrap_or_default()
}

fn of<'a>(rule: &'a Value, field: &str) -> &'a [Value] {
    rule.get(field).map(list).unwrap_or_default()
}
