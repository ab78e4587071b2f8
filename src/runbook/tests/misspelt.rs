//! A field that is not there is an error of the script, and nothing else is.

use super::lints as check;

/// Scripts whose header has the parameters `instance` and `tags`.
fn body(body: &str, wanted: &[&str]) {
    check(
        &format!(
            "//! T.\nconst RUNBOOK = #{{ on: [\"*\"], params: #{{ instance: #{{ type: \"instance-id\" }}, \
             tags: #{{ type: \"tags\", required: false }} }} }};\nfn run(case, p) {{\n{body}\n}}\n\
             fn own(p) {{ p.anything }} fn change() {{ this.x = 1; }}\n"
        ),
        wanted,
    );
}

#[test]
fn parameters() {
    let slip = "the header has no parameter `instnace` (did you mean `instance`?)";
    for (script, wanted) in [
        ("p.instnace", &[&*format!("4:3: error E0301: {slip}")][..]),
        ("p?.instnace ?? \"x\"", &[slip]),
        ("p[\"instnace\"]", &[slip]),
        ("p.get(\"instnace\")", &[slip]),
        ("p.instnace.len()", &[slip]),
        ("if p.instnace == () { 1 } else { 2 }", &[slip]),
        ("`${p.instnace}`", &[slip]),
        ("#{ a: [p.instnace] }", &[slip]),
        ("own(p.instnace)", &[slip]),
        ("let q = p; q.instnace", &[slip]),
        ("look::instance(p.instnace)", &[slip]),
        ("case.finding[p.instnace]", &[slip]),
        ("switch p.instnace { 1 => p.tag, _ => 2 }", &[slip, "did you mean `tags`?"]),
        ("for x in p.instnace { while p.a { throw p.b; } }", &[slip, "`a`", "`b`"]),
        ("try { p.a } catch (e) { log(p.b) }", &["no parameter `a`", "no parameter `b`"]),
        ("return p.quite_another", &["`quite_another` (known: instance, tags)"]),
        // Closures.
        ("[1].map(|x| p.instnace)", &[slip]),
        ("parallel([|| contain::isolate_instance(p.instnace), || p.tag])", &[slip, "`tag`"]),
        ("let f = || { let g = || p.instnace; g }; f", &[slip]),
        ("[|| p.instnace, || p.instnace]", &[slip, slip]),
        // What is there.
        ("p.instance.len(); p.tags?.anything; p.tags.any.thing[0]; p.instance.x", &[]),
        ("p.keys(); p.len(); \"x\" in p; p == p; p.contains(\"x\")", &[]),
        ("p[case.title]", &[]),
        // Shadowed.
        ("let p = #{ x: 1 }; p.x", &[]),
        ("{ let p = #{ x: 1 }; p.x } p.y", &["no parameter `y`"]),
        ("let q = own(p); let p = q; p.x", &[]),
        ("for p in [#{ x: 1 }] { p.x } p.y", &["no parameter `y`"]),
        ("[#{ x: 1 }].map(|p| p.x); p.y", &["no parameter `y`"]),
        ("try { 1 } catch (p) { p.code } p.y", &["no parameter `y`"]),
        // Changed.
        ("p.x = 1; p.x", &[]),
        ("p[\"x\"] = 1; p.x", &[]),
        ("p = #{}; p.x", &[]),
        ("p += #{ x: 1 }; p.x", &[]),
        ("p.mixin(#{ x: 1 }); p.x", &[]),
        ("p.set(\"x\", 1); p.x", &[]),
        ("set(p, \"x\", 1); p.x", &[]),
        ("p.change(); p.x", &[]),
        ("let f = || { p.x = 1; }; [1].map(f); p.x", &[]),
        ("own!(p); p.x", &[]),
        // Another function's own.
        ("own(#{ anything: 1 })", &[]),
        ("own(p)", &[]),
    ] {
        body(script, wanted);
    }
}

#[test]
fn the_second_parameter_of_run_has_any_name() {
    let source = |params: &str, body: &str| {
        format!(
            "//! T.\nconst RUNBOOK = #{{ on: [\"*\"]{params} }};\nfn run(incident, given) {{ {body} }}"
        )
    };
    check(
        &source("", "given.x + incident.idd"),
        &[
            "the header has no parameter `x` (declare it under `params`)",
            "`case` has no `idd` (did you mean `id`?)",
        ],
    );
    // The names are known although the header is wrong, and otherwise nothing is.
    let wrong = ", mode: \"x\", params: #{ role: #{} }";
    check(&source(wrong, "given.rol"), &["`mode` must", "`role`", "`rol` (did you mean `role`?)"]);
    check(&source(", parms: #{ role: #{} }", "given.rol"), &["no key `parms`"]);
    check(&source(", params: 7", "given.rol"), &["`params` must be a map"]);
}

#[test]
fn the_case() {
    for (script, wanted) in [
        (
            "case.sevrity",
            &["4:6: error E0301: `case` has no `sevrity` (did you mean `severity`?)"][..],
        ),
        ("[1].map(|x| case.acount)", &["`case` has no `acount` (did you mean `account`?)"]),
        ("case.status", &["`case` has no `status` (known: id, title, type, severity, account"]),
        ("case.id; case.title; case.type; case.severity; case.account; case.region", &[]),
        (
            "case.finding?.service.anything; case[\"finding\"].x; case.finding.resource.tags[0].k",
            &[],
        ),
        ("let case = #{ x: 1 }; case.x", &[]),
        ("case.x = 1; case.x", &[]),
    ] {
        body(script, wanted);
    }
}

#[test]
fn what_is_looked_up() {
    let slip = "`look::instance` gives no `rol` (did you mean `role`?)";
    for (script, wanted) in [
        (
            "let i = look::instance(p.instance); i.rol",
            &[&*format!("4:39: error E0301: {slip}")][..],
        ),
        ("look::instance(p.instance)?.rol", &[slip]),
        ("look::instance(p.instance).rol", &[slip]),
        ("let i = look::instance(p.instance); [|| contain::revoke_role_sessions(i.rol)]", &[slip]),
        ("let i = look::instance(p.instance); let j = i; j.rol", &[slip]),
        // As in observe.rhai: it is () or what the look gave.
        ("let i = (); if p.tags != () { i = look::instance(p.instance); } i?.rol", &[slip]),
        (
            "look::user(\"ann\").consol",
            &["`look::user` gives no `consol` (did you mean `console`?)"],
        ),
        (
            "look::role(\"web\").profiles",
            &["(known: name, arn, path, id, instance_profiles, tags)"],
        ),
        ("look::profile(p.instance).name", &["`look::profile` gives no `name` (known: arn, role)"]),
        // In lists.
        (
            "for n in look::instance(p.instance).interfaces { n.grups }",
            &["`look::instance` gives no `interfaces[].grups` (did you mean `groups`?)"],
        ),
        (
            "look::instance(p.instance).volumes[0].size",
            &["no `volumes[].size` (known: device, id)"],
        ),
        ("let i = look::instance(p.instance); i.volumes.map(|v| v.idd)", &["no `volumes[].idd`"]),
        ("look::instance(p.instance).volumes.filter(|v| v.a).map(|v| v.b)", &["[].a", "[].b"]),
        (
            "look::instance(p.instance).interfaces[0].addresses[0].ip",
            &["no `interfaces[].addresses[].ip` (known: allocation"],
        ),
        ("let u = look::user(\"ann\"); u.keys.pop().stat", &["no `keys[].stat`"]),
        // What is there, or may be.
        (
            "let i = look::instance(p.instance); i.tags?.any; i.interfaces[0].groups[0]; i.role.len()",
            &[],
        ),
        ("let i = look::instance(p.instance); i.volumes.len; i.keys(); i.volumes.push(1)", &[]),
        ("let i = look::instance(p.instance) ?? #{ x: 1 }; i.x", &[]),
        ("let i = look::instance(p.instance); i = #{ x: 1 }; i.x", &[]),
        ("let i = look::instance(p.instance); i.x = 1; i.x", &[]),
        ("let i = look::instance(p.instance); i.volumes.push(#{ x: 1 }); i.volumes[0].x", &[]),
        ("let i = look::instance(p.instance); i = look::role(\"web\"); i.path", &[]),
        ("let i = look::instance(p.instance); [|| { i = #{ x: 1 }; }]; i.x", &[]),
        ("let i = look::role(\"web\"); { let i = look::instance(p.instance); i.vpc } i.path", &[]),
        (
            "let i = look::role(\"web\"); { let i = look::instance(p.instance); i.path } i.vpc",
            &["`look::instance` gives no `path`", "`look::role` gives no `vpc`"],
        ),
    ] {
        body(script, wanted);
    }
}

#[test]
fn what_an_action_gives() {
    for (script, wanted) in [
        (
            "let s = evidence::snapshot_volumes(p.instance); s.evidnce",
            &["`evidence::snapshot_volumes` gives no `evidnce` (did you mean `evidence`?)"][..],
        ),
        ("let s = evidence::snapshot_volumes(p.instance); s.evidence[0].copy.snapshot", &[]),
        // A plan, and an action that failed without failing the run.
        ("contain::isolate_instance(p.instance).touches", &[]),
        ("act::guard_instance(p.instance)?.failed", &[]),
        ("contain::isolate_instance(p.instance).failed", &["gives no `failed`"]),
    ] {
        body(script, wanted);
    }
}

/// What one rule finds hides nothing of what another would.
#[test]
fn all_kinds_of_errors_are_told_at_once() {
    check(
        "const RUNBOOK = #{\n on: [\"*\"],\n sevrity: 4.0,\n params: #{ role: #{ type: \"rol-name\", form: 1 } } };\n\
         let x = 1;\nfn notify(a) { a }\nfn run(case, p) {\naprove(\"x\");\napprove(p.rol, #{ quorm: p.x });\n\
         contain::isolate_instance(\"x\");\nsleep(case.tim);\n}",
        &[
            "error E0301: `fn notify` has the name",
            "3:2: error E0302: the header has no key `sevrity`",
            "E0302: parameter `role` has the unknown `type` \"rol-name\"",
            "E0302: parameter `role` has no key `form`",
            "5:1: error E0301: only constants",
            "8:1: error E0301: there is no function `aprove`",
            "9:11: error E0301: the header has no parameter `rol`",
            "9:19: error E0301: `approve` has no option `quorm`",
            "9:28: error E0301: the header has no parameter `x`",
            "10:10: error E0301: `contain::isolate_instance`: instance: ",
            "11:12: error E0301: `case` has no `tim`",
        ],
    );
}
