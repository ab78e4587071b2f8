//! A parameter that need not be there, handed straight to a step that needs it: the run fails in the
//! incident whose finding lacks it.
//!
//! Says something only of `run`, and only where nothing is asked of the parameter anywhere in it.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::chain::{Link, chain, variable};
use super::function::{Function, Functions, closure, folded};
use super::warning;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::header::Header;
use crate::runbook::host::{Api, HostKind};

/// What is told a value does not ask anything of it.
const TELLING: &[&str] = &["debug", "log", "notify", "print"];

/// Warns of every optional parameter that a step needs and that nothing tests.
pub(super) fn optional(functions: &Functions, api: &Api, header: &Header) -> Vec<Diagnostic> {
    let run = functions.iter().find(|one| one.name == "run" && one.params.len() == 2);
    let Some(run) = run else { return Vec::new() };
    let mut reader = Reader {
        functions,
        api,
        p: &run.params[1],
        needed: BTreeMap::new(),
        asked: BTreeSet::new(),
        unknown: false,
        closures: BTreeSet::new(),
    };
    reader.read(run, Place::Sure);
    if reader.unknown {
        return Vec::new();
    }
    let optional = header.params.iter().filter(|param| !param.required);
    let optional = optional.filter(|param| !reader.asked.contains(&param.name));
    let uses = optional.filter_map(|param| Some((&param.name, reader.needed.get(&param.name)?)));
    uses.map(|(name, (call, at))| {
        let whole = format!("{}.{name}", reader.p);
        let message = format!("`{whole}` may be `()`, and `{call}` fails then");
        warning(message, *at, Some(format!("test it first: `if {whole} != () {{ … }}`")))
    })
    .collect()
}

/// Whether what stands here is done whatever is known by then.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Sure,
    /// Under a condition, or in a `try`: the condition may stand for the test.
    Perhaps,
}

struct Reader<'a> {
    functions: &'a Functions,
    api: &'a Api,
    /// The name of the parameters in `run`.
    p: &'a str,
    /// The first step that needs a parameter, by its name.
    needed: BTreeMap<String, (String, Position)>,
    /// Parameters of which something else is done than that.
    asked: BTreeSet<String>,
    /// The parameters as a whole are used.
    unknown: bool,
    closures: BTreeSet<String>,
}

impl Reader<'_> {
    fn read(&mut self, function: &Function, place: Place) {
        for statement in &function.body {
            statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
                let Some((last, above)) = path.split_last() else { return true };
                let sure = place == Place::Sure && !above.iter().any(is_condition);
                let place = if sure { Place::Sure } else { Place::Perhaps };
                match last {
                    ASTNode::Expr(expr) => self.expression(expr, above, place),
                    ASTNode::Stmt(statement) => self.statement(statement),
                    _ => {}
                }
                true
            });
        }
    }

    /// A variable with the name of the parameters is another one.
    fn statement(&mut self, statement: &Stmt) {
        self.unknown |= match statement {
            Stmt::Var(var, ..) => var.0.name == self.p,
            Stmt::For(parts, _) => parts.0.name == self.p,
            Stmt::TryCatch(flow, _) => variable(&flow.expr) == Some(self.p),
            _ => false,
        };
    }

    fn expression(&mut self, expr: &Expr, above: &[ASTNode<'_>], place: Place) {
        if variable(expr) == Some(self.p) {
            self.mention(above, place);
        }
        let written: Vec<(String, usize)> = match expr {
            Expr::DynamicConstant(value, _) if !is_curried(above) => {
                folded(value).into_iter().map(|name| (name, 0)).collect()
            }
            Expr::FnCall(..) | Expr::Stmt(..) => {
                closure(expr).map(|(name, held)| (name, held.len())).into_iter().collect()
            }
            _ => Vec::new(),
        };
        let functions = self.functions;
        for (name, captured) in written {
            let Some(closure) = functions.closure(&name) else { continue };
            self.unknown |= closure.params.iter().skip(captured).any(|name| name == self.p);
            if self.closures.insert(name) {
                self.read(closure, place);
            }
        }
    }

    fn mention(&mut self, above: &[ASTNode<'_>], place: Place) {
        if is_curried(above) {
            return;
        }
        let Some((ASTNode::Expr(parent), above)) = above.split_last() else {
            self.unknown = true;
            return;
        };
        let (Expr::Dot(_, flags, _) | Expr::Index(_, flags, _)) = *parent else {
            self.unknown = true;
            return;
        };
        let links = chain(parent).1;
        let Some(Link::Field(name, _)) = links.first() else {
            self.unknown = true;
            return;
        };
        let whole = links.len() == 1 && !flags.contains(ASTFlags::NEGATED);
        // What is put into a text stands in a block there.
        let is_block = |node: &&ASTNode<'_>| {
            matches!(node, ASTNode::Stmt(Stmt::Expr(_)) | ASTNode::Expr(Expr::Stmt(_)))
        };
        match above.iter().rev().find(|node| !is_block(node)).filter(|_| whole) {
            Some(ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _))) => {
                match self.needs(call, parent) {
                    Some(step) if place == Place::Sure => {
                        let at = parent.start_position();
                        self.needed.entry((*name).to_owned()).or_insert((step, at));
                    }
                    _ if call.namespace.is_empty() && TELLING.contains(&call.name.as_str()) => {}
                    _ => {
                        self.asked.insert((*name).to_owned());
                    }
                }
            }
            Some(ASTNode::Expr(Expr::InterpolatedString(..) | Expr::Map(..) | Expr::Array(..))) => {
            }
            _ => {
                self.asked.insert((*name).to_owned());
            }
        }
    }

    /// The step of this call, where it needs this argument.
    fn needs(&self, call: &FnCallExpr, arg: &Expr) -> Option<String> {
        let name = format!("{}::{}", call.namespace, call.name);
        let function = self.api.find(&name)?;
        let index = call.args.iter().position(|one| std::ptr::eq(one, arg))?;
        let is_step = matches!(function.kind, HostKind::Action(_) | HostKind::Query);
        (is_step && function.params.get(index)?.required).then_some(name)
    }
}

fn is_condition(node: &ASTNode<'_>) -> bool {
    matches!(
        node,
        ASTNode::Stmt(
            Stmt::If(..) | Stmt::While(..) | Stmt::Do(..) | Stmt::Switch(..) | Stmt::TryCatch(..)
        ) | ASTNode::Expr(Expr::And(..) | Expr::Or(..) | Expr::Coalesce(..))
    )
}

/// Whether this is what a closure captures, or the closure itself.
fn is_curried(above: &[ASTNode<'_>]) -> bool {
    match above.last() {
        Some(ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _))) => {
            call.name == "curry"
        }
        _ => false,
    }
}
