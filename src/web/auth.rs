//! Who calls: a token in `Authorization: Bearer` or, for EventBridge API destinations, `x-api-key`.
//!
//! Denied by default. A token is looked up by the hash of its secret, so neither the database nor
//! the log ever holds one.

use std::sync::Mutex;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::limit::Limit;
use super::problem::Problem;
use super::secret::{Secret, same};
use crate::error::Code;
use crate::id::{Digest, TokenId};
use crate::store::{Role, TokenRow};

/// How long a token that was looked up is taken as good: a revoked one works this much longer, and
/// a sender of a thousand findings costs one look-up a second.
const KNOWN_FOR: Duration = Duration::from_secs(1);

/// Tokens that are kept in memory.
const KNOWN_MAX: usize = 256;

/// The header that EventBridge API destinations can set (EventBridge User Guide, connections).
const API_KEY: &str = "x-api-key";

/// Who calls, once it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token.
    pub token: TokenId,
    /// What people call it: the actor in entries.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// Looks tokens up, and remembers them for a moment.
pub struct Doorkeeper {
    known: Mutex<Vec<Known>>,
    limit: Option<Limit>,
}

struct Known {
    hash: Digest,
    row: TokenRow,
    until: Duration,
}

/// What stands before one route: the roles that may pass.
#[derive(Clone)]
pub struct Door {
    /// The app.
    pub app: App,
    /// Who may pass.
    pub roles: &'static [Role],
}

impl Doorkeeper {
    /// A doorkeeper that lets every token in `rate_per_second` times a second; 0: without limit.
    #[must_use]
    pub fn new(rate_per_second: u32) -> Self {
        Self { known: Mutex::default(), limit: Limit::per_second(rate_per_second) }
    }

    fn remembered(&self, hash: &Digest, now: Duration) -> Option<TokenRow> {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.retain(|known| known.until > now);
        // Every entry is compared, each in constant time.
        known.iter().fold(None, |found, known| {
            if same(&known.hash, hash) { Some(known.row.clone()) } else { found }
        })
    }

    fn remember(&self, hash: Digest, row: TokenRow, now: Duration) {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.remove(0);
        }
        known.push(Known { hash, row, until: now + KNOWN_FOR });
    }
}

/// The middleware before every route that is not open.
pub async fn authorise(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    // The secret is read before the first wait: a request can't be shared between threads.
    let admitted = match sent(request.headers()) {
        Ok(secret) => admit(&door, &secret).await,
        Err(problem) => Err(problem),
    };
    match admitted {
        Err(problem) => problem.into_response(),
        Ok(caller) => {
            request.extensions_mut().insert(caller.clone());
            let mut response = next.run(request).await;
            // The log line is written outside of this and wants the name.
            response.extensions_mut().insert(caller);
            response
        }
    }
}

async fn admit(door: &Door, secret: &Secret) -> Result<Caller, Problem> {
    let refused = |detail: &str| Problem::new(Code::UNAUTHENTICATED, detail);
    let hash = secret.hash();
    let (keeper, clock) = (&door.app.doorkeeper, &door.app.clock);
    let monotonic = clock.monotonic();
    let row = match keeper.remembered(&hash, monotonic) {
        Some(row) => row,
        None => {
            // One answer for unknown, revoked and expired: a guesser learns nothing.
            let found = door.app.store.token_by_hash(&hash).await?;
            let row = found.ok_or_else(|| refused("the token is not valid"))?;
            keeper.remember(hash, row.clone(), monotonic);
            row
        }
    };
    let expired = row.expires_at.is_some_and(|at| at <= clock.now());
    if row.revoked_at.is_some() || expired {
        return Err(refused("the token is not valid"));
    }
    if let Some(limit) = &keeper.limit
        && let Err(wait) = limit.check(&row.id)
    {
        let problem = Problem::new(Code::RATE_LIMITED, "this token sends more than it may");
        return Err(problem.after(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).max(1)));
    }
    if !door.roles.contains(&row.role) {
        let roles: Vec<&str> = door.roles.iter().map(|role| role.label()).collect();
        let detail = format!("role {} may not do this; {} may", row.role.label(), roles.join(", "));
        return Err(Problem::new(Code::FORBIDDEN, detail));
    }
    Ok(Caller { token: row.id, name: row.name, role: row.role })
}

fn missing() -> Problem {
    Problem::new(Code::UNAUTHENTICATED, "the request carries no token")
}

/// The secret that a request carries.
fn sent(headers: &HeaderMap) -> Result<Secret, Problem> {
    let invalid = || Problem::new(Code::UNAUTHENTICATED, "the token is not valid");
    let text = match (headers.get(AUTHORIZATION), headers.get(API_KEY)) {
        (Some(value), _) => {
            let value = value.to_str().map_err(|_| invalid())?;
            let (scheme, rest) = value.split_once(' ').ok_or_else(invalid)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(invalid());
            }
            rest
        }
        (None, Some(value)) => value.to_str().map_err(|_| invalid())?,
        (None, None) => return Err(missing()),
    };
    Secret::sent(text).ok_or_else(invalid)
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Without the middleware there is no caller, and then nobody may do anything.
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}
