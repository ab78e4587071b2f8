//! One test for each trap of Rhai that the reference page names.

use serde_json::json;

use super::*;
use crate::error::Code;

const I1: &str = "i-0123456789abcdef0";

fn wanted(end: &Advance) -> Vec<String> {
    match end {
        Advance::Steps(steps) => shown(steps),
        other => panic!("{other:?}"),
    }
}

fn message(end: &Advance) -> &str {
    match end {
        Advance::Failed(error) => &error.message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_halt_that_the_script_swallows_still_halts() {
    for body in [
        "try { sleep(1) } catch { } notify(\"a\", \"after\"); 7",
        "try { [1].map(|x| sleep(x)) } catch { } notify(\"a\", \"after\"); 7",
        "try { [1].filter(|x| sleep(x)) } catch (e) { } notify(\"a\", \"after\"); 7",
        "try { [1].for_each(|| sleep(1)) } catch { } notify(\"a\", \"after\"); 7",
        "try { [1, 2].reduce(|a, b| sleep(1)) } catch { } 7",
        "try { [1].index_of(|x| { sleep(1); true }) } catch { } 7",
        "let l = [3, 1, 2]; l.sort(|a, b| { sleep(1); 0 }); notify(\"a\", \"after\"); l",
        "let l = [3, 1, 2]; l.dedup(|a, b| { sleep(1); true }); l",
        "try { parallel([|| sleep(1)]) } catch { } 7",
        "try { try { [1].map(|x| sleep(x)) } catch { throw 1 } } catch { } 7",
    ] {
        let end = once(body);
        let steps = wanted(&end);
        assert_eq!(steps.len(), 1, "{body}: {steps:?}");
        assert!(steps[0].contains("sleep"), "{body}: {steps:?}");
    }
}

#[test]
fn a_limit_that_the_script_swallows_still_fails() {
    for body in [
        "try { [1].map(|x| { loop { } }) } catch { } 7",
        "let l = [2, 1]; l.sort(|a, b| { loop { } }); l",
        "loop { try { [1].map(|x| { loop { } }) } catch { } }",
        "for n in 0..2000 { try { sleep(1) } catch { } loop { } }",
    ] {
        match once(body) {
            Advance::Failed(error) => assert_eq!(error.code, Code::SCRIPT_LIMIT, "{body}"),
            Advance::Steps(_) => assert!(body.contains("sleep"), "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn operations_inside_closures_are_counted() {
    // Each closure is short, and Rhai's own count starts again for each: only ours ends this.
    let end = once("let l = []; l.pad(5000, 1); loop { l.map(|x| x + 1); }");
    assert!(message(&end).contains("operations") || message(&end).contains("longer"), "{end:?}");
}

#[test]
fn keywords_that_compute_names_do_not_compile() {
    for body in [
        "eval(\"1\")",
        "import \"/etc/passwd\" as x;",
        "let f = Fn(\"not\" + \"ify\");",
        "let f = || 1; f.call()",
        "let f = |x| x; f.curry(1)",
        "is_def_fn(\"notify\", 2)",
    ] {
        assert!(compile(&ENGINE, "test".parse().unwrap(), &script(body)).is_err(), "{body}");
    }
    let export = format!("{}\nexport RUNBOOK as x;", script("1"));
    assert!(compile(&ENGINE, "test".parse().unwrap(), &export).is_err());
}

#[test]
fn closures_work_although_their_keyword_is_off() {
    assert_eq!(once("let n = 2; [1, 2, 3].map(|x| x * n)"), Advance::Done(json!([2, 4, 6])));
    assert_eq!(once("let n = 2; parallel([|| n, || n + 1])"), Advance::Done(json!([2, 3])));
    assert_eq!(once("let l = [3, 1, 2]; l.sort(|a, b| a - b); l"), Advance::Done(json!([1, 2, 3])));
}

#[test]
fn what_blocks_leaves_or_reads_the_clock_is_not_there() {
    for body in [
        "exit(1)",
        "timestamp()",
        "sleep(1, 2)",
        "open_file(\"/etc/passwd\")",
        "parse_json(\"{}\")",
        "rand()",
    ] {
        assert!(compile(&ENGINE, "test".parse().unwrap(), &script(body)).is_err(), "{body}");
    }
    // `sleep` is a step, not Rhai's function that blocks the thread.
    assert_eq!(wanted(&once("sleep(3600)")), ["1 sleep {\"seconds\":3600}"]);
}

#[test]
fn a_function_with_a_host_name_is_refused() {
    for name in
        ["notify", "approve", "parallel", "sleep", "log", "isolate_instance", "tag_resource"]
    {
        let source = format!("{}\nfn {name}(a, b) {{ 1 }}", script("1"));
        let all = compile(&ENGINE, "test".parse().unwrap(), &source).unwrap_err();
        assert!(all.iter().any(|one| one.message.contains("host function")), "{name}: {all:?}");
    }
}

#[test]
fn host_functions_do_not_run_when_a_script_is_compiled() {
    // They are volatile: the optimiser keeps calls whose result nobody uses and folds none.
    let source = script(&format!("contain::isolate_instance(\"{I1}\"); sleep(5); 1"));
    let (end, asked) = drive(&compiled(&source), &facts(json!({}), json!({})), |_| Ok(json!({})));
    assert_eq!(end, Advance::Done(json!(1)));
    assert_eq!(
        shown(&asked),
        [
            format!("1 contain::isolate_instance {{\"instance\":\"{I1}\"}}"),
            "2 sleep {\"seconds\":5}".to_owned()
        ]
    );
}

#[test]
fn branches_do_not_see_each_others_changes() {
    let body = "let n = 0; let deep = [#{ n: 0 }]; let next = || { n += 1; n };
        let seen = parallel([
            || { n += 1; deep[0].n += 1; sleep(1); n * 100 + deep[0].n },
            || { n += 1; deep[0].n += 1; sleep(2); n * 100 + deep[0].n },
            || { sleep(3); [1, 1].map(|x| next) .len() + n * 100 + deep[0].n },
        ]);
        seen.push(n); seen";
    let (end, _) = drive(&compiled(&script(body)), &facts(json!({}), json!({})), |_| Ok(json!({})));
    assert_eq!(end, Advance::Done(json!([101, 101, 2, 0])));
}

#[test]
fn a_captured_closure_does_not_carry_changes_between_branches() {
    let body = "let n = 0; let bump = |x| { n += 1; n };
        parallel([|| { sleep(1); [0].map(bump)[0] }, || { sleep(2); [0].map(bump)[0] }])";
    let runbook = compiled(&script(body));
    let (end, _) = drive(&runbook, &facts(json!({}), json!({})), |_| Ok(json!({})));
    assert_eq!(end, Advance::Done(json!([1, 1])));
}

#[test]
fn arguments_that_would_change_on_the_way_are_refused() {
    for (argument, word) in [
        ("1.5", "string"),
        ("|| 1", "function"),
        ("0..3", "another type"),
        ("9007199254740993", "2^53"),
        ("'c'", "character"),
    ] {
        let end =
            once(&format!("let x = {argument}; act::tag_resource(\"instance/i\", #{{ a: x }})"));
        assert!(message(&end).contains(word), "{argument}: {end:?}");
        assert!(matches!(&end, Advance::Failed(error) if error.line == Some(4)), "{end:?}");
    }
    let end = once("let x = []; for n in 0..70 { x = [x]; } act::tag_resource(\"instance/i\", x)");
    assert!(message(&end).contains("nested"), "{end:?}");
}

#[test]
fn a_wrong_argument_is_an_error_with_a_place_and_takes_no_key() {
    let end = once("let id = \"not an id\";\ncontain::isolate_instance(id)");
    let Advance::Failed(error) = &end else { panic!("{end:?}") };
    assert!(error.message.contains("EC2 instance id"), "{error:?}");
    assert_eq!((error.line, error.column, error.code), (Some(5), Some(10), Code::SCRIPT_FAILED));
    // Caught, the next step is still the first.
    let end = once(
        "let id = \"\"; try { contain::isolate_instance(id) } catch (e) { log(e.message) } sleep(1)",
    );
    let Advance::Steps(steps) = &end else { panic!("{end:?}") };
    assert_eq!(steps[0].key.as_str(), "1");
    assert!(steps[0].log[0].contains("EC2 instance id"), "{steps:?}");
}

#[test]
fn a_failed_step_arrives_as_a_map_with_its_place() {
    let source = script(
        "try { sleep(1) } catch (e) { return #{ code: e.code, class: e.class, message: e.message, step: e.step } }",
    );
    let (end, _) = drive(&compiled(&source), &facts(json!({}), json!({})), |_| Err(failure("no")));
    assert_eq!(
        end,
        Advance::Done(json!({"code": "E0505", "class": "denied", "message": "no", "step": "1"}))
    );

    for body in
        ["\n  sleep(1)", "\n  parallel([\n|| sleep(1)])", "try { sleep(1) } catch (e) { throw e }"]
    {
        let (end, _) =
            drive(&compiled(&script(body)), &facts(json!({}), json!({})), |_| Err(failure("no")));
        let Advance::Failed(error) = end else { panic!("{end:?}") };
        assert_eq!((error.message.as_str(), error.code), ("no", Code::SCRIPT_FAILED), "{body}");
        assert!(error.line.is_some() && error.step.is_some(), "{body}: {error:?}");
    }
}

#[test]
fn the_case_is_called_case_although_the_word_is_reserved() {
    assert_eq!(once("case.id"), Advance::Done(json!("case-0001")));
    assert!(compile(&ENGINE, "test".parse().unwrap(), &script("let match = 1;")).is_err());
}

#[test]
fn nothing_is_printed_it_goes_out_with_the_next_step() {
    let end =
        once("print(\"one\"); debug(2); log(\"three\"); log(#{ message: \"four\" }); sleep(1)");
    let Advance::Steps(steps) = end else { panic!("{end:?}") };
    assert_eq!(steps[0].log, ["one", "2", "three", "four"]);
}

#[test]
fn log_lines_go_out_once() {
    let body = "log(\"a\"); sleep(1); log(\"b\"); parallel([|| { sleep(2); log(\"c\") }, || { log(\"d\"); sleep(3); log(\"e\") }]); log(\"f\"); sleep(4)";
    let (_, asked) =
        drive(&compiled(&script(body)), &facts(json!({}), json!({})), |_| Ok(json!({})));
    let logs: Vec<_> = asked.iter().map(|step| (step.key.as_str(), step.log.join(","))).collect();
    assert_eq!(
        logs,
        [
            ("1", "a".into()),
            ("2[0]/1", "b".into()),
            ("2[1]/1", "d".into()),
            ("3", "c,e,f".to_owned())
        ]
    );
}

#[test]
fn a_missing_field_is_unit_and_can_be_passed_over() {
    assert_eq!(
        once("let m = #{ a: #{} }; [m.b, m.a?.c, m.x?.y?.z, m.a.c ?? 5]"),
        Advance::Done(json!([null, null, null, 5]))
    );
}

#[test]
fn a_finding_larger_than_a_map_may_be_is_still_read() {
    let big: serde_json::Map<String, serde_json::Value> =
        (0..6_000).map(|n| (format!("k{n}"), json!({"v": n}))).collect();
    let runbook = compiled(&script("let f = case.finding; f.k5999.v"));
    assert_eq!(
        advance(&ENGINE, &runbook, &facts(json!({"finding": big}), json!({})), &Recorded::new()),
        Advance::Done(json!(5_999))
    );
}

#[test]
fn a_script_changes_only_its_own_copy_of_the_facts() {
    let runbook = compiled(&script("case.id = \"other\"; p.x = 1; sleep(1); case.id"));
    let facts = facts(json!({"id": "case-0001"}), json!({}));
    drive(&runbook, &facts, |_| Ok(json!({})));
    assert_eq!(facts.case, json!({"id": "case-0001"}));
}

#[test]
fn constants_are_reached_from_functions() {
    let source = "//! T.\nconst RUNBOOK = #{ on: [\"*\"] };\nconst CHANNEL = \"oncall\";\nfn tell(m) { notify(global::CHANNEL, m) }\nfn run(case, p) { tell(\"x\") }";
    let end = advance(&ENGINE, &compiled(source), &facts(json!({}), json!({})), &Recorded::new());
    assert_eq!(wanted(&end), ["1 notify {\"channel\":\"oncall\",\"message\":\"x\"}"]);
}

#[test]
fn maps_become_json_without_rhais_serialiser() {
    assert_eq!(once("#{ a: [1, ()] }.to_json()"), Advance::Done(json!("{\"a\":[1,null]}")));
    assert!(message(&once("#{ a: || 1 }.to_json()")).contains("function"));
}

#[test]
fn text_stands_in_no_order_with_numbers() {
    for (body, place) in [
        ("let s = case.finding.severity; if s >= 7.0 { sleep(1) }", "4:37"),
        ("7 < case.finding.severity", "4:3"),
        ("own(case.finding.severity, 7)", "6:36"),
        ("(case.finding.severity ?? 0) <= 7", "4:30"),
    ] {
        let source = script(body) + "fn own(severity, least) { severity > least }";
        let end = on_big_stack(move || {
            let case = json!({"id": "case-0001", "finding": {"severity": "8.5"}});
            advance(&ENGINE, &compiled(&source), &facts(case, json!({})), &Recorded::new())
        });
        let Advance::Failed(error) = end else { panic!("{body}: {end:?}") };
        assert!(error.message.contains("can't compare a text with a number"), "{error:?}");
        let at = format!("{}:{}", error.line.unwrap(), error.column.unwrap());
        assert_eq!((error.code, at.as_str()), (Code::SCRIPT_FAILED, place), "{body}");
    }
    for (body, want) in [
        (
            "[2 < 3, 2.5 >= 2, \"a\" < \"b\", () < 1, \"a\" > ()]",
            json!([true, true, true, false, false]),
        ),
        // To be the same is another question: it is also asked of lists and maps.
        (
            "let t = \"8\"; [t == 8, t != 8, 8 in [t], [t] == [8], 8 in [t, 8]]",
            json!([false, true, false, false, true]),
        ),
        (
            "let w = (); try { \"8\" > 7 } catch (e) { w = `${e.code} ${e.class}`; } w",
            json!("E0305 argument"),
        ),
    ] {
        match once(body) {
            Advance::Done(value) => assert_eq!(value, want, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}
