//! `deploy roles`: a template of the roles and the findings' way, for all runbooks of the local
//! configuration. Nothing is deployed here, and nothing is asked of AWS.

use clap::{Args, Subcommand, ValueEnum};

use super::error::CliError;
use super::screen::Screen;
use super::{Common, settings};
use crate::action::Forensics;
use crate::config::{Config, ForensicsConfig};
use crate::deploy::{Setup, cloudformation, external_id, terraform};
use crate::id::AccountId;
use crate::sanitise::inert_json;
use crate::web;

/// What to deploy.
#[derive(Debug, Clone, Subcommand)]
pub enum DeployCommand {
    /// Print a template: hub, responder and forensics roles with just what the runbooks need, and an
    /// EventBridge rule that sends findings to the service. Secrets are its parameters.
    Roles(RolesArgs),
}

/// Arguments of `deploy roles`.
#[derive(Debug, Clone, Args)]
pub struct RolesArgs {
    /// The template's language; both are printed as JSON (save Terraform's as `main.tf.json`).
    #[arg(long, value_enum)]
    format: Format,
    /// The account in which the service runs; without it the template asks for it.
    #[arg(long, value_name = "ACCOUNT")]
    hub_account: Option<AccountId>,
    /// The account that keeps evidence [default: the configuration's].
    #[arg(long, value_name = "ACCOUNT")]
    forensics_account: Option<AccountId>,
    /// The default of the parameter for the ExternalId; without it the template asks for it.
    #[arg(long, value_name = "TEXT", value_parser = external_id)]
    external_id: Option<String>,
}

/// A language of templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A CloudFormation template.
    Cloudformation,
    /// A Terraform module.
    Terraform,
}

/// Carries the command out; gives the exit code.
///
/// # Errors
/// When the configuration or a runbook is not valid.
pub fn deploy(
    common: &Common,
    screen: &mut Screen,
    command: DeployCommand,
) -> Result<u8, CliError> {
    let DeployCommand::Roles(args) = command;
    let config = settings::load(common)?;
    let library = web::library(&config)?;
    let setup = Setup {
        hub: args.hub_account,
        forensics: forensics(&config, args.forensics_account),
        accounts: config.accounts.keys().cloned().collect(),
        external_id: args.external_id,
        lock: crate::action::lock_of(&config.evidence),
        confirm_findings: config.guards.confirm_findings.unwrap_or(true),
    };
    let runbooks = library.iter().map(|runbook| &**runbook);
    let template = match args.format {
        Format::Cloudformation => cloudformation(runbooks, &setup),
        Format::Terraform => terraform(runbooks, &setup),
    };
    screen.line(&inert_json(&format!("{template:#}")))?;
    screen.value(&template)?;
    Ok(0)
}

/// The forensics account that is meant: the one that is given goes before the configuration's.
pub fn forensics(config: &Config, given: Option<AccountId>) -> Option<Forensics> {
    let configured = config.forensics.clone();
    let meant = match given {
        None => configured,
        Some(account) => configured
            .filter(|forensics| forensics.account == account)
            .or_else(|| Some(ForensicsConfig::in_account(account))),
    };
    meant.map(|forensics| Forensics {
        account: forensics.account,
        kms_key: forensics.kms_key,
        transfer_kms_key: forensics.transfer_kms_key,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::Value;

    use super::*;
    use crate::cli::screen::tests::screen;

    #[test]
    fn each_template_is_json_for_people_and_for_programs_and_knows_the_configuration() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"[accounts.111122223333]\n[forensics]\naccount = \"999988887777\"\n")
            .unwrap();
        for format in [Format::Cloudformation, Format::Terraform] {
            let mut printed = Vec::new();
            for json in [false, true] {
                let config = Some(file.path().to_owned());
                let common = Common { json, config, url: None, token_file: None };
                let roles = RolesArgs {
                    format,
                    hub_account: Some("123456789012".parse().unwrap()),
                    forensics_account: None,
                    external_id: None,
                };
                let (mut screen, out, _) = screen(json);
                assert_eq!(deploy(&common, &mut screen, DeployCommand::Roles(roles)), Ok(0));
                printed.push(serde_json::from_str::<Value>(&out.text()).unwrap());
            }
            assert_eq!(printed[0], printed[1], "{format:?}");
            let text = printed[0].to_string();
            for account in ["111122223333", "123456789012", "999988887777"] {
                assert!(text.contains(account), "{format:?} {account}");
            }
        }
    }

    #[test]
    fn the_forensics_account_that_is_given_goes_before_the_configured_one() {
        let mut config = Config::default();
        let account = |forensics: Option<Forensics>| forensics.map(|one| one.account.to_string());
        assert_eq!(account(forensics(&config, None)), None);
        let mut here = ForensicsConfig::in_account("999988887777".parse().unwrap());
        here.kms_key = "alias/ours".to_owned();
        config.forensics = Some(here);
        assert_eq!(account(forensics(&config, None)), Some("999988887777".to_owned()));
        let other = forensics(&config, Some("444455556666".parse().unwrap())).unwrap();
        assert_eq!(
            (other.account.as_str(), other.kms_key.as_str()),
            ("444455556666", "alias/tourniquet-forensics")
        );
        let same = forensics(&config, Some("999988887777".parse().unwrap())).unwrap();
        assert_eq!(same.kms_key, "alias/ours");
    }
}
