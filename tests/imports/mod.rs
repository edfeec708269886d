//! Which modules import which, as the source says it: for tests that look at how the code hangs together.
//!
//! Nothing is compiled. A path is followed through imports and re-exports to the module that has the item. Methods are not:
//! who only calls one has no need to say where it stands.

mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};
use tokens::is_word;
pub use tokens::words;

/// Re-exports of re-exports that are followed.
const DEEPEST: usize = 16;

/// Where a module is: the name of its crate, and so on down to its own.
pub type At = Vec<String>;

/// Who imports whom among the modules of one folder, and the first words that say so.
pub type Edges = BTreeMap<(String, String), String>;

/// One module.
#[derive(Debug, Default)]
pub struct Module {
    file: String,
    children: BTreeSet<String>,
    /// What it has from elsewhere: a name, and the path behind it.
    names: BTreeMap<String, At>,
    /// Every path that it names.
    pub paths: Vec<At>,
}

/// The modules of several crates.
#[derive(Debug, Default)]
pub struct Modules(BTreeMap<At, Module>);

impl Modules {
    /// Reads the module `at`, which is in `file`, and those below it.
    pub fn read(&mut self, at: At, file: &Path) -> io::Result<()> {
        let mut module = Module::of(&words(&fs::read_to_string(file)?));
        module.file = file.display().to_string();
        let folder = if file.ends_with("lib.rs") {
            file.with_file_name("")
        } else {
            file.with_extension("")
        };
        for child in &module.children {
            let mut below = at.clone();
            below.push(child.clone());
            self.read(below, &folder.join(format!("{child}.rs")))?;
        }
        self.0.insert(at, module);
        Ok(())
    }

    /// Who imports whom, by the folder that has both. Whoever stands in one counts as that one.
    pub fn imports(&self) -> BTreeMap<At, Edges> {
        let mut all: BTreeMap<At, Edges> = BTreeMap::new();
        for (at, module) in &self.0 {
            for path in &module.paths {
                let Some((to, _)) = self.followed(at, path, 0) else {
                    continue;
                };
                let common = at.iter().zip(&to).take_while(|(one, other)| one == other).count();
                let (Some(from), Some(onto)) = (at.get(common), to.get(common)) else {
                    continue;
                };
                // Crates are kept apart by what they depend on.
                if common > 0 {
                    let folder: At = at.iter().take(common).cloned().collect();
                    let edge = (from.clone(), onto.clone());
                    let said = format!("{} says {}", module.file, path.join("::"));
                    all.entry(folder).or_default().entry(edge).or_insert(said);
                }
            }
        }
        all
    }

    /// The module to which `path` leads from `at`, and whether it goes on to an item there; nothing where it leads out of the
    /// crates that were read.
    fn followed(&self, at: &[String], path: &[String], depth: usize) -> Option<(At, bool)> {
        let root = path.get(..1).filter(|root| self.0.contains_key(*root));
        let (mut here, rest) = match root {
            Some(root) => (root.to_vec(), path.get(1..).unwrap_or_default()),
            None => (at.to_vec(), path),
        };
        let mut is_placed = root.is_some();
        for word in rest {
            let module = self.0.get(&here)?;
            match word.as_str() {
                "self" => {}
                "super" => drop(here.pop()),
                "crate" => here.truncate(1),
                name if module.children.contains(name) => here.push(word.clone()),
                name => match module.names.get(name).filter(|_| depth < DEEPEST) {
                    None => return is_placed.then_some((here, true)),
                    Some(path) => {
                        let (found, is_item) = self.followed(&here, path, depth + 1)?;
                        here = found;
                        if is_item {
                            return Some((here, true));
                        }
                    }
                },
            }
            is_placed = true;
        }
        Some((here, false))
    }
}

impl Module {
    /// What the words and signs of a file say.
    pub fn of(tokens: &[String]) -> Self {
        let mut module = Self::default();
        let mut rest = tokens;
        while let Some((token, after)) = rest.split_first() {
            rest = match token.as_str() {
                "mod" => module.declare(after),
                // `impl Trait + use<'_>` imports nothing.
                "use" if after.first().is_some_and(|next| next != "<") => module.import(after),
                _ => module.name(rest),
            };
        }
        module
    }

    fn declare<'t>(&mut self, tokens: &'t [String]) -> &'t [String] {
        if let [name, end, ..] = tokens
            && end == ";"
        {
            self.children.insert(name.clone());
        }
        tokens
    }

    fn import<'t>(&mut self, tokens: &'t [String]) -> &'t [String] {
        let end = tokens.iter().position(|token| token == ";");
        let (tree, rest) = tokens.split_at(end.unwrap_or(tokens.len()));
        for (mut path, name) in flat(tree, &[]) {
            if name == "*" {
                path.pop();
            } else {
                self.names.insert(name, path.clone());
            }
            self.paths.push(path);
        }
        rest
    }

    // A path in code, or whatever else comes next.
    fn name<'t>(&mut self, tokens: &'t [String]) -> &'t [String] {
        let (mut path, mut rest) = (At::new(), tokens);
        while let Some((word, after)) = rest.split_first().filter(|(word, _)| is_word(word)) {
            path.push(word.clone());
            rest = after;
            match after.split_first() {
                Some((sign, beyond)) if sign == "::" => rest = beyond,
                _ => break,
            }
        }
        match path.len() {
            0 => return tokens.get(1..).unwrap_or_default(),
            1 => {}
            _ => self.paths.push(path),
        }
        rest
    }
}

/// The paths of what stands in a `use`, each with the name that it is given.
fn flat(tree: &[String], before: &[String]) -> Vec<(At, String)> {
    let (mut path, mut rest) = (before.to_vec(), tree);
    while let Some((token, after)) = rest.split_first() {
        match token.as_str() {
            "::" => {}
            "{" => {
                let inner = after.get(..after.len().saturating_sub(1)).unwrap_or_default();
                return parts(inner).into_iter().flat_map(|part| flat(part, &path)).collect();
            }
            "as" => return after.first().map(|name| (path, name.clone())).into_iter().collect(),
            "self" if !path.is_empty() => {}
            _ => path.push(token.clone()),
        }
        rest = after;
    }
    let name = path.last().cloned().unwrap_or_default();
    vec![(path, name)]
}

// What commas divide, but for those within braces.
fn parts(tokens: &[String]) -> Vec<&[String]> {
    let mut depth = 0_i32;
    let divides = |token: &String| {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        depth == 0 && token == ","
    };
    tokens.split(divides).filter(|part| !part.is_empty()).collect()
}

/// A circle among `edges`, where there is one: from a module by those that it imports back to itself.
pub fn circle(edges: &Edges) -> Option<Vec<String>> {
    let mut left: Vec<&(String, String)> = edges.keys().collect();
    // Whoever imports nobody that is left is in no circle.
    loop {
        let importing: BTreeSet<&String> = left.iter().copied().map(|edge| &edge.0).collect();
        let before = left.len();
        left.retain(|edge| importing.contains(&edge.1));
        if left.len() == before {
            break;
        }
    }
    let mut way = vec![left.first()?.0.clone()];
    loop {
        let last = way.last()?;
        let next = left.iter().find(|edge| edge.0 == *last)?.1.clone();
        if let Some(start) = way.iter().position(|one| *one == next) {
            way.drain(..start);
            way.push(next);
            return Some(way);
        }
        way.push(next);
    }
}
