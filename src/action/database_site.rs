//! A database where it stands: alone, or in the cluster that has its security groups.

use super::{Context, LookError};
use crate::change::DatabaseRef;
use crate::cloud::{Database, DatabaseCluster, DatabaseGroup};
use crate::id::DatabaseId;

/// A database with its cluster.
pub(super) struct Site {
    /// The one that was named.
    pub(super) database: Database,
    /// The cluster that it is a member of.
    pub(super) cluster: Option<DatabaseCluster>,
}

impl Site {
    /// What has the groups, and its status.
    pub(super) fn owner(&self) -> (DatabaseRef, &str) {
        match &self.cluster {
            Some(cluster) => (DatabaseRef::Cluster(cluster.id.clone()), &cluster.status),
            None => (DatabaseRef::Instance(self.database.id.clone()), &self.database.status),
        }
    }

    /// The security groups of that.
    pub(super) fn groups(&self) -> &[DatabaseGroup] {
        self.cluster.as_ref().map_or(&self.database.groups, |cluster| &cluster.groups)
    }

    /// Everything that answers under the groups.
    pub(super) fn members(&self) -> &[Database] {
        self.cluster
            .as_ref()
            .map_or(std::slice::from_ref(&self.database), |cluster| &cluster.members)
    }

    /// Members whose public address can't be taken away: those of a Multi-AZ DB cluster have what that was
    /// created with (RDS API, ModifyDBCluster has no `PubliclyAccessible`).
    pub(super) fn stay_public(&self) -> Vec<&Database> {
        let fixed = self.cluster.is_some() && !self.database.engine.starts_with("aurora");
        self.members().iter().filter(|member| fixed && member.public).collect()
    }
}

/// Looks it up; `None`: it is not there, or not for long.
pub(super) async fn site(
    context: &Context<'_>,
    id: &DatabaseId,
) -> Result<Option<Site>, LookError> {
    let found = context.session.database(context.at, id).await?;
    let Some(database) = found.filter(|found| found.status != "deleting") else {
        return Ok(None);
    };
    let Some(cluster) = &database.cluster else {
        return Ok(Some(Site { database, cluster: None }));
    };
    let cluster = context.session.database_cluster(context.at, cluster).await?;
    Ok(cluster.map(|cluster| Site { database, cluster: Some(cluster) }))
}
