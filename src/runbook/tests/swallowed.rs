//! A no that is caught, and containment all the same.

use super::lints as check;
use super::*;

#[test]
fn a_no_that_changes_nothing() {
    let caught = "warning E0308: a no is caught here, and what follows is contained all the same (put the containment inside the `try`, or `throw` or `return` in the `catch`)";
    let cut = "contain::isolate_instance(p.instance);";
    for (body, wanted) in [
        (
            format!("try {{ approve(\"Isolate?\"); }} catch {{ }}\n{cut}"),
            &[&*format!("4:1: {caught}")][..],
        ),
        (
            format!(
                "try {{ approve(\"Isolate?\", #{{ quorum: 2 }}); log(\"yes\"); }} catch (e) {{ log(`no: ${{e.message}}`); }} {cut}"
            ),
            &[caught],
        ),
        (
            format!(
                "try {{ if p.x != () {{ approve(\"Isolate?\"); }} }} catch {{ }} if p.q == () {{ {cut} }}"
            ),
            &[caught],
        ),
        (
            format!(
                "if p.x == () {{ try {{ approve(\"a\"); }} catch {{ }} }} parallel([|| {{ {cut} }}]);"
            ),
            &[caught],
        ),
        (format!("parallel([|| {{ try {{ approve(\"a\"); }} catch {{ }} {cut} }}]);"), &[caught]),
        // The no is heeded.
        (format!("try {{ approve(\"a\"); {cut} }} catch {{ log(\"no\"); }}"), &[]),
        (format!("try {{ approve(\"a\"); }} catch {{ return; }} {cut}"), &[]),
        (format!("try {{ approve(\"a\"); }} catch (e) {{ throw e; }} {cut}"), &[]),
        (format!("try {{ approve(\"a\"); }} catch (e) {{ stop(e); }} {cut}"), &[]),
        (format!("for i in 0..2 {{ try {{ approve(\"a\"); }} catch {{ continue; }} {cut} }}"), &[]),
        (
            format!(
                "let yes = true; try {{ approve(\"a\"); }} catch {{ yes = false; }} if yes {{ {cut} }}"
            ),
            &[],
        ),
        (
            format!(
                "let yes = (); try {{ yes = approve(\"a\"); }} catch {{ }} if yes != () {{ {cut} }}"
            ),
            &[],
        ),
        (
            format!(
                "let no = []; try {{ approve(\"a\"); }} catch (e) {{ no.push(e); }} if no.len() == 0 {{ {cut} }}"
            ),
            &[],
        ),
        // It was about something else.
        (
            format!(
                "try {{ approve(\"a\"); contain::revoke_role_sessions(p.role); }} catch {{ }} {cut}"
            ),
            &[],
        ),
        (
            format!(
                "try {{ approve(\"a\"); evidence::snapshot_volumes(p.instance); }} catch {{ }} {cut}"
            ),
            &[],
        ),
        (format!("try {{ approve(\"a\"); }} catch {{ approve(\"b\"); }} {cut}"), &[]),
        (format!("try {{ approve(\"a\"); }} catch {{ }} approve(\"b\"); {cut}"), &[]),
        // Nothing follows.
        (format!("{cut} try {{ approve(\"a\"); }} catch {{ }}"), &[]),
        (format!("if p.x == () {{ try {{ approve(\"a\"); }} catch {{ }} }} else {{ {cut} }}"), &[]),
        (format!("if p.x == () {{ try {{ approve(\"a\"); }} catch {{ }} return; }} {cut}"), &[]),
        (format!("try {{ look::instance(p.instance); }} catch {{ }} {cut}"), &[]),
    ] {
        check(&format!("{}fn stop(e) {{ throw e; }}", script(&body)), wanted);
    }
}
