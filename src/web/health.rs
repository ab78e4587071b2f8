//! Whether the process is up, and whether it can do its work.

use axum::Json;
use axum::extract::State;
use serde_json::json;

use super::App;
use super::handle::Answer;
use super::problem::Problem;
use crate::error::Code;

/// `GET /healthz`: the process answers.
pub async fn healthz() -> Answer {
    Ok(Json(json!({"status": "up"})))
}

/// `GET /readyz`: the store can be written and runs are driven; 503 with the reason when not.
/// Whether the cloud is `aws` or the `sandbox` is said, so that nobody relies on the wrong one.
pub async fn readyz(State(app): State<App>) -> Answer {
    if let Err(error) = app.store.ping().await {
        tracing::error!(error = %error, "not ready: the store can't be used");
        let reason = match app.store.fails_to_write() {
            true => "the database can't be written: look at the disk that it is on",
            false => "the database does not answer",
        };
        return Err(Problem::new(Code::UNAVAILABLE, reason));
    }
    if !(app.driver_alive)() {
        return Err(Problem::new(Code::UNAVAILABLE, "no run is being driven"));
    }
    Ok(Json(json!({"status": "ready", "cloud": app.cloud})))
}
