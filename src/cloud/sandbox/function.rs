//! Lambda functions, as far as they may be invoked and by what. Nothing runs here.

use serde::{Deserialize, Serialize};

use super::refusal::Refused;
use super::world::World;
use crate::change::{FunctionChange, Polling, Tags};
use crate::cloud::{EventSource, Function};
use crate::id::{Digest, EventSourceId, FunctionName, Place, RoleName};

/// Executions of an account at once in a Region, as long as nobody asks for more (Lambda quotas).
const AT_ONCE: u32 = 1000;
/// Of those, what must be left for functions without a reservation (Lambda Developer Guide, "Configuring
/// reserved concurrency").
const UNRESERVED_MIN: u32 = 100;
/// Reads that still show an event source on its way.
const LOOKS: u32 = 1;

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionState {
    /// The role that it runs in.
    pub role: RoleName,
    /// Executions that are reserved for it; `None`: not set.
    pub concurrency: Option<u32>,
    /// Its event sources.
    pub sources: Vec<SourceState>,
    /// Whether its policy lets everybody call it.
    pub public: bool,
    /// Its tags.
    pub tags: Tags,
}

/// An event source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// The id of the mapping.
    pub id: EventSourceId,
    /// The ARN of what is read.
    pub source: String,
    /// What it was told last.
    pub polling: Polling,
    /// Reads that still show it on its way there.
    pub looks_left: u32,
}

impl SourceState {
    fn shown(&mut self) -> EventSource {
        let state = match (self.looks_left, self.polling) {
            (0, settled) => settled.label(),
            (_, Polling::On) => "Enabling",
            (_, Polling::Off) => "Disabling",
        };
        self.looks_left = self.looks_left.saturating_sub(1);
        let (id, source) = (self.id.clone(), Some(self.source.clone()));
        EventSource { id, source, state: state.to_owned() }
    }
}

/// What GetFunctionConfiguration and its kin show; counts as a look at its event sources.
pub fn shown(world: &mut World, at: &Place, name: &FunctionName) -> Option<Function> {
    let region = world.accounts.get_mut(&at.account)?.regions.get_mut(&at.region)?;
    let found = region.functions.get_mut(name)?;
    Some(Function {
        name: name.clone(),
        role: found.role.clone(),
        code_sha256: code_sha256(name),
        concurrency: found.concurrency,
        sources: found.sources.iter_mut().map(SourceState::shown).collect(),
        public: found.public,
    })
}

/// In the form of a SHA-256 in base64, the same for the same function.
fn code_sha256(name: &FunctionName) -> String {
    format!("{}=", &Digest::of(name.as_str().as_bytes()).as_str()[..43])
}

/// PutFunctionConcurrency, DeleteFunctionConcurrency or UpdateEventSourceMapping.
pub fn apply(world: &mut World, at: &Place, change: &FunctionChange) -> Result<(), Refused> {
    match change {
        FunctionChange::Concurrency { function, after, .. } => reserve(world, at, function, *after),
        FunctionChange::EventSource { function, mapping, after, .. } => {
            poll(world, at, function, mapping, *after)
        }
    }
}

fn reserve(
    world: &mut World,
    at: &Place,
    name: &FunctionName,
    after: Option<u32>,
) -> Result<(), Refused> {
    function_mut(world, at, name)?;
    let functions = &mut world.region_mut(at)?.functions;
    let others = functions.iter().filter(|(other, _)| *other != name);
    let others: u32 = others.filter_map(|(_, function)| function.concurrency).sum();
    let left = AT_ONCE.saturating_sub(others).saturating_sub(after.unwrap_or(0));
    // To keep a function from running, or to reserve nothing, never takes anything from the others.
    if after.is_some_and(|n| n > 0) && left < UNRESERVED_MIN {
        return Err(Refused::new(
            "InvalidParameterValueException",
            format!(
                "Specified ReservedConcurrentExecutions for function decreases account's \
                 UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MIN}]."
            ),
        ));
    }
    function_mut(world, at, name)?.concurrency = after;
    Ok(())
}

fn poll(
    world: &mut World,
    at: &Place,
    name: &FunctionName,
    mapping: &EventSourceId,
    after: Polling,
) -> Result<(), Refused> {
    let sources = &mut function_mut(world, at, name)?.sources;
    let Some(source) = sources.iter_mut().find(|source| source.id == *mapping) else {
        return Err(gone(&format!("The event source mapping {mapping}")));
    };
    if source.looks_left > 0 {
        let why = "Cannot update the event source mapping because it is in use.";
        return Err(Refused::new("ResourceInUseException", why));
    }
    if source.polling != after {
        (source.polling, source.looks_left) = (after, LOOKS);
    }
    Ok(())
}

/// A function in its Region.
pub fn function_mut<'a>(
    world: &'a mut World,
    at: &Place,
    name: &FunctionName,
) -> Result<&'a mut FunctionState, Refused> {
    let found = world.region_mut(at)?.functions.get_mut(name);
    found.ok_or_else(|| gone(&format!("Function {name}")))
}

fn gone(what: &str) -> Refused {
    Refused::new("ResourceNotFoundException", format!("{what} was not found"))
}
