//! A folder of the code can be read, and changed, with only those in mind that are below it. So nobody is above and below
//! another at once: neither folders nor the files in one import each other in a circle, directly or by way of others.

mod imports;

use imports::{Edges, Module, Modules, circle, words};
use std::{collections::BTreeMap, path::Path};

const CRATES: [(&str, &str); 3] = [
    ("coalmine_api", "crates/api/src/lib.rs"),
    ("coalmine_core", "crates/core/src/lib.rs"),
    ("coalmine", "src/lib.rs"),
];

#[test]
fn the_folders_of_src_and_crates_import_each_other_in_one_direction() {
    let mut modules = Modules::default();
    for (name, root) in CRATES {
        modules.read(vec![name.to_owned()], Path::new(root)).unwrap();
    }
    let imports = modules.imports();
    let seen: usize = imports.values().map(BTreeMap::len).sum();
    assert!(seen > 400, "only {seen} imports were seen");
    let circles = imports.iter().filter_map(|(folder, edges)| {
        let way = circle(edges)?;
        Some(format!("{}: {}", folder.join("::"), told(&way, edges)))
    });
    let circles: Vec<String> = circles.collect();
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

#[test]
fn a_circle_is_named_with_who_closes_it() {
    let edges = |all: &[(&str, &str)]| -> Edges {
        let of = |(from, to): &(&str, &str)| (((*from).to_owned(), (*to).to_owned()), format!("{from}.rs"));
        all.iter().map(of).collect()
    };
    assert_eq!(circle(&edges(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let round = edges(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"), ("d", "e")]);
    let way = circle(&round).unwrap();
    assert_eq!(told(&way, &round), "b -> c -> d -> b\n  b.rs\n  c.rs\n  d.rs");
}

#[test]
fn paths_are_seen_in_code_and_not_in_comments_texts_or_tests() {
    let source = r##"
        use crate::a::{self, b::C as D, e}; // use crate::comment::X
        pub use super::f::*;
        fn g<'a>(text: &'a str) -> char { h::i(r#"crate::raw"#, "\"crate::text"); '"' }
        #[cfg(test)]
        use crate::test::{X, Y};
        impl J { fn k() { crate::l::M } }
        #[cfg(test)]
        mod tests { use crate::inner::X; }
    "##;
    let module = Module::of(&words(source));
    let paths: Vec<String> = module.paths.iter().map(|path| path.join("::")).collect();
    let expected = [
        "crate::a",
        "crate::a::b::C",
        "crate::a::e",
        "super::f",
        "h::i",
        "crate::l::M",
    ];
    assert_eq!(paths, expected);
}

fn told(way: &[String], edges: &Edges) -> String {
    let steps = way.iter().zip(way.iter().skip(1));
    let said = steps.filter_map(|(from, to)| edges.get(&(from.clone(), to.clone())));
    let lines: Vec<String> = said.map(|said| format!("\n  {said}")).collect();
    format!("{}{}", way.join(" -> "), lines.concat())
}
