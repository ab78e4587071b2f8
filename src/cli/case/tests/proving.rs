//! Verifying and exporting: every fault is found here, whatever the service says.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{chain, head_of, id, page};
use crate::cli::case::{export, verify};
use crate::cli::client::tests::Service;
use crate::cli::error::NO;
use crate::cli::screen::tests::screen;
use crate::error::Code;
use crate::timeline::{Head, Sealed};

async fn verified(sealed: Vec<Sealed>, head: Head, json: bool) -> (u8, String) {
    let service = Service::start(move |request| {
        assert_eq!(request.path, "/v1/cases/case-0001/timeline");
        let text = page(&sealed, &head, &request.query);
        // Raw text must reach the client as it is.
        (StatusCode::OK, serde_json::value::RawValue::from_string(text).unwrap())
    })
    .await;
    let (mut screen, out, _) = screen(json);
    (verify::case(&service.client(), &mut screen, &id()).await.unwrap(), out.text())
}

#[tokio::test]
async fn a_chain_is_verified_here_over_the_exact_bytes() {
    let (sealed, head) = chain(7);
    let (code, text) = verified(sealed, head.clone(), false).await;
    assert_eq!((code, text), (0, format!("valid: 7 entries, head {}\n", head.hash)));

    let (mut sealed, head) = chain(7);
    let text = String::from_utf8(sealed[4].bytes.clone()).unwrap();
    sealed[4].bytes = text.replace("note 4", "note 9").into_bytes();
    let (code, text) = verified(sealed, head, false).await;
    assert_eq!(code, NO);
    assert!(text.contains("entry 4: INVALID: hash does not match"), "{text}");
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
    head.hash = crate::id::Digest::zero();
    assert_eq!(verified(sealed, head, true).await.0, NO);

    let (code, text) = verified(vec![], Head::empty(), true).await;
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &value["valid"], &value["entries"]), (0, &json!(true), &json!(0)));
}

fn export_of(sealed: &[Sealed], head: &Head, blob: &str) -> Value {
    use base64::Engine as _;
    let entries: Vec<String> =
        sealed.iter().map(|entry| String::from_utf8(entry.bytes.clone()).unwrap()).collect();
    let digest = crate::id::Digest::of(b"raw finding");
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
        assert_eq!(verify::file(&mut screen, file.path()), Ok(if valid { 0 } else { NO }));
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
            verify::file(&mut screen, file.path()).unwrap_err().code,
            Code::USAGE,
            "{content}"
        );
    }
    let (mut screen, _, _) = screen(false);
    assert_eq!(verify::file(&mut screen, "/nonexistent".as_ref()).unwrap_err().code, Code::USAGE);
}
