//! The in-process AWS twin: accounts, Regions, EC2, EBS, IAM, S3, Lambda, GuardDuty and an attacker's view.
//!
//! It behaves as the AWS documentation says, as far as containment and evidence need, and refuses
//! what AWS refuses with AWS's codes. It serves the demo, the tests of playbooks, simulation and
//! drills; it is never asked in a deployment that acts on real accounts. Nothing here knows actions
//! or runs. One process owns a world file at a time.
//!
//! | File | Is |
//! |---|---|
//! | `world` | the state, plain data |
//! | `scenario`, `build` | the readable form of a state, and the way to it |
//! | `session`, `view`, `apply` | the calls: asked, answered, made |
//! | `network`, `address`, `guard`, `disk`, `identity`, `tag`, … | the rules of EC2, EBS, IAM, Lambda and tagging |
//! | `allow`, `policy`, `settle` | permissions of the caller, denies of the attacker, IAM's delay |
//! | `attacker` | whether containment holds, seen from the other side |
//! | `refusal` | AWS's codes and what they mean |

mod address;
mod allow;
mod apply;
mod ask;
mod attacker;
mod balancer;
mod bucket;
mod build;
mod credential;
mod database;
mod disk;
mod finding;
mod function;
mod guard;
mod identity;
mod machine;
mod naming;
mod network;
mod policy;
mod principal;
mod profile;
mod refusal;
mod scaling;
mod scenario;
mod session;
mod settle;
pub mod snapshot_lock;
mod tag;
mod tag_form;
mod task;
#[cfg(test)]
mod tests;
mod trail;
mod trust;
mod view;
mod world;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;

pub use attacker::Attacker;
#[cfg(test)]
pub use attacker::Verdict;
pub use build::EBS_DEFAULT_ALIAS;
#[cfg(test)]
pub use disk::COPIES_AT_ONCE_MAX;
pub use scenario::Scenario;
#[cfg(test)]
pub use settle::Settling;
#[cfg(test)]
pub use snapshot_lock::held;
pub use world::World;
#[cfg(test)]
pub use world::{
    CredentialState, Key, Locked, Machine, RegionState, RoleState, SnapshotRecord, UserState,
    Volume, Vpc,
};

use super::{Cloud, Scope, Session};
use crate::clock::Clock;
use refusal::Refused;

/// A world file that can't be used.
#[derive(Debug, Error)]
#[error("the sandbox's world file {path}: {reason}")]
pub struct WorldFileError {
    /// The file.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The twin. Clones are the same world.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    world: Mutex<World>,
    clock: Arc<dyn Clock>,
    file: Option<PathBuf>,
}

impl Sandbox {
    /// A world in memory.
    #[must_use]
    pub fn new(world: World, clock: Arc<dyn Clock>) -> Self {
        Self { inner: Arc::new(Inner { world: Mutex::new(world), clock, file: None }) }
    }

    /// A world in memory, from the TOML form.
    ///
    /// # Errors
    /// What is wrong with the scenario.
    pub fn from_scenario(text: &str, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let world = World::build(&Scenario::parse(text)?, clock.now())?;
        Ok(Self::new(world, clock))
    }

    /// A world that is kept in `file`, where one is given: read from it if it exists, or else
    /// `initial`; written after every change, before the call returns, so that it outlives the
    /// process. It survives a killed process, not a power cut: nothing is fsynced.
    ///
    /// # Errors
    /// When the file can't be read, understood or written.
    pub fn open(
        file: Option<PathBuf>,
        initial: World,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WorldFileError> {
        let Some(path) = file else {
            return Ok(Self::new(initial, clock));
        };
        let error = |reason: String| WorldFileError { path: path.display().to_string(), reason };
        let world = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| error(e.to_string()))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                write(&path, &initial).map_err(|e| error(e.to_string()))?;
                initial
            }
            Err(e) => return Err(error(e.to_string())),
        };
        Ok(Self { inner: Arc::new(Inner { world: Mutex::new(world), clock, file: Some(path) }) })
    }

    /// The world as it is now, for assertions.
    #[must_use]
    pub fn snapshot_world(&self) -> World {
        self.lock().clone()
    }

    /// Changes the world from outside, as people and other services do: drift, deletion. It is no
    /// mutation of ours.
    ///
    /// # Errors
    /// When the world file can't be written.
    #[cfg(test)]
    pub fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> Result<T, WorldFileError> {
        self.mutate(|world| Ok(change(world))).map_err(|refused| WorldFileError {
            path: self
                .inner
                .file
                .as_deref()
                .map_or_else(String::new, |path| path.display().to_string()),
            reason: refused.message,
        })
    }

    /// The attacker's eyes.
    #[must_use]
    pub fn attacker(&self) -> Attacker {
        Attacker::new(self.clone())
    }

    fn clock(&self) -> &dyn Clock {
        self.inner.clock.as_ref()
    }

    /// Looks without changing anything that is kept.
    fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.lock())
    }

    /// Changes the world, and keeps the change before anybody sees it. `change` leaves no trace
    /// when it refuses.
    fn mutate<T>(
        &self,
        change: impl FnOnce(&mut World) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let mut world = self.lock();
        let Some(path) = &self.inner.file else {
            return change(&mut world);
        };
        let mut next = world.clone();
        let made = change(&mut next)?;
        write(path, &next).map_err(|e| {
            Refused::new("InternalError", format!("the world file can't be written: {e}"))
        })?;
        *world = next;
        Ok(made)
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // A panic under the lock can only come from a test's `edit`; the world is still whole data.
        self.inner.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is waited beyond the delay after which a change of IAM is felt.
const MOMENT: Duration = Duration::from_millis(200);

impl Cloud for Sandbox {
    fn open(&self, scope: Scope) -> Arc<dyn Session> {
        Arc::new(session::SandboxSession::new(self.clone(), scope))
    }

    fn name(&self) -> &'static str {
        "sandbox"
    }

    /// What is made here is seen at once; as long as this, so that the waiting is played, too.
    fn visible_within(&self) -> Duration {
        Duration::from_secs(4)
    }

    /// As long as the world says, and a moment.
    fn spreads_within(&self) -> [Duration; 2] {
        let felt = self.lock().iam_delay() + MOMENT;
        [felt, 2 * felt]
    }
}

/// Writes beside the file and renames, so that a killed process leaves the old world or the new.
fn write(path: &Path, world: &World) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, serde_json::to_vec(world)?)?;
    std::fs::rename(&beside, path)
}
