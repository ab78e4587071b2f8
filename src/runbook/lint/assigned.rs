//! Which variables of a function hold more than what they began with: assigned again, or changed in
//! place. Of these lint knows nothing, so that it never calls a good script wrong.
//!
//! Names stand for variables here: two of one name are taken for one, which only makes lint say less.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{ASTNode, Expr, FnCallExpr, Stmt};

use super::chain::{Link, chain, variable};
use super::function::{Function, Functions, closure, folded};

/// Functions of the language that can give a map a field or a list an element.
const CHANGING: &[&str] =
    &["append", "fill_with", "for_each", "insert", "mixin", "pad", "push", "set", "splice"];

/// What a variable gets.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// `()`
    Unit,
    /// What this host function gives.
    Call(String),
    /// Anything else.
    Other,
}

/// The variables of a function and of the closures in it.
#[derive(Default)]
pub(super) struct Assigned {
    sources: BTreeMap<String, Vec<Source>>,
    again: BTreeSet<String>,
    changed: BTreeSet<String>,
    /// A call may change any variable: `name!(…)`.
    all: bool,
    closures: BTreeSet<String>,
}

impl Assigned {
    /// Reads a function.
    pub(super) fn of(function: &Function, functions: &Functions) -> Self {
        let mut assigned = Self::default();
        assigned.read(&function.body, functions);
        assigned
    }

    /// Whether the variable holds what it began with, and nothing else.
    pub(super) fn is_once(&self, name: &str) -> bool {
        !(self.all || self.again.contains(name) || self.changed.contains(name))
    }

    /// The one host function from which a variable has its value, if it is not `()`, wherever it is
    /// assigned: `let i = (); if … { i = look::instance(…); }`.
    pub(super) fn only_from(&self, name: &str) -> Option<&str> {
        if self.all || self.changed.contains(name) {
            return None;
        }
        let mut calls = self.sources.get(name)?.iter().filter(|source| **source != Source::Unit);
        match calls.next()? {
            Source::Call(call) if calls.all(|other| *other == Source::Call(call.clone())) => {
                Some(call)
            }
            _ => None,
        }
    }

    fn read(&mut self, body: &[Stmt], functions: &Functions) {
        for statement in body {
            statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
                match path.last() {
                    Some(ASTNode::Stmt(statement)) => self.statement(statement),
                    Some(ASTNode::Expr(expr)) => self.expression(expr, functions),
                    _ => {}
                }
                true
            });
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Var(var, ..) => self.source(&var.0.name, source(&var.1)),
            Stmt::Assignment(pair) => {
                let (root, links) = chain(&pair.1.lhs);
                let Some(name) = variable(root) else { return };
                if links.is_empty() && !pair.0.is_op_assignment() {
                    self.again.insert(name.to_owned());
                    self.source(name, source(&pair.1.rhs));
                } else {
                    self.changed.insert(name.to_owned());
                }
            }
            Stmt::FnCall(call, _) => self.call(call),
            _ => {}
        }
    }

    fn expression(&mut self, expr: &Expr, functions: &Functions) {
        match expr {
            Expr::Dot(..) | Expr::Index(..) => {
                let (root, links) = chain(expr);
                let changes = links.iter().any(|link| match link {
                    Link::Method(call) => {
                        CHANGING.contains(&call.name.as_str()) || functions.has(&call.name)
                    }
                    Link::Field(..) | Link::Index(_) => false,
                });
                if let Some(name) = variable(root).filter(|_| changes) {
                    self.changed.insert(name.to_owned());
                }
            }
            Expr::FnCall(call, _) => self.call(call),
            Expr::DynamicConstant(value, _) => {
                for name in folded(value) {
                    if let Some(closure) = functions.closure(&name)
                        && self.closures.insert(name)
                    {
                        self.read(&closure.body, functions);
                    }
                }
            }
            _ => {}
        }
        if let Some((name, _)) = closure(expr)
            && let Some(closure) = functions.closure(&name)
            && self.closures.insert(name)
        {
            self.read(&closure.body, functions);
        }
    }

    /// `set(p, "x", 1)` changes its first argument as `p.set("x", 1)` does.
    fn call(&mut self, call: &FnCallExpr) {
        self.all |= call.capture_parent_scope;
        if let Some(name) = call.args.first().and_then(variable)
            && call.namespace.is_empty()
            && CHANGING.contains(&call.name.as_str())
        {
            self.changed.insert(name.to_owned());
        }
    }

    fn source(&mut self, name: &str, source: Source) {
        self.sources.entry(name.to_owned()).or_default().push(source);
    }
}

fn source(expr: &Expr) -> Source {
    match expr {
        Expr::Unit(_) => Source::Unit,
        Expr::FnCall(call, _) if !call.namespace.is_empty() => {
            Source::Call(format!("{}::{}", call.namespace, call.name))
        }
        _ => Source::Other,
    }
}
