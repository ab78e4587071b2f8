//! An optional parameter that a step needs.

use super::lints as check;

/// Scripts whose header has the optional parameters `role` and `instance`.
fn body(body: &str, wanted: &[&str]) {
    check(
        &format!(
            "//! T.\nconst RUNBOOK = #{{ on: [\"*\"], params: #{{ role: #{{ type: \"role-name\", required: false }}, \
             instance: #{{ type: \"instance-id\", from: \"resource.instanceDetails.instanceId\", required: false }} }} }};\n\
             fn run(case, p) {{\n{body}\n}}\nfn own(x) {{ x }}\n"
        ),
        wanted,
    );
}

#[test]
fn what_may_be_missing_is_tested_first() {
    let role = "warning E0308: `p.role` may be `()`, and `contain::revoke_role_sessions` fails then (test it first: `if p.role != () { … }`)";
    let instance = "`p.instance` may be `()`, and `look::instance` fails then";
    let cut = "contain::revoke_role_sessions(p.role);";
    for (script, wanted) in [
        (cut, &[&*format!("4:31: {role}")][..]),
        ("let i = look::instance(p.instance); i?.state", &[instance]),
        ("parallel([|| contain::revoke_role_sessions(p.role)]);", &[role]),
        ("let b = []; b.push(|| contain::revoke_role_sessions(p.role)); parallel(b);", &[role]),
        ("log(`${p.role}`); contain::revoke_role_sessions(p.role); #{ role: p.role }", &[role]),
        (
            "if p.instance != () { look::instance(p.instance); } contain::revoke_role_sessions(p.role);",
            &[role],
        ),
        // Something is asked of it, or of something that may stand for it.
        ("if p.role != () { contain::revoke_role_sessions(p.role); }", &[]),
        ("if p.role == () { return; } contain::revoke_role_sessions(p.role);", &[]),
        ("let role = p.role; contain::revoke_role_sessions(p.role);", &[]),
        ("contain::revoke_role_sessions(p.role ?? \"batch-worker\");", &[]),
        ("if p.role?.len() == 3 { log(\"x\") } contain::revoke_role_sessions(p.role);", &[]),
        ("if \"role\" in p { contain::revoke_role_sessions(p.role); }", &[]),
        ("if case.type == \"manual\" { contain::revoke_role_sessions(p.role); }", &[]),
        ("try { contain::revoke_role_sessions(p.role); } catch (e) { log(e.message); }", &[]),
        ("if own(p) != () { log(\"x\"); } contain::revoke_role_sessions(p.role);", &[]),
        ("own(p.role); contain::revoke_role_sessions(p.role);", &[]),
        ("if p.role != () { parallel([|| contain::revoke_role_sessions(p.role)]); }", &[]),
        ("[p].map(|p| contain::revoke_role_sessions(p.role));", &[]),
        // It need not be there.
        ("look::user((), p.role)", &[]),
    ] {
        body(script, wanted);
    }
}
