//! An instance of the sandbox, and what decides how it ends.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::cloud::Instance;
use crate::id::{InterfaceId, VolumeId};

/// An instance, and what only an attacker knows of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// As EC2 shows it.
    pub instance: Instance,
    /// Interfaces on which a connection that was tracked still flows although the groups of today
    /// would not let it begin.
    pub tracked_open: BTreeSet<InterfaceId>,
    /// How it may end.
    #[serde(default)]
    pub ending: Ending,
}

/// The attributes of an instance that decide how it ends; what EC2 sets when nobody says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ending {
    /// Whether it is a Spot Instance.
    pub spot: bool,
    /// Whether the API refuses to terminate it.
    pub protected: bool,
    /// Whether a shutdown from inside terminates it.
    pub terminates_itself: bool,
    /// Its volumes that stay when it is terminated; the others go.
    pub kept: BTreeSet<VolumeId>,
}
