//! The schema's versions: embedded, applied in order at open, refused when they were changed.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AssertSqlSafe, SqlSafeStr};

use super::{StoreError, dialect};

/// Every migration: version, name, text. A released one is never changed; a new one is added.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "ground", include_str!("migrations/0001_ground.sql")),
    (2, "order", include_str!("migrations/0002_order.sql")),
    (3, "targets", include_str!("migrations/0003_targets.sql")),
    (4, "preserves", include_str!("migrations/0004_preserves.sql")),
    (5, "ends", include_str!("migrations/0005_ends.sql")),
    (6, "decided", include_str!("migrations/0006_decided.sql")),
    (7, "messages", include_str!("migrations/0007_messages.sql")),
    (8, "unreadable", include_str!("migrations/0008_unreadable.sql")),
    (9, "said", include_str!("migrations/0009_said.sql")),
    (10, "runs_target", include_str!("migrations/0010_runs_target.sql")),
    (11, "gathered", include_str!("migrations/0011_gathered.sql")),
];

/// Brings the database up to this program's schema.
///
/// # Errors
/// In words for an operator when the database is of a newer program, or its schema was changed.
pub(super) async fn migrate(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let migrations = MIGRATIONS.iter().map(|(version, name, text)| {
        // Each applied migration's checksum is stored and compared at every open.
        let sql = AssertSqlSafe(dialect::migration(text)).into_sql_str();
        Migration::new(*version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect()).run_direct(None, connection, false).await.map_err(
        |error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            MigrateError::VersionMissing(version) => StoreError::Corrupt(format!(
                "its schema has version {version}, which a newer Tourniquet made; this one knows {}",
                MIGRATIONS.last().map_or(0, |(version, ..)| *version)
            )),
            MigrateError::VersionMismatch(version) => {
                StoreError::Corrupt(format!("version {version} of its schema is not the one of this program"))
            }
            other => StoreError::Corrupt(other.to_string()),
        },
    )
}
