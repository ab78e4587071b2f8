//! Messages that are sent together: the same ones until they have arrived.

use super::bed::{Bed, at, finding, note, on_bed, run, run_id};
use crate::routing::Mode;
use crate::store::{Acceptance, Effect, Gathered, NewMessage, NewRun};

/// The message of a finding that nothing acts on, of this severity in tenths.
async fn unanswered(bed: &Bed, name: &str, severity: u16) {
    let tells = Some(format!("nothing acts on {name}"));
    let acceptance = Acceptance { tells, severity: Some(severity), ..finding(name) };
    bed.store.accept(acceptance).await.unwrap();
}

async fn claim(bed: &Bed, seconds: i64, fresh: u32) -> Option<Gathered> {
    bed.store.claim_gathered(at(seconds), at(seconds + 60), fresh).await.unwrap()
}

fn texts(gathered: &Gathered) -> Vec<&str> {
    gathered.messages.iter().map(|message| message.text.as_str()).collect()
}

#[tokio::test]
async fn the_most_severe_are_taken_first_and_the_same_ones_until_they_arrived() {
    on_bed(async |bed| {
        for (name, severity) in [("aaaa", 20), ("bbbb", 80), ("cccc", 50)] {
            unanswered(bed, name, severity).await;
        }
        assert_eq!(claim(bed, 0, 0).await, None);
        let first = claim(bed, 0, 2).await.unwrap();
        assert_eq!(texts(&first), ["nothing acts on bbbb", "nothing acts on cccc"]);
        assert!(first.id.starts_with("gathered/"), "{}", first.id);
        assert_eq!(claim(bed, 59, 2).await, None, "they are their sender's, and no others go");
        let again = claim(bed, 60, 2).await.unwrap();
        assert_eq!((&again.id, texts(&again)), (&first.id, texts(&first)), "a process died");
        let notes = vec![Some(note("tried")), None];
        bed.store.settle_gathered(first, None, notes.clone()).await.unwrap();
        bed.store.settle_gathered(again, Some(at(70)), notes.clone()).await.unwrap();
        let last = claim(bed, 70, 0).await.unwrap();
        assert_eq!(last.messages[0].attempts, 1);
        let case = last.messages[0].case.clone().unwrap();
        bed.store.settle_gathered(last, None, notes).await.unwrap();
        let kinds = bed.kinds(&case).await;
        let notes = kinds.iter().filter(|kind| *kind == "note.added").count();
        assert_eq!(notes, 2, "of who came too late there is none: {kinds:?}");
        assert_eq!(texts(&claim(bed, 70, 2).await.unwrap()), ["nothing acts on aaaa"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_sent_together_is_not_sent_alone() {
    on_bed(async |bed| {
        unanswered(bed, "aaaa", 20).await;
        claim(bed, 0, 2).await.unwrap();
        assert!(bed.store.claim_messages(at(60), at(120), 8, 8).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_was_claimed_together_by_a_clock_that_was_ahead_is_sent_by_who_has_the_right_one() {
    on_bed(async |bed| {
        unanswered(bed, "aaaa", 20).await;
        unanswered(bed, "bbbb", 20).await;
        let lost = claim(bed, 86_400, 2).await.unwrap();
        assert!(bed.store.claim_messages(at(60), at(120), 8, 8).await.unwrap().is_empty());
        let mine = claim(bed, 60, 2).await.unwrap();
        assert_eq!((&mine.id, texts(&mine)), (&lost.id, texts(&lost)));
    })
    .await;
}

#[tokio::test]
async fn what_goes_to_different_channels_does_not_go_together() {
    on_bed(async |bed| {
        unanswered(bed, "aaaa", 20).await;
        unanswered(bed, "bbbb", 20).await;
        tells(bed, "cccc", NewRun { mode: Mode::Observe, ..run("cccc") }).await;
        let one = claim(bed, 10, 8).await.unwrap();
        assert_eq!(one.messages.len(), 2, "{one:?}");
        bed.store.settle_gathered(one, None, vec![None, None]).await.unwrap();
        let other = claim(bed, 10, 8).await.unwrap();
        assert_eq!(texts(&other), ["look at it"]);
    })
    .await;
}

/// Has a run say something on a channel of its own, and returns whether that is gathered.
async fn tells(bed: &Bed, name: &str, run: NewRun) -> bool {
    let acceptance = Acceptance { run: Some(run), ..finding(name) };
    let accepted = bed.store.accept(acceptance).await.unwrap();
    let message = NewMessage {
        id: run_id(name).to_string(),
        run: Some(run_id(name)),
        channel: "elsewhere".to_owned(),
        text: "look at it".to_owned(),
        at: at(5),
    };
    bed.apply(&accepted.case, None, vec![Effect::Tell(message)]).await.unwrap();
    let claimed = bed.store.claim_messages(at(6), at(7), 8, 8).await.unwrap();
    claimed.iter().find(|message| message.channel == "elsewhere").unwrap().gathered
}

#[tokio::test]
async fn what_a_person_asked_for_or_guardduty_confirmed_is_not_gathered() {
    on_bed(async |bed| {
        let by_hand = |run: NewRun| NewRun { requested_by: "ada".to_owned(), ..run };
        let observes = |run: NewRun| NewRun { mode: Mode::Observe, ..run };
        let unconfirmed = |run: NewRun| NewRun { confirmed: false, ..run };
        for (name, run, gathered) in [
            ("aaaa", run("aaaa"), false),
            ("bbbb", observes(run("bbbb")), true),
            ("cccc", unconfirmed(run("cccc")), true),
            ("dddd", by_hand(observes(run("dddd"))), false),
        ] {
            assert_eq!(tells(bed, name, run).await, gathered, "{name}");
        }
    })
    .await;
}
