//! `tourniquet run`: starts a runbook by hand.

use clap::Args;
use serde_json::{Value, json};

use super::Common;
use super::begun::{Begun, length};
use super::client::Client;
use super::error::CliError;
use super::input::Params;
use super::screen::Screen;
use crate::error::Code;
use crate::id::{AccountId, CaseId, Region, RunbookName};
use crate::routing::Mode;

/// Starts a runbook by hand, in a case or in a new one.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The runbook.
    #[arg(value_name = "NAME")]
    pub runbook: RunbookName,
    /// The case that it belongs to; without it, a case is opened.
    #[arg(long)]
    pub case: Option<CaseId>,
    /// Its parameters; what the case's finding says fills in the others.
    #[command(flatten)]
    pub params: Params,
    /// How far it may go: plan only, after a person's approval, or at once. The API's default is
    /// another one: observe.
    #[arg(long, default_value = "approve", value_parser = mode, value_name = "observe|approve|contain")]
    pub mode: Mode,
    /// The account that it acts in; the case's, if it has one.
    #[arg(long)]
    pub account: Option<AccountId>,
    /// The Region that it acts in; the case's, if it has one.
    #[arg(long)]
    pub region: Option<Region>,
    /// Why: it stands in the timeline.
    #[arg(long)]
    pub reason: Option<String>,
    /// Follow the run until it is over. Exit code 3: it did not succeed.
    #[arg(long)]
    pub watch: bool,
}

/// What to do where nobody said in which account and Region.
const NO_PLACE: &str = "Say where it acts: --account ID --region REGION, or --case CASE where the case's finding \
    says it.";

fn mode(label: &str) -> Result<Mode, String> {
    Mode::from_label(label).ok_or_else(|| "expected observe, approve or contain".to_owned())
}

/// Carries the command out; gives the exit code.
///
/// # Errors
/// When the service does not answer or refuses.
pub(super) async fn run(
    common: &Common,
    screen: &mut Screen,
    args: RunArgs,
) -> Result<u8, CliError> {
    let client = Client::open(common, screen)?;
    start(&client, screen, args).await
}

async fn start(client: &Client, screen: &mut Screen, args: RunArgs) -> Result<u8, CliError> {
    let body = json!({
        "runbook": args.runbook,
        "params": args.params.merged()?,
        "mode": args.mode.label(),
        "account": args.account,
        "region": args.region,
        "reason": args.reason,
    });
    let (answer, from) = match &args.case {
        Some(case) => {
            let from = if args.watch { length(client, case).await? } else { 0 };
            (client.post(&["v1", "cases", case.as_str(), "runs"], &body).await, from)
        }
        None => (client.post(&["v1", "runs"], &body).await, 0),
    };
    let placeless = args.account.is_none() || args.region.is_none();
    let answer: Value = answer.map_err(|error: CliError| match error.code {
        Code::BAD_REQUEST if placeless => error.with_remedy(NO_PLACE),
        _ => error,
    })?;
    let begun = Begun::of(answer, None)?;
    if args.watch {
        begun.watch(client, screen, from).await
    } else {
        begun.tell(client, screen).await
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use clap::Parser;

    use super::*;
    use crate::cli::client::tests::{Service, problem};
    use crate::cli::error::NO;
    use crate::cli::screen::tests::screen;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: RunArgs,
    }

    fn line(words: &[&str]) -> Result<RunArgs, String> {
        let parsed = Line::try_parse_from([&["run"], words].concat());
        parsed.map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_is_sent() {
        for words in [
            &["../etc"][..],
            &["observe", "--mode", "destroy"],
            &["observe", "--params-json", "[]"],
            &["observe", "--case", "case-../x"],
            &["observe", "--account", "12"],
        ] {
            assert!(line(words).is_err(), "{words:?}");
        }
        assert_eq!(line(&["observe"]).unwrap().mode, Mode::Approve);
    }

    #[tokio::test]
    async fn the_request_says_what_the_line_said() {
        let service = Service::start(|request| {
            (
                StatusCode::ACCEPTED,
                json!({"id": "run-0007", "case": "case-0001", "runbook": "observe",
                "state": "queued", "path": request.path, "body": request.json()}),
            )
        })
        .await;
        let words = [
            "observe",
            "--case",
            "case-0001",
            "--params-json",
            r#"{"a": "x", "b": "y"}"#,
            "--param",
            "a=z",
            "--mode",
            "contain",
            "--account",
            "111122223333",
            "--region",
            "eu-west-1",
            "--reason",
            "drill",
        ];
        let (mut screen, out, _) = screen(true);
        assert_eq!(start(&service.client(), &mut screen, line(&words).unwrap()).await, Ok(0));
        let value = out.value();
        assert_eq!(value["path"], "/v1/cases/case-0001/runs");
        assert_eq!(
            value["body"],
            json!({"runbook": "observe", "params": {"a": "z", "b": "y"}, "mode": "contain",
                "account": "111122223333", "region": "eu-west-1", "reason": "drill"})
        );
    }

    #[tokio::test]
    async fn a_run_without_a_case_opens_one_and_a_refusal_is_told() {
        let service = Service::start(|request| match request.path.as_str() {
            "/v1/runs" => problem(
                StatusCode::FORBIDDEN,
                "E0501",
                "account 111122223333 is not on the allow list",
            ),
            _ => problem(StatusCode::NOT_FOUND, "E0203", "there is no such path"),
        })
        .await;
        let (mut screen, out, _) = screen(false);
        let error =
            start(&service.client(), &mut screen, line(&["observe"]).unwrap()).await.unwrap_err();
        assert_eq!(error.code.number, "E0501");
        assert_eq!(out.text(), "");
    }

    #[tokio::test]
    async fn a_watched_run_that_did_not_succeed_is_a_no() {
        for (state, expected) in [("succeeded", 0), ("halted", NO)] {
            let service = Service::start(move |request| {
                let run = json!({"id": "run-0007", "case": "case-0001", "runbook": "observe", "state": state});
                (StatusCode::OK, match request.path.as_str() {
                    "/v1/cases/case-0001/timeline" => json!({"entries": [], "next": null,
                        "head": {"length": 0, "hash": "0".repeat(64)}}),
                    "/v1/cases/case-0001" => json!({"runs": [run]}),
                    _ => run,
                })
            })
            .await;
            let (mut screen, out, _) = screen(true);
            let args = line(&["observe", "--watch"]).unwrap();
            assert_eq!(start(&service.client(), &mut screen, args).await, Ok(expected));
            assert_eq!(out.value()["state"], state);
        }
    }
}
