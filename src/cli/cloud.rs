//! Which cloud a configuration means: the one place where an implementation is chosen.

use std::path::Path;
use std::sync::Arc;

use super::error::CliError;
use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::cloud::sandbox::{Sandbox, Scenario, World};
use crate::config::{CloudConfig, Config};
use crate::error::Code;

/// What `serve` and `config check` warn of: a build that can't reach AWS looks as if it contained
/// things, and contains nothing real.
#[must_use]
pub fn warning(config: &Config) -> Option<String> {
    warning_of(cfg!(feature = "aws"), &config.cloud)
}

fn warning_of(reaches_aws: bool, cloud: &CloudConfig) -> Option<String> {
    let so = match cloud {
        _ if reaches_aws => return None,
        CloudConfig::Aws { .. } => "`serve` does not start with cloud.kind = \"aws\"",
        CloudConfig::Sandbox { .. } => "whatever it says it did, it did in the sandbox only",
    };
    Some(format!(
        "WARNING: this binary was built without the feature `aws`: it can't reach AWS and contains nothing real; {so}. \
         For real accounts build it with `cargo build --release` (without --no-default-features)."
    ))
}

/// The cloud of `config`.
///
/// # Errors
/// When the sandbox's files can't be used, or AWS can't be set up.
pub async fn of(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn Cloud>, CliError> {
    match &config.cloud {
        CloudConfig::Aws { region } => aws(config, region, clock).await,
        CloudConfig::Sandbox { scenario, world } => {
            let refused = |reason: String| CliError::new(Code::CLOUD_SETUP, reason);
            let scenario = match scenario {
                Some(path) => read(path)?,
                // A world without accounts: what is kept in `world` replaces it.
                None => Scenario::parse("").map_err(refused)?,
            };
            let initial = World::build(&scenario, clock.now()).map_err(refused)?;
            let sandbox = Sandbox::open(world.clone(), initial, clock)
                .map_err(|error| refused(error.to_string()))?;
            Ok(Arc::new(sandbox))
        }
    }
}

fn read(path: &Path) -> Result<Scenario, CliError> {
    let refused =
        |reason: String| CliError::new(Code::CLOUD_SETUP, format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    Scenario::parse(&text).map_err(refused)
}

#[cfg(feature = "aws")]
async fn aws(
    config: &Config,
    region: &str,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Cloud>, CliError> {
    use crate::cloud::aws::{AccountAccess, Aws, AwsSettings};
    use crate::cloud::paced::Paced;

    let refused = |reason: String| CliError::new(Code::CLOUD_SETUP, reason);
    let listed =
        config.accounts.iter().map(|(id, account)| (id, &account.role_arn, &account.external_id));
    let forensics = config.forensics.iter().map(|f| (&f.account, &f.role_arn, &f.external_id));
    let accounts = listed
        .chain(forensics)
        .map(|(id, role_arn, external_id)| {
            let access =
                AccountAccess { role_arn: role_arn.clone(), external_id: external_id.clone() };
            (id.clone(), access)
        })
        .collect();
    let region = region
        .parse()
        .map_err(|error: crate::id::IdError| refused(format!("cloud.region: {error}")))?;
    let aws = Aws::connect(AwsSettings { region, accounts }, Arc::clone(&clock)).await;
    let aws = aws.map_err(|error| refused(error.to_string()))?;
    // The sandbox has no limits to keep to, so it goes without.
    Ok(Arc::new(Paced::new(Arc::new(aws), clock)))
}

#[cfg(not(feature = "aws"))]
async fn aws(_: &Config, _: &str, _: Arc<dyn Clock>) -> Result<Arc<dyn Cloud>, CliError> {
    let reason = "this binary was built without the `aws` feature; only kind = \"sandbox\" works";
    Err(CliError::new(Code::CLOUD_SETUP, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_build_that_reaches_aws_gives_no_warning() {
        let aws = CloudConfig::Aws { region: "eu-west-1".to_owned() };
        let sandbox = CloudConfig::Sandbox { scenario: None, world: None };
        for (reaches_aws, cloud, expected) in [
            (true, &aws, None),
            (true, &sandbox, None),
            (false, &aws, Some("`serve` does not start")),
            (false, &sandbox, Some("in the sandbox only")),
        ] {
            let warning = warning_of(reaches_aws, cloud);
            assert_eq!(warning.is_some(), expected.is_some(), "{warning:?}");
            assert!(warning.is_none_or(|words| {
                words.contains("contains nothing real") && words.contains(expected.unwrap())
            }));
        }
        assert_eq!(warning(&Config::default()).is_none(), cfg!(feature = "aws"));
    }
}
