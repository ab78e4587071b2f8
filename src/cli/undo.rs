//! `tourniquet undo`: takes a run's changes back, as a run of its own.

use clap::Args;
use serde_json::{Value, json};

use super::Common;
use super::answer::id;
use super::begun::{Begun, length};
use super::client::Client;
use super::error::CliError;
use super::screen::Screen;
use crate::error::Code;
use crate::id::{CaseId, RunId};

/// What `--revive` means: said before it is done.
const REVIVE: &str = "--revive also takes back what keeps stolen credentials out: keys work again, and so do sessions \
    that were stolen before the cut-off, until they expire: those of a role 12 h after it, those of a user 36 h after \
    its keys were disabled. From then on an undo takes the deny back without --revive.";

/// How to find a run.
const NO_RUN: &str = "`tourniquet case show CASE` shows the ids of a case's runs, and `tourniquet case list` those of \
    the cases.";

/// Takes a run's changes back.
#[derive(Debug, Clone, Args)]
pub struct UndoArgs {
    /// The run.
    pub run: RunId,
    /// Also take back what keeps stolen credentials out: deactivated keys work again, and so do
    /// stolen sessions until they expire. Needs --reason.
    #[arg(long, requires = "reason")]
    pub revive: bool,
    /// Why: it stands in the timeline.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Follow the undo until it is over. Exit code 3: it did not succeed.
    #[arg(long)]
    pub watch: bool,
}

/// Carries the command out; gives the exit code.
///
/// # Errors
/// When the service does not answer or refuses.
pub(super) async fn undo(
    common: &Common,
    screen: &mut Screen,
    args: UndoArgs,
) -> Result<u8, CliError> {
    let client = Client::open(common, screen)?;
    take_back(&client, screen, &args).await
}

async fn take_back(client: &Client, screen: &mut Screen, args: &UndoArgs) -> Result<u8, CliError> {
    if args.revive {
        screen.note(REVIVE);
    }
    begin(client, screen, args).await.map_err(|error| match error.code {
        Code::NOT_FOUND => error.with_remedy(NO_RUN),
        _ => error,
    })
}

async fn begin(client: &Client, screen: &mut Screen, args: &UndoArgs) -> Result<u8, CliError> {
    let from = if args.watch {
        let run: Value = client.get(&["v1", "runs", args.run.as_str()], &[]).await?;
        length(client, &id::<CaseId>(&run, "case")?).await?
    } else {
        0
    };
    let mut body = json!({"revive": args.revive});
    if let Some(reason) = &args.reason {
        body["reason"] = json!(reason);
    }
    let answer: Value = client.post(&["v1", "runs", args.run.as_str(), "undo"], &body).await?;
    let begun = Begun::of(answer, Some(&args.run))?;
    if args.watch {
        begun.watch(client, screen, from).await
    } else {
        begun.tell(client, screen).await
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::cli::client::tests::{Service, problem};
    use crate::cli::screen::tests::screen;

    fn args(revive: bool, watch: bool) -> UndoArgs {
        let reason = revive.then(|| "a false alarm".to_owned());
        UndoArgs { run: "run-0001".parse().unwrap(), revive, reason, watch }
    }

    #[tokio::test]
    async fn revival_is_asked_for_and_warned_about() {
        for revive in [true, false] {
            let service = Service::start(move |request| {
                let run = json!({"id": "run-0002", "case": "case-0001", "runbook": "r", "state": "queued"});
                if request.method == "GET" {
                    assert_eq!(request.path, "/v1/runs/run-0002");
                    return (StatusCode::OK, run);
                }
                let mut asked = json!({"revive": revive});
                if revive {
                    asked["reason"] = json!("a false alarm");
                }
                assert_eq!(request.json(), asked);
                assert_eq!(request.path, "/v1/runs/run-0001/undo");
                (StatusCode::ACCEPTED, run)
            })
            .await;
            let (mut screen, out, err) = screen(false);
            assert_eq!(
                take_back(&service.client(), &mut screen, &args(revive, false)).await,
                Ok(0)
            );
            let text = out.text();
            assert!(
                text.starts_with("undo of run-0001 is queued as run-0002 in case-0001\n"),
                "{text}"
            );
            assert_eq!(err.text().contains("stolen before the cut-off"), revive);
        }
    }

    #[tokio::test]
    async fn a_watched_undo_begins_where_the_case_stands() {
        let service = Service::start(|request| {
            let run = json!({"id": "run-0002", "case": "case-0001", "runbook": "r", "state": "succeeded"});
            (StatusCode::OK, match (request.path.as_str(), request.query.as_str()) {
                ("/v1/cases/case-0001/timeline", "from=0&limit=500") => json!({"entries": [], "next": null,
                    "head": {"length": 7, "hash": "0".repeat(64)}}),
                ("/v1/cases/case-0001", _) => json!({"length": 7, "runs": [run]}),
                ("/v1/runs/run-0001" | "/v1/runs/run-0001/undo" | "/v1/runs/run-0002", _) => run,
                _ => return problem(StatusCode::NOT_FOUND, "E0203", "there is no such path"),
            })
        })
        .await;
        let (mut screen, _, _) = screen(false);
        assert_eq!(take_back(&service.client(), &mut screen, &args(false, true)).await, Ok(0));
    }

    #[tokio::test]
    async fn a_watched_run_whose_service_went_away_is_not_to_be_started_again() {
        let service = Service::start(|_| (StatusCode::OK, json!({}))).await;
        let client = service.client();
        drop(service);
        let run = json!({"id": "run-0002", "case": "case-0001", "runbook": "r", "state": "queued"});
        let begun = Begun::of(run, None).unwrap();
        let error = begun.watch(&client, &mut screen(false).0, 0).await.unwrap_err();
        let words = "run-0002 was accepted, and goes on by itself when the service is back";
        assert!(error.remedy().starts_with(words), "{error}: {}", error.remedy());
    }
}
