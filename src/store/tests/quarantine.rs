//! What could not be read: kept, counted, and told to people in the same transaction.

use super::bed::{Bed, at, on_bed, run_id};
use crate::error::Code;
use crate::id::Digest;
use crate::store::{Effect, NewMessage, StoreError, Unreadable};

async fn keep(bed: &Bed, raw: &[u8], reason: &str, seconds: i64) -> Result<Digest, StoreError> {
    let unreadable = Unreadable {
        raw: raw.to_vec(),
        reason: reason.to_owned(),
        code: Code::NOT_JSON,
        source: "api".to_owned(),
        at: at(seconds),
        tells: reason.to_owned(),
    };
    bed.store.quarantine(unreadable).await
}

/// Keeps document `n`, another one for each.
async fn nth(bed: &Bed, n: u32, seconds: i64) -> Digest {
    keep(bed, format!("{{{n}").as_bytes(), &format!("number {n}"), seconds).await.unwrap()
}

/// What is to be sent at that time, and from now on is sent.
async fn told(bed: &Bed, seconds: i64) -> Vec<String> {
    let claimed = bed.store.claim_messages(at(seconds), at(2_000_000), 8, 8).await.unwrap();
    for message in &claimed {
        assert_eq!((&message.case, &message.run), (&None, &None));
        bed.store.settle_message(message, None, None).await.unwrap();
    }
    claimed.into_iter().map(|message| message.text).collect()
}

#[tokio::test]
async fn quarantine_keeps_the_bytes_once_and_counts() {
    on_bed(async |bed| {
        let first = keep(bed, b"\xff{", "not UTF-8", 1).await.unwrap();
        keep(bed, b"[]", "not an object", 2).await.unwrap();
        keep(bed, b"\xff{", "another reason", 3).await.unwrap();
        let rows = bed.store.quarantined(10).await.unwrap();
        let short: Vec<_> =
            rows.iter().map(|row| (row.reason.as_str(), row.seen, row.received_at)).collect();
        assert_eq!(short, [("not an object", 1, at(2)), ("not UTF-8", 2, at(1))]);
        assert_eq!((rows[1].code.as_str(), rows[1].source.as_str()), ("E0101", "api"));
        assert_eq!(bed.store.blob(&first).await.unwrap().unwrap(), b"\xff{");
        assert_eq!(bed.store.quarantined(1).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn people_are_told_at_once_and_then_once_an_hour_of_all_also_after_a_restart() {
    on_bed(async |bed| {
        for n in 0..10 {
            nth(bed, n, i64::from(n) * 60).await;
            bed.reopen().await;
        }
        assert_eq!(told(bed, 600).await, ["number 0"]);
        nth(bed, 10, 3_599).await;
        assert!(told(bed, 3_599).await.is_empty(), "not an hour ago");
        bed.reopen().await;
        assert_eq!(told(bed, 3_600).await, ["number 10; and 9 others since 2026-01-03 10:00Z"]);
        nth(bed, 11, 3_700).await;
        assert!(told(bed, 7_199).await.is_empty(), "not an hour ago");
        assert_eq!(told(bed, 7_200).await, ["number 11"], "nothing came after it");
        nth(bed, 12, 20_000).await;
        assert_eq!(told(bed, 20_000).await, ["number 12"]);
        nth(bed, 13, 0).await;
        assert_eq!(told(bed, 20_000).await, ["number 13"], "the clock was wrong, and was put back");
    })
    .await;
}

#[tokio::test]
async fn what_comes_while_the_hours_message_is_being_sent_is_told_by_another() {
    on_bed(async |bed| {
        nth(bed, 0, 0).await;
        nth(bed, 1, 10).await;
        assert_eq!(told(bed, 20).await, ["number 0"]);
        let sending = bed.store.claim_messages(at(3_600), at(3_660), 8, 8).await.unwrap();
        assert_eq!(sending.len(), 1);
        // Of a process whose clock is late.
        nth(bed, 2, 3_590).await;
        assert!(told(bed, 3_600).await.is_empty(), "people are told of others just now");
        assert_eq!(told(bed, 7_190).await, ["number 1", "number 2"]);
    })
    .await;
}

#[tokio::test]
async fn what_comes_again_tells_nobody_and_does_not_count() {
    on_bed(async |bed| {
        nth(bed, 0, 0).await;
        nth(bed, 0, 10).await;
        nth(bed, 0, 4_000).await;
        assert_eq!(told(bed, 4_000).await, ["number 0"]);
        nth(bed, 1, 4_000).await;
        assert_eq!(told(bed, 4_000).await, ["number 1"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_and_what_is_told_stand_or_fall_together() {
    on_bed(async |bed| {
        let raw = nth(bed, 0, 0).await;
        bed.reopen().await;
        assert_eq!(told(bed, 0).await, ["number 0"]);
        // A message that can't be written: another one has its id.
        let other = Digest::of(b"{1");
        let message = NewMessage {
            id: format!("quarantine/{other}"),
            run: None,
            channel: "oncall".to_owned(),
            text: "in its way".to_owned(),
            at: at(0),
        };
        let (case, fence) = bed.running("aaaa").await;
        assert_eq!(fence.run, run_id("aaaa"));
        bed.apply(&case, Some(&fence), vec![Effect::Tell(message)]).await.unwrap();
        keep(bed, b"{1", "number 1", 5_000).await.unwrap_err();
        let kept: Vec<Digest> =
            bed.store.quarantined(10).await.unwrap().into_iter().map(|row| row.raw).collect();
        assert_eq!(kept, [raw]);
        bed.reopen().await;
        nth(bed, 2, 5_000).await;
        let claimed = bed.store.claim_messages(at(5_000), at(6_000), 8, 8).await.unwrap();
        let texts: Vec<_> = claimed.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["in its way", "number 2"], "what failed was not counted");
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_was_put_back_by_half_an_hour_makes_no_flood() {
    on_bed(async |bed| {
        nth(bed, 0, 3_600).await;
        assert_eq!(told(bed, 3_600).await, ["number 0"]);
        for n in 1..=100 {
            nth(bed, n, 1_800 + i64::from(n)).await;
        }
        assert!(told(bed, 5_400).await.is_empty(), "an hour ago by the clock as it is now");
        assert_eq!(told(bed, 5_401).await, ["number 100; and 99 others since 2026-01-03 10:30Z"]);
    })
    .await;
}

/// The same, where the first one is not sent yet, and where the hour's message waits, too.
#[tokio::test]
async fn a_clock_that_is_put_back_while_a_message_waits_makes_no_flood_and_no_silence() {
    for waits in [false, true] {
        on_bed(async |bed| {
            nth(bed, 1_000, 3_600).await;
            if waits {
                nth(bed, 2_000, 3_600).await;
            }
            let mut messages = 0;
            for minute in 0..100 {
                let now = 1_800 + 60 * i64::from(minute);
                nth(bed, minute, now).await;
                messages += told(bed, now).await.len();
                assert!(messages > 0 || minute < 60, "silent for an hour");
            }
            assert!((2..=4).contains(&messages), "{messages} in 100 minutes");
        })
        .await;
    }
}
