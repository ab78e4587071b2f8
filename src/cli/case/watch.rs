//! `case watch`: the timeline as it grows, until nothing is under way.

use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::Value;

use super::fetch::fetch;
use crate::cli::client::{Client, text};
use crate::cli::outcome::{Failure, Outcome};
use crate::cli::{Common, draw, paint};
use crate::clock::{Clock, SystemClock};
use crate::id::CaseId;

/// The time between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Follows the case. What waits for a person is under way: the watch goes on.
pub async fn watch(common: &Common, client: &Client, id: &CaseId) -> Result<Outcome, Failure> {
    let clock = SystemClock::new();
    let spinner = paint::watched().then(|| {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(LOOK / 4);
        bar
    });
    let (mut from, mut opened) = (0, None);
    loop {
        // The case is read first: what its status rests on is then in the timeline already.
        let case = client.get(&format!("/v1/cases/{id}")).await?;
        let fetched = fetch(client, id, from).await?;
        from += fetched.entries.len() as u64;
        for raw in &fetched.entries {
            let lines = match raw.entry() {
                Some(entry) if !common.json => {
                    let opened = *opened.get_or_insert(entry.at);
                    draw::draw(&entry, opened)
                }
                _ => vec![raw.text().to_owned()],
            };
            let print = || lines.iter().for_each(|line| paint::line(line));
            match &spinner {
                Some(bar) => bar.suspend(print),
                None => print(),
            }
        }
        let status = text(&case, "status");
        if over(&case) {
            if let Some(bar) = &spinner {
                bar.finish_and_clear();
            }
            if !common.json {
                paint::line(&format!("{id} is {}", paint::status(status)));
            }
            return Ok(if status == "attention" {
                Outcome::No
            } else {
                Outcome::Done
            });
        }
        if let Some(bar) = &spinner {
            bar.set_message(format!("{id} is {}", paint::clean(status)));
        }
        clock.sleep(LOOK).await;
    }
}

/// Whether every run of the case has ended.
fn over(case: &Value) -> bool {
    let runs = case
        .get("runs")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    runs.iter()
        .all(|run| matches!(text(run, "state"), "succeeded" | "failed" | "halted"))
}
