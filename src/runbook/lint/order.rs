//! Telling people and tagging come after containment: they can fail, and they cost time.
//!
//! Read in the order in which things happen, as far as a script says it: what a function of the script
//! does stands where it is called. When a closure runs is not known here; those of one `parallel` run
//! beside each other where it stands, so none of them comes before another.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::function::{Function, Functions, closure, folded};
use super::warning;
use crate::change::Urgency;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::host::{Api, HostFunction};

/// Warns of what comes before containment and could come after it.
pub(super) fn order(ast: &AST, api: &Api) -> Vec<Diagnostic> {
    let functions = Functions::of(ast);
    let events: BTreeMap<Key, Vec<(Position, Event)>> = functions
        .iter()
        .map(|function| (key(function), events(function, &functions, api)))
        .collect();
    let mut reader = Reader {
        containing: containing(&events),
        events: &events,
        read: BTreeSet::new(),
        found: Vec::new(),
    };
    reader.function(&("run".to_owned(), 2), Later::default());
    reader.found
}

/// A function's name and its number of parameters.
type Key = (String, usize);

fn key(function: &Function) -> Key {
    (function.name.clone(), function.params.len())
}

/// Whether something is contained later.
#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Later {
    /// At all.
    any: bool,
    /// Also after a closure that is written here, whenever it runs.
    surely: bool,
}

/// What happens at one place of a function.
#[derive(Clone)]
enum Event {
    Contains,
    /// This function tells or tags.
    Delays(String),
    /// A function of the script is called.
    Calls(Key),
    /// A closure is written, in the arguments of the `parallel` at this place.
    Writes(Key, Option<Position>),
}

struct Reader<'a> {
    events: &'a BTreeMap<Key, Vec<(Position, Event)>>,
    /// The functions that contain something, themselves or by what they call.
    containing: BTreeSet<Key>,
    /// What was read already, and with what after it: a function may call itself.
    read: BTreeSet<(Key, Later)>,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// Reads a function from its end to its beginning.
    fn function(&mut self, function: &Key, mut later: Later) {
        let Some(events) = self.events.get(function) else { return };
        if !self.read.insert((function.clone(), later)) {
            return;
        }
        let mut events = events.clone();
        while let Some((at, event)) = events.pop() {
            match event {
                Event::Contains => later = Later { any: true, surely: true },
                Event::Delays(name) if later.any => self.report(&name, at),
                Event::Delays(_) => {}
                Event::Calls(called) => {
                    self.function(&called, later);
                    if self.containing.contains(&called) {
                        later = Later { any: true, surely: true };
                    }
                }
                Event::Writes(closure, parallel) => {
                    let mut beside = vec![closure];
                    events.retain(|(_, event)| match event {
                        Event::Writes(other, place) if parallel.is_some() && *place == parallel => {
                            beside.push(other.clone());
                            false
                        }
                        _ => true,
                    });
                    for closure in &beside {
                        self.function(closure, Later { any: later.surely, ..later });
                    }
                    if beside.iter().any(|closure| self.containing.contains(closure)) {
                        let surely = later.surely || parallel.is_some();
                        later = Later { any: true, surely };
                    }
                }
            }
        }
    }

    fn report(&mut self, name: &str, at: Position) {
        let help = Some("move it after the last `contain::…`".to_owned());
        let wrong = warning(format!("`{name}` comes before containment"), at, help);
        // One function may be called more than once.
        if !self.found.contains(&wrong) {
            self.found.push(wrong);
        }
    }
}

fn containing(events: &BTreeMap<Key, Vec<(Position, Event)>>) -> BTreeSet<Key> {
    let mut found = BTreeSet::<Key>::new();
    loop {
        let contains = |event: &Event| match event {
            Event::Contains => true,
            Event::Delays(_) => false,
            Event::Calls(other) | Event::Writes(other, _) => found.contains(other),
        };
        let more: Vec<Key> = events
            .iter()
            .filter(|(key, events)| {
                !found.contains(*key) && events.iter().any(|(_, event)| contains(event))
            })
            .map(|(key, _)| key.clone())
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// What happens in a function, in the order of the source.
fn events(function: &Function, functions: &Functions, api: &Api) -> Vec<(Position, Event)> {
    let mut found = Vec::new();
    for statement in &function.body {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::FnCall(call, at))) => {
                    found.extend(called(call, api).map(|event| (*at, event)));
                }
                Some(ASTNode::Expr(expr)) => {
                    if let Expr::FnCall(call, at) | Expr::MethodCall(call, at) = expr {
                        found.extend(called(call, api).map(|event| (*at, event)));
                    }
                    let at = expr.position();
                    let parallel = path.iter().find_map(parallel);
                    for name in written(expr) {
                        if let Some(function) = functions.closure(&name) {
                            found.push((at, Event::Writes(key(function), parallel)));
                        }
                    }
                }
                _ => {}
            }
            true
        });
    }
    found.sort_by_key(|(at, _)| (at.line(), at.position()));
    found
}

/// The closures that an expression is.
pub(super) fn written(expr: &Expr) -> Vec<String> {
    match expr {
        Expr::DynamicConstant(value, _) => folded(value),
        _ => closure(expr).map(|(name, _)| name).into_iter().collect(),
    }
}

fn parallel(node: &ASTNode<'_>) -> Option<Position> {
    match node {
        ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at)) => {
            (call.name == "parallel").then_some(*at)
        }
        _ => None,
    }
}

fn called(call: &FnCallExpr, api: &Api) -> Option<Event> {
    let name = if call.namespace.is_empty() {
        call.name.to_string()
    } else {
        format!("{}::{}", call.namespace, call.name)
    };
    match api.find(&name).and_then(HostFunction::urgency) {
        Some(Urgency::Containment) => Some(Event::Contains),
        Some(Urgency::Description) => Some(Event::Delays(name)),
        _ if name == "notify" => Some(Event::Delays(name)),
        _ => Some(Event::Calls((name, call.args.len()))),
    }
}
