//! The table of routes: method, path, who may use it, and what answers. The router is built from
//! this table alone, so that no route is without a decision about who may use it.

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::api::{approvals, cases, export, findings, quarantine, runbooks, runs};
use super::auth::{Door, authorise};
use super::problem::Problem;
use super::{App, health, log};
use crate::error::Code;
use crate::store::Role;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Anyone, without a token.
    Open,
    /// Tokens with one of these roles.
    Roles(&'static [Role]),
}

/// One route.
pub struct Route {
    /// The method.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests compare it with their matrix"))]
    pub method: &'static str,
    /// The path, with `{id}` for ids.
    pub path: &'static str,
    /// Who may use it.
    pub right: Right,
    /// What answers.
    pub handler: fn() -> MethodRouter<App>,
}

use Role::{Admin, Approver, Auditor, Author, Intake, Responder, Viewer};

/// Whoever may look.
const READ: Right = Right::Roles(&[Viewer, Responder, Approver, Author, Admin, Auditor]);
/// Whoever may start, undo and close.
const ACT: Right = Right::Roles(&[Responder, Admin]);
/// Whoever may see raw documents: they can hold more than the case shows.
const RAW: Right = Right::Roles(&[Responder, Admin, Auditor]);

macro_rules! routes {
    ($($method:literal $path:literal $right:expr => $handler:expr;)*) => {
        /// Every route.
        pub const ROUTES: &[Route] = &[
            $(Route { method: $method, path: $path, right: $right, handler: || $handler },)*
        ];
    };
}

routes! {
    "GET"  "/healthz" Right::Open => get(health::healthz);
    "GET"  "/readyz" Right::Open => get(health::readyz);
    "POST" "/v1/findings" Right::Roles(&[Intake, Responder, Admin]) => post(findings::receive);
    "GET"  "/v1/cases" READ => get(cases::list);
    "GET"  "/v1/cases/{id}" READ => get(cases::show);
    "GET"  "/v1/cases/{id}/timeline" READ => get(cases::timeline);
    "GET"  "/v1/cases/{id}/export" RAW => get(export::export);
    "POST" "/v1/cases/{id}/runs" ACT => post(runs::start_in_case);
    "POST" "/v1/cases/{id}/notes" Right::Roles(&[Responder, Approver, Admin]) => post(cases::note);
    "POST" "/v1/cases/{id}/close" ACT => post(cases::close);
    "POST" "/v1/runs" ACT => post(runs::start);
    "GET"  "/v1/runs/{id}" READ => get(runs::show);
    "POST" "/v1/runs/{id}/undo" ACT => post(runs::undo);
    "GET"  "/v1/approvals" READ => get(approvals::pending);
    "GET"  "/v1/approvals/{id}" READ => get(approvals::show);
    "POST" "/v1/approvals/{id}" Right::Roles(&[Approver, Admin]) => post(approvals::decide);
    "GET"  "/v1/runbooks" READ => get(runbooks::list);
    "POST" "/v1/runbooks/{id}/plan" Right::Roles(&[Responder, Author, Admin]) => post(runbooks::plan);
    "GET"  "/v1/quarantine" RAW => get(quarantine::list);
}

/// What to do about a path that is none.
const PATHS: &str = "The API's paths begin with /v1/, and docs/operation.md lists them. For the command line, \
    TOURNIQUET_URL is the service's address alone, such as http://127.0.0.1:8080.";

/// What to do about a method that a path does not have.
const METHODS: &str = "The header Allow of this answer names the methods that the path has.";

/// The router of the table.
pub fn router(app: App) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let mut handler = (route.handler)();
        if let Right::Roles(roles) = route.right {
            // `route_layer` leaves the 405 of other methods outside: it needs no token.
            handler = handler
                .route_layer(from_fn_with_state(Door { app: app.clone(), roles }, authorise));
        }
        router = router.route(route.path, handler);
    }
    router
        .fallback(|| async {
            Problem::new(Code::NOT_FOUND, "there is no such path").with_remedy(PATHS)
        })
        .method_not_allowed_fallback(|| async {
            Problem::bad_request("this path does not have this method")
                .with_status(StatusCode::METHOD_NOT_ALLOWED)
                .with_remedy(METHODS)
        })
        .layer(from_fn(log::within_time))
        .layer(CatchPanicLayer::custom(log::panicked))
        .layer(from_fn_with_state(app.clone(), log::record))
        .with_state(app)
}
