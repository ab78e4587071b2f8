//! `runbook policy`: the IAM policies that a runbook needs, from the local configuration's runbooks.
//! Nothing is asked of a service or of AWS.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::action::{Need, Settings};
use crate::change::{Document, document};
use crate::cli::error::CliError;
use crate::cli::screen::Screen;
use crate::cli::{Common, deploy, settings};
use crate::error::Code;
use crate::id::{AccountId, Region, RunbookName};
use crate::runbook::{ANY_ACCOUNT, Policies, Terms, policies};
use crate::sanitise::inert_json;
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
    let config = settings::load(common)?;
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
        settings: Settings {
            forensics,
            protected_roles: Default::default(),
            lock: crate::action::lock_of(&config.evidence),
        },
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::cli::screen::tests::screen;

    /// What `runbook policy` prints under a configuration.
    fn said(config: &str, runbook: &str, json: bool) -> (Result<u8, CliError>, String, String) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(config.as_bytes()).unwrap();
        let common =
            Common { json, config: Some(file.path().to_owned()), url: None, token_file: None };
        let args = PolicyArgs {
            runbook: runbook.parse().unwrap(),
            account: None,
            region: None,
            forensics_account: None,
        };
        let (mut screen, out, err) = screen(json);
        (policy(&common, &mut screen, args), out.text(), err.text())
    }

    const TWO_ACCOUNTS: &str = "[accounts.111122223333]\n[forensics]\naccount = \"999988887777\"\n";

    #[test]
    fn a_program_gets_one_object_with_a_document_for_each_role() {
        let (ended, out, _) = said(TWO_ACCOUNTS, "suspected-instance", true);
        assert_eq!(ended, Ok(0));
        let value: Value = serde_json::from_str(&out).unwrap();
        let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["account", "documents", "runbook"]);
        assert_eq!(
            (&value["runbook"], &value["account"]),
            (&json!("suspected-instance"), &json!("111122223333"))
        );
        let documents = value["documents"].as_object().unwrap();
        assert_eq!(documents.keys().collect::<Vec<_>>(), ["forensics", "responder"]);
        for document in documents.values() {
            assert_eq!(document["Version"], "2012-10-17");
            for statement in document["Statement"].as_array().unwrap() {
                let keys: Vec<&String> = statement.as_object().unwrap().keys().collect();
                assert_eq!(keys, ["Action", "Effect", "Resource", "Sid"]);
            }
        }
        let text = documents["responder"].to_string();
        assert!(text.contains("arn:aws:iam::111122223333:role/*"), "{text}");
    }

    #[test]
    fn a_person_gets_the_documents_and_what_they_are_beside_them() {
        let (ended, out, err) = said("", "leaked-access-key", false);
        assert_eq!(ended, Ok(0));
        let document: Value = serde_json::from_str(&out).unwrap();
        let text = document.to_string();
        assert!(text.contains("arn:aws:iam::*:user/*") && !text.contains(ANY_ACCOUNT), "{text}");
        assert!(
            err.contains("No forensics account") && err.contains("The responder role"),
            "{err}"
        );
    }

    #[test]
    fn a_runbook_that_is_not_there_has_no_policy() {
        let (ended, ..) = said("", "nothing", true);
        assert_eq!(ended.unwrap_err().code, Code::RUNBOOK_UNKNOWN);
    }
}
