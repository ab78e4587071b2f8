//! Verifying and exporting: every fault is found here, whatever the service says.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{chain, head_of, id, page};
use crate::cli::case::{export, verify};
use crate::cli::client::tests::Service;
use crate::cli::error::NO;
use crate::cli::screen::tests::screen;
use crate::error::Code;
use crate::id::Digest;
use crate::timeline::{Head, Sealed};

async fn verified(sealed: Vec<Sealed>, head: Head, json: bool) -> (u8, String) {
    against(sealed, head, json, None).await
}

async fn against(
    sealed: Vec<Sealed>,
    head: Head,
    json: bool,
    kept: Option<&Digest>,
) -> (u8, String) {
    let service = Service::start(move |request| {
        assert_eq!(request.path, "/v1/cases/case-0001/timeline");
        let text = page(&sealed, &head, &request.query);
        // Raw text must reach the client as it is.
        (StatusCode::OK, serde_json::value::RawValue::from_string(text).unwrap())
    })
    .await;
    let (mut screen, out, _) = screen(json);
    (verify::case(&service.client(), &mut screen, &id(), kept).await.unwrap(), out.text())
}

#[tokio::test]
async fn a_chain_is_verified_here_over_the_exact_bytes() {
    let (sealed, head) = chain(7);
    let (code, text) = verified(sealed, head.clone(), false).await;
    assert_eq!(code, 0);
    assert!(
        text.starts_with(&format!("valid: case-0001: 7 entries, head {}\n", head.hash)),
        "{text}"
    );
    assert_eq!(text.matches("only a head kept elsewhere tells").count(), 1, "{text}");

    let (mut sealed, head) = chain(7);
    let text = String::from_utf8(sealed[4].bytes.clone()).unwrap();
    sealed[4].bytes = text.replace("note 4", "note 9").into_bytes();
    let (code, text) = verified(sealed, head, false).await;
    assert_eq!(code, NO);
    assert!(
        text.contains("the first fault at entry 4\n  the hash at entry 4 does not match"),
        "{text}"
    );
    assert!(text.contains("INVALID: case-0001"), "{text}");
}

#[tokio::test]
async fn a_cut_or_foreign_chain_and_a_false_head_are_found() {
    let (mut cut, head) = chain(5);
    cut.pop();
    let (code, text) = verified(cut, head, true).await;
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &value["valid"]), (NO, &json!(false)));
    assert_eq!(value["faults"], json!([{"seq": 4, "kind": "not_found"}]));

    let (sealed, mut head) = chain(5);
    head.hash = Digest::zero();
    assert_eq!(verified(sealed, head, true).await.0, NO);

    let (code, text) = verified(vec![], Head::empty(), true).await;
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &value["valid"], &value["entries"]), (NO, &json!(false), &json!(0)));
}

#[tokio::test]
async fn a_head_kept_elsewhere_tells_a_chain_that_was_written_anew() {
    let (sealed, head) = chain(4);
    let (earlier, other) = (sealed[1].hash.clone(), chain(5).1.hash);
    for (kept, expected, words) in [
        (&head.hash, 0, "The head kept elsewhere is this one"),
        (
            &earlier,
            0,
            "is that of the first 2 entries: none of them was written anew. 2 came later.",
        ),
        (&other, NO, "this chain never had the head"),
    ] {
        let (code, text) = against(sealed.clone(), head.clone(), false, Some(kept)).await;
        assert_eq!(code, expected, "{text}");
        assert!(text.contains(words) && !text.contains("Keep this one"), "{text}");
    }
    assert_eq!(verify::head(&format!(" sha256:{} ", head.hash)), Ok(head.hash));
    assert!(verify::head("abc").is_err());
}

#[tokio::test]
async fn of_many_faults_the_first_five_are_told() {
    let (mut sealed, head) = chain(20);
    sealed.remove(3);
    let (code, text) = verified(sealed, head, false).await;
    assert_eq!((code, text.lines().count()), (NO, 7), "{text}");
    assert!(text.contains("the first fault at entry 3\n"), "{text}");
    assert!(text.contains("  entry 3 is not in its place"), "{text}");
    assert!(text.lines().last().unwrap().starts_with("  … and "), "{text}");
}

#[test]
fn a_document_that_is_not_in_the_file_is_told() {
    use crate::timeline::{Actor, Draft, Kind};
    let mut head = Head::empty();
    let at = "2026-01-03T10:00:00Z".parse().unwrap();
    let (raw, plan) = (Digest::of(b"raw finding"), Digest::of(b"a plan"));
    let named = |digest: &Digest| format!("sha256:{digest}");
    let sealed: Vec<Sealed> = [
        (
            Kind::FindingReceived,
            json!({"raw": named(&raw), "document": named(&Digest::of(b"read"))}),
        ),
        (Kind::PlanMade, json!({"hash": plan})),
        (Kind::RunRequested, json!({"kind": "undo", "hash": named(&plan)})),
    ]
    .into_iter()
    .map(|(kind, body)| Draft::new(at, Actor::Service, kind, body).seal(&id(), &mut head).unwrap())
    .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), export_of(&sealed, &head, "raw finding").to_string()).unwrap();
    let (mut human, out, _) = screen(false);
    assert_eq!(verify::file(&mut human, file.path(), None), Ok(0));
    assert!(
        out.text().contains("\n  1 document that entries name is not in this file\n"),
        "{}",
        out.text()
    );
    let (mut program, out, _) = screen(true);
    assert_eq!(verify::file(&mut program, file.path(), Some(&raw)), Ok(NO));
    assert_eq!(out.value()["missing_blobs"], json!([Digest::of(b"read")]));
    assert_eq!(out.value()["kept_head"], json!({"hash": raw, "length": null}));
}

fn export_of(sealed: &[Sealed], head: &Head, blob: &str) -> Value {
    use base64::Engine as _;
    let entries: Vec<String> =
        sealed.iter().map(|entry| String::from_utf8(entry.bytes.clone()).unwrap()).collect();
    let digest = Digest::of(b"raw finding");
    let content = base64::engine::general_purpose::STANDARD.encode(blob);
    json!({"case": {"id": "case-0001", "status": "open"}, "head": head_of(head), "entries": entries,
        "blobs": {digest.as_str(): content}, "left_out": []})
}

#[tokio::test]
async fn an_export_is_printed_if_it_verifies_and_verifies_again_from_a_file() {
    let (sealed, head) = chain(4);
    let mut broken = sealed.clone();
    broken.remove(2);
    for (export, valid) in [
        (export_of(&sealed, &head, "raw finding"), true),
        (export_of(&broken, &head, "raw finding"), false),
        (export_of(&sealed, &head, "another finding"), false),
    ] {
        let answer = export.clone();
        let service = Service::start(move |_| (StatusCode::OK, answer.clone())).await;
        for force in [false, true] {
            let (mut screen, out, err) = screen(false);
            let result = export::export(&service.client(), &mut screen, &id(), force).await;
            match (valid, force) {
                (true, _) => assert_eq!(result, Ok(0)),
                (false, true) => assert_eq!(result, Ok(NO)),
                (false, false) => assert_eq!(result.unwrap_err().code, Code::CHAIN_BROKEN),
            }
            if valid || force {
                assert_eq!(out.value(), export);
            } else {
                assert_eq!(out.text(), "");
            }
            assert_eq!(err.text().is_empty(), valid || !force);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), export.to_string()).unwrap();
        let (mut screen, out, _) = screen(true);
        assert_eq!(verify::file(&mut screen, file.path(), None), Ok(if valid { 0 } else { NO }));
        assert_eq!(out.value()["valid"], valid);
    }
}

#[test]
fn what_is_no_export_is_refused() {
    for content in ["", "{}", r#"{"case": "no", "head": {"length": 0, "hash": ""}, "entries": []}"#]
    {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let (mut screen, _, _) = screen(false);
        assert_eq!(
            verify::file(&mut screen, file.path(), None).unwrap_err().code,
            Code::USAGE,
            "{content}"
        );
    }
    let (mut screen, _, _) = screen(false);
    assert_eq!(
        verify::file(&mut screen, "/nonexistent".as_ref(), None).unwrap_err().code,
        Code::USAGE
    );
}
