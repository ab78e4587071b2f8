//! The rule as a table: what a case had, what comes, what follows.

mod said;

use serde_json::json;

use super::*;

fn at(hour: i64) -> Timestamp {
    let start: Timestamp = "2026-01-03T00:00:00Z".parse().unwrap();
    start + jiff::SignedDuration::from_hours(hour)
}

/// A containment that was verified, and ended at 10.
fn done() -> Earlier {
    Earlier {
        at: ("111122223333".parse().unwrap(), "eu-west-1".parse().unwrap()),
        looked_at: None,
        id: "run-aaaa".parse().unwrap(),
        runbook: "isolate".parse().unwrap(),
        mode: Mode::Contain,
        target: Some("instance/a".to_owned()),
        params: json!({"instance": "a", "profile": "web"}),
        named: BTreeSet::new(),
        state: RunState::Succeeded,
        code: None,
        ended_at: Some(at(10)),
        confirmed: true,
        told: None,
        answered: false,
        yes: None,
        no: None,
        taken_back: false,
        undo: None,
    }
}

fn ended(state: RunState, code: Option<Code>) -> Earlier {
    Earlier { state, code: code.map(|code| code.number.to_owned()), ..done() }
}

fn open() -> Earlier {
    Earlier { state: RunState::Running, ended_at: None, ..done() }
}

/// A question that nobody has answered.
fn asks() -> Earlier {
    Earlier { mode: Mode::Approve, state: RunState::Parked, ..open() }
}

fn sequence(names: &[&str]) -> Earlier {
    let named = names.iter().map(|name| (*name).to_owned()).collect();
    Earlier { mode: Mode::Approve, params: json!({}), named, answered: true, ..done() }
}

/// What `like` was asked for, seen last at `hour`.
fn wanted(like: &Earlier, mode: Mode, hour: i64) -> Wanted<'_> {
    let seen_at = Some(at(hour));
    let target = (mode != Mode::Observe).then_some(like.target.as_deref()).flatten();
    let (runbook, params, named) = (&like.runbook, &like.params, &like.named);
    let at = (&like.at.0, &like.at.1);
    Wanted { runbook, at, mode, target, params, named, seen_at, tells: None }
}

fn words(further: Further) -> &'static str {
    match further {
        Further::Nothing => "nothing",
        Further::Answered => "answered",
        Further::Run { most: Mode::Contain, .. } => "runs",
        Further::Run { .. } => "asks",
    }
}

/// For another finding, a version, an older version, and one that opens the case again.
#[track_caller]
fn check(what: &str, wanted: &Wanted<'_>, earlier: &[Earlier], expected: [&str; 4]) {
    let case = || "case-aaaa".parse().unwrap();
    let kinds = [
        Disposition::Joined(case()),
        Disposition::Updated(case()),
        Disposition::Stale(case()),
        Disposition::Reopened(case()),
    ];
    let found = kinds.map(|kind| words(further(&kind, wanted, earlier, &[])));
    assert_eq!(found, expected, "{what}");
    let again = Disposition::Duplicate(case());
    assert_eq!(further(&again, wanted, earlier, &[]), Further::Nothing, "{what}");
}

#[test]
fn a_first_finding_gets_what_it_asks_for() {
    let like = done();
    for mode in [Mode::Observe, Mode::Approve, Mode::Contain] {
        assert_eq!(words(further(&Disposition::New, &wanted(&like, mode, 9), &[], &[])), "runs");
    }
}

#[test]
fn what_becomes_of_a_run_decides_what_it_stands_for() {
    use RunState::{Failed, Halted, Queued, Succeeded};
    let like = done();
    let before = wanted(&like, Mode::Contain, 9);
    for (what, run, expected) in [
        ("done", done(), ["answered", "nothing", "nothing", "runs"]),
        ("under way", open(), ["answered", "nothing", "nothing", "nothing"]),
        ("failed", ended(Failed, None), ["runs", "nothing", "nothing", "runs"]),
        ("halted", ended(Halted, None), ["runs", "nothing", "nothing", "runs"]),
        (
            "no run of its finding",
            ended(Halted, Some(Code::UNCONFIRMED)),
            ["runs", "runs", "runs", "runs"],
        ),
        ("gave way", ended(Succeeded, Some(Code::SUPERSEDED)), ["runs", "runs", "runs", "runs"]),
        (
            "denied",
            ended(Halted, Some(Code::APPROVAL_DENIED)),
            ["asks", "nothing", "nothing", "asks"],
        ),
        (
            "nobody answered",
            ended(Halted, Some(Code::UNANSWERED)),
            ["runs", "runs", "runs", "runs"],
        ),
        ("taken back", Earlier { taken_back: true, ..done() }, ["asks", "asks", "asks", "asks"]),
        (
            "not confirmed",
            Earlier { state: Queued, confirmed: false, ..open() },
            ["runs", "runs", "runs", "runs"],
        ),
        (
            "only looked",
            Earlier { mode: Mode::Observe, target: None, ..done() },
            ["runs", "runs", "runs", "runs"],
        ),
        ("unanswered", asks(), ["runs", "runs", "runs", "runs"]),
        (
            "answered with yes",
            Earlier { mode: Mode::Approve, answered: true, ..open() },
            ["runs", "nothing", "nothing", "runs"],
        ),
        (
            "of another runbook",
            Earlier { runbook: "disable".parse().unwrap(), ..done() },
            ["runs", "runs", "runs", "runs"],
        ),
        (
            "of another role",
            Earlier { params: json!({"instance": "a", "profile": "db"}), ..done() },
            ["runs", "runs", "runs", "runs"],
        ),
        (
            "another runbook's, denied",
            Earlier {
                runbook: "suspect".parse().unwrap(),
                ..ended(Halted, Some(Code::APPROVAL_DENIED))
            },
            ["asks", "asks", "asks", "asks"],
        ),
        (
            "another target's, taken back",
            Earlier {
                target: Some("instance/b".to_owned()),
                params: json!({"instance": "b"}),
                taken_back: true,
                ..done()
            },
            ["runs", "runs", "runs", "runs"],
        ),
    ] {
        check(what, &before, &[run], expected);
    }
}

#[test]
fn a_run_that_is_over_answers_for_nothing_that_was_seen_later() {
    let like = done();
    let denied = ended(RunState::Halted, Some(Code::APPROVAL_DENIED));
    let unknown = Earlier { ended_at: None, ..done() };
    for (what, runs, expected) in [
        ("done", vec![done()], ["runs", "runs", "runs", "runs"]),
        ("under way", vec![open()], ["answered", "nothing", "nothing", "nothing"]),
        (
            "one of two is under way",
            vec![done(), open()],
            ["answered", "nothing", "nothing", "nothing"],
        ),
        ("nobody knows when it ended", vec![unknown], ["answered", "nothing", "nothing", "runs"]),
        ("failed", vec![ended(RunState::Failed, None)], ["runs", "nothing", "nothing", "runs"]),
        ("denied", vec![denied.clone()], ["asks", "nothing", "nothing", "asks"]),
        (
            "denied, then done by hand",
            vec![denied.clone(), done()],
            ["asks", "nothing", "nothing", "asks"],
        ),
        (
            "done but for what was denied",
            vec![Earlier { looked_at: Some(at(10)), ..denied.clone() }],
            ["asks", "asks", "asks", "asks"],
        ),
        (
            "seen before that",
            vec![Earlier { looked_at: Some(at(12)), ..denied }],
            ["asks", "nothing", "nothing", "asks"],
        ),
    ] {
        check(what, &wanted(&like, Mode::Contain, 11), &runs, expected);
    }
    let looks = wanted(&like, Mode::Observe, 11);
    check("who only looks", &looks, &[done()], ["answered", "nothing", "nothing", "runs"]);
}

#[test]
fn what_nothing_acts_on_is_told_unless_people_were_told_of_no_less() {
    let (low, high) = (Some(0), Some(2));
    let like = Earlier { mode: Mode::Observe, target: None, ..done() };
    let quiet = Earlier { told: None, ..like.clone() };
    let told = |told| Earlier { told, ..like.clone() };
    let same = ["answered", "nothing", "nothing", "runs"];
    let runs = ["runs", "runs", "runs", "runs"];
    let severe = Wanted { tells: high, ..wanted(&like, Mode::Observe, 9) };
    for (what, earlier, expected) in [
        ("of the same band", told(high), same),
        ("of a higher one", told(Some(3)), same),
        ("of a lower one", told(low), runs),
        ("that failed", Earlier { state: RunState::Failed, ..told(high) }, same),
        (
            "that is under way",
            Earlier { state: RunState::Queued, ended_at: None, ..told(high) },
            ["answered", "nothing", "nothing", "nothing"],
        ),
        ("which nobody was told of", quiet.clone(), runs),
        ("of which nobody is told", Earlier { state: RunState::Queued, ..quiet.clone() }, runs),
        ("of another runbook", Earlier { runbook: "other".parse().unwrap(), ..told(high) }, runs),
        ("that acted", done(), same),
        ("that acted and failed", ended(RunState::Failed, None), runs),
        ("that was taken back", Earlier { taken_back: true, ..done() }, runs),
        ("that asks", asks(), ["answered", "nothing", "nothing", "nothing"]),
    ] {
        check(what, &severe, &[earlier], expected);
    }
    check("that acted before", &Wanted { seen_at: Some(at(11)), ..severe }, &[done()], runs);
    let unheard = Wanted { tells: None, ..severe };
    check("of what nobody need hear", &unheard, std::slice::from_ref(&quiet), same);
    let Further::Run { why, .. } =
        further(&Disposition::Updated("case-aaaa".parse().unwrap()), &severe, &[quiet], &[])
    else {
        panic!("it is not told");
    };
    assert_eq!(why, Some(UNTOLD));
}

#[test]
fn what_was_taken_back_is_asked_about_once() {
    let like = done();
    let lifted = Earlier { taken_back: true, ..done() };
    let again = wanted(&like, Mode::Contain, 11);
    let expected = ["answered", "nothing", "nothing", "nothing"];
    check("asked", &again, &[lifted.clone(), asks()], expected);
    let no =
        Earlier { mode: Mode::Approve, ..ended(RunState::Halted, Some(Code::APPROVAL_DENIED)) };
    check("and denied", &again, &[lifted, no], ["asks", "nothing", "nothing", "asks"]);
}

#[test]
fn an_attack_sequence_is_answered_by_what_names_no_less() {
    let two = sequence(&["a", "b"]);
    let grown = wanted(&two, Mode::Approve, 9);
    let runs = ["runs", "runs", "runs", "runs"];
    check("grown", &grown, &[sequence(&["a"])], runs);
    check(
        "the same",
        &grown,
        std::slice::from_ref(&two),
        ["answered", "nothing", "nothing", "runs"],
    );
    check(
        "more",
        &grown,
        &[sequence(&["a", "b", "c"])],
        ["answered", "nothing", "nothing", "runs"],
    );
    // The part that stays in place does not answer for the one that was taken back.
    let lifted = Earlier { taken_back: true, ..two.clone() };
    check("its growth was taken back", &grown, &[sequence(&["a"]), lifted], ["asks"; 4]);
    let other = Earlier { target: Some("attack-sequence/b".to_owned()), ..two.clone() };
    check("another sequence", &grown, &[other], runs);
}

#[test]
fn who_waited_is_needed_unless_another_has_come_to_stand_meanwhile() {
    let like = done();
    let asked = wanted(&like, Mode::Contain, 8);
    let meanwhile =
        |run: Earlier, requested: i64| answered_meanwhile(&asked, at(requested), &[run]).is_some();
    assert!(meanwhile(done(), 9), "it ended while the other waited");
    assert!(meanwhile(open(), 9));
    for (what, run) in [
        ("it may be a forgery", Earlier { confirmed: false, ..open() }),
        ("it was one", ended(RunState::Halted, Some(Code::UNCONFIRMED))),
        ("it waits, too", Earlier { state: RunState::Queued, ..open() }),
        ("it failed", ended(RunState::Failed, None)),
        ("it was taken back", Earlier { taken_back: true, ..done() }),
        ("it gave way itself", ended(RunState::Succeeded, Some(Code::SUPERSEDED))),
        ("it only asks", asks()),
        ("nobody knows when it ended", Earlier { ended_at: None, ..done() }),
        ("another role", Earlier { params: json!({"instance": "a"}), ..done() }),
    ] {
        assert!(!meanwhile(run, 9), "{what}");
    }
    assert!(!meanwhile(done(), 11), "it was known to have ended");
}

/// IAM is global: a role or user that two Regions see is the same one.
#[test]
fn what_is_global_is_answered_from_whichever_region() {
    let elsewhere =
        |account: &str, region: &str| (account.parse().unwrap(), region.parse().unwrap());
    let same = ["answered", "nothing", "nothing", "runs"];
    let runs = ["runs", "runs", "runs", "runs"];
    let (here, strange) = ("111122223333", "444455556666");
    for (target, account, expected) in [
        (Some("111122223333/role/web"), here, same),
        (Some("111122223333/user/web"), here, same),
        (Some("111122223333/access-key/AKIAZ7Q2EXAMPLE00001"), here, same),
        (Some("111122223333/role/web"), strange, runs),
        (Some("111122223333/instance/i-0a"), here, runs),
        (Some("111122223333/bucket/role"), here, runs),
        (Some("111122223333/finding/role/a"), here, runs),
        (None, here, runs),
    ] {
        let had = Earlier { target: target.map(str::to_owned), ..done() };
        let (account, region) = elsewhere(account, "us-east-1");
        let asked = Wanted { at: (&account, &region), ..wanted(&had, Mode::Contain, 9) };
        check(&format!("{target:?} {account}"), &asked, std::slice::from_ref(&had), expected);
        let meanwhile = answered_meanwhile(&asked, at(9), std::slice::from_ref(&had));
        assert_eq!(meanwhile.is_some(), expected == same, "{target:?} {account}");
    }
}
