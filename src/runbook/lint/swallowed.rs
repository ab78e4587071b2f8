//! A no that is caught and changes nothing: `try { approve("…"); } catch (e) { log("no"); }`, and then
//! the containment that was asked about.
//!
//! Says nothing where the answer can reach what follows: by an assignment, a method, a function of the
//! script, a return, or because the containment stands inside the try.

use rhai::{ASTNode, Expr, FnCallExpr, Stmt};

use super::function::Functions;
use super::order::written;
use super::warning;
use crate::change::Urgency;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::host::{Api, HostFunction};

/// What may stand in the `try` beside the question without being what was asked about.
const BESIDE: &[&str] = &["approve", "debug", "log", "print"];
/// What may stand in the `catch` without being an answer to the no.
const TELLING: &[&str] = &["debug", "log", "notify", "print", "sleep"];

/// Warns of every no that is caught, and after which something is contained all the same.
pub(super) fn swallowed(functions: &Functions, api: &Api) -> Vec<Diagnostic> {
    let mut reader = Reader { functions, api, found: Vec::new() };
    for function in functions.iter() {
        reader.block(&function.body, After::default());
    }
    reader.found
}

/// What comes later in the function.
#[derive(Default, Clone, Copy)]
struct After {
    contains: bool,
    asks: bool,
}

impl After {
    fn or(self, other: Self) -> Self {
        Self { contains: self.contains || other.contains, asks: self.asks || other.asks }
    }
}

struct Reader<'a> {
    functions: &'a Functions,
    api: &'a Api,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn block(&mut self, statements: &[Stmt], later: After) {
        for (n, statement) in statements.iter().enumerate() {
            let rest = &statements[n + 1..];
            let ends = rest.iter().any(|one| matches!(one, Stmt::Return(..) | Stmt::BreakLoop(..)));
            let reached = rest.iter().map(|one| self.does(one)).fold(After::default(), After::or);
            // What stands behind a `return` of this block is not reached.
            self.statement(statement, if ends { reached } else { reached.or(later) });
        }
    }

    fn statement(&mut self, statement: &Stmt, later: After) {
        match statement {
            Stmt::If(flow, _) => {
                self.block(flow.body.statements(), later);
                self.block(flow.branch.statements(), later);
            }
            Stmt::While(flow, _) | Stmt::Do(flow, ..) => self.block(flow.body.statements(), later),
            Stmt::For(parts, _) => self.block(parts.2.body.statements(), later),
            Stmt::Block(block) => self.block(block.statements(), later),
            Stmt::TryCatch(flow, at) => {
                let (tried, caught) = (flow.body.statements(), flow.branch.statements());
                let asks = tried.iter().any(|one| self.does(one).asks);
                let idle = self.idle(tried, BESIDE) && self.idle(caught, TELLING);
                if later.contains && !later.asks && asks && idle {
                    let help = "put the containment inside the `try`, or `throw` or `return` in the \
                                `catch`";
                    self.found.push(warning(
                        "a no is caught here, and what follows is contained all the same",
                        *at,
                        Some(help.to_owned()),
                    ));
                }
                self.block(tried, later);
                self.block(caught, later);
            }
            _ => {}
        }
    }

    /// Whether nothing but asking and telling is done here, and nothing is kept for later.
    fn idle(&self, statements: &[Stmt], beside: &[&str]) -> bool {
        statements.iter().all(|statement| {
            statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| match path.last() {
                Some(ASTNode::Stmt(statement)) => match statement {
                    Stmt::FnCall(call, _) => self.is_beside(call, beside),
                    Stmt::Return(..) | Stmt::BreakLoop(..) | Stmt::Assignment(..) => false,
                    Stmt::TryCatch(..) => false,
                    _ => true,
                },
                Some(ASTNode::Expr(Expr::FnCall(call, _))) => self.is_beside(call, beside),
                Some(ASTNode::Expr(Expr::MethodCall(..))) => false,
                Some(ASTNode::Expr(expr)) => written(expr).is_empty(),
                _ => true,
            })
        })
    }

    fn is_beside(&self, call: &FnCallExpr, beside: &[&str]) -> bool {
        let own = self.functions.has(&call.name) || call.capture_parent_scope;
        let plain = call.namespace.is_empty() && beside.contains(&call.name.as_str());
        !own && (plain || call.op_token.is_some())
    }

    /// What happens in a statement, and in the closures that are written there.
    fn does(&self, statement: &Stmt) -> After {
        let mut found = After::default();
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::FnCall(call, _))) => found = found.or(self.called(call)),
                Some(ASTNode::Expr(expr)) => {
                    if let Expr::FnCall(call, _) = expr {
                        found = found.or(self.called(call));
                    }
                    // A closure that is written in another one is left out: silence is no lie.
                    for name in written(expr) {
                        let closure = self.functions.closure(&name);
                        for statement in closure.iter().flat_map(|closure| &closure.body) {
                            found = found.or(self.direct(statement));
                        }
                    }
                }
                _ => {}
            }
            true
        });
        found
    }

    fn direct(&self, statement: &Stmt) -> After {
        let mut found = After::default();
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            if let Some(
                ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)),
            ) = path.last()
            {
                found = found.or(self.called(call));
            }
            true
        });
        found
    }

    fn called(&self, call: &FnCallExpr) -> After {
        let name = match call.namespace.is_empty() {
            true => call.name.to_string(),
            false => format!("{}::{}", call.namespace, call.name),
        };
        let urgency = self.api.find(&name).and_then(HostFunction::urgency);
        After { contains: urgency == Some(Urgency::Containment), asks: name == "approve" }
    }
}
