//! Lambda functions, from a scenario.

use super::super::function::{FunctionState, SourceState};
use super::super::scenario::{AccountSpec, SourceSpec};
use super::super::world::Account;
use super::state;
use crate::change::Polling;

pub(super) fn add_functions(account: &mut Account, spec: &AccountSpec) -> Result<(), String> {
    for function in &spec.function {
        if !account.roles.contains_key(&function.role) {
            return Err(format!("function {}: there is no role {}", function.name, function.role));
        }
        let source = |one: &SourceSpec| SourceState {
            id: one.id.clone(),
            source: one.source.clone(),
            polling: if one.off { Polling::Off } else { Polling::On },
            looks_left: 0,
        };
        let built = FunctionState {
            role: function.role.clone(),
            concurrency: function.concurrency,
            sources: function.sources.iter().map(source).collect(),
            public: function.public,
            tags: function.tags.clone(),
        };
        let region = state(account, function.region.as_ref().unwrap_or(&spec.region));
        region.functions.insert(function.name.clone(), built);
    }
    Ok(())
}
