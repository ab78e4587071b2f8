//! Patience that a person can see: a spinner on a terminal when an answer takes longer than a second.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use indicatif::ProgressBar;

use crate::clock::Clock;

/// How long nothing is shown: a spinner that only flashes disturbs.
const QUIET: Duration = Duration::from_secs(1);

/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(120);

/// Waits for `work`; with `spinner`, says on standard error what is waited for.
pub async fn patiently<T>(
    clock: &dyn Clock,
    spinner: bool,
    what: &str,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    if !spinner {
        return work.await;
    }
    tokio::select! {
        result = &mut work => return result,
        () = clock.sleep(QUIET) => {}
    }
    let bar = ProgressBar::new_spinner().with_message(format!("waiting for {what}"));
    bar.enable_steady_tick(TURN);
    let result = work.await;
    bar.finish_and_clear();
    result
}
