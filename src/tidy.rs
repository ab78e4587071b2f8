//! The law, executable: what the types can't say about the sources is checked here.
//!
//! The floors are those of the table in `lib.rs`, the one place where they stand. All checks read
//! text: no lint tool has to be there. What only tests contain is left out where the law is about
//! the product. Exceptions stand here, each with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Lines of a file: more is several things.
const LINES_MAX: usize = 400;

/// Files that are longer, and why.
const LONG: &[(&str, &str)] = &[
    ("cli/draw.rs", "one row for each kind of entry; apart they would no longer be one picture"),
    ("cloud/faulty.rs", "its tests stand inside it, and one test reads its private counters"),
    ("run/desk.rs", "every check of what people may ask is here, so that API and CLI can't differ"),
    ("run/execute.rs", "one executor: intent, call, outcome and look must be read together"),
];

/// Modules without IO, and what would be IO or a way to it.
const PURE: &[&str] = &["finding", "routing", "case", "timeline", "change"];
const IMPURE: &[&str] = &[
    "tokio::", "sqlx::", "axum::", "rhai::", "reqwest::", "std::fs", "std::net", "std::process",
    "std::thread", "async fn", "async move", ".await",
];

/// Outside crates and the only places that may name them.
const HOMES: &[(&str, &[&str])] = &[
    ("sqlx", &["store/"]),
    ("axum", &["web/"]),
    ("rhai", &["runbook/"]),
    ("aws_", &["cloud/aws/"]),
    ("reqwest", &["notify/", "cli/"]),
];

/// A source file, by its path below `src`.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The module of the first floor that it belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// How many `super::` lead out of everything.
    fn depth(&self) -> usize {
        let parts = self.path.trim_end_matches(".rs").split('/');
        parts.filter(|part| *part != "mod").count()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
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
fn product(text: &str) -> String {
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
fn test_modules(sources: &[Source]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in sources {
        let folder = match source.path.rsplit_once('/') {
            _ if matches!(source.path.as_str(), "lib.rs" | "main.rs") => String::new(),
            Some((folder, "mod.rs")) => format!("{folder}/"),
            _ => format!("{}/", source.path.trim_end_matches(".rs")),
        };
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            let declared = pair[1].trim_start_matches("pub ").strip_prefix("mod ");
            if let Some(name) = declared.and_then(|rest| rest.strip_suffix(';')) {
                found.insert(format!("{folder}{name}"));
            }
        }
    }
    // The test binary of the real program is built by itself.
    found.insert("tests".to_owned());
    found
}

/// The sources of the product, with comments and tests taken out.
fn products() -> Vec<Source> {
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
fn floors() -> BTreeMap<String, u32> {
    let table = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut floors = BTreeMap::new();
    for row in table.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let mut cells = row.split('|');
        let (Some(Ok(floor)), Some(modules)) = (cells.next().map(|cell| cell.trim().parse()), cells.next()) else {
            continue;
        };
        let names = modules.split('`').skip(1).step_by(2);
        floors.extend(names.map(|name| (name.to_owned(), floor)));
    }
    floors
}

/// The modules that code names after `crate::`, in paths and in groups of imports.
fn imports(code: &str) -> BTreeSet<String> {
    let name = |text: &str| -> String { text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
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
fn names_crate(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let rest = code[at + word.len()..].trim_start_matches(|c: char| word.ends_with('_') && (c.is_alphanumeric() || c == '_'));
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '"' | '.' | ':')) && rest.starts_with("::")
    })
}

#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_point_only_down_the_table() {
    let floors = floors();
    let mut wrong = Vec::new();
    let mut level: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in products().iter().filter(|source| source.path != "lib.rs") {
        let here = source.module();
        let Some(floor) = floors.get(here) else {
            wrong.push(format!("{}: {here} is not in the table of lib.rs", source.path));
            continue;
        };
        if source.path != "main.rs" && source.text.contains(&"super::".repeat(source.depth())) {
            wrong.push(format!("{}: `super` leads out of {here}; write `crate::`", source.path));
        }
        for there in imports(&source.text).into_iter().filter(|there| there != here) {
            match floors.get(&there) {
                None => wrong.push(format!("{}: crate::{there} is not in the table of lib.rs", source.path)),
                Some(other) if other > floor => wrong.push(format!("{}: crate::{there} is above {here}", source.path)),
                Some(other) if other == floor => {
                    level.entry(here.to_owned()).or_default().insert(there);
                }
                Some(_) => {}
            }
        }
    }
    wrong.extend(cycle(&level).map(|names| format!("a circle on one floor: {}", names.join(" -> "))));
    none(&wrong);
}

/// A circle among imports of one floor.
fn cycle(level: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn follow(at: &str, path: &mut Vec<String>, level: &BTreeMap<String, BTreeSet<String>>) -> bool {
        let again = path.iter().any(|name| name == at);
        path.push(at.to_owned());
        if again || level.get(at).is_some_and(|next| next.iter().any(|next| follow(next, path, level))) {
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

#[test]
fn pure_modules_know_no_io_and_no_async() {
    let mut wrong = Vec::new();
    let products = products();
    for source in products.iter().filter(|source| PURE.contains(&source.module())) {
        let found = IMPURE.iter().filter(|word| source.text.contains(**word));
        wrong.extend(found.map(|word| format!("{}: {word}", source.path)));
        if names_crate(&source.text, "aws_") {
            wrong.push(format!("{}: an SDK of AWS", source.path));
        }
    }
    none(&wrong);
}

#[test]
fn outside_crates_stay_at_home() {
    let mut wrong = Vec::new();
    let products = products();
    for (word, homes) in HOMES {
        let named = products.iter().filter(|source| names_crate(&source.text, word));
        let (home, abroad): (Vec<&Source>, Vec<&Source>) =
            named.partition(|source| homes.iter().any(|home| source.path.starts_with(home)));
        assert!(!home.is_empty(), "{word} is named nowhere: the check sees nothing");
        wrong.extend(abroad.iter().map(|source| format!("{}: {word}", source.path)));
    }
    none(&wrong);
}

#[test]
fn files_say_why_they_exist_and_are_short() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{}: begins without `//!`", source.path));
        }
        let lines = source.text.lines().count();
        let listed = LONG.iter().any(|(path, _)| *path == source.path);
        match (lines > LINES_MAX, listed) {
            (true, false) => wrong.push(format!("{}: {lines} lines", source.path)),
            (false, true) => wrong.push(format!("{}: short again; take it off the list", source.path)),
            _ => {}
        }
    }
    none(&wrong);
}

#[test]
fn nothing_is_left_for_later() {
    let words = [concat!("#[", "ignore"), concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!(")];
    let mut wrong = Vec::new();
    for source in sources() {
        let found = words.iter().filter(|word| source.text.contains(**word));
        wrong.extend(found.map(|word| format!("{}: {word}", source.path)));
    }
    none(&wrong);
}

#[test]
fn every_error_number_is_used() {
    let (errors, others): (Vec<Source>, Vec<Source>) =
        products().into_iter().partition(|source| source.path == "error.rs");
    let declared = errors[0].text.lines().filter_map(|line| line.trim().split_once(" = \"E"));
    let names: Vec<&str> = declared.map(|(name, _)| name).collect();
    assert_eq!(names.len(), crate::error::Code::ALL.len(), "the check reads the table otherwise");
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let used = |name: &str| {
        let word = format!("Code::{name}");
        let in_text = |text: &str| text.match_indices(&word).any(|(at, _)| ends(&text[at + word.len()..]));
        others.iter().any(|source| in_text(&source.text))
    };
    let wrong: Vec<String> = names.iter().filter(|name| !used(name)).map(|name| format!("Code::{name} is used nowhere")).collect();
    none(&wrong);
}

#[test]
fn the_readme_names_what_exists() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut named: BTreeSet<&str> = BTreeSet::new();
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    named.extend(links.filter(|link| !link.contains("://") && !link.starts_with('#')));
    let ours = |text: &&str| ["src/", "runbooks/", "playbooks-tests/", "docs/"].iter().any(|start| text.starts_with(start));
    named.extend(readme.split('`').skip(1).step_by(2).filter(ours).filter(|text| !text.contains("NAME")));
    assert!(named.len() > 3, "the check reads the README otherwise: {named:?}");
    let missing = named.iter().filter(|path| !root().join(path).exists());
    let mut wrong: Vec<String> = missing.map(|path| format!("README.md: {path}")).collect();
    // A header key or host function that the README names must not be a memory.
    for runbook in crate::runbook::Library::embedded().unwrap().iter() {
        for action in runbook.actions_used() {
            if !readme.contains(action.name()) {
                wrong.push(format!("README.md does not name {}", action.name()));
            }
        }
    }
    none(&wrong);
}

#[test]
fn the_checks_see_what_they_look_for() {
    let code = product(
        "use crate::web::x; // crate::cli\n#[cfg(test)]\nmod tests {\n    use crate::demo::y;\n}\n\
         fn f() { crate::store::open(); }\nuse crate::{id::{Ids, CaseId}, clock};\n#[cfg(test)]\nuse crate::lab;\nuse $crate::no;",
    );
    assert_eq!(imports(&code), ["web", "store", "id", "clock", "no"].map(str::to_owned).into());
    for (code, word, names) in [
        ("use sqlx::Any;", "sqlx", true),
        ("my_sqlx::Any", "sqlx", false),
        ("let sqlx = 1;", "sqlx", false),
        ("aws_sdk_ec2::Client", "aws_", true),
        ("raws_x::y", "aws_", false),
        ("&rhai::AST", "rhai", true),
    ] {
        assert_eq!(names_crate(code, word), names, "{code}");
    }
    let level = |pairs: &[(&str, &str)]| {
        let mut level: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in pairs {
            level.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        level
    };
    assert_eq!(cycle(&level(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    assert!(cycle(&level(&[("a", "b"), ("b", "c"), ("c", "a")])).is_some());
    let floors = floors();
    assert!(floors["web"] > floors["run"] && floors["run"] > floors["store"] && floors["store"] > floors["id"]);
    let all = sources();
    let tests = test_modules(&all);
    assert!(tests.contains("lab") && tests.contains("action/harness") && !tests.contains("store"), "{tests:?}");
}
