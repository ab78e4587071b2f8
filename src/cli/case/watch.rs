//! Following a case: new entries are drawn as they come, until nothing more will.

use std::time::Duration;

use serde_json::Value;

use super::chain::Chain;
use crate::case::RunState;
use crate::cli::answer::{items, text};
use crate::cli::client::Client;
use crate::cli::draw::Drawer;
use crate::cli::error::CliError;
use crate::cli::screen::Screen;
use crate::error::Code;
use crate::id::{CaseId, RunId};
use crate::timeline::Entry;

/// Between two looks: often enough to feel live, rare enough for a hundred watchers.
const POLL: Duration = Duration::from_secs(1);

/// Looks that may fail one after the other: a service that is restarted is back within a minute.
const MISSES_MAX: u32 = 60;

/// When watching ends, if nobody ends it before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// All runs of the case are over.
    AllOver,
    /// This run is over.
    Over(RunId),
    /// The same of an undo, of which only the changes are drawn.
    Undone(RunId),
    /// Only with Ctrl-C.
    Interrupted,
}

/// `case watch`: follows, and prints the entries as one JSON array where a program reads.
pub(super) async fn watch(
    client: &Client,
    screen: &mut Screen,
    case: &CaseId,
    until: Until,
) -> Result<u8, CliError> {
    let mut seen = Vec::new();
    let ended = follow(client, screen, case, 0, &until, &mut seen).await?;
    if ended == Ended::Interrupted {
        screen.note("stopped watching; the runs go on");
    }
    screen.value(&Value::Array(seen))?;
    Ok(0)
}

/// Why following ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// What was waited for is over.
    Over,
    /// Ctrl-C, or the reader left.
    Interrupted,
}

/// Draws the entries of `case` from `from` on, as they come; for programs they are kept in `seen`.
/// Earlier entries are read, too: they tell when the case began and how its runs are numbered, so
/// that all drawings of a case agree.
///
/// # Errors
/// When the service refuses, or does not answer for a minute.
pub async fn follow(
    client: &Client,
    screen: &mut Screen,
    case: &CaseId,
    from: u64,
    until: &Until,
    seen: &mut Vec<Value>,
) -> Result<Ended, CliError> {
    let mut drawer = Drawer::new(screen.style);
    if matches!(until, Until::Undone(_)) {
        drawer = drawer.brief();
    }
    // A first look that fails is an error at once: the address or the id may be wrong.
    let (mut next, mut misses) = (0_u64, MISSES_MAX);
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        // The runs first: entries that are read after the last run ended are all there will be of them.
        // That people were told how it ended may come later, and is not waited for.
        let look = async {
            let over = is_over(client, case, until).await?;
            Ok::<_, CliError>((over, Chain::fetch(client, case, next).await?))
        };
        let looked = tokio::select! {
            looked = look => looked,
            _ = &mut interrupted => return Ok(Ended::Interrupted),
        };
        match looked {
            Ok((over, chain)) => {
                misses = 0;
                let entries: Vec<Entry> = chain.read()?;
                let known = usize::try_from(from.saturating_sub(next)).unwrap_or(usize::MAX);
                let known = known.min(entries.len());
                next += entries.len() as u64;
                drop(drawer.draw(&entries[..known]));
                let drawn = drawer.draw(&entries[known..]);
                if !drawn.is_empty() {
                    screen.line(drawn.trim_end())?;
                }
                if screen.json {
                    seen.extend(
                        chain
                            .entries
                            .iter()
                            .skip(known)
                            .filter_map(|(bytes, _)| serde_json::from_slice(bytes).ok()),
                    );
                }
                if over {
                    return Ok(Ended::Over);
                }
            }
            Err(error) if may_pass(&error) && misses < MISSES_MAX => {
                if misses == 0 {
                    screen.note(&format!("{error}; trying again"));
                }
                misses += 1;
            }
            Err(error) => return Err(error),
        }
        if screen.is_closed() {
            return Ok(Ended::Interrupted);
        }
        tokio::select! {
            () = client.clock.sleep(POLL) => {}
            _ = &mut interrupted => return Ok(Ended::Interrupted),
        }
    }
}

fn may_pass(error: &CliError) -> bool {
    [Code::CLIENT, Code::UNAVAILABLE].contains(&error.code)
}

async fn is_over(client: &Client, case: &CaseId, until: &Until) -> Result<bool, CliError> {
    let mut answer: Value = client.get(&["v1", "cases", case.as_str()], &[]).await?;
    let runs = items(&mut answer, "runs");
    let over =
        |run: &Value| RunState::from_label(text(run, "state")).is_some_and(RunState::is_over);
    Ok(match until {
        Until::Interrupted => false,
        Until::AllOver => runs.iter().all(over),
        Until::Over(id) | Until::Undone(id) => {
            runs.iter().any(|run| text(run, "id") == id.as_str() && over(run))
        }
    })
}
