//! API tokens: only the SHA-256 of a secret is stored. What a role may do, and whether a token has
//! expired, is decided where a request is let in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use crate::id::{Digest, TokenId};

use super::row::{Cells, micros, micros_or_none};
use super::runs::SERVICE;
use super::writer::Turn;
use super::{Store, StoreError, TokenRow};

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads cases.
    Viewer,
    /// Starts runs and writes notes.
    Responder,
    /// Decides on questions.
    Approver,
    /// Changes runbooks.
    Author,
    /// Manages tokens.
    Admin,
    /// Reads and exports everything.
    Auditor,
    /// Delivers findings and nothing else.
    Intake,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Viewer,
        Self::Responder,
        Self::Approver,
        Self::Author,
        Self::Admin,
        Self::Auditor,
        Self::Intake,
    ];

    /// The stored label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Approver => "approver",
            Self::Author => "author",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
            Self::Intake => "intake",
        }
    }

    /// The role with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.label() == label)
    }
}

/// Whose a token's name is: entries know people by it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Somebody's who has had none: no token has ever had the name.
    New,
    /// The same person's who had those of this name that are over, or nobody's, as a role is.
    Same,
}

/// A token to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Its public name.
    pub id: TokenId,
    /// What people call it; the actor in entries.
    pub name: String,
    /// Whose name that is.
    pub holder: Holder,
    /// What it may do.
    pub role: Role,
    /// The SHA-256 of the secret.
    pub hash: Digest,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

impl Store {
    /// Stores a token.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the secret or the name is in use, or the name is the service's own;
    /// [`StoreError::NameUsed`] when somebody has had the name before who may be another.
    pub async fn create_token(&self, token: NewToken) -> Result<(), StoreError> {
        if token.name == SERVICE {
            // Entries would say that Tourniquet itself did what this person does.
            return Err(StoreError::conflict("the name `service` is Tourniquet's own"));
        }
        self.write(Turn::Next, move |connection| {
            Box::pin(async move {
                // Approvals tell people apart by the names of their tokens.
                let namesakes =
                    sqlx::query("SELECT expires_at, revoked_at FROM tokens WHERE name = $1")
                        .bind(token.name.as_str())
                        .fetch_all(&mut *connection)
                        .await?;
                let ends = namesakes.iter().map(|row| ended(row, token.created_at));
                let ends = ends.collect::<Result<Vec<_>, _>>()?;
                if ends.contains(&None) {
                    return Err(StoreError::conflict(
                        "a token of this name exists; revoke it first, or choose another name",
                    ));
                }
                if let (Holder::New, Some((at, how))) =
                    (token.holder, ends.into_iter().flatten().max_by_key(|(at, _)| *at))
                {
                    return Err(StoreError::NameUsed { name: token.name, how, at });
                }
                sqlx::query(
                    "INSERT INTO tokens (id, name, role, hash, created_at, expires_at)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                )
                .bind(token.id.as_str())
                .bind(token.name)
                .bind(token.role.label())
                .bind(token.hash.as_str())
                .bind(micros(token.created_at))
                .bind(micros_or_none(token.expires_at))
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Revokes a token; one that is already revoked keeps its time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none.
    pub async fn revoke_token(&self, id: &TokenId, at: Timestamp) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(Turn::Next, move |connection| {
            Box::pin(async move {
                let revoked = sqlx::query(
                    "UPDATE tokens SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1",
                )
                .bind(id.as_str())
                .bind(micros(at))
                .execute(connection)
                .await?;
                if revoked.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
            })
        })
        .await
    }

    /// Every token, revoked ones too, in the order in which they were made.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, name, role, created_at, expires_at, revoked_at FROM tokens ORDER BY created_at, id",
        )
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(from_row).collect()
    }

    /// The token whose secret has this digest, revoked or expired ones too. The lookup is by digest,
    /// so its time says nothing about a secret.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn token_by_hash(&self, hash: &Digest) -> Result<Option<TokenRow>, StoreError> {
        let row = sqlx::query(
            "SELECT id, name, role, created_at, expires_at, revoked_at FROM tokens WHERE hash = $1",
        )
        .bind(hash.as_str())
        .fetch_optional(self.readers())
        .await?;
        row.as_ref().map(from_row).transpose()
    }
}

/// When a token came to its end, and how; `None`: it works at `now`.
fn ended(row: &AnyRow, now: Timestamp) -> Result<Option<(Timestamp, &'static str)>, StoreError> {
    let revoked = row.time_or_none("revoked_at")?.map(|at| (at, "revoked"));
    let expired = row.time_or_none("expires_at")?.filter(|at| *at <= now);
    Ok(revoked.or(expired.map(|at| (at, "that expired"))))
}

fn from_row(row: &AnyRow) -> Result<TokenRow, StoreError> {
    Ok(TokenRow {
        id: row.parsed("id")?,
        name: row.text("name")?,
        role: row.label("role", Role::from_label)?,
        created_at: row.time("created_at")?,
        expires_at: row.time_or_none("expires_at")?,
        revoked_at: row.time_or_none("revoked_at")?,
    })
}
