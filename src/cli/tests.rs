//! The whole menu against a real service: what a person can do from a terminal, and what a program
//! gets of it.

use clap::Parser;
use serde_json::{Value, json};

use super::error::{CliError, NO};
use super::screen::tests::screen;
use super::{Cli, dispatch};
use crate::error::Code;
use crate::web::tests::harness::{Harness, finding};

/// Carries out a command line; what standard output and standard error got.
async fn said(arguments: &[&str]) -> (Result<u8, CliError>, String, String) {
    let cli = Cli::try_parse_from([&["tourniquet"], arguments].concat()).unwrap();
    let (mut screen, out, err) = screen(cli.common.json);
    let ended = Box::pin(dispatch(&cli.common, &mut screen, cli.command)).await;
    (ended, out.text(), err.text())
}

/// The same against the service at `url`; what standard output got.
async fn words(url: &str, arguments: &[&str]) -> Result<(u8, String), CliError> {
    let (ended, out, _) = said(&[&["--url", url], arguments].concat()).await;
    Ok((ended?, out))
}

/// As [`words`], against `harness`, as an admin.
async fn command(harness: &Harness, arguments: &[&str]) -> Result<(u8, String), CliError> {
    let token_file = harness.folder.path().join("token");
    std::fs::write(&token_file, format!("{}\n", harness.secrets["admin"])).unwrap();
    let with = ["--token-file", token_file.to_str().unwrap()];
    let url = harness.url();
    words(&url, &[&with, arguments].concat()).await
}

async fn code(harness: &Harness, arguments: &[&str]) -> Result<u8, Code> {
    let ended = command(harness, arguments).await;
    ended.map(|(code, _)| code).map_err(|error| error.code)
}

/// The one JSON value that a command prints.
async fn value(harness: &Harness, arguments: &[&str]) -> Value {
    let (_, text) = command(harness, &[&["--json"], arguments].concat()).await.unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Verifies a case online, its export offline, and finds what was changed in the export.
async fn verifies(harness: &Harness, case: &str, export: &Value) {
    assert_eq!(code(harness, &["case", "verify", case]).await, Ok(0));
    let file = harness.folder.path().join("export.json");
    let verify = ["case", "verify", "--file", file.to_str().unwrap()];
    let mut changed = export.clone();
    let entry = changed["entries"][0].as_str().unwrap();
    changed["entries"][0] = entry.replacen("eu-west-1", "eu-west-2", 1).into();
    let mut shorter = export.clone();
    shorter["entries"].as_array_mut().unwrap().pop();
    for (content, expected) in [(export, 0), (&changed, NO), (&shorter, NO)] {
        std::fs::write(&file, content.to_string()).unwrap();
        assert_eq!(code(harness, &verify).await, Ok(expected));
    }
}

#[tokio::test]
async fn a_person_can_do_everything_from_a_terminal() {
    let harness = Harness::new().await;
    let good = harness.folder.path().join("good.json");
    std::fs::write(&good, finding("f1", "i-0abcdef1234567890").to_string()).unwrap();
    let bad = harness.folder.path().join("bad.json");
    std::fs::write(&bad, "{").unwrap();
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());
    assert_eq!(code(&harness, &["finding", "send", good]).await, Ok(0));
    assert_eq!(code(&harness, &["finding", "send", bad, good]).await, Ok(1));

    let case = value(&harness, &["case", "list"]).await[0]["id"].clone();
    let case = case.as_str().unwrap();
    let settled = harness.settled(case).await;
    let run = settled["runs"][0]["id"].as_str().unwrap();
    let place = ["--account", "111122223333", "--region", "eu-west-1"];
    let contain = [&["run", "observe"], &place[..], &["--mode", "contain"]].concat();
    for (arguments, expected) in [
        (&["case", "list"][..], Ok(0)),
        (&["case", "list", "--status", "open", "--json"], Ok(0)),
        (&["case", "show", case], Ok(0)),
        (&["case", "show", case, "--json"], Ok(0)),
        (&["case", "show", "case-none"], Err(Code::NOT_FOUND)),
        (&["case", "watch", case], Ok(0)),
        (&["case", "export", case], Ok(0)),
        (&["case", "note", case, "looked at"], Ok(0)),
        (&["run", "observe", "--case", case, "--mode", "observe"], Ok(0)),
        (&["run", "nothing", "--case", case], Err(Code::RUNBOOK_UNKNOWN)),
        (&contain, Err(Code::GUARD_ACCOUNT)),
        (&["runbook", "plan", "observe", "--case", case], Ok(0)),
        (&["runbook", "list"], Ok(0)),
        (&["runbook", "check"], Ok(0)),
        (&["runbook", "check", bad], Err(Code::RUNBOOKS_LOAD)),
        (&["approve"], Ok(0)),
        (&["approve", "apr-none", "--reason", "x"], Err(Code::NOT_FOUND)),
        (&["undo", run], Err(Code::CONFLICT)),
        (&["explain", "E0201"], Ok(0)),
        (&["explain", "E9999"], Err(Code::USAGE)),
    ] {
        assert_eq!(code(&harness, arguments).await, expected, "{arguments:?}");
    }
    harness.settled(case).await;
    let export = value(&harness, &["case", "export", case]).await;
    verifies(&harness, case, &export).await;
    let close = ["case", "close", case, "--reason", "done"];
    assert_eq!(code(&harness, &close).await, Ok(0));
    let again = command(&harness, &close).await.unwrap_err();
    assert_eq!((again.code, again.exit_code()), (Code::CONFLICT, 1), "{again}");
    assert!(again.remedy().contains("case note"), "{}", again.remedy());
    harness.service.stop().await;
}

#[tokio::test]
async fn a_program_gets_the_names_that_are_documented() {
    let harness = Harness::new().await;
    let runbooks = value(&harness, &["runbook", "list"]).await;
    let observe = json!("observe");
    assert!(runbooks.as_array().unwrap().iter().any(|one| one["name"] == observe));
    let config = harness.folder.path().join("tourniquet.toml");
    let database = harness.folder.path().join("tokens.db");
    std::fs::write(&config, format!("database = \"sqlite://{}\"", database.display())).unwrap();
    let with = ["--config", config.to_str().unwrap(), "token"];
    let created = [&with[..], &["create", "--role", "admin", "--expires", "1h"]].concat();
    let created = value(&harness, &created).await;
    assert!(created["token"].as_str().unwrap().starts_with("tq_"), "{created}");
    let id = created["id"].as_str().unwrap();
    let revoked = value(&harness, &[&with[..], &["revoke", id]].concat()).await;
    assert_eq!(revoked, json!({"id": id, "revoked": true}));
    let listed = value(&harness, &[&with[..], &["list"]].concat()).await;
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&created["id"], &json!("revoked")));
    harness.service.stop().await;
}

#[tokio::test]
async fn tokens_are_found_by_name_in_a_database_that_is_named_and_never_made_by_a_look() {
    let folder = tempfile::tempdir().unwrap();
    let (config, database) = (folder.path().join("t.toml"), folder.path().join("t.db"));
    std::fs::write(&config, format!("database = \"sqlite://{}\"", database.display())).unwrap();
    let (config, path) = (config.to_str().unwrap(), database.to_str().unwrap());
    let token =
        async |words: &[&str]| said(&[&["--config", config, "token"], words].concat()).await;

    for words in [&["list"][..], &["revoke", "ada"], &["list", "--json"]] {
        let error = token(words).await.0.unwrap_err();
        assert_eq!(error.code, Code::DATABASE_OPEN, "{words:?}");
        assert!(error.detail.contains(path) && !database.exists(), "{error}");
    }
    let create = ["create", "--name", "ada", "--role", "viewer"];
    let (ended, _, told) = token(&create).await;
    assert_eq!(ended, Ok(0));
    assert!(told.contains(&format!("a new database was made, {path}")), "{told}");
    assert_eq!(token(&create).await.0.unwrap_err().code, Code::CONFLICT);
    let (ended, told, _) = token(&["revoke", "ada"]).await;
    assert!(ended == Ok(0) && told.ends_with("(ada, viewer) is revoked\n"), "{told}");
    let again = [&create[..], &["--same-person"]].concat();
    let (ended, _, told) = token(&again).await;
    assert!(ended == Ok(0) && !told.contains("new database") && told.contains(path), "{told}");
    assert_eq!(token(&["revoke", "bob"]).await.0.unwrap_err().code, Code::NOT_FOUND);

    // Somebody who works with a service far away is told that this is not it.
    for (url, told) in [(None, false), (Some("http://127.0.0.1:1"), true)] {
        let with: Vec<&str> = url.iter().flat_map(|url| ["--url", url]).collect();
        let (ended, listed, err) = token(&[&["list"], &with[..]].concat()).await;
        assert!(ended == Ok(0) && listed.contains("ada") && listed.contains("revoked"), "{listed}");
        assert_eq!(err.contains("TOURNIQUET_URL and --url are not used"), told, "{err}");
        assert_eq!(err.contains(path), told, "{err}");
    }
}

/// The timeline knows people by their names alone.
#[tokio::test]
async fn a_revoked_token_s_name_goes_to_nobody_else_by_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let (config, database) = (folder.path().join("t.toml"), folder.path().join("t.db"));
    std::fs::write(&config, format!("database = \"sqlite://{}\"", database.display())).unwrap();
    let config = config.to_str().unwrap();
    let token =
        async |words: &[&str]| said(&[&["--config", config, "token"], words].concat()).await;
    let alice = ["create", "--name", "alice", "--role", "responder", "--json"];
    assert_eq!(token(&alice).await.0, Ok(0));
    assert_eq!(token(&["revoke", "alice"]).await.0, Ok(0));
    let refused = token(&alice).await.0.unwrap_err();
    let used = "the name alice was used by a token revoked on 20";
    assert!(refused.code == Code::CONFLICT && refused.detail.contains(used), "{refused}");
    let remedy = refused.remedy.unwrap();
    assert!(remedy.contains("add --same-person; else choose another name"), "{remedy}");
    let listed: Value = serde_json::from_str(&token(&["list", "--json"]).await.1).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1, "nothing was made");
    let same = [&alice[..], &["--same-person"]].concat();
    assert_eq!(token(&same).await.0, Ok(0));
    let twice = token(&same).await.0.unwrap_err();
    assert!(twice.detail.contains("is named alice already"), "{twice}");

    // A role is nobody's name.
    for _ in 0..2 {
        assert_eq!(token(&["create", "--role", "admin", "--json"]).await.0, Ok(0));
        assert_eq!(token(&["revoke", "admin"]).await.0, Ok(0));
        let tokens: Value = serde_json::from_str(&token(&["list", "--json"]).await.1).unwrap();
        assert!(tokens.to_string().contains("admin"), "{tokens}");
    }
}

#[tokio::test]
async fn a_build_that_contains_nothing_real_says_so_when_it_is_checked() {
    for json in [false, true] {
        let (ended, out, err) =
            said(&[&["config", "check"], &["--json"][..usize::from(json)]].concat()).await;
        assert_eq!(ended, Ok(0));
        assert_eq!(err.contains("contains nothing real"), !cfg!(feature = "aws"), "{err}");
        assert_eq!(serde_json::from_str::<Value>(&out).is_ok(), json, "{out}");
    }
}

#[tokio::test]
async fn what_a_service_could_not_use_is_told_when_the_configuration_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.toml");
    let check = async |text: &str| {
        std::fs::write(&path, text).unwrap();
        said(&["--config", path.to_str().unwrap(), "config", "check"]).await
    };
    let missing = folder.path().join("missing");
    let database =
        |folder: &std::path::Path| format!("database = \"sqlite://{}/t.db\"\n", folder.display());
    let error = check(&database(&missing)).await.0.unwrap_err();
    assert_eq!(error.code, Code::DATABASE_OPEN);
    assert!(
        error.detail.ends_with(&format!("there is no folder {}", missing.display())),
        "{error}"
    );
    let good = database(folder.path());
    let (ended, _, err) = check(&good).await;
    assert!(ended == Ok(0) && !err.contains("notify has no channel oncall"), "{err}");
    assert!(!folder.path().join("t.db").exists(), "a check makes no database");
    let (ended, _, err) =
        check(&format!("{good}[notify.security]\nwebhook = \"https://chat.example\"\n")).await;
    assert_eq!(ended, Ok(0));
    let words =
        "notify has no channel oncall, which is told by attack-sequence, compromised-function,";
    assert_eq!(err.matches(words).count(), 1, "{err}");
    // What `runbook check` warns of stands here, too.
    let books = folder.path().join("books");
    std::fs::create_dir(&books).unwrap();
    let script = "//! Looks.\nconst RUNBOOK = #{ on: [\"Backdor:EC2/*\"], mode: \"observe\" };\n\
        fn run(case, p) { log(case.id); }\n";
    std::fs::write(books.join("looks.rhai"), script).unwrap();
    let (ended, _, err) =
        check(&format!("{good}fallback = \"looks\"\nrunbooks = \"{}\"\n", books.display())).await;
    assert_eq!(ended, Ok(0));
    assert!(err.contains("WARNING: looks.rhai:2:"), "{err}");
}

#[tokio::test]
async fn a_configuration_file_that_is_named_must_be_there_for_every_command() {
    for words in [
        &["case", "list"][..],
        &["case", "verify", "--file", "-"],
        &["run", "observe"],
        &["approve"],
        &["undo", "run-0001"],
        &["runbook", "list", "--url", "http://127.0.0.1:1"],
        &["runbook", "plan", "observe"],
        &["finding", "send", "-"],
        &["deploy", "roles", "--format", "terraform"],
        &["token", "list"],
        &["config", "check"],
        &["explain"],
        &["serve"],
        &["demo"],
    ] {
        let (ended, out, _) = said(&[&["--config", "/nope/t.toml"], words].concat()).await;
        let error = ended.unwrap_err();
        assert_eq!((error.code, out.as_str()), (Code::CONFIG, ""), "{words:?}");
        assert!(error.detail.contains("/nope/t.toml"), "{error}");
        assert!(error.remedy().contains("--config or TOURNIQUET_CONFIG"), "{}", error.remedy());
    }
}

#[tokio::test]
async fn without_a_service_the_failure_says_so() {
    let harness = Harness::new().await;
    let url = harness.url();
    harness.service.stop().await;
    let error = words(&url, &["case", "list"]).await.unwrap_err();
    assert_eq!(error.code, Code::CLIENT);
    assert!(error.detail.contains("no connection to"), "{error}");
}

#[test]
fn the_menu_has_no_contradictions() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}

#[test]
fn options_may_stand_before_and_after_a_subcommand() {
    for words in [
        ["x", "--json", "--url", "http://h:1", "case", "list"],
        ["x", "case", "--json", "--url", "http://h:1", "list"],
        ["x", "case", "list", "--json", "--url", "http://h:1"],
        ["x", "--url", "http://h:1", "approve", "--json", "--"],
    ] {
        let common = Cli::try_parse_from(words).unwrap().common;
        assert_eq!((common.json, common.url.as_deref()), (true, Some("http://h:1")), "{words:?}");
    }
}

#[test]
fn a_decision_needs_a_reason_and_a_verification_needs_something_to_verify() {
    for (words, accepted) in [
        (&["approve"][..], true),
        (&["approve", "apr-0001"], true),
        (&["approve", "--deny"], false),
        (&["approve", "apr-0001", "--deny"], false),
        (&["approve", "--reason", "yes"], false),
        (&["approve", "apr-0001", "--deny", "--reason", "no"], true),
        (&["case", "verify"], false),
        (&["case", "verify", "case-0001"], true),
        (&["case", "verify", "--file", "-"], true),
        (&["case", "verify", "case-0001", "--file", "-"], false),
        (&["case", "list", "--status", "open", "--status", "attention"], true),
        (&["case", "list", "--status", "attention,waiting,open"], true),
        (&["case", "list", "--status", "attention,lost"], false),
        (&["case", "list", "--status", "lost"], false),
        (&["case", "list", "--limit", "0"], false),
        (&["case", "show", "../../etc"], false),
        (&["finding", "send"], false),
        (&["undo", "run-0001"], true),
        (&["undo", "run-0001", "--reason", "a mistake"], true),
        (&["undo", "run-0001", "--revive"], false),
        (&["undo", "run-0001", "--revive", "--reason", "a mistake"], true),
    ] {
        let result = Cli::try_parse_from([&["x"], words].concat());
        let error = result.as_ref().err().map(ToString::to_string);
        assert_eq!(result.is_ok(), accepted, "{words:?} {error:?}");
    }
}
