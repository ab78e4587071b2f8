//! A comparison that can only come out one way is an error of the script.

use super::lints as check;
use super::*;

/// Scripts whose header has the parameters `instance`, `note`, `names` and `tags`.
fn body(body: &str, wanted: &[&str]) {
    check(
        &format!(
            "//! T.\nconst RUNBOOK = #{{ on: [\"*\"], params: #{{ instance: #{{ type: \"instance-id\", from: \"resource.instanceDetails.instanceId\" }}, \
             note: #{{ type: \"text\", required: false }}, names: #{{ type: \"text-list\", required: false }}, \
             tags: #{{ type: \"tags\", required: false }} }} }};\nfn run(case, p) {{\n{body}\n}}\n"
        ),
        wanted,
    );
}

#[test]
fn text_with_a_number() {
    let severity = "`case.severity` is text: `>=` with a number fails (let the header's `severity` decide, or ask";
    let account = "`case.account` is text and never equal to the number 111122223333 (write \"111122223333\")";
    for (script, wanted) in [
        (
            "if case.severity >= 7.0 { log(\"x\") }",
            &[&*format!("4:18: error E0301: {severity}")][..],
        ),
        ("if 7 >= case.severity { log(\"x\") }", &[severity]),
        ("let s = case.severity; let least = 7.0; s >= least", &[severity]),
        ("case.severity?.x", &["`case.severity` is text and has no field `x` (leave `.x` away)"]),
        (
            "case.severity < 4 || case.severity == 8 || case.severity != 9.5",
            &["`<` with a number fails", "number 8 (write \"8.0\")", "number 9.5 (write \"9.5\")"],
        ),
        ("case.account == 111122223333", &[account]),
        ("!(111122223333 != case[\"account\"])", &[account]),
        ("case.account in [111122223333, 444455556666]", &[account, "444455556666"]),
        ("case.account !in [case.id, 111122223333]", &[account]),
        ("[1].filter(|n| case.account == 111122223333)", &[account]),
        ("p.note == 5", &["the parameter `note` is text and never equal to the number 5"]),
        ("p.note > 5", &["`>` with a number fails (compare it with texts, by `==` or `in`)"]),
        ("p.tags.tier == 1", &["the parameter `tags.tier` is text"]),
        ("p.names[0] == 1; for n in p.names { n == 2 }", &["`names[]`", "the number 2"]),
        (
            "let i = look::instance(p.instance); i?.tags?.tier == 1 && i.interfaces[0].groups[0] == 2",
            &["`tags.tier` of `look::instance` is text", "`interfaces[].groups[]` of"],
        ),
        ("switch p.note { \"x\" if case.account == 1 => 1, _ => 2 }", &["number 1"]),
        // What may be true.
        ("case.account == \"111122223333\"; case.account == (); case.severity == \"8.0\"", &[]),
        ("case.finding?.service?.count > 5; case.finding?.severity == 8", &[]),
        ("p.note.len > 5; p.note.len() > 5; (p.note ?? 0) == 5; p.names.len() == 2", &[]),
        ("case.account in [\"111122223333\"]; case.account in case.finding.accounts", &[]),
        ("case.severity?.split(\".\")?[0] in [\"7\", \"8\", \"9\", \"10\"]", &[]),
        ("let n = case.account; n = 5; n == 5", &[]),
        ("let n = 5; n += case.finding.x; case.account == n", &[]),
        ("let i = look::instance(p.instance); i.volumes.len() > 1 && i.role == p.note", &[]),
        ("evidence::snapshot_volumes(p.instance).volumes > 1", &[]),
    ] {
        body(script, wanted);
    }
}

#[test]
fn a_text_that_is_never_there() {
    for (script, wanted) in [
        (
            "look::instance(p.instance).state == \"runing\"",
            &[
                "4:34: error E0301: `state` of `look::instance` is never \"runing\" (did you mean `running`?)",
            ][..],
        ),
        (
            "let i = look::instance(p.instance); \"dead\" != i?.state",
            &["is never \"dead\" (known: pending, running, shutting-down, terminated, stopping"],
        ),
        (
            "look::instance(p.instance).state in [\"running\", \"Stopped\"]",
            &["is never \"Stopped\" (did you mean `stopped`?)"],
        ),
        (
            "look::user(\"ann\").keys.filter(|k| k.status == \"active\")",
            &["`keys[].status` of `look::user` is never \"active\" (did you mean `Active`?)"],
        ),
        (
            "act::guard_instance(p.instance).on_shutdown == \"stopp\"",
            &["`on_shutdown` of `act::guard_instance` is never \"stopp\" (did you mean `stop`?)"],
        ),
        ("look::instance(p.instance).state == 16", &["is text and never equal to the number 16"]),
        ("look::instance(p.instance).state in [\"running\", \"stopped\", p.note]", &[]),
        ("let i = look::instance(p.instance); i.state == \"\" + p.note || i.state == ()", &[]),
        ("let i = look::instance(p.instance); i.state < \"s\"; i.state.contains(\"ing\")", &[]),
    ] {
        body(script, wanted);
    }
}

#[test]
fn a_field_of_a_text() {
    for (script, wanted) in [
        (
            "look::instance(p.instance).role.name",
            &[
                "4:33: error E0301: `role` of `look::instance` is text and has no field `name` (leave `.name` away)",
            ][..],
        ),
        ("let i = look::instance(p.instance); i?.role?.name ?? \"\"", &["is text and has no"]),
        ("p.instance.id", &["the parameter `instance` is text and has no field `id`"]),
        ("p.tags.tier.value", &["the parameter `tags.tier` is text"]),
        ("p.note.len + p.note.len(); p.note.bytes; p.note.is_empty; p.note[0]", &[]),
    ] {
        body(script, wanted);
    }
}

/// What lint tells people to write in place of an order.
#[test]
fn a_severity_is_asked_for_by_its_whole_part() {
    for (severity, is) in [
        (json!("7.0"), true),
        (json!("8.9"), true),
        (json!("10.0"), true),
        (json!("6.9"), false),
        (json!("1.0"), false),
        (Value::Null, false),
    ] {
        let body = "case.severity?.split(\".\")?[0] in [\"7\", \"8\", \"9\", \"10\"]";
        let case = json!({"id": "case-0001", "severity": severity});
        let end = on_big_stack(move || {
            advance(&ENGINE, &compiled(&script(body)), &facts(case, json!({})), &Recorded::new())
        });
        assert!(
            matches!(end, Advance::Done(Value::Bool(found)) if found == is),
            "{severity}: {end:?}"
        );
    }
}
