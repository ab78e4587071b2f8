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
        return Err(Problem::new(Code::UNAVAILABLE, "the database does not answer"));
    }
    if !(app.driver_alive)() {
        return Err(Problem::new(Code::UNAVAILABLE, "no run is being driven"));
    }
    Ok(Json(json!({"status": "ready", "cloud": app.cloud})))
}
