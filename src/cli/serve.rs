//! `serve`: start the service, say what it uses, and stop in order.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::error::CliError;
use super::screen::Screen;
use super::{Common, cloud, settings, token};
use crate::clock::{Clock, SystemClock};
use crate::id::Ids;
use crate::telemetry;
use crate::web::{Service, Setup};

/// Threads that evaluate scripts: an evaluation takes well under a millisecond, so two keep up with
/// every driven run, and each costs a stack only when it is used.
const SCRIPT_THREADS: usize = 2;

/// Arguments of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Where to listen, over configuration and environment.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

/// Serves until SIGTERM or SIGINT; a second signal ends the process at once.
///
/// # Errors
/// When the configuration is not valid or something can't be started.
pub async fn serve(common: &Common, screen: &mut Screen, args: ServeArgs) -> Result<u8, CliError> {
    let mut config = settings::load(common)?;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    telemetry::start(&config.log)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let cloud = cloud::of(&config, Arc::clone(&clock)).await?;
    let banner = config.describe();
    let open = config.warnings().into_iter().map(|warning| format!("WARNING: {warning}"));
    let mut warnings: Vec<String> = cloud::warning(&config).into_iter().chain(open).collect();
    // Whoever collects a JSON log gets nothing else on its stream; a person gets plain lines.
    let json_only = config.log.format == "json" && !screen.watched;
    let setup = Setup {
        config,
        cloud,
        clock,
        ids: Arc::new(Ids::random()),
        script_threads: SCRIPT_THREADS,
    };
    let service = Service::start(setup).await?;
    warnings.extend(token::warning(service.store(), SystemClock::new().now()).await?);
    for line in &banner {
        announce(screen, json_only, line);
    }
    for warning in &warnings {
        if json_only {
            tracing::warn!("{warning}");
        } else {
            screen.warn(warning);
        }
    }
    let version = env!("CARGO_PKG_VERSION");
    announce(
        screen,
        json_only,
        &format!("tourniquet {version} serves http://{}", service.address()),
    );

    stop_signal().await?;
    tracing::info!("stopping: no new requests, runs under way are given back");
    tokio::select! {
        () = service.stop() => tracing::info!("stopped"),
        again = stop_signal() => {
            again?;
            tracing::warn!("stopped at once; what was under way is taken up at the next start");
        }
    }
    Ok(0)
}

/// Says what is used: a line for a person, or an event of the log.
fn announce(screen: &mut Screen, json_only: bool, line: &str) {
    if json_only {
        tracing::info!("{line}");
    } else {
        screen.warn(line);
    }
}

/// Ends at the next SIGTERM or SIGINT.
async fn stop_signal() -> Result<(), CliError> {
    let listen = |kind| signal(kind).map_err(|error| CliError::system(&error));
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
