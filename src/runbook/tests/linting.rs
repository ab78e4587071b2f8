//! What lint finds, and where.

use super::lints as check;
use super::*;

#[test]
fn bodies() {
    let id = "\"i-0123456789abcdef0\"";
    for (body, wanted) in [
        ("let x = ;", &["4:9: error E0301"][..]),
        (
            "isolate_instance(p.instance)",
            &[
                "4:1: error E0301: there is no function `isolate_instance` (did you mean `contain::isolate_instance`?)",
            ],
        ),
        ("contain::isolate_instnace(p.instance)", &["did you mean `contain::isolate_instance`?"]),
        (
            "[1].map(|x| lokk::instance(x))",
            &["there is no function `lokk::instance` … did you mean `look::instance`?"],
        ),
        ("aprove(\"x\")", &["did you mean `approve`?"]),
        ("[1].lenn()", &["did you mean `len`?"]),
        (
            "contain::isolate_instance(\"x\")",
            &["`contain::isolate_instance`: instance: … EC2 instance id"],
        ),
        ("contain::isolate_instance()", &["takes instance, not 0"]),
        (
            "act::tag_resource(7, p.tags)",
            &["4:19: error E0301: `act::tag_resource`: resource: expected a text"],
        ),
        ("act::tag_resource(\"bogus\", #{})", &["`act::tag_resource`: … resource"]),
        ("approve()", &["`approve` takes 1 to 2, not 0"]),
        (
            "approve(p.q, #{ quorm: 2 })",
            &["`approve` has no option `quorm` (did you mean `quorum`?)"],
        ),
        ("approve(\"x\", #{ within: \"30d\" })", &["`approve`: within: expected a time"]),
        ("sleep(\"5 minutes\")", &["`sleep`: time: expected a time such as"]),
        ("notify(\"on call\", p.text)", &["`notify`: channel: a name has"]),
        ("parallel(7)", &["`parallel`: expected a list of closures"]),
        ("approve(p.q, #{ quorum: p.n }); sleep(p.t); parallel(p.list); notify(p.c, p.t)", &[]),
        ("undefined_variable", &["4:1: error E0301"]),
        (
            &format!("notify(\"a\", \"b\"); contain::isolate_instance({id});"),
            &["4:1: warning E0308: `notify` comes before containment"],
        ),
        (
            &format!(
                "act::tag_resource(\"instance/i-0123456789abcdef0\", #{{}}); parallel([|| contain::isolate_instance({id})]);"
            ),
            &["4:6: warning E0308: `act::tag_resource` comes before"],
        ),
        (&format!("contain::isolate_instance({id}); notify(\"a\", \"b\");"), &[]),
        ("let t = type_of(1); print(t); own(1); fn_ptr(|x| own(x))", &[]),
    ] {
        check(&format!("{}fn own(x) {{ x }} fn fn_ptr(f) {{ [1].map(f) }}", script(body)), wanted);
    }
}

#[test]
fn headers() {
    let source =
        |header: &str| format!("//! T.\nconst RUNBOOK = {header};\nfn run(case, p) {{ 1 }}");
    for (header, wanted) in [
        ("#{ on: [\"a\"] }", &[][..]),
        ("#{ fallback: true }", &[]),
        ("#{}", &["2:1: error E0302: `on` is missing"]),
        ("#{ on: [] }", &["`on` is empty"]),
        ("#{ on: \"a\" }", &["`on` must be a list"]),
        ("#{ on: [7] }", &["no finding type"]),
        (
            "#{\n on: [\"a\"],\n severty: 4.0 }",
            &["4:2: error E0302: the header has no key `severty` (did you mean `severity`?)"],
        ),
        ("#{ on: [\"a\"], severity: 0.5 }", &["`severity` must be"]),
        ("#{ on: [\"a\"], severity: 4.05 }", &["`severity` must be"]),
        ("#{ on: [\"a\"], severity: \"4\" }", &["`severity` must be"]),
        ("#{ on: [\"a\"], mode: \"destroy\" }", &["`mode` must be"]),
        ("#{ on: [\"a\"], role: \"SOURCE\" }", &["`role` must be"]),
        ("#{ on: [\"a\"], params: #{ x: \"text\" } }", &["parameter `x` must be a map"]),
        (
            "#{ on: [\"a\"], params: #{ x: #{ type: \"instance\" } } }",
            &[
                "parameter `x` has the unknown `type` \"instance\" (known types: instance-id, role-name",
            ],
        ),
        (
            "#{ on: [\"a\"], params: #{\n x: #{ type: \"arnn\" } } }",
            &[
                "3:2: error E0302: parameter `x` has the unknown `type` \"arnn\" (did you mean \"arn\"?)",
            ],
        ),
        ("#{ on: [\"a\"], params: #{ x: #{} } }", &["parameter `x` needs a `type` (known types: "]),
        (
            "#{ on: [\"a\"], params: #{ x: #{ type: 7 } } }",
            &["the `type` of parameter `x` must be a text (known types: "],
        ),
        (
            "#{ on: [\"a\"], params: #{ x: #{ type: \"txt\", from: 7, required: 1, doc: 2 } } }",
            &["did you mean \"text\"?", "`from` must be", "`required` must be", "`doc` must be"],
        ),
        (
            "#{ on: [\"a\"], params: #{ x: #{ type: \"text\", form: \"y\" } } }",
            &["has no key `form` (did you mean `from`?)"],
        ),
        ("[1]", &["is missing or is not a map of literals"]),
    ] {
        check(&source(header), wanted);
    }
}

#[test]
fn shapes() {
    check("fn run(case, p) { 1 }", &["E0302: `const RUNBOOK` is missing"]);
    let header = "//! T.\nconst RUNBOOK = #{ on: [\"a\"] };\n";
    check(header, &["`fn run(case, p)` is missing"]);
    check(&format!("{header}fn run(case) {{ 1 }}"), &["exactly two parameters"]);
    check(
        &format!("{header}fn run(case, p) {{ 1 }}\nlet x = 5;"),
        &["4:1: error E0301: only constants"],
    );
    check(
        &format!("{header}fn run(case, p) {{ 1 }}\nnotify(\"a\", \"b\");"),
        &["4:1: error E0301: only constants"],
    );
    check(
        &format!("{header}const X = sleep(1);\nfn run(case, p) {{ 1 }}"),
        &["3:1: error E0301: only constants"],
    );
    check(
        "const RUNBOOK = #{ on: [\"a\"] };\nfn run(case, p) { 1 }",
        &["warning E0308: the runbook has no summary"],
    );
}

#[test]
fn what_is_called_instead_of_given_to_parallel_is_found() {
    check(
        &script("parallel([contain::isolate_instance(p.instance), || sleep(\"1s\")]);"),
        &["`parallel`: `contain::isolate_instance(…)` is called at once"],
    );
    check(&script("parallel([|| contain::isolate_instance(p.instance)]);"), &[]);
    // A function of the script may give a closure.
    let own = script("parallel([later(p.instance)]);")
        + "\nfn later(i) { || contain::isolate_instance(i) }";
    check(&own, &[]);
}

#[test]
fn a_run_under_way_is_stopped_by_nothing_that_lint_has_learnt_since() {
    let name = || "test".parse().unwrap();
    let misspelt = script("let i = look::instance(p.instanc); i?.stat");
    assert!(compile(&ENGINE, name(), &misspelt).is_err());
    let pinned = compile_pinned(&ENGINE, name(), &misspelt).unwrap();
    assert_eq!(pinned.hash, crate::id::Digest::of(misspelt.as_bytes()));
    for broken in ["log(".to_owned(), script("1") + "\nfn notify(a, b) { }"] {
        assert!(compile_pinned(&ENGINE, name(), &broken).is_err(), "{broken}");
    }
}

#[test]
fn a_header_says_what_routing_needs() {
    let runbook = compiled(
        "//! First line\n//! goes on.\n//!\n//! More.\nconst RUNBOOK = #{ on: [\"A:B/*\"], role: \"ACTOR\", resource: \"Instance\", user: \"IAMUser\", severity: 4.7, mode: \"contain\",
            params: #{ instance: #{ type: \"instance-id\", from: \"a.b.0.c\" }, note: #{ type: \"text\", required: false } } };\nfn run(case, p) { 1 }",
    );
    assert_eq!(runbook.header.summary, "First line goes on.");
    let rule = runbook.rule();
    assert_eq!((rule.severity_min, rule.mode), (Some(47), Mode::Contain));
    assert_eq!(
        (rule.resource_role.as_deref(), rule.resource_type.as_deref(), rule.user_type.as_deref()),
        (Some("ACTOR"), Some("Instance"), Some("IAMUser"))
    );

    let header = &runbook.header;
    let id = "i-0123456789abcdef0";
    let from = |document: Value| Value::Object(header.params_from(&document));
    assert_eq!(from(json!({"a": {"b": [{"c": id}]}})), json!({"instance": id}));
    assert_eq!(from(json!({"a": {"b": [{"c": null}]}})), json!({}));
    assert_eq!(from(json!({"a": "x"})), json!({}));

    let checked =
        |given: Value| header.check_params(given.as_object().unwrap().clone()).map(Value::Object);
    assert_eq!(checked(json!({"instance": id, "note": null})), Ok(json!({"instance": id})));
    for (given, name) in [
        (json!({}), "instance"),
        (json!({"instance": ""}), "instance"),
        (json!({"instance": id, "nte": "x"}), "nte"),
        (json!({"instance": id, "note": 5}), "note"),
    ] {
        assert_eq!(checked(given).unwrap_err().0, name);
    }
}

#[test]
fn a_folder_loads_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, source: &str| std::fs::write(dir.path().join(name), source).unwrap();
    assert!(matches!(Library::load(dir.path()), Err(LoadError::Read { .. })));
    write("b.rhai", &script("1"));
    write("a.rhai", &script("2"));
    write("notes.txt", "not a script");
    let library = Library::load(dir.path()).unwrap();
    let names: Vec<_> = library.iter().map(|runbook| runbook.name.to_string()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(library.rules().len(), 2);

    write("c.rhai", &script("nope("));
    write("d.rhai", "fn run(case) { }");
    write("Bad Name.rhai", &script("case.idd"));
    let text = Library::load(dir.path()).unwrap_err().to_string();
    for part in [
        "c.rhai:5:1: error E0301",
        "d.rhai:",
        "E0302",
        "Bad Name.rhai: error E0004: ",
        "runbook name",
        "Bad Name.rhai:4:6: error E0301",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn two_fallbacks_are_one_too_many() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.rhai", "b.rhai"] {
        std::fs::write(
            dir.path().join(name),
            "//! T.\nconst RUNBOOK = #{ fallback: true };\nfn run(case, p) { 1 }",
        )
        .unwrap();
    }
    assert!(
        Library::load(dir.path())
            .unwrap_err()
            .to_string()
            .contains("only one runbook may be the fallback")
    );
}

#[test]
fn the_actions_of_a_runbook_are_read_from_its_source() {
    let runbook = compiled(&script(
        "if p.x == () { parallel([|| contain::isolate_instance(p.i), || evidence::snapshot_volumes(p.i)]) } else { [1].map(|x| contain::isolate_instance(x)) } look::instance(p.i)",
    ));
    let names: Vec<_> = runbook.actions_used().iter().map(|action| action.name()).collect();
    assert_eq!(names, ["contain::isolate_instance", "evidence::snapshot_volumes"]);
}
