//! Lambda functions for the contract suite.

use std::collections::BTreeMap;

use super::{OnSandbox, Outcome};
use crate::change::Polling;
use crate::cloud::sandbox::function::SourceState;
use crate::cloud::sandbox::world::FunctionState;
use crate::id::{EventSourceId, FunctionName, Place};

pub(super) fn function(fixture: &OnSandbox, at: &Place) -> Outcome<(FunctionName, EventSourceId)> {
    let name: FunctionName = format!("function-{}", fixture.n()).parse().unwrap();
    let id: EventSourceId =
        format!("00000000-0000-4000-8000-{:012x}", fixture.n()).parse().unwrap();
    let source = SourceState {
        id: id.clone(),
        source: format!("arn:aws:sqs:{}:{}:queue", at.region, at.account),
        polling: Polling::On,
        looks_left: 0,
    };
    let function = FunctionState {
        role: "function".parse().unwrap(),
        concurrency: None,
        sources: vec![source],
        public: false,
        tags: BTreeMap::new(),
    };
    fixture.edit(|world| {
        world.region_mut(at).unwrap().functions.insert(name.clone(), function);
    })?;
    Ok((name, id))
}
