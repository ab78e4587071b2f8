//! What can't be read as a finding has no case, so people on call must hear of it.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn an_unreadable_finding_is_told_once_and_opens_nothing() {
    let (lab, _) = lab().await;
    let refused = lab.refuse("{").await;
    lab.cut_off();
    lab.wait(Duration::ZERO).await;
    lab.reconnect();
    lab.wait(Duration::from_secs(5)).await;
    let words = format!(
        "an unreadable finding from lab was kept in quarantine: E0101: {}; `tourniquet finding \
         quarantined {}` shows it",
        refused.reason, refused.raw
    );
    assert_eq!(lab.told(), [words]);
    let message = lab.messages().remove(0);
    assert_eq!((message.case, message.run), (None, None));
    assert_eq!(message.id, format!("quarantine/{}", refused.raw));
    lab.refuse("{").await;
    lab.wait(Duration::from_secs(7200)).await;
    assert_eq!(lab.told().len(), 1, "it came again");
    assert!(lab.cases().await.is_empty());
    lab.finish().await;
}

#[tokio::test]
async fn of_ten_within_an_hour_one_is_told_at_once_and_the_others_when_it_is_over() {
    let (lab, _) = lab().await;
    for n in 0..10 {
        lab.refuse(&format!("{{{n}")).await;
        lab.wait(Duration::from_secs(60)).await;
    }
    assert_eq!(lab.told().len(), 1, "{:?}", lab.told());
    lab.wait(Duration::from_secs(3600)).await;
    let told = lab.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].ends_with(" shows it; and 8 others since 2026-03-14 09:27Z"), "{told:?}");
    lab.finish().await;
}

#[tokio::test]
async fn what_a_hostile_document_says_stays_short() {
    let (lab, _) = lab().await;
    let keys = (0..500).map(|n| format!("\"{n}{}\": 1", "x".repeat(1_000))).collect::<Vec<_>>();
    let refused = lab.refuse(&format!("{{{}}}", keys.join(", "))).await;
    lab.wait(Duration::ZERO).await;
    let told = lab.told().remove(0);
    assert!(told.contains(refused.raw.as_str()) && told.chars().count() < 1_500, "{told}");
    lab.finish().await;
}
