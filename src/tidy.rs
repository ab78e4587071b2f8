//! The law, executable: what the types can't say about the sources is checked here.
//!
//! The floors are those of the table in `lib.rs`, the one place where they stand. All checks read
//! text: no lint tool has to be there. What only tests contain is left out where the law is about
//! the product. Exceptions stand here, each with its reason.

mod sources;

use std::collections::{BTreeMap, BTreeSet};

use sources::{
    Source, cycle, floors, imports, names_crate, product, products, root, sources, test_modules,
};

/// Lines of a file: more is several things.
const LINES_MAX: usize = 400;

/// Modules without IO, and what would be IO or a way to it.
const PURE: &[&str] = &["finding", "routing", "case", "timeline", "change"];
const IMPURE: &[&str] = &[
    "tokio::",
    "sqlx::",
    "axum::",
    "rhai::",
    "reqwest::",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "async fn",
    "async move",
    ".await",
];

/// Outside crates and the only places that may name them.
const HOMES: &[(&str, &[&str])] = &[
    ("sqlx", &["store/"]),
    ("axum", &["web/"]),
    ("rhai", &["runbook/"]),
    ("aws_", &["cloud/aws/"]),
    ("reqwest", &["notify/", "cli/"]),
];

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
                None => wrong
                    .push(format!("{}: crate::{there} is not in the table of lib.rs", source.path)),
                Some(other) if other > floor => {
                    wrong.push(format!("{}: crate::{there} is above {here}", source.path))
                }
                Some(other) if other == floor => {
                    level.entry(here.to_owned()).or_default().insert(there);
                }
                Some(_) => {}
            }
        }
    }
    wrong.extend(
        cycle(&level).map(|names| format!("a circle on one floor: {}", names.join(" -> "))),
    );
    none(&wrong);
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
        if lines > LINES_MAX {
            wrong.push(format!("{}: {lines} lines", source.path));
        }
    }
    none(&wrong);
}

/// A file that no module declares is compiled by nobody, and its tests never run.
#[test]
fn every_file_is_part_of_the_program() {
    let all = sources();
    let declared: BTreeSet<String> =
        all.iter().flat_map(Source::declared).map(|(path, _)| path).collect();
    let roots = ["lib.rs", "main.rs", "tests/main.rs"];
    let lost = all.iter().map(|source| source.path.as_str()).filter(|path| {
        let module = path.trim_end_matches(".rs").trim_end_matches("/mod");
        !roots.contains(path) && !declared.contains(module)
    });
    let wrong: Vec<String> = lost.map(|path| format!("{path}: no module declares it")).collect();
    none(&wrong);
}

#[test]
fn nothing_is_left_for_later() {
    let words = [
        concat!("#[", "ignore"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("dbg", "!("),
    ];
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
        let in_text =
            |text: &str| text.match_indices(&word).any(|(at, _)| ends(&text[at + word.len()..]));
        others.iter().any(|source| in_text(&source.text))
    };
    let wrong: Vec<String> = names
        .iter()
        .filter(|name| !used(name))
        .map(|name| format!("Code::{name} is used nowhere"))
        .collect();
    none(&wrong);
}

#[test]
fn what_people_read_names_what_exists() {
    let mut wrong: Vec<String> = Vec::new();
    for file in ["README.md", "docs/runbooks.md", "docs/operation.md", "gameday/README.md"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        // A link begins where its page is, a path in the text at the root.
        let folder = root().join(file).parent().unwrap().to_owned();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let links = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
        let links = links.map(|link| folder.join(link.split('#').next().unwrap_or_default()));
        let ours = |text: &&str| {
            ["src/", "runbooks/", "playbooks-tests/", "docs/"]
                .iter()
                .any(|start| text.starts_with(start))
        };
        let paths = text.split('`').skip(1).step_by(2).filter(ours);
        let paths = paths.filter(|text| !text.contains("NAME")).map(|path| root().join(path));
        let named: BTreeSet<_> = links.chain(paths).collect();
        assert!(!named.is_empty(), "the check reads {file} otherwise");
        let missing = named.iter().filter(|path| !path.exists());
        wrong.extend(missing.map(|path| format!("{file}: {}", path.display())));
        // Nor may a verb that shipped runbooks use be missing where verbs are told of.
        if !text.contains("contain::") {
            continue;
        }
        for runbook in crate::runbook::Library::embedded().unwrap().iter() {
            let unnamed =
                runbook.actions_used().into_iter().filter(|verb| !text.contains(verb.name()));
            wrong.extend(unnamed.map(|verb| format!("{file} does not name {}", verb.name())));
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
    assert!(
        floors["web"] > floors["run"]
            && floors["run"] > floors["store"]
            && floors["store"] > floors["id"]
    );
    let all = sources();
    let tests = test_modules(&all);
    assert!(
        tests.contains("lab") && tests.contains("action/harness") && !tests.contains("store"),
        "{tests:?}"
    );
}
