//! Fields that are not there: `p.instnace`, `case.sevrity`, `look::instance(…).rol`. Rhai reads a
//! field that a map lacks as `()`, so nobody would hear of the slip before the incident.
//!
//! Follows values from where they come through variables, closures and loops, and forgets them where
//! they may have changed.

use std::collections::BTreeSet;

use rhai::{AST, Dynamic, Expr, FnCallExpr, Position, Stmt};

use super::assigned::Assigned;
use super::chain::{Link, chain, variable};
use super::function::{Function, Functions, closure, folded};
use super::known::{Known, Shaped};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::host::Api;

/// Methods of a list that give a closure its elements.
const EACH: &[&str] = &["map", "filter", "find", "find_map", "some", "all"];

/// Every use of a field that is certainly not there. `params` are the names that the header
/// declares, where they are known.
pub(super) fn fields(ast: &AST, api: &Api, params: Option<Vec<String>>) -> Vec<Diagnostic> {
    let functions = Functions::of(ast);
    let mut reader = Reader {
        functions: &functions,
        api,
        assigned: Assigned::default(),
        scope: Vec::new(),
        closures: BTreeSet::new(),
        found: Vec::new(),
    };
    for function in functions.iter().filter(|function| !function.is_closure()) {
        let given = match (function.name.as_str(), function.params.len()) {
            ("run", 2) => {
                let params = params.as_deref().map_or(Known::Any, Known::Params);
                vec![Known::Shaped(Shaped::case()), params]
            }
            _ => Vec::new(),
        };
        reader.assigned = Assigned::of(function, &functions);
        reader.function(function, given);
    }
    reader.found
}

struct Reader<'a> {
    functions: &'a Functions,
    api: &'a Api,
    assigned: Assigned,
    /// Variables, the innermost last.
    scope: Vec<(String, Known<'a>)>,
    /// Closures that are being read.
    closures: BTreeSet<String>,
    found: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn function(&mut self, function: &Function, given: Vec<Known<'a>>) {
        let outside = self.scope.len();
        let given = given.into_iter().chain(std::iter::repeat(Known::Any));
        for (name, value) in function.params.iter().zip(given) {
            self.bind(name, value);
        }
        self.block(&function.body);
        self.scope.truncate(outside);
    }

    /// A variable that begins with a value.
    fn bind(&mut self, name: &str, value: Known<'a>) {
        let value = if self.assigned.is_once(name) { value } else { Known::Any };
        self.scope.push((name.to_owned(), value));
    }

    fn block(&mut self, statements: &[Stmt]) {
        let outside = self.scope.len();
        for statement in statements {
            self.statement(statement);
        }
        self.scope.truncate(outside);
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Var(var, ..) => {
                let value = self.expression(&var.1);
                let name = var.0.name.as_str();
                match self.assigned.only_from(name).and_then(|call| self.api.find(call)) {
                    Some(call) => {
                        let value = Known::Shaped(Shaped::given(call));
                        self.scope.push((name.to_owned(), value));
                    }
                    None => self.bind(name, value),
                }
            }
            Stmt::If(flow, _) => {
                self.expression(&flow.expr);
                self.block(flow.body.statements());
                self.block(flow.branch.statements());
            }
            Stmt::While(flow, _) | Stmt::Do(flow, ..) => {
                self.expression(&flow.expr);
                self.block(flow.body.statements());
            }
            Stmt::For(parts, _) => {
                let (item, counter, flow) = &**parts;
                let value = self.expression(&flow.expr).item();
                let outside = self.scope.len();
                self.bind(&item.name, value);
                if let Some(counter) = counter {
                    self.bind(&counter.name, Known::Any);
                }
                self.block(flow.body.statements());
                self.scope.truncate(outside);
            }
            Stmt::TryCatch(flow, _) => {
                self.block(flow.body.statements());
                let outside = self.scope.len();
                if let Some(name) = variable(&flow.expr) {
                    self.bind(name, Known::Any);
                }
                self.block(flow.branch.statements());
                self.scope.truncate(outside);
            }
            Stmt::Switch(parts, _) => {
                self.expression(&parts.0);
                for case in &parts.1.expressions {
                    self.expression(&case.lhs);
                    self.expression(&case.rhs);
                }
            }
            Stmt::Assignment(pair) => {
                self.expression(&pair.1.lhs);
                self.expression(&pair.1.rhs);
            }
            Stmt::FnCall(call, _) => {
                self.call(call);
            }
            Stmt::Block(block) => self.block(block.statements()),
            Stmt::Expr(expr) => {
                self.expression(expr);
            }
            Stmt::BreakLoop(Some(expr), ..) | Stmt::Return(Some(expr), ..) => {
                self.expression(expr);
            }
            _ => {}
        }
    }

    fn expression(&mut self, expr: &Expr) -> Known<'a> {
        if let Some((name, captured)) = closure(expr) {
            self.closure(&name, captured, Known::Any);
            return Known::Any;
        }
        match expr {
            Expr::Variable(..) => return variable(expr).map_or(Known::Any, |name| self.look(name)),
            Expr::FnCall(call, _) => return self.call(call),
            Expr::Dot(..) | Expr::Index(..) => return self.chain(expr),
            Expr::Stmt(block) => self.block(block.statements()),
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => self.all(parts),
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => self.all(parts),
            Expr::Map(map, _) => map.0.iter().for_each(|(_, value)| {
                self.expression(value);
            }),
            Expr::DynamicConstant(value, _) => self.constant(value),
            _ => {}
        }
        Known::Any
    }

    fn all(&mut self, parts: &[Expr]) {
        for part in parts {
            self.expression(part);
        }
    }

    fn constant(&mut self, value: &Dynamic) {
        for name in folded(value) {
            self.closure(&name, &[], Known::Any);
        }
    }

    fn look(&self, name: &str) -> Known<'a> {
        let found = self.scope.iter().rev().find(|(known, _)| known == name);
        found.map_or(Known::Any, |(_, value)| value.clone())
    }

    fn call(&mut self, call: &FnCallExpr) -> Known<'a> {
        self.all(&call.args);
        if call.namespace.is_empty() {
            return Known::Any;
        }
        let name = format!("{}::{}", call.namespace, call.name);
        let function = self.api.find(&name);
        function.map_or(Known::Any, |function| Known::Shaped(Shaped::given(function)))
    }

    /// Reads a closure where it is written; `item` is what it is called with.
    fn closure(&mut self, name: &str, captured: &[Expr], item: Known<'a>) {
        let functions = self.functions;
        let Some(function) = functions.closure(name) else { return };
        if !self.closures.insert(name.to_owned()) {
            return;
        }
        let captured =
            captured.iter().map(|expr| variable(expr).map_or(Known::Any, |name| self.look(name)));
        let given = captured.chain([item]).collect();
        self.function(function, given);
        self.closures.remove(name);
    }

    fn chain(&mut self, expr: &Expr) -> Known<'a> {
        let (root, links) = chain(expr);
        let mut value = self.expression(root);
        for link in links {
            value = match link {
                Link::Field(name, at) => self.field(value, name, at),
                Link::Method(call) => self.method(value, call),
                Link::Index(Expr::StringConstant(name, at)) => self.field(value, name, *at),
                Link::Index(index) => {
                    self.expression(index);
                    value.item()
                }
            };
        }
        value
    }

    fn field(&mut self, value: Known<'a>, name: &str, at: Position) -> Known<'a> {
        match value.field(name, at) {
            Ok(value) => value,
            Err(wrong) => {
                // One closure may be read more than once.
                if !self.found.contains(&wrong) {
                    self.found.push(*wrong);
                }
                Known::Any
            }
        }
    }

    fn method(&mut self, value: Known<'a>, call: &FnCallExpr) -> Known<'a> {
        let own = self.functions.has(&call.name);
        let each = EACH.contains(&call.name.as_str()) && !own;
        for arg in &call.args {
            match closure(arg).filter(|_| each) {
                Some((name, captured)) => self.closure(&name, captured, value.clone().item()),
                None => {
                    self.expression(arg);
                }
            }
        }
        match (call.name.as_str(), call.args.as_slice()) {
            _ if own => Known::Any,
            ("get", [Expr::StringConstant(name, at)]) => self.field(value, name, *at),
            ("filter", _) => value,
            ("pop" | "shift" | "find", _) => value.item(),
            _ => Known::Any,
        }
    }
}
