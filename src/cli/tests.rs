//! The commands against a real service; what they print is looked at by people.

use clap::Parser;
use serde_json::Value;

use super::outcome::{Failure, Outcome};
use super::{Cli, Common, dispatch};
use crate::error::Code;
use crate::web::tests::harness::{Harness, finding};

/// Carries out a command line against `harness`, as an admin.
async fn command(harness: &Harness, arguments: &[&str]) -> Result<Outcome, Failure> {
    let token_file = harness.folder.path().join("token");
    std::fs::write(&token_file, format!("{}\n", harness.secrets["admin"])).unwrap();
    let line = ["tourniquet"].iter().chain(arguments);
    let Cli { json, command, .. } = Cli::try_parse_from(line).unwrap();
    let common = Common {
        json,
        config: None,
        url: harness.url(),
        token_file: Some(token_file),
    };
    Box::pin(dispatch(&common, command)).await
}

/// Verifies a case online, its export offline, and finds what was changed in the export.
async fn verifies(harness: &Harness, case: &str, export: &Value) {
    assert_eq!(
        command(harness, &["case", "verify", case]).await,
        Ok(Outcome::Done)
    );
    let file = harness.folder.path().join("export.json");
    let path = file.to_str().unwrap();
    std::fs::write(&file, export.to_string()).unwrap();
    assert_eq!(
        command(harness, &["case", "verify", "--file", path]).await,
        Ok(Outcome::Done)
    );
    let mut changed = export.clone();
    changed["entries"][0] = changed["entries"][0]
        .as_str()
        .unwrap()
        .replacen("eu-west-1", "eu-west-2", 1)
        .into();
    std::fs::write(&file, changed.to_string()).unwrap();
    assert_eq!(
        command(harness, &["case", "verify", "--file", path]).await,
        Ok(Outcome::No)
    );
    let mut shorter = export.clone();
    shorter["entries"].as_array_mut().unwrap().pop();
    std::fs::write(&file, shorter.to_string()).unwrap();
    assert_eq!(
        command(harness, &["case", "verify", "--file", path]).await,
        Ok(Outcome::No)
    );
}

#[tokio::test]
async fn a_person_can_do_everything_from_a_terminal() {
    let harness = Harness::new().await;
    let good = harness.folder.path().join("good.json");
    std::fs::write(&good, finding("f1", "i-0abcdef1234567890").to_string()).unwrap();
    let bad = harness.folder.path().join("bad.json");
    std::fs::write(&bad, "{").unwrap();
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());
    assert_eq!(
        command(&harness, &["finding", "send", good]).await,
        Ok(Outcome::Done)
    );
    let refused = command(&harness, &["finding", "send", bad, good])
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::NOT_JSON);

    let cases = harness.get("/v1/cases").await.body;
    let case = cases["items"][0]["id"].as_str().unwrap().to_owned();
    let run = harness.settled(&case).await["runs"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (arguments, expected) in [
        (&["case", "list"][..], Ok(Outcome::Done)),
        (
            &["case", "list", "--status", "open", "--json"],
            Ok(Outcome::Done),
        ),
        (
            &["case", "list", "--status", "opne"],
            Err(Code::BAD_REQUEST),
        ),
        (&["case", "show", &case], Ok(Outcome::Done)),
        (&["case", "show", &case, "--json"], Ok(Outcome::Done)),
        (&["case", "show", "case-none"], Err(Code::NOT_FOUND)),
        (&["case", "watch", &case], Ok(Outcome::Done)),
        (&["case", "export", &case], Ok(Outcome::Done)),
        (&["case", "note", &case, "looked at"], Ok(Outcome::Done)),
        (&["run", "observe", "--case", &case], Ok(Outcome::Done)),
        (
            &["run", "nothing", "--case", &case],
            Err(Code::RUNBOOK_UNKNOWN),
        ),
        (
            &[
                "run",
                "observe",
                "--account",
                "111122223333",
                "--region",
                "eu-west-1",
                "--mode",
                "contain",
            ],
            Err(Code::GUARD_ACCOUNT),
        ),
        (
            &["runbook", "plan", "observe", "--case", &case],
            Ok(Outcome::Done),
        ),
        (&["runbook", "list"], Ok(Outcome::Done)),
        (&["runbook", "check"], Ok(Outcome::Done)),
        (&["runbook", "check", bad], Err(Code::RUNBOOKS_LOAD)),
        (&["approve"], Ok(Outcome::Done)),
        (
            &["approve", "apr-none", "--reason", "x"],
            Err(Code::NOT_FOUND),
        ),
        (&["undo", &run], Err(Code::CONFLICT)),
        (&["explain", "E0201"], Ok(Outcome::Done)),
        (&["explain", "E9999"], Err(Code::USAGE)),
    ] {
        let seen = command(&harness, arguments)
            .await
            .map_err(|failure| failure.code);
        assert_eq!(seen, expected, "{arguments:?}");
    }
    harness.settled(&case).await;
    let export = harness.get(&format!("/v1/cases/{case}/export")).await.body;
    verifies(&harness, &case, &export).await;
    assert_eq!(
        command(&harness, &["case", "close", &case, "--reason", "done"]).await,
        Ok(Outcome::Done)
    );
    harness.service.stop().await;
}

#[tokio::test]
async fn without_a_service_the_failure_says_so() {
    let harness = Harness::new().await;
    let common = |url: String| Common {
        json: false,
        config: None,
        url,
        token_file: None,
    };
    let list = || {
        Cli::try_parse_from(["tourniquet", "case", "list"])
            .unwrap()
            .command
    };
    let url = harness.url();
    harness.service.stop().await;
    let failure = Box::pin(dispatch(&common(url), list())).await.unwrap_err();
    assert_eq!(failure.code, Code::CLIENT);
    assert!(
        failure.detail.contains("nothing listens there"),
        "{}",
        failure.detail
    );
}

#[test]
fn the_menu_has_no_contradictions() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}
