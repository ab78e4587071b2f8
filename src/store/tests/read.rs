//! Pages, filters, entries.

use super::bed::{at, case_id, finding, on_bed, value};
use crate::case::Status;
use crate::finding::Severity;
use crate::id::CaseId;
use crate::store::{CaseFilter, CaseSort, StoreError};

fn nth(n: i64) -> crate::store::Acceptance {
    let mut incoming = finding(&format!("n{n:03}"));
    // Three cases of each second: the id decides within one.
    incoming.now = at(n / 3);
    incoming
}

#[tokio::test]
async fn pages_are_newest_first_and_do_not_shift_under_inserts() {
    on_bed(async |bed| {
        for n in 0..20 {
            bed.store.accept(nth(n)).await.unwrap();
        }
        for limit in [1, 3, 7, 20, 100] {
            let mut seen = Vec::new();
            let mut cursor: Option<String> = None;
            loop {
                let page =
                    bed.store.cases(CaseFilter::default(), cursor.as_deref(), limit).await.unwrap();
                assert!(page.items.len() <= limit as usize);
                seen.extend(page.items.into_iter().map(|case| case.id));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
                let mut newer =
                    nth(1000 + i64::from(limit) * 100 + i64::try_from(seen.len()).unwrap());
                newer.account = Some("999999999999".parse().unwrap());
                bed.store.accept(newer).await.unwrap();
            }
            let old: Vec<_> =
                seen.into_iter().filter(|id| id.as_str().starts_with("case-n0")).collect();
            let expected: Vec<_> = (0..20).rev().map(|n| case_id(&format!("n{n:03}"))).collect();
            assert_eq!(old, expected, "each old case once, with pages of {limit}");
        }
        let none = bed.store.cases(CaseFilter::default(), None, 0).await.unwrap();
        assert_eq!(none.items.len(), 1, "a page has at least one case");
        for cursor in ["", "x", "1.x", ".case-0001", "1.case-0001'--"] {
            let refused = bed.store.cases(CaseFilter::default(), Some(cursor), 1).await;
            assert_eq!(refused, Err(StoreError::Cursor), "{cursor}");
        }
    })
    .await;
}

#[tokio::test]
async fn filters_choose() {
    on_bed(async |bed| {
        bed.store.accept(finding("open")).await.unwrap();
        bed.store.accept(finding("acts").with_run("acts")).await.unwrap();
        let mut elsewhere = finding("away");
        elsewhere.account = Some("444455556666".parse().unwrap());
        bed.store.accept(elsewhere).await.unwrap();
        let account = Some("444455556666".parse().unwrap());
        for (status, account, expected) in [
            (vec![], None, vec!["case-open", "case-away", "case-acts"]),
            (vec![Status::Active], None, vec!["case-acts"]),
            (vec![Status::Open, Status::Open], None, vec!["case-open", "case-away"]),
            (
                vec![Status::Active, Status::Open, Status::Closed],
                None,
                vec!["case-open", "case-away", "case-acts"],
            ),
            (vec![Status::Closed], None, vec![]),
            (vec![], account.clone(), vec!["case-away"]),
            (vec![Status::Active], account, vec![]),
        ] {
            let filter = CaseFilter { status, account, ..CaseFilter::default() };
            let page = bed.store.cases(filter.clone(), None, 10).await.unwrap();
            let ids: Vec<&str> = page.items.iter().map(|case| case.id.as_str()).collect();
            assert_eq!(ids, expected, "{filter:?}");
            assert_eq!(page.next, None);
        }
    })
    .await;
}

#[tokio::test]
async fn the_most_severe_come_first_page_by_page_and_the_least_can_be_left_out() {
    on_bed(async |bed| {
        let severities = [Some(50), None, Some(87), Some(50), Some(0), Some(100), None, Some(87)];
        for (n, severity) in severities.into_iter().enumerate() {
            let mut finding = nth(3 * i64::try_from(n).unwrap());
            finding.severity = severity;
            bed.store.accept(finding).await.unwrap();
        }
        for (least, expected) in [
            (None, vec![5, 7, 2, 3, 0, 4, 6, 1]),
            (Some(50), vec![5, 7, 2, 3, 0]),
            (Some(0), vec![5, 7, 2, 3, 0, 4]),
            (Some(88), vec![5]),
        ] {
            let severity = least.map(Severity);
            let filter = CaseFilter { severity, sort: CaseSort::Severity, ..CaseFilter::default() };
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let page = bed.store.cases(filter.clone(), cursor.as_deref(), 2).await.unwrap();
                seen.extend(page.items.into_iter().map(|case| case.id));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            let expected: Vec<CaseId> =
                expected.into_iter().map(|n| case_id(&format!("n{:03}", 3 * n))).collect();
            assert_eq!(seen, expected, "{least:?}");
        }
        // A place in one order is none in another.
        let page = bed.store.cases(CaseFilter::default(), None, 1).await.unwrap();
        let filter = CaseFilter { sort: CaseSort::Severity, ..CaseFilter::default() };
        let refused = bed.store.cases(filter, page.next.as_deref(), 1).await;
        assert_eq!(refused, Err(StoreError::Cursor));
    })
    .await;
}

#[tokio::test]
async fn entries_are_read_from_a_place_on() {
    on_bed(async |bed| {
        bed.store.accept(finding("aaaa").with_run("aaaa")).await.unwrap();
        for (from, limit, expected) in
            [(0, 2, vec![0, 1]), (3, 10, vec![3, 4]), (5, 10, vec![]), (u64::MAX, 1, vec![])]
        {
            let entries = bed.store.entries(&case_id("aaaa"), from, limit).await.unwrap();
            let places: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
            assert_eq!(places, expected);
            assert!(entries.iter().all(|entry| value(entry)["seq"] == entry.seq));
        }
        assert_eq!(bed.store.entries(&case_id("none"), 0, 1).await.unwrap(), []);
        assert_eq!(bed.store.head(&case_id("none")).await.unwrap(), None);
    })
    .await;
}
