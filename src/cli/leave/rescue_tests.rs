//! The lines of the manual, as kubectl and xargs read them. An administrator runs them, and what they are made of was written
//! by whoever owns the objects: whatever that is, an object can have nothing but itself patched.

use super::rescue;
use gotmpl::{Template, Value as Given};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Where the files of lines are: our own, and each provider's beside it.
const FOLDERS: [&str; 2] = ["src/cli/leave/rescue", "crates/core/src/routing/providers"];
/// What the API server checks, or says itself: no author is free in it, and in the labels of an object neither.
const CHECKED: [&str; 4] = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"];
/// Longer than xargs takes: it would end there, and the rest of the line would stay undone.
const TOO_LONG: usize = 130_000;
/// How a line begins that is there to fail, in place of one that cannot be trusted.
const SAID: &str = "NOT GIVEN BACK: ";

/// A line that asks for objects.
struct Line {
    kinds: String,
    template: Template,
    /// It goes through sed before it is run.
    edited: bool,
}

impl Line {
    fn of(line: &str) -> Option<Self> {
        let (kinds, rest) = line.strip_prefix("kubectl get ")?.split_once(" -A -o go-template='")?;
        let (template, rest) = rest.split_once('\'')?;
        Some(Self {
            kinds: kinds.to_owned(),
            template: Template::new(kinds).parse(template).unwrap(),
            edited: rest.starts_with(" | sed "),
        })
    }

    fn says(&self, object: &Value) -> String {
        let list = json!({"items": [object]});
        self.template.execute_to_string(&given(&list)).unwrap()
    }
}

/// A file of lines. Two of the same name are beside it: objects as Coalmine leaves them (`.json`), by the kinds that a line asks
/// for, and what Go makes of them (`.txt`).
struct Script {
    path: PathBuf,
    text: String,
    objects: Value,
    said: String,
}

static SCRIPTS: LazyLock<Vec<Script>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for folder in FOLDERS {
        find(Path::new(folder), &mut all);
    }
    all
});

fn find(folder: &Path, all: &mut Vec<Script>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, all);
        } else if path.extension().is_some_and(|end| end == "sh") {
            all.push(Script::at(path));
        }
    }
}

impl Script {
    fn at(path: PathBuf) -> Self {
        let text = |path: &Path| {
            fs::read_to_string(path).unwrap_or_else(|error| panic!("the rescue has no {}: {error}", path.display()))
        };
        let objects = path.with_extension("json");
        Self {
            text: text(&path),
            objects: serde_json::from_str(&text(&objects)).unwrap(),
            said: text(&path.with_extension("txt")),
            path,
        }
    }

    /// The lines that ask for objects, each with some.
    fn lines(&self) -> Vec<(Line, Vec<Value>)> {
        let objects = |line: Line| {
            let known = self.objects[line.kinds.as_str()].as_array().cloned();
            let known = known.unwrap_or_else(|| panic!("no object for {} beside {}", line.kinds, self.path.display()));
            (line, known)
        };
        self.text.lines().filter_map(Line::of).map(objects).collect()
    }
}

fn given(value: &Value) -> Given {
    match value {
        Value::Null => Given::Nil,
        Value::Bool(flag) => Given::Bool(*flag),
        Value::Number(number) => Given::Int(number.as_i64().unwrap()),
        Value::String(text) => Given::String(Arc::from(text.as_str())),
        Value::Array(items) => Given::List(items.iter().map(given).collect()),
        Value::Object(entries) => {
            let entry = |(key, inner): (&String, &Value)| (Arc::from(key.as_str()), given(inner));
            Given::Map(Arc::new(entries.iter().map(entry).collect()))
        }
    }
}

/// Pointers of every text in `value` that its author chooses.
fn free(value: &Value, at: &str) -> Vec<String> {
    let below = |key: &str, inner: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        free(inner, &format!("{at}/{key}"))
    };
    match value {
        Value::String(_) if CHECKED.contains(&at) || at.starts_with("/metadata/labels/") => Vec::new(),
        Value::String(_) => vec![at.to_owned()],
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.flat_map(|(n, inner)| below(&n.to_string(), inner)).collect()
        }
        Value::Object(entries) => entries.iter().flat_map(|(key, inner)| below(key, inner)).collect(),
        _ => Vec::new(),
    }
}

/// The words of a command, as xargs finds them in one line.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut rest = line.chars();
    while let Some(next) = rest.next() {
        match (quote, next) {
            (Some(end), _) if next == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(next);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '\\') => word.get_or_insert_default().extend(rest.next()),
            _ => word.get_or_insert_default().push(next),
        }
    }
    assert_eq!(quote, None, "a quote stays open: {line:?}");
    words.extend(word);
    words
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What patches `object` with this, if it patches anything; every other thing a line may say is of `object` as well.
fn patch_of(line: &Line, object: &Value, said: &str) -> Option<String> {
    assert!(said.len() < TOO_LONG, "{}: {} bytes", line.kinds, said.len());
    let words = words(said);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (kind, name, namespace, patch) = match *words.as_slice() {
        [
            "patch",
            kind,
            name,
            "-n",
            namespace,
            "--type=json" | "--type=merge",
            patch,
        ] => (kind, name, namespace, Some(patch)),
        ["rollout", "status", kind, name, "-n", namespace, "--timeout=120s"] => (kind, name, namespace, None),
        ["label", kind, name, "-n", namespace, "coalmine.dev/denied-"] => (kind, name, namespace, None),
        [namespace, name, rule, to, "kube" | "upstream", named] if line.edited => {
            assert!([rule, to, named].concat().bytes().all(is_plain), "{said:?}");
            (line.kinds.as_str(), name, namespace, None)
        }
        _ => panic!("{}: {said:?}", line.kinds),
    };
    let own = line.kinds.trim_end_matches('s') == kind || line.kinds == kind || object["kind"] == kind;
    assert!(own, "{said:?}");
    assert_eq!(object["metadata"]["name"], name, "{said:?}");
    assert_eq!(object["metadata"]["namespace"], namespace, "{said:?}");
    patch.map(|patch| patch.strip_prefix("-p=").expect(said).to_owned())
}

/// What is done to the objects of `line` once each text that their authors choose is `hostile`.
fn patches(hostile: &str, mut judge: impl FnMut(&str, &Value, &str)) {
    for (line, objects) in SCRIPTS.iter().flat_map(Script::lines) {
        for object in objects {
            for at in free(&object, "") {
                let mut changed = object.clone();
                *changed.pointer_mut(&at).unwrap() = json!(hostile);
                let said = line.says(&changed);
                let each = said.split_terminator('\n');
                let patches = each.filter_map(|said| patch_of(&line, &changed, said));
                patches.for_each(|patch| judge(&at, &changed, &patch));
            }
        }
    }
}

fn hostile() -> Vec<String> {
    let command = "create clusterrolebinding pwned --clusterrole=cluster-admin --serviceaccount=team-a:default";
    let texts = [
        format!("{{}}}}]'\n{command}\nversion --client '"),
        format!("web-primary\n{command}"),
        "'".to_owned(),
        "x'y".to_owned(),
        "x\"y".to_owned(),
        "a b".to_owned(),
        "\t\r\n".to_owned(),
        "\\".to_owned(),
        "\u{0}'".to_owned(),
        "\u{2028}a'".to_owned(),
        "\u{e9}'x".to_owned(),
        "--kubeconfig=x".to_owned(),
        "-".to_owned(),
        "{{.}}".to_owned(),
        "}".to_owned(),
        "%27".to_owned(),
        "a".repeat(2 * TOO_LONG),
        format!("{{\"app\":\"{}\"}}", "b".repeat(40_000)),
    ];
    let ends = ["", "-primary", "-canary"];
    let each = |text: &String| ends.map(|end| format!("{text}{end}"));
    texts.iter().flat_map(each).collect()
}

#[test]
fn what_people_have_is_given_back_as_go_says_it() {
    for script in SCRIPTS.iter() {
        let lines = script.lines();
        let said = |(line, objects): &(Line, Vec<Value>)| -> String {
            let each = objects.iter().map(|object| line.says(object));
            each.collect()
        };
        let said: String = lines.iter().map(said).collect();
        assert_eq!(said, script.said, "{}", script.path.display());
        assert!(!said.contains(SAID));
    }
}

#[test]
fn every_line_of_the_manual_is_tried() {
    let tried: Vec<&str> = SCRIPTS.iter().flat_map(|script| script.text.lines()).collect();
    for line in rescue().lines() {
        assert!(tried.contains(&line), "{line}");
    }
}

#[test]
fn no_text_of_an_object_reaches_beyond_the_object() {
    for hostile in hostile() {
        patches(&hostile, |at, _, patch| {
            // A note is JSON already. What it says more is said of its own object, or is no JSON, which kubectl refuses.
            let is_note = at.starts_with("/metadata/annotations/coalmine.dev");
            let is_json = serde_json::from_str::<Value>(patch).is_ok();
            assert!(is_json || is_note || patch.starts_with(SAID), "{at}: {patch}");
        });
    }
}

#[test]
fn what_cannot_be_trusted_is_said_with_the_objects_name_and_nothing_of_its_text() {
    let hostile = "{}}]'\ncreate clusterrolebinding pwned\nversion '-primary";
    let mut said = Vec::new();
    patches(hostile, |at, object, patch| {
        assert!(!patch.contains("pwned"), "{at}: {patch}");
        if let Some(text) = patch.strip_prefix(SAID) {
            let metadata = &object["metadata"];
            let [namespace, name] = ["namespace", "name"].map(|key| metadata[key].as_str().unwrap_or_default());
            // As YAML this is no value, for its second colon: kubectl says it and sends nothing.
            assert!(text.contains(&format!(" {namespace}/{name}: ")), "{text}");
            said.push(at.to_owned());
        }
    });
    for note in ["original-selector", "update-strategy", "traffic"] {
        let at = format!("/metadata/annotations/coalmine.dev~1{note}");
        assert!(said.contains(&at), "{note}: {said:?}");
    }
    for at in ["/spec/rules/0/backendRefs/0/name", "/metadata/ownerReferences/0/uid"] {
        assert!(said.iter().any(|said| said == at), "{at}: {said:?}");
    }
}
