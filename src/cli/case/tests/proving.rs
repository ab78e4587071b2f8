//! Verifying and exporting: every fault is found here, whatever the service says.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{chain, head_of, id, page};
use crate::cli::case::{export, verify};
use crate::cli::client::tests::{Service, problem};
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
        // Raw text must reach the client as it is.
        let raw = |text: String| serde_json::value::RawValue::from_string(text).unwrap();
        if request.path == "/v1/cases/case-0001/export" {
            let (status, refusal) = problem(StatusCode::FORBIDDEN, "E0202", "not with this token");
            return (status, raw(refusal.to_string()));
        }
        assert_eq!(request.path, "/v1/cases/case-0001/timeline");
        (StatusCode::OK, raw(page(&sealed, &head, &request.query)))
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
    assert!(text.contains("were not looked at: this token may not read them"), "{text}");

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
    assert_eq!((code, text.lines().count()), (NO, 8), "{text}");
    assert!(text.contains("the first fault at entry 3\n"), "{text}");
    assert!(text.contains("  entry 3 is not in its place"), "{text}");
    assert!(text.lines().nth(6).unwrap().starts_with("  … and "), "{text}");
}

/// A chain whose entries name four documents and two other digests.
pub(super) fn naming() -> (Vec<Sealed>, Head, Value) {
    use crate::timeline::{Actor, Draft, Kind};
    let mut head = Head::empty();
    let at = "2026-01-03T10:00:00Z".parse().unwrap();
    let of = |words: &str| Digest::of(words.as_bytes());
    let named = |words: &str| format!("sha256:{}", of(words));
    let sealed: Vec<Sealed> = [
        (Kind::CaseOpened, json!({"title": "T", "account": "111122223333"})),
        (Kind::FindingReceived, json!({"raw": named("raw finding"), "document": named("read")})),
        (Kind::PlanMade, json!({"hash": of("a plan")})),
        (Kind::RunRequested, json!({"kind": "undo", "hash": named("a plan")})),
        (Kind::RunStarted, json!({"facts": named("facts")})),
        (Kind::StepFinished, json!({"output_blob": of("long output")})),
    ]
    .into_iter()
    .map(|(kind, body)| Draft::new(at, Actor::Service, kind, body).seal(&id(), &mut head).unwrap())
    .collect();
    let mut export = export_of(&sealed, &head, "raw finding");
    export["case"] =
        json!({"id": "case-0001", "status": "open", "title": "T", "account": "111122223333"});
    for words in ["read", "facts", "long output"] {
        add(&mut export, words);
    }
    (sealed, head, export)
}

fn add(export: &mut Value, words: &str) {
    use base64::Engine as _;
    let content = base64::engine::general_purpose::STANDARD.encode(words);
    export["blobs"][Digest::of(words.as_bytes()).as_str()] = content.into();
}

/// What a verification of the file says to a program, and to a person.
pub(super) fn of_file(export: &Value) -> (u8, Value, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), export.to_string()).unwrap();
    let (mut human, words, _) = screen(false);
    let code = verify::file(&mut human, file.path(), None).unwrap();
    let (mut program, value, _) = screen(true);
    assert_eq!(verify::file(&mut program, file.path(), None), Ok(code));
    (code, value.value(), words.text())
}

#[test]
fn every_document_that_an_entry_names_must_be_there_and_no_other() {
    let (_, _, export) = naming();
    let (code, value, words) = of_file(&export);
    assert_eq!((code, &value["valid"], &value["blobs_checked"]), (0, &json!(true), &json!(true)));
    assert!(
        words.contains("Not covered by any entry, and worth nothing as proof: severity, findings,"),
        "{words}"
    );

    for gone in ["raw finding", "read", "facts", "long output"] {
        let digest = Digest::of(gone.as_bytes());
        let mut export = export.clone();
        export["blobs"].as_object_mut().unwrap().remove(digest.as_str());
        let (code, value, words) = of_file(&export);
        assert_eq!((code, &value["missing_blobs"]), (NO, &json!([digest])), "{gone}");
        assert!(
            words.contains(&format!("the document {digest}, which an entry names, is missing")),
            "{words}"
        );
        // What the service had no room for it says itself, and whoever reads is told.
        export["left_out"] = json!([digest]);
        let (code, value, words) = of_file(&export);
        assert_eq!(
            (code, &value["left_out"], &value["missing_blobs"]),
            (0, &json!([digest]), &json!([]))
        );
        assert!(words.contains("1 document is not there"), "{words}");
    }
    let mut more = export.clone();
    add(&mut more, "planted");
    let (code, value, words) = of_file(&more);
    assert_eq!((code, &value["extra_blobs"]), (NO, &json!([Digest::of(b"planted")])));
    assert!(words.contains("was added: no entry names it"), "{words}");
}

#[test]
fn a_summary_that_was_changed_does_not_verify() {
    let (_, _, export) = naming();
    for (field, other) in [("status", "closed"), ("title", "harmless"), ("account", "444455556666")]
    {
        let mut changed = export.clone();
        changed["case"][field] = other.into();
        let (code, value, words) = of_file(&changed);
        assert_eq!((code, &value["summary"]["differs"][0]["field"]), (NO, &json!(field)));
        assert!(
            words.contains(&format!("its {field} is \"{other}\", and the entries say")),
            "{words}"
        );
    }
}

#[tokio::test]
async fn the_documents_of_a_case_are_checked_with_a_service_too() {
    let (sealed, head, export) = naming();
    let mut without = export.clone();
    let facts = Digest::of(b"facts");
    without["blobs"].as_object_mut().unwrap().remove(facts.as_str());
    for (export, expected) in [(export, 0), (without, NO)] {
        let service = serving(export, sealed.clone(), head.clone()).await;
        let (mut screen, out, _) = screen(false);
        let code = verify::case(&service.client(), &mut screen, &id(), None).await.unwrap();
        assert_eq!(
            (code, out.text().contains(facts.as_str())),
            (expected, expected == NO),
            "{}",
            out.text()
        );
    }
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
    let (sealed, head, whole) = naming();
    let mut broken = sealed.clone();
    broken.remove(2);
    for (export, valid) in [
        (whole, true),
        (export_of(&broken, &head, "raw finding"), false),
        (export_of(&sealed, &head, "another finding"), false),
    ] {
        let service = serving(export.clone(), sealed.clone(), head.clone()).await;
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
fn what_can_not_be_read_as_an_export_is_not_verified() {
    for (content, expected) in [
        ("", "EOF while parsing"),
        ("{}", "missing field"),
        (r#"{"case": "no", "head": {"length": 0, "hash": ""}, "entries": []}"#, "no"),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let (mut human, out, _) = screen(false);
        assert_eq!(verify::file(&mut human, file.path(), None), Ok(NO), "{content}");
        let words = out.text();
        assert!(words.starts_with("INVALID: ") && words.lines().count() == 1, "{words}");
        assert!(
            words.contains("can't be read as an export") && words.contains(expected),
            "{words}"
        );
        let (mut program, out, _) = screen(true);
        assert_eq!(verify::file(&mut program, file.path(), None), Ok(NO), "{content}");
        assert_eq!(out.value()["valid"], false);
        assert!(out.value()["unreadable"].as_str().unwrap().contains(expected));
    }
    let (mut screen, _, _) = screen(false);
    let absent = verify::file(&mut screen, "/nonexistent".as_ref(), None).unwrap_err();
    assert_eq!((absent.code, absent.exit_code()), (Code::USAGE, crate::cli::error::USAGE));
}

/// Whatever one byte of an export is changed to, nobody is told that it verifies, or that the command
/// was wrong. White space and what no entry covers may become what means the same.
#[test]
fn an_export_with_one_byte_changed_is_verified_or_not_and_never_a_wrong_usage() {
    let (_, _, export) = naming();
    let bytes = export.to_string().into_bytes();
    let file = tempfile::NamedTempFile::new().unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 120) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(file.path(), &changed).unwrap();
        let (mut screen, out, _) = screen(false);
        let code = verify::file(&mut screen, file.path(), None).unwrap();
        assert_eq!(code == NO, out.text().starts_with("INVALID: "), "byte {at}: {}", out.text());
    }
}

#[tokio::test]
async fn an_export_has_as_many_faults_as_the_timeline_and_with_force_exits_as_not_verified() {
    // The end of a chain was written anew, its hash with it: the export's own bytes show less.
    let (mut sealed, head) = chain(5);
    let text = String::from_utf8(sealed[2].bytes.clone()).unwrap();
    sealed[2].bytes = text.replace("note 2", "note 9").into_bytes();
    let mut export = export_of(&sealed, &head, "raw finding");
    export["blobs"] = json!({});
    export["case"] = json!("case-0001");
    let service = serving(export, sealed, head).await;
    let (mut told, out, _) = screen(true);
    let code = verify::case(&service.client(), &mut told, &id(), None).await.unwrap();
    let faults = out.value()["faults"].as_array().unwrap().len();
    assert_eq!((code, faults), (NO, 2));
    let (mut refused, _, _) = screen(false);
    let error = export::export(&service.client(), &mut refused, &id(), false).await.unwrap_err();
    assert!(error.detail.starts_with("2 faults, the first: "), "{error}");
    let (mut forced, _, err) = screen(false);
    assert_eq!(export::export(&service.client(), &mut forced, &id(), true).await, Ok(NO));
    assert!(err.text().starts_with("2 faults: "), "{}", err.text());
}

#[tokio::test]
async fn all_cases_are_verified_with_one_command() {
    for broken in [false, true] {
        let service = Service::start(move |request| {
            let raw = |text: String| serde_json::value::RawValue::from_string(text).unwrap();
            let (mut sealed, head, export) = naming();
            let case = |id: &str| json!({"id": id});
            let last = request.query.contains("cursor=");
            let text = match request.path.as_str() {
                "/v1/cases" if last && broken => {
                    json!({"items": [case("case-0002")], "next": null}).to_string()
                }
                "/v1/cases" if last => json!({"items": [], "next": null}).to_string(),
                "/v1/cases" => json!({"items": [case("case-0001")], "next": "more"}).to_string(),
                "/v1/cases/case-0002/timeline" => {
                    let (status, refusal) =
                        problem(StatusCode::INTERNAL_SERVER_ERROR, "E0402", "it can't be read");
                    return (status, raw(refusal.to_string()));
                }
                path if path.ends_with("/export") => export.to_string(),
                _ => {
                    if broken {
                        sealed.remove(3);
                    }
                    page(&sealed, &head, &request.query)
                }
            };
            (StatusCode::OK, raw(text))
        })
        .await;
        let (mut human, out, _) = screen(false);
        let code = verify::all(&service.client(), &mut human).await.unwrap();
        let words = out.text();
        let (mut program, out, _) = screen(true);
        assert_eq!(verify::all(&service.client(), &mut program).await, Ok(code));
        let value = out.value();
        if broken {
            let lines: Vec<&str> = words.lines().collect();
            assert_eq!((code, lines.len()), (NO, 3), "{words}");
            assert!(lines[0].starts_with("INVALID: case-0001: "), "{words}");
            assert!(lines[1].starts_with("INVALID: case-0002: E0402: "), "{words}");
            assert_eq!(lines[2], "INVALID: 2 of 2 cases");
            assert_eq!((&value["valid"], &value["invalid"]), (&json!(false), &json!(2)));
        } else {
            assert_eq!((code, words.as_str()), (0, "valid: 1 case, each with its whole chain\n"));
            assert_eq!((&value["valid"], &value["cases"]), (&json!(true), &json!(1)));
            assert_eq!(value["items"][0]["entries"], 6);
        }
    }
}

/// A service that has one case, with this timeline and export.
async fn serving(export: Value, sealed: Vec<Sealed>, head: Head) -> Service {
    Service::start(move |request| {
        let text = match request.path.as_str() {
            "/v1/cases/case-0001/export" => export.to_string(),
            _ => page(&sealed, &head, &request.query),
        };
        (StatusCode::OK, serde_json::value::RawValue::from_string(text).unwrap())
    })
    .await
}
