//! The sources as text: files, the code of the product in them, and whom it names.
//!
//! A reader good enough for formatted code, without a parser. What is allowed is not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A source file, by its path below `src`.
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    /// The module of the first floor that it belongs to.
    pub fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Where the modules that it declares are, with a last `/` unless that is `src`.
    pub fn folder(&self) -> String {
        match self.path.rsplit_once('/') {
            Some((folder, "mod.rs" | "main.rs")) => format!("{folder}/"),
            None if matches!(self.path.as_str(), "lib.rs" | "main.rs") => String::new(),
            _ => format!("{}/", self.path.trim_end_matches(".rs")),
        }
    }

    /// The modules that it declares in files of their own, each with the line before.
    pub fn declared(&self) -> Vec<(String, &str)> {
        let lines: Vec<&str> =
            std::iter::once("").chain(self.text.lines().map(str::trim)).collect();
        let pairs = lines.windows(2).filter_map(|pair| {
            let name = pair[1].trim_start_matches("pub(super) ").trim_start_matches("pub ");
            let name = name.strip_prefix("mod ")?.strip_suffix(';')?;
            Some((format!("{}{name}", self.folder()), pair[0]))
        });
        pairs.collect()
    }

    /// How many `super::` lead out of everything.
    pub fn depth(&self) -> usize {
        let parts = self.path.trim_end_matches(".rs").split('/');
        parts.filter(|part| *part != "mod").count()
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

pub fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut paths = Vec::new();
    walk(&src, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| Source {
        path: path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    paths.iter().map(read).collect()
}

/// The code of the product: without comments, and without the items under `cfg(test)`.
pub fn product(text: &str) -> String {
    let mut kept = String::new();
    let mut skipping: Option<usize> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if let Some(at) = skipping {
            let ends = line.trim() == "}" || line.trim_end().ends_with(';');
            if indent == at && ends {
                skipping = None;
            }
        } else if line.trim() == "#[cfg(test)]" {
            skipping = Some(indent);
        } else {
            kept += line.split("//").next().unwrap_or_default();
            kept.push('\n');
        }
    }
    kept
}

/// Folders and files that are declared under `cfg(test)`, without `.rs`.
pub fn test_modules(sources: &[Source]) -> BTreeSet<String> {
    let declared = sources.iter().flat_map(Source::declared);
    let under_test = declared.filter(|(_, before)| *before == "#[cfg(test)]");
    let mut found: BTreeSet<String> = under_test.map(|(path, _)| path).collect();
    // The test binary of the real program is built by itself.
    found.insert("tests".to_owned());
    found
}

/// The sources of the product, with comments and tests taken out.
pub fn products() -> Vec<Source> {
    let all = sources();
    let tests = test_modules(&all);
    let is_test = |path: &str| {
        let path = path.trim_end_matches(".rs");
        tests.iter().any(|test| path == test || path.starts_with(&format!("{test}/")))
    };
    let kept = all.into_iter().filter(|source| !is_test(&source.path));
    kept.map(|source| Source { text: product(&source.text), path: source.path }).collect()
}

/// The floors, read from the table in `lib.rs`.
pub fn floors() -> BTreeMap<String, u32> {
    let table = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut floors = BTreeMap::new();
    for row in table.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let mut cells = row.split('|');
        let (Some(Ok(floor)), Some(modules)) =
            (cells.next().map(|cell| cell.trim().parse()), cells.next())
        else {
            continue;
        };
        let names = modules.split('`').skip(1).step_by(2);
        floors.extend(names.map(|name| (name.to_owned(), floor)));
    }
    floors
}

/// The modules that code names after `crate::`, in paths and in groups of imports.
pub fn imports(code: &str) -> BTreeSet<String> {
    let name = |text: &str| -> String {
        text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut found = BTreeSet::new();
    for (at, start) in code.match_indices("crate::") {
        // `$crate` and identifiers that end in crate are none.
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + start.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(name(rest));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (at, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                letter if begins && !letter.is_whitespace() => {
                    found.insert(name(&group[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    found
}

/// Whether code names the crate `word`, or with a last `_` any crate that begins so.
pub fn names_crate(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let rest = code[at + word.len()..]
            .trim_start_matches(|c: char| word.ends_with('_') && (c.is_alphanumeric() || c == '_'));
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '"' | '.' | ':'))
            && rest.starts_with("::")
    })
}

/// A circle among imports of one floor.
pub fn cycle(level: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn follow(
        at: &str,
        path: &mut Vec<String>,
        level: &BTreeMap<String, BTreeSet<String>>,
    ) -> bool {
        let again = path.iter().any(|name| name == at);
        path.push(at.to_owned());
        if again
            || level.get(at).is_some_and(|next| next.iter().any(|next| follow(next, path, level)))
        {
            return true;
        }
        path.pop();
        false
    }
    level.keys().find_map(|start| {
        let mut path = Vec::new();
        follow(start, &mut path, level).then_some(path)
    })
}
