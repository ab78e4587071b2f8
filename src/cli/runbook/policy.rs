//! `runbook policy`: the IAM policies that a runbook needs, from the local configuration's runbooks.
//! Nothing is asked of a service or of AWS.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::action::{Need, Settings};
use crate::change::{Document, document};
use crate::cli::error::CliError;
use crate::cli::sanitise::inert_json;
use crate::cli::screen::Screen;
use crate::cli::{Common, config, deploy};
use crate::error::Code;
use crate::id::{AccountId, Region, RunbookName};
use crate::runbook::{ANY_ACCOUNT, Policies, Terms, policies};
use crate::web;

/// Arguments of `runbook policy`.
#[derive(Debug, Clone, Args)]
pub struct PolicyArgs {
    /// The runbook.
    #[arg(value_name = "NAME")]
    runbook: RunbookName,
    /// The account in which it acts [default: the configuration's, where it names just one].
    #[arg(long)]
    account: Option<AccountId>,
    /// The Region in which it acts [default: all of them].
    #[arg(long)]
    region: Option<Region>,
    /// The account that keeps evidence [default: the configuration's].
    #[arg(long, value_name = "ACCOUNT")]
    forensics_account: Option<AccountId>,
}

/// Prints the documents: those of a program as one object, those of a person one after the other.
pub(super) fn policy(
    common: &Common,
    screen: &mut Screen,
    args: PolicyArgs,
) -> Result<u8, CliError> {
    let config = config::load(common)?;
    let library = web::library(&config)?;
    let runbook = library.get(&args.runbook).ok_or_else(|| {
        CliError::new(Code::RUNBOOK_UNKNOWN, format!("there is no runbook {}", args.runbook))
    })?;
    let only = || config.accounts.keys().next().filter(|_| config.accounts.len() == 1).cloned();
    let account = args.account.or_else(only);
    let forensics = deploy::forensics(&config, args.forensics_account);
    if forensics.is_none() {
        screen.note("No forensics account is configured: snapshots stay in their own account.");
    }
    let terms = Terms {
        account: account.clone(),
        region: args.region,
        settings: Settings { forensics, protected_roles: Default::default() },
        confirm_findings: config.guards.confirm_findings.unwrap_or(true),
    };
    let Policies { responder, forensics } = policies([&*runbook], &terms);
    let text = |need: Need| document(&need.renamed(ANY_ACCOUNT, "*").statements());
    let mut documents: Vec<(&str, Document)> = vec![("responder", text(responder))];
    documents.extend(forensics.map(|need| ("forensics", text(need))));
    for (role, document) in &documents {
        screen.note(&format!(
            "The {role} role's policy; `AnyResource` holds what knows no resource-level permission, and \
             what begins with `Undo` is for `tourniquet undo` alone:"
        ));
        screen.line(&inert_json(&format!("{document:#}")))?;
    }
    let documents: Map<String, Value> =
        documents.into_iter().map(|(role, document)| (role.to_owned(), document)).collect();
    screen.value(&json!({"runbook": runbook.name, "account": account, "documents": documents}))?;
    Ok(0)
}
