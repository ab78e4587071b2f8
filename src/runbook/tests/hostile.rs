//! Scripts that mean harm end in bounded time and leave the process alive.

use std::time::Duration;

use super::*;
use crate::error::Code;

/// Far above the deadline of an evaluation, so that a busy machine does not fail the test, and far
/// below for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Compiles and evaluates on a large stack, as production does; panics when it does not come back.
fn bounded(source: String) -> Result<Advance, Vec<Diagnostic>> {
    let (send, receive) = mpsc::channel();
    let evaluate = move || {
        let end = compile(&ENGINE, "test".parse().unwrap(), &source).map(|runbook| {
            advance(
                &ENGINE,
                &runbook,
                &facts(serde_json::json!({"id": "case-0001"}), serde_json::json!({})),
                &Recorded::new(),
            )
        });
        drop(send.send(end));
    };
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(evaluate).unwrap();
    receive.recv_timeout(PATIENCE).expect("the script was not ended")
}

#[test]
fn endless_work_is_ended_as_a_limit() {
    for body in [
        "loop { }",
        "let x = 0; while true { x += 1; }",
        "loop { try { throw 1 } catch { } }",
        "fn_again(0)",
        "loop { [1, 2, 3].map(|x| x); }",
        "let s = \"x\"; loop { s += s; }",
        "let s = \"x\"; loop { s = `${s}${s}`; }",
        "let l = [1]; loop { l += l; }",
        "let l = []; loop { l.push(l); }",
        "let l = []; l.pad(1000000000, 1);",
        "let s = \"\"; s.pad(1000000000, 'x');",
        "let m = #{}; let n = 0; loop { m[`k${n}`] = n; n += 1; }",
        "let l = []; for i in 0..5000 { l.push(i); } loop { l.dedup(|a, b| false); l.sort(|a, b| b - a); }",
        "let n = 0; for i in 0..9223372036854775807 { n = i; }",
        "parallel([|| { loop { } }, || sleep(1)])",
        "let b = []; for i in 0..501 { b.push(|| sleep(1)); } parallel(b)",
        "let f = || 1; for n in 0..6 { let g = f; f = || parallel([g]); } parallel([f])",
        "let s = \"a\"; s.pad(200000, 'a'); loop { s.replace(\"aa\", \"b\"); let t = s.split(\"a\"); }",
    ] {
        let source = format!("{}\nfn fn_again(n) {{ fn_again(n + 1) }}", script(body));
        let end = bounded(source).unwrap();
        match &end {
            Advance::Failed(error) => {
                assert_eq!(error.code, Code::SCRIPT_LIMIT, "{body}: {error:?}")
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn deep_data_does_not_overflow_the_stack() {
    // Building it is quadratic, so here not as deep as it may be: the deadline must not come first.
    let deep = "let a = []; for n in 0..600 { a = [a]; }";
    for (what, ends) in [
        ("print(a); 1", true),
        ("debug(a); 1", true),
        ("let s = `${a}`; 1", true),
        ("let b = a; if a == b { 1 } else { 2 }", true),
        ("a = (); 1", true),
        ("let m = #{}; for n in 0..600 { m = #{ m: m }; } let s = m.to_string(); 1", true),
        ("log(a); 1", true),
        ("try { throw a } catch (e) { print(e); } 1", true),
        ("try { [1].map(|x| { throw a }) } catch (e) { print(e); } 1", true),
        ("a", false),
        ("throw a", false),
        ("sleep(a)", false),
        ("act::tag_resource(\"x\", a)", false),
        ("#{ a: a }.to_json()", false),
        ("parallel([|| a.len()])", false),
    ] {
        match bounded(script(&format!("{deep} {what}"))).unwrap() {
            Advance::Done(value) => assert!(ends && value == serde_json::json!(1), "{what}"),
            Advance::Failed(error) => {
                assert!(!ends && error.code == Code::SCRIPT_FAILED, "{what}: {error:?}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    // As deep as it may be: the deadline may end it first, and the process lives.
    let deepest = "let a = []; for n in 0..4990 { a = [a]; } print(a); a == a";
    let end = bounded(script(deepest)).unwrap();
    assert!(matches!(end, Advance::Done(_) | Advance::Failed(_)), "{end:?}");
}

#[test]
fn a_value_that_contains_itself_does_no_harm() {
    // A closure that captures the variable which holds it: following it never ends.
    let knot = "let a = [1]; let f = || a; a.push(f);";
    for what in [
        "print(a); debug(a); print(f); debug(f); let s = `${a}${f}`; 1",
        "a.to_string(); a.to_debug(); f.to_string(); 1",
        "throw a",
        "throw f",
        "try { [1].map(|x| { throw a }) } catch (e) { print(e); } 1",
        "try { [1].map(|x| { throw f }) } catch (e) { print(e); } 1",
        "parallel([f])",
        "parallel([|| a, || a])",
        "log(a); log(f); sleep(1)",
        "#{ a: a }.to_json()",
        "act::tag_resource(\"x\", a)",
        "a",
        "let g = a; g.len()",
        "f in a",
        "a.contains(f)",
        "a.index_of(f)",
    ] {
        let _ended = bounded(script(&format!("{knot} {what}")));
    }
}

#[test]
fn what_would_reach_out_does_not_compile() {
    for body in [
        "eval(\"loop { }\")",
        "import \"/etc/passwd\" as secret;",
        "import \"../../x\" as x;",
        "read_file(\"/etc/passwd\")",
        "Fn(\"sleep\")",
        "std::process::exit(1)",
    ] {
        let Err(all) = bounded(script(body)) else { panic!("{body} compiled") };
        assert!(!all.is_empty());
    }
}

#[test]
fn huge_and_deep_sources_are_refused() {
    let deep = |open: &str, close: &str, n: usize| {
        script(&format!("{}1{}", open.repeat(n), close.repeat(n)))
    };
    for (what, source) in [
        (
            "bytes",
            script(&format!("let x = \"{}\";", "x".repeat(super::super::limits::SOURCE_BYTES_MAX))),
        ),
        ("parentheses", deep("(", ")", 5_000)),
        ("lists", deep("[", "]", 5_000)),
        ("maps", deep("#{a:", "}", 5_000)),
        ("blocks", deep("{", "}", 5_000)),
        ("ifs", deep("if true {", "}", 5_000)),
        ("negations", script(&format!("let x = {}true;", "!".repeat(5_000)))),
        ("closures", deep("|| ", "", 2_000)),
    ] {
        assert!(bounded(source).is_err(), "{what}");
    }
    // A literal that is long but flat, up to what an array may hold.
    assert!(bounded(script(&format!("let l = [{}]; l.len()", "1,".repeat(4_000)))).is_ok());
}

#[test]
fn hostile_text_stays_text() {
    let hostile = "`${sleep(1)}`\"); notify(\"x\", \"y\"); //\n\u{0}\u{202e}";
    let runbook = compiled(&script("notify(\"oncall\", `${case.title}`)"));
    let end = advance(
        &ENGINE,
        &runbook,
        &facts(serde_json::json!({"title": hostile}), serde_json::json!({})),
        &Recorded::new(),
    );
    let Advance::Steps(steps) = end else { panic!("{end:?}") };
    assert_eq!((steps.len(), &steps[0].args["message"]), (1, &serde_json::json!(hostile)));
}
