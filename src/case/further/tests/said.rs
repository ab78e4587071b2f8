//! What people have said, in the case and in others, and how far a run may go after that.

use super::*;

/// What people said to a run that bears on the target of [`done`].
fn on_target(run: Earlier, bears: Bears) -> Ruling {
    Ruling { run, bears, on: "instance/a".to_owned() }
}

fn other(run: Earlier) -> Earlier {
    Earlier { id: "run-bbbb".parse().unwrap(), ..run }
}

#[test]
fn what_people_decided_in_another_case_says_how_far_a_run_may_go_and_nothing_else() {
    let like = done();
    let denied = ended(RunState::Halted, Some(Code::APPROVAL_DENIED));
    let sequence = |run: Earlier| Earlier { target: Some("attack-sequence/s".to_owned()), ..run };
    let suspect = |run: Earlier| Earlier { runbook: "suspect".parse().unwrap(), ..run };
    let lifted = Earlier { taken_back: true, undo: Some(1), ..done() };
    let silent = ended(RunState::Halted, Some(Code::UNANSWERED));
    for (what, bears, run, expected) in [
        ("done", Bears::Target, done(), "runs"),
        ("taken back", Bears::Target, lifted.clone(), "asks"),
        ("another runbook's, taken back", Bears::Target, suspect(lifted.clone()), "asks"),
        ("a sequence's that held it, taken back", Bears::Held, sequence(lifted.clone()), "asks"),
        ("a sequence's that would have, taken back", Bears::Agreed(None), sequence(lifted), "runs"),
        ("denied", Bears::Target, denied.clone(), "asks"),
        ("another runbook's, denied", Bears::Target, suspect(denied.clone()), "asks"),
        (
            "a sequence's whose plan named it, denied",
            Bears::Refused(None),
            sequence(denied.clone()),
            "asks",
        ),
        (
            "a sequence's that held it, denied in part",
            Bears::Held,
            sequence(denied.clone()),
            "runs",
        ),
        (
            "a sequence's that may do it, denied in part",
            Bears::Agreed(Some(6)),
            sequence(denied),
            "runs",
        ),
        ("nobody answered", Bears::Target, silent, "runs"),
    ] {
        let wanted = wanted(&like, Mode::Contain, 9);
        let others = &[on_target(run, bears)];
        let case = || "case-aaaa".parse().unwrap();
        for kind in [
            Disposition::New,
            Disposition::Joined(case()),
            Disposition::Updated(case()),
            Disposition::Stale(case()),
            Disposition::Reopened(case()),
        ] {
            assert_eq!(words(further(&kind, &wanted, &[], others)), expected, "{what}: {kind:?}");
        }
        let joined = further(&Disposition::Joined(case()), &wanted, &[asks()], others);
        assert_eq!(words(joined) == "answered", expected == "asks", "{what}: asked already");
    }
}

#[test]
fn the_last_word_on_a_target_counts() {
    let like = done();
    let denied = ended(RunState::Halted, Some(Code::APPROVAL_DENIED));
    let no = |place| Earlier { no: Some(place), ..denied.clone() };
    let undone = |place| Earlier { taken_back: true, undo: Some(place), ..done() };
    let yes = |place| Earlier { answered: true, yes: Some(place), ..other(done()) };
    let stands = ["answered", "nothing", "nothing", "runs"];
    // What was done stands beside the no; what would do more than it is asked about.
    let (beside, asks) =
        (["answered", "nothing", "nothing", "asks"], ["asks", "nothing", "nothing", "asks"]);
    let partly = Earlier { yes: Some(6), ..no(5) };
    let unknown = Earlier { no: None, ..no(5) };
    let rest = Earlier { no: Some(5), looked_at: Some(at(10)), ..done() };
    let asks_but_once = beside;
    let taken_back = Earlier { yes: Some(4), ..undone(5) };
    for (what, runs, before, later) in [
        ("a no, then a yes", vec![no(5), yes(6)], stands, ["runs"; 4]),
        ("a no to a part, a yes to the rest", vec![partly], asks, asks),
        ("a yes, then a no", vec![yes(6), no(7)], beside, asks),
        ("a no, nobody knows when", vec![unknown, yes(6)], beside, asks),
        ("an undo, then a yes", vec![undone(5), yes(6)], stands, ["runs"; 4]),
        ("a yes to another run, then an undo", vec![undone(6), yes(5)], beside, ["asks"; 4]),
        ("a yes, then an undo of it", vec![taken_back], ["asks"; 4], ["asks"; 4]),
        ("a no, then it failed", vec![Earlier { code: None, ..no(5) }], asks, asks),
        ("a no, and the rest is done", vec![rest], asks_but_once, ["asks"; 4]),
    ] {
        check(what, &wanted(&like, Mode::Contain, 9), &runs, before);
        check(what, &wanted(&like, Mode::Contain, 11), &runs, later);
        // The same words, said in other cases.
        let runs: Vec<Ruling> = runs.into_iter().map(|run| on_target(run, Bears::Target)).collect();
        let alone = further(&Disposition::New, &wanted(&like, Mode::Contain, 9), &[], &runs);
        assert_eq!(words(alone), later[0], "{what}, elsewhere");
    }
    // A no to a run that goes on: in its case that run stands; elsewhere people are asked.
    let goes_on = Earlier { no: Some(5), ..open() };
    let expected = ["answered", "nothing", "nothing", "nothing"];
    let (again, ours) = (wanted(&like, Mode::Contain, 11), std::slice::from_ref(&goes_on));
    check("a no, and it goes on", &again, ours, expected);
    let elsewhere = [on_target(goes_on, Bears::Target)];
    assert_eq!(words(further(&Disposition::New, &again, &[], &elsewhere)), "asks");
    // What a yes was followed by failed: a person looks at it, as if there had been no undo before.
    let failed = Earlier { state: RunState::Failed, ..yes(6) };
    let expected = ["runs", "nothing", "nothing", "runs"];
    check("failed after the yes", &wanted(&like, Mode::Contain, 9), &[undone(5), failed], expected);
}

/// Whoever is asked next reads the newest of what was said, not what weighs most.
#[test]
fn the_last_word_is_the_one_that_is_told() {
    let like = done();
    let denied = ended(RunState::Halted, Some(Code::APPROVAL_DENIED));
    let no = |place| Earlier { no: Some(place), ..other(denied.clone()) };
    let undone = |place| Earlier { taken_back: true, undo: Some(place), ..done() };
    for (runs, word, run) in [
        ([undone(5), no(6)], Against::No, "run-bbbb"),
        ([no(5), undone(6)], Against::Undo, "run-aaaa"),
    ] {
        let expected = Because { word, run: run.parse().unwrap(), place: Some(6) };
        let elsewhere = runs.clone().map(|run| on_target(run, Bears::Target));
        let asked = asks_on(&"run-cccc".parse().unwrap(), &elsewhere);
        assert_eq!(asked, Some(("instance/a", expected.clone())));
        for (runs, decided) in [(&runs[..], &[][..]), (&[], &elsewhere)] {
            let wanted = wanted(&like, Mode::Contain, 11);
            let Further::Run { because, .. } = further(&Disposition::New, &wanted, runs, decided)
            else {
                panic!("{word:?}")
            };
            assert_eq!(because.as_ref(), Some(&expected));
        }
    }
}

#[test]
fn the_last_word_counts_on_what_a_question_named_too() {
    let like = done();
    let no = Earlier { no: Some(5), ..ended(RunState::Halted, Some(Code::APPROVAL_DENIED)) };
    let no = on_target(no, Bears::Refused(Some(5)));
    let yes = |run, place| Earlier { answered: true, yes: Some(place), ..run };
    for (what, run, bears, expected) in [
        ("a plan that names it, after the no", other(open()), Bears::Agreed(Some(6)), "runs"),
        ("one before it", other(open()), Bears::Agreed(Some(4)), "asks"),
        ("another question of that run", other(yes(open(), 6)), Bears::Agreed(Some(4)), "asks"),
        ("of a run that held it", other(yes(open(), 6)), Bears::Held, "asks"),
        ("another question that names it, of the same run", open(), Bears::Agreed(Some(6)), "asks"),
        (
            "a question of a run that was denied otherwise",
            other(ended(RunState::Halted, Some(Code::APPROVAL_DENIED))),
            Bears::Agreed(Some(6)),
            "runs",
        ),
    ] {
        let said = [no.clone(), on_target(run, bears)];
        let next = further(&Disposition::New, &wanted(&like, Mode::Contain, 9), &[], &said);
        assert_eq!(words(next), expected, "{what}");
    }
    // Who asks anyway says why it is asked about; who only looks is told nothing.
    let because = Because { word: Against::No, run: no.run.id.clone(), place: Some(5) };
    for (mode, expected) in [(Mode::Approve, Some(because)), (Mode::Observe, None)] {
        let said = std::slice::from_ref(&no);
        let next = further(&Disposition::New, &wanted(&like, mode, 9), &[], said);
        assert!(matches!(&next, Further::Run { because, .. } if *because == expected), "{next:?}");
    }
}

#[test]
fn a_yes_to_a_part_of_a_sequence_is_none_to_another_part() {
    let like = sequence(&["a", "b"]);
    let undone = Earlier { taken_back: true, undo: Some(5), ..done() };
    let denied = ended(RunState::Halted, Some(Code::APPROVAL_DENIED));
    let denied = Earlier { no: Some(5), ..denied };
    let yes = |on: &str, bears| {
        let run = Earlier { answered: true, yes: Some(6), ..other(done()) };
        Ruling { run, bears, on: on.to_owned() }
    };
    for no in [
        Ruling { run: undone, bears: Bears::Held, on: "instance/a".to_owned() },
        Ruling { run: denied, bears: Bears::Refused(Some(5)), on: "instance/a".to_owned() },
    ] {
        for (said, expected) in [
            (yes("instance/b", Bears::Target), "asks"),
            (yes("attack-sequence/s", Bears::Target), "asks"),
            (yes("instance/a", Bears::Target), "runs"),
            (yes("instance/a", Bears::Agreed(Some(6))), "runs"),
        ] {
            let wanted =
                Wanted { target: Some("attack-sequence/s"), ..wanted(&like, Mode::Contain, 9) };
            let on = said.on.clone();
            let next = further(&Disposition::New, &wanted, &[], &[no.clone(), said]);
            assert_eq!(words(next), expected, "a yes on {on}, after {:?}", no.bears);
        }
    }
}
