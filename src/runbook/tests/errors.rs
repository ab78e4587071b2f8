//! The fields of a caught error.

use super::lints as check;
use super::*;

#[test]
fn of_a_caught_error() {
    let slip = "an error has no `mesage` (did you mean `message`?)";
    for (body, wanted) in [
        (
            "try { sleep(1) } catch (e) { log(e.mesage) }",
            &[&*format!("4:36: error E0301: {slip}")][..],
        ),
        ("try { sleep(1) } catch (e) { log(`${e?.mesage}`); throw e; }", &[slip]),
        ("try { sleep(1) } catch (e) { parallel([|| log(e.mesage)]) }", &[slip]),
        ("try { sleep(1) } catch (e) { e.reason }", &["(known: code, class, message, step)"]),
        ("try { throw \"x\" } catch (e) { e.mesage }", &[slip]),
        ("try { throw #{ message: \"x\", why: p.x } } catch (e) { e.why; e.mesage }", &[slip]),
        (
            "try { sleep(1) } catch (e) { e.code == 507 }",
            &["`code` of an error is text and never equal"],
        ),
        (
            "try { sleep(1) } catch (e) { e.message.text }",
            &["`message` of an error is text and has no"],
        ),
        ("try { sleep(1) } catch (e) { e.code + e.class + e.message + e.step }", &[]),
        // Errors of the language.
        ("try { sleep(1) } catch (e) { e.error == \"ErrorArithmetic\" && e.line == 4 }", &[]),
        // What the script itself throws.
        ("try { throw #{ code: 5 } } catch (e) { e.code == 5 }", &[]),
        ("let x = p.x; try { throw x } catch (e) { e.any }", &[]),
        ("try { throw own() } catch (e) { e.any }", &[]),
        ("try { deep() } catch (e) { e.depth }", &[]),
        ("try { sleep(1) } catch (e) { let e = #{ any: 1 }; e.any }", &[]),
        ("try { try { sleep(1) } catch (e) { e.why = 1; throw e } } catch (f) { f.why }", &[]),
        ("try { sleep(1) } catch (e) { e.why = 1; e.why }", &[]),
    ] {
        let source = script(body) + "fn own() { #{ any: 1 } } fn deep() { throw #{ depth: 1 } }";
        check(&source, wanted);
    }
}

#[test]
fn an_error_has_the_fields_that_lint_knows() {
    let known: Vec<&str> = crate::runbook::host::RAISED.names().collect();
    for body in ["sleep(\"x\")", "parallel(7)", "\"x\" > 1"] {
        // What lint finds must not keep the script from running here.
        let source = script(&format!(
            "let keys = (); try {{ {body} }} catch (e) {{ keys = e.keys(); }} keys"
        ));
        let end = on_big_stack(move || {
            let runbook = compile_pinned(&ENGINE, "test".parse().unwrap(), &source).unwrap();
            let case = facts(json!({"id": "case-0001"}), json!({}));
            advance(&ENGINE, &runbook, &case, &Recorded::new())
        });
        let Advance::Done(Value::Array(mut keys)) = end else { panic!("{body}: {end:?}") };
        keys.sort_by_key(ToString::to_string);
        let mut known: Vec<Value> = known.iter().map(|name| json!(name)).collect();
        known.sort_by_key(ToString::to_string);
        assert_eq!(keys, known, "{body}");
    }
}
