//! Tests over whole scripts: data and one `check` each.

mod compared;
mod errors;
mod exposed;
mod hostile;
mod linting;
mod misspelt;
mod misspelt_options;
mod optional;
mod order;
mod policy;
mod reach;
mod replay;
mod shipped;
mod sources;
mod swallowed;
mod traps;
mod truth;

use std::sync::{Arc, LazyLock, mpsc};

use async_trait::async_trait;
use rhai::Engine;
use serde_json::{Value, json};

use super::advance::advance;
use super::engine::build_engine_with;
use super::limits::STACK_BYTES;
use super::*;
use crate::action::{LookError, ParamKind, ParamSpec, Params, Query, Shape, queries, registry};
use crate::change::Permission;
use crate::cloud::Session;
use crate::id::Place;
use crate::routing::Mode;

/// A query that this build may lack; only its name and parameters matter to a script.
struct NamedQuery(&'static str, &'static [ParamSpec]);

const INSTANCE: &[ParamSpec] =
    &[ParamSpec { name: "instance", kind: ParamKind::InstanceId, required: true, doc: "" }];
const ROLE: &[ParamSpec] =
    &[ParamSpec { name: "role", kind: ParamKind::RoleName, required: true, doc: "" }];
const USER: &[ParamSpec] =
    &[ParamSpec { name: "user", kind: ParamKind::UserName, required: true, doc: "" }];

#[async_trait]
impl Query for NamedQuery {
    fn name(&self) -> &'static str {
        self.0
    }
    fn summary(&self) -> &'static str {
        "Named by a test."
    }
    fn params(&self) -> &'static [ParamSpec] {
        self.1
    }
    fn output(&self) -> Shape {
        Shape::Any
    }
    fn permissions(&self, _at: &Place) -> std::collections::BTreeSet<Permission> {
        std::collections::BTreeSet::new()
    }
    async fn read(
        &self,
        _session: &dyn Session,
        _at: &Place,
        _params: &Params,
    ) -> Result<Value, LookError> {
        Ok(Value::Null)
    }
}

static NAMED: [NamedQuery; 3] = [
    NamedQuery("look::instance", INSTANCE),
    NamedQuery("look::role", ROLE),
    NamedQuery("look::user", USER),
];

/// The engine of this build, with every query that runbooks rely on.
pub(super) static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let mut all: Vec<&'static dyn Query> = queries().to_vec();
    for query in &NAMED {
        if !all.iter().any(|known| known.name() == query.name()) {
            all.push(query);
        }
    }
    Arc::new(build_engine_with(registry(), &all))
});

/// The parameters of [`script`], each from the finding.
const NAMES: [&str; 13] =
    ["c", "i", "instance", "list", "n", "q", "resource", "role", "t", "tags", "text", "user", "x"];

/// A whole script around the body of `run`, which begins in line 4.
pub(super) fn script(body: &str) -> String {
    let params = NAMES.map(|name| format!("{name}: #{{ type: \"text\", from: \"id\" }}"));
    format!(
        "//! A test.\nconst RUNBOOK = #{{ on: [\"*\"], params: #{{ {} }} }};\nfn run(case, p) {{\n{body}\n}}\n",
        params.join(", ")
    )
}

/// Lints a script. Each line `line:column: level number: message (help)`, of which `wanted` has
/// parts, with ` … ` between them.
pub(super) fn lints(source: &str, wanted: &[&str]) {
    let found: Vec<String> = lint(&ENGINE, source).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), wanted.len(), "{found:#?}\n{source}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(wanted.split(" … ").all(|part| found.contains(part)), "{found}\nwanted: {wanted}");
    }
}

pub(super) fn compiled(source: &str) -> Runbook {
    compile(&ENGINE, "test".parse().unwrap(), source).unwrap_or_else(|all| {
        panic!("{}\n{source}", all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

pub(super) fn facts(case: Value, params: Value) -> Facts {
    Facts { case, params: params.as_object().unwrap().clone(), mode: Mode::Contain }
}

/// Evaluates on a thread with the stack that production uses.
pub(super) fn on_big_stack<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || drop(send.send(act())))
        .unwrap();
    receive.recv().unwrap()
}

/// Evaluates the body of `run` once, with nothing recorded.
pub(super) fn once(body: &str) -> Advance {
    let source = script(body);
    on_big_stack(move || {
        let runbook = compiled(&source);
        advance(&ENGINE, &runbook, &facts(json!({"id": "case-0001"}), json!({})), &Recorded::new())
    })
}

/// Plays the driver: performs what is wanted as `perform` says, until the script ends.
/// Returns the end and every step in the order in which it was wanted.
pub(super) fn drive(
    runbook: &Runbook,
    facts: &Facts,
    mut perform: impl FnMut(&Wanted) -> Result<Value, StepFailure>,
) -> (Advance, Vec<Wanted>) {
    let (mut recorded, mut asked) = (Recorded::new(), Vec::new());
    loop {
        match advance(&ENGINE, runbook, facts, &recorded) {
            Advance::Steps(wanted) => {
                for step in wanted {
                    let outcome = perform(&step);
                    recorded.insert(
                        step.key.clone(),
                        RecordedStep {
                            name: step.name.clone(),
                            args: step.args.clone(),
                            outcome: Some(outcome),
                        },
                    );
                    asked.push(step);
                }
            }
            end => return (end, asked),
        }
    }
}

pub(super) fn failure(message: &str) -> StepFailure {
    StepFailure {
        code: "E0505".to_owned(),
        class: "denied".to_owned(),
        message: message.to_owned(),
    }
}

/// `key name args` of each step.
pub(super) fn shown(asked: &[Wanted]) -> Vec<String> {
    asked.iter().map(|step| format!("{} {} {}", step.key, step.name, step.args)).collect()
}
