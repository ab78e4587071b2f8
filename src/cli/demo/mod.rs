//! `demo`: the whole way, once, with nothing else needed.
//!
//! Sandbox accounts in process, a database in a temporary folder, the real HTTP server on a loopback
//! port. Our own findings are posted over HTTP, a person approves over HTTP, and what came of it is
//! judged from outside: by the API, by the chain, and by what the attacker can still do. No logic of
//! the product is here.

mod attack;
mod findings;
mod report;
mod stage;

use serde_json::json;

use super::error::{CliError, FAILED};
use super::screen::Screen;
use stage::Stage;

/// Arguments of `demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Keep the service up afterwards, until Ctrl-C.
    #[arg(long)]
    serve: bool,
}

/// Runs the demo; exit code 0 only if every expected containment was verified.
pub async fn demo(screen: &mut Screen, args: Args) -> Result<u8, CliError> {
    let tell = |screen: &mut Screen, text: &str| {
        if screen.json { Ok(()) } else { screen.line(text) }
    };
    tell(
        screen,
        "Tourniquet demo: sandbox accounts, real service, nothing leaves this machine.\n",
    )?;
    let stage = Stage::open().await?;
    tell(
        screen,
        &format!(
            "The service listens on {}. An attacker is inside account 111122223333.",
            stage.url
        ),
    )?;

    let before = attack::view(&stage.sandbox);
    tell(screen, "\nFindings arrive over HTTP:")?;
    let mut sent = Vec::new();
    for finding in findings::all()? {
        let answer = stage.send(&finding).await?;
        tell(screen, &report::sent(&finding, &answer))?;
        sent.push((finding, answer));
    }
    tell(screen, "\nRunbooks run; one of them asks a person first.")?;
    stage
        .see_through(|question, by| {
            tell(screen, &format!("  \"{question}\" was approved by {by}."))
        })
        .await?;

    let after = attack::view(&stage.sandbox);
    let outcome = report::Outcome::of(&stage, &sent, &before, &after).await?;
    if screen.json {
        let mut value = outcome.json();
        if args.serve {
            value["url"] = json!(stage.url);
            value["token"] = json!(stage.token);
        }
        screen.value(&value)?;
    } else {
        outcome.print(screen)?;
    }
    if args.serve {
        tell(screen, &report::how_to_look(&stage, true))?;
        stage.until_interrupted().await?;
    } else {
        tell(screen, &report::how_to_look(&stage, false))?;
    }
    let verified = outcome.is_verified();
    stage.close().await;
    Ok(if verified { 0 } else { FAILED })
}
