//! Messages to people: in the transaction of what makes them necessary, and one sender's at a time.

use super::bed::{Bed, at, finding, note, on_bed, run_id};
use crate::store::{Acceptance, Effect, MessageRow, NewMessage};

fn message(run: &str) -> NewMessage {
    NewMessage {
        id: run_id(run).to_string(),
        run: Some(run_id(run)),
        channel: "oncall".to_owned(),
        text: "look at it".to_owned(),
        at: at(0),
    }
}

fn tell(run: &str) -> Effect {
    Effect::Tell(message(run))
}

async fn claim(bed: &Bed, seconds: i64) -> Vec<MessageRow> {
    bed.store.claim_messages(at(seconds), at(seconds + 60), 8, 8).await.unwrap()
}

#[tokio::test]
async fn a_message_stands_or_falls_with_its_transaction() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        let unknown = Effect::Released { run: run_id("zzzz") };
        bed.apply(&case, Some(&fence), vec![tell("aaaa"), unknown]).await.unwrap_err();
        assert!(claim(bed, 0).await.is_empty());
        bed.apply(&case, Some(&fence), vec![tell("aaaa")]).await.unwrap();
        bed.reopen().await;
        assert_eq!(claim(bed, 0).await[0].text, "look at it");
    })
    .await;
}

#[tokio::test]
async fn of_two_senders_one_gets_a_message_and_a_late_one_says_nothing_of_it() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        bed.apply(&case, Some(&fence), vec![tell("aaaa")]).await.unwrap();
        let (one, other) = tokio::join!(claim(bed, 1), claim(bed, 1));
        assert_eq!(one.len() + other.len(), 1);
        let late = one.into_iter().chain(other).next().unwrap();
        assert!(claim(bed, 60).await.is_empty(), "it is its sender's for a minute");
        let mine = claim(bed, 61).await.remove(0);
        let length = bed.kinds(&case).await.len();
        for again in [Some(at(500)), None] {
            bed.store.settle_message(&late, again, Some(note("late"))).await.unwrap();
        }
        assert_eq!(bed.kinds(&case).await.len(), length);
        bed.store.settle_message(&mine, Some(at(100)), Some(note("tried"))).await.unwrap();
        assert_eq!(bed.kinds(&case).await.len(), length + 1);
        assert!(claim(bed, 99).await.is_empty());
        let mine = claim(bed, 100).await.remove(0);
        assert_eq!(mine.attempts, 1);
        bed.store.settle_message(&mine, None, None).await.unwrap();
        assert!(claim(bed, 100_000).await.is_empty());
    })
    .await;
}

const DAY: i64 = 86_400;

#[tokio::test]
async fn a_message_that_was_written_by_a_clock_that_was_ahead_is_sent_and_ages_from_then() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        let ahead = NewMessage { at: at(2 * DAY), ..message("aaaa") };
        bed.apply(&case, Some(&fence), vec![Effect::Tell(ahead)]).await.unwrap();
        let mine = claim(bed, 60).await.remove(0);
        assert_eq!((mine.created_at, mine.due_at), (at(60), at(120)));
        assert!(claim(bed, 60).await.is_empty(), "it is its sender's");
        assert!(claim(bed, 119).await.is_empty(), "it is its sender's");
        bed.store.settle_message(&mine, Some(at(370)), None).await.unwrap();
        assert!(claim(bed, 70).await.is_empty(), "it waits for the next attempt");
        let again = claim(bed, 370).await.remove(0);
        assert_eq!((again.created_at, again.attempts), (at(60), 1));
    })
    .await;
}

#[tokio::test]
async fn what_was_claimed_by_a_clock_that_was_ahead_is_sent_by_who_has_the_right_one() {
    on_bed(async |bed| {
        let (case, fence) = bed.running("aaaa").await;
        bed.apply(&case, Some(&fence), vec![tell("aaaa")]).await.unwrap();
        let lost = claim(bed, 2 * DAY).await.remove(0);
        let mine = claim(bed, 60).await.remove(0);
        assert_eq!((&mine.id, mine.created_at), (&lost.id, at(0)));
        bed.store.settle_message(&lost, None, Some(note("late"))).await.unwrap();
        assert_eq!(claim(bed, 120).await.len(), 1, "what the other says of it counts no more");
    })
    .await;
}

#[tokio::test]
async fn what_a_run_says_goes_before_findings_that_nothing_acts_on() {
    on_bed(async |bed| {
        for n in 0..30 {
            let tells = Some("nothing acts on it".to_owned());
            bed.store
                .accept(Acceptance { tells, ..finding(&format!("find{n:02}")) })
                .await
                .unwrap();
        }
        let (case, fence) = bed.running("aaaa").await;
        let question = NewMessage { at: at(10), ..message("aaaa") };
        bed.apply(&case, Some(&fence), vec![Effect::Tell(question)]).await.unwrap();
        let first = claim(bed, 20).await;
        assert_eq!(first.len(), 8);
        assert!(first.iter().any(|message| message.run.as_ref() == Some(&fence.run)), "{first:?}");
        assert_eq!(claim(bed, 20).await.len(), 8, "the others are sent, too");
        let none = bed.store.claim_messages(at(20), at(80), 8, 0).await.unwrap();
        assert!(none.is_empty(), "where none of them may be sent alone: {none:?}");
        assert_eq!(bed.store.claim_messages(at(20), at(80), 8, 3).await.unwrap().len(), 3);
    })
    .await;
}
