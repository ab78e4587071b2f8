//! The log: `tracing` lines to standard error, as JSON objects or as text.
//!
//! Set up once by the binary. Which events are worth a line is decided where they happen; secrets
//! never reach an event, so nothing here filters them out.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{ConfigError, LogConfig};

/// Checks a filter without using it.
///
/// # Errors
/// When it is no `tracing` filter.
pub fn check(log: &LogConfig) -> Result<(), ConfigError> {
    filter(log).map(drop)
}

/// Starts the log of this process. A second call changes nothing: the first one stands.
///
/// # Errors
/// When the filter is no `tracing` filter.
pub fn start(log: &LogConfig) -> Result<(), ConfigError> {
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter(log)?).with_writer(std::io::stderr);
    let set = if log.format == "json" {
        builder.json().flatten_event(true).with_current_span(false).finish().try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).finish().try_init()
    };
    // Only tests start twice in one process, and there the first log is as good.
    drop(set);
    Ok(())
}

fn filter(log: &LogConfig) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(&log.filter).map_err(|error| ConfigError::Value {
        key: "log.filter".to_owned(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_is_refused() {
        for (text, valid) in [
            ("info", true),
            ("tourniquet=debug,warn", true),
            ("tourniquet=loud", false),
            ("[", false),
        ] {
            let log = LogConfig { filter: text.to_owned(), format: "json".to_owned() };
            assert_eq!(check(&log).is_ok(), valid, "{text}");
        }
    }
}
