//! Replay: any order of completion ends the same, and a script that changes its mind is stopped.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::error::Code;

const SCRIPTS: [&str; 6] = [
    "let a = sleep(1); let b = sleep(2); [a, b]",
    "parallel([|| sleep(1), || { let a = sleep(2); [a, sleep(3)] }, || 7, || parallel([|| sleep(4), || sleep(5)])])",
    "let out = []; for n in 1..5 { try { out.push(sleep(n)) } catch (e) { out.push(e.step) } } out",
    "let r = parallel([|| sleep(1), || { throw \"no\" }, || sleep(2)], #{ keep_errors: true }); [r, sleep(3)]",
    "try { parallel([|| sleep(1), || sleep(2), || sleep(3)]) } catch (e) { return [e.step, sleep(9)] } sleep(8)",
    "let n = [1, 2, 3]; let fs = n.map(|x| || { let first = sleep(x); if first % 2 == 0 { sleep(x + 10) } else { notify(\"a\", `${first}`) } }); parallel(fs)",
];

/// What AWS would say: a pure function of the step, so that only the order differs.
fn world(step: &Wanted) -> Result<Value, StepFailure> {
    let n = step.args["seconds"].as_i64().unwrap_or(0);
    if n == 2 { Err(failure("two")) } else { Ok(json!(n * 3)) }
}

/// Completes one requested step at a time, `pick` saying which of those that wait.
fn complete(
    runbook: &Runbook,
    mut pick: impl FnMut(usize) -> usize,
) -> (Advance, BTreeMap<StepKey, String>) {
    let facts = facts(json!({}), json!({}));
    let (mut recorded, mut waiting, mut names) = (Recorded::new(), Vec::new(), BTreeMap::new());
    loop {
        match advance(&ENGINE, runbook, &facts, &recorded) {
            Advance::Steps(wanted) => {
                for step in wanted {
                    assert!(
                        names
                            .insert(step.key.clone(), format!("{} {}", step.name, step.args))
                            .is_none(),
                        "asked twice: {}",
                        step.key
                    );
                    recorded.insert(
                        step.key.clone(),
                        RecordedStep {
                            name: step.name.clone(),
                            args: step.args.clone(),
                            outcome: None,
                        },
                    );
                    waiting.push(step);
                }
            }
            Advance::Waiting => {
                let step = waiting.remove(pick(waiting.len()) % waiting.len());
                let outcome = Some(world(&step));
                let (name, args) = (step.name, step.args);
                recorded.insert(step.key, RecordedStep { name, args, outcome });
            }
            end => {
                assert!(waiting.is_empty(), "ended while {waiting:?} was under way");
                return (end, names);
            }
        }
    }
}

/// A small grammar of scripts: steps, catches, loops and parallels, nested.
#[derive(Debug, Clone)]
enum Node {
    Step(u32),
    Caught(u32),
    Logged(u32),
    Loop(u32),
    Parallel(Vec<Node>),
    Kept(Vec<Node>),
    Sequence(Vec<Node>),
}

impl Node {
    /// Writes the node as a function of its own, so that nesting does not meet the parser's limit
    /// on depth, and returns its name.
    fn write(&self, functions: &mut Vec<String>) -> String {
        let list = |all: &[Node], functions: &mut Vec<String>| -> String {
            all.iter()
                .map(|node| format!("|| {}()", node.write(functions)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let body = match self {
            Self::Step(n) => format!("sleep({n})"),
            Self::Caught(n) => format!("try {{ return sleep({n}) }} catch (e) {{ return e.step }}"),
            Self::Logged(n) => format!("let v = sleep({n}); log(`${{v}}`); v"),
            Self::Loop(n) => format!("let l = []; for i in 0..{n} {{ l.push(sleep(i + 3)); }} l"),
            Self::Parallel(all) => format!("parallel([{}])", list(all, functions)),
            Self::Kept(all) => {
                format!("let r = parallel([{}], #{{ keep_errors: true }}); r", list(all, functions))
            }
            Self::Sequence(all) => {
                let calls: String = all
                    .iter()
                    .map(|node| format!("l.push({}());", node.write(functions)))
                    .collect();
                format!("let l = []; {calls} l")
            }
        };
        let name = format!("f{}", functions.len());
        functions.push(format!("fn {name}() {{ {body} }}"));
        name
    }
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        (1..9_u32).prop_map(Node::Step),
        (1..9_u32).prop_map(Node::Caught),
        (1..9_u32).prop_map(Node::Logged),
        (1..4_u32).prop_map(Node::Loop),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let some = move || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            some().prop_map(Node::Parallel),
            some().prop_map(Node::Kept),
            some().prop_map(Node::Sequence)
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_completion_ends_the_same(index in 0..SCRIPTS.len(), order in prop::collection::vec(0..64_usize, 40)) {
        same(&script(SCRIPTS[index]), order);
    }

    #[test]
    fn any_small_script_ends_the_same(node in node(), order in prop::collection::vec(0..64_usize, 64)) {
        let mut functions = Vec::new();
        let root = node.write(&mut functions);
        same(&format!("{}{}", script(&format!("{root}()")), functions.join("\n")), order);
    }
}

fn same(source: &str, order: Vec<usize>) {
    let source = source.to_owned();
    on_big_stack(move || {
        let runbook = compiled(&source);
        let first = complete(&runbook, |_| 0);
        let last = complete(&runbook, |waiting| waiting - 1);
        let mut picks = order.into_iter().cycle();
        let any = complete(&runbook, |_| picks.next().unwrap_or(0));
        assert_eq!(first, last, "{source}");
        assert_eq!(first, any, "{source}");
    });
}

#[test]
fn branches_steps_come_out_together() {
    let Advance::Steps(steps) = once(SCRIPTS[1]) else { panic!() };
    let keys: Vec<_> = steps.iter().map(|step| step.key.as_str()).collect();
    assert_eq!(keys, ["1[0]/1", "1[1]/1", "1[3]/1[0]/1", "1[3]/1[1]/1"]);
}

#[test]
fn a_failed_branch_does_not_cut_its_siblings_short() {
    let runbook = compiled(&script("parallel([|| sleep(2), || { sleep(1); sleep(3) }])"));
    let (end, asked) = drive(&runbook, &facts(json!({}), json!({})), world);
    assert_eq!(asked.len(), 3, "{:?}", shown(&asked));
    assert!(
        matches!(end, Advance::Failed(error) if error.step.as_ref().is_some_and(|key| key.as_str() == "1[0]/1"))
    );
}

#[test]
fn steps_under_way_and_new_ones_come_out_together() {
    let runbook = compiled(&script("parallel([|| sleep(1), || { sleep(3); sleep(4) }])"));
    let facts = facts(json!({}), json!({}));
    let step = |n: u32, outcome| RecordedStep {
        name: "sleep".into(),
        args: json!({"seconds": n}),
        outcome,
    };
    let recorded: Recorded = [
        ("1[0]/1".parse().unwrap(), step(1, None)),
        ("1[1]/1".parse().unwrap(), step(3, Some(Ok(json!(1))))),
    ]
    .into_iter()
    .collect();
    let Advance::Steps(steps) = advance(&ENGINE, &runbook, &facts, &recorded) else { panic!() };
    assert_eq!(shown(&steps), ["1[1]/2 sleep {\"seconds\":4}"]);
}

#[test]
fn another_step_than_the_recorded_one_is_a_divergence() {
    let facts = facts(json!({}), json!({}));
    let recorded = |name: &str, args: Value| -> Recorded {
        [(
            "1".parse().unwrap(),
            RecordedStep { name: name.into(), args, outcome: Some(Ok(json!(1))) },
        )]
        .into_iter()
        .collect()
    };
    for (body, name, args) in [
        ("sleep(2)", "sleep", json!({"seconds": 1})),
        ("notify(\"a\", \"b\")", "sleep", json!({"seconds": 1})),
        // Swallowed or not, and also inside a branch's sibling.
        ("try { sleep(2) } catch { } 7", "sleep", json!({"seconds": 1})),
        ("try { [2].map(|n| sleep(n)) } catch { } 7", "sleep", json!({"seconds": 1})),
        // Recorded, but no longer asked for.
        ("7", "sleep", json!({"seconds": 1})),
    ] {
        let runbook = compiled(&script(body));
        match advance(&ENGINE, &runbook, &facts, &recorded(name, args.clone())) {
            Advance::Diverged { key, recorded, requested } => {
                assert_eq!(
                    (key.as_str(), &recorded),
                    ("1", &json!({"name": name, "args": args})),
                    "{body}"
                );
                assert_ne!(recorded, requested);
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn a_run_has_at_most_a_thousand_steps() {
    let runbook = compiled(&script("for n in 1..2000 { sleep(n) }"));
    let step = |n: usize| RecordedStep {
        name: "sleep".into(),
        args: json!({"seconds": n}),
        outcome: Some(Ok(Value::Null)),
    };
    let recorded = |n: usize| -> Recorded {
        (1..=n).map(|n| (n.to_string().parse().unwrap(), step(n))).collect()
    };
    let facts = facts(json!({}), json!({}));
    assert!(
        matches!(advance(&ENGINE, &runbook, &facts, &recorded(999)), Advance::Steps(steps) if steps[0].key.as_str() == "1000")
    );
    assert!(
        matches!(advance(&ENGINE, &runbook, &facts, &recorded(1_000)), Advance::Failed(error) if error.code == Code::SCRIPT_LIMIT)
    );
}

#[tokio::test]
async fn the_pool_evaluates_side_by_side_and_survives_a_bad_script() {
    let pool = Evaluator::with_engine(2, build_engine()).unwrap();
    let facts = Arc::new(facts(json!({}), json!({})));
    let compile = |body: &str| {
        Arc::new(compile(pool.engine(), "test".parse().unwrap(), &script(body)).unwrap())
    };
    let (good, bad) = (compile("6 * 7"), compile("let a = []; for n in 0..500 { a = [a]; } a"));
    let evaluate = |runbook: &Arc<Runbook>| {
        pool.advance(Arc::clone(runbook), Arc::clone(&facts), Arc::new(Recorded::new()))
    };
    let all =
        futures::future::join_all((0..20).map(|n| evaluate(if n % 2 == 0 { &good } else { &bad })))
            .await;
    for (n, end) in all.into_iter().enumerate() {
        assert_eq!(n % 2 == 0, end.next == Advance::Done(json!(42)), "{end:?}");
    }
}
