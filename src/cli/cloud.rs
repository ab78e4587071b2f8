//! Which cloud a configuration means: the one place where an implementation is chosen.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

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

/// What to do about a world file that can't be used.
const WORLD_FILE: &str = "Check the path in cloud.world, and that the file and its folder are this user's to read and \
    write; a damaged file can be moved away, and the next start builds the scenario's world anew.";

/// The cloud of `config`.
///
/// # Errors
/// When the sandbox's files can't be used, or AWS can't be set up.
pub async fn of(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn Cloud>, CliError> {
    match &config.cloud {
        CloudConfig::Aws { region } => aws(config, region, clock).await,
        CloudConfig::Sandbox { scenario, world } => {
            let refused = |reason: String| CliError::new(Code::CLOUD_SETUP, reason);
            let initial = initial(scenario.as_deref(), clock.now())?;
            let sandbox = Sandbox::open(world.clone(), initial, clock)
                .map_err(|error| refused(error.to_string()).with_remedy(WORLD_FILE))?;
            Ok(Arc::new(sandbox))
        }
    }
}

/// Whether `of` could read what the configuration names; nothing is written or connected.
///
/// # Errors
/// When the sandbox's scenario is missing or describes no world.
pub fn check(config: &Config, now: Timestamp) -> Result<(), CliError> {
    match &config.cloud {
        CloudConfig::Sandbox { scenario, .. } => initial(scenario.as_deref(), now).map(drop),
        CloudConfig::Aws { .. } => Ok(()),
    }
}

/// The world that a scenario describes; without one it has no accounts, and what is kept in `world`
/// replaces it.
fn initial(scenario: Option<&Path>, now: Timestamp) -> Result<World, CliError> {
    let scenario_path = scenario;
    let scenario = match scenario_path {
        Some(path) => read(path)?,
        None => Scenario::parse("").map_err(|reason| CliError::new(Code::CLOUD_SETUP, reason))?,
    };
    World::build(&scenario, now).map_err(|reason| match scenario_path {
        Some(path) => unusable(path, &reason),
        None => CliError::new(Code::CLOUD_SETUP, reason),
    })
}

fn read(path: &Path) -> Result<Scenario, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| unusable(path, &error.to_string()))?;
    Scenario::parse(&text).map_err(|reason| unusable(path, &reason))
}

fn unusable(path: &Path, reason: &str) -> CliError {
    let path = path.display();
    CliError::new(Code::CLOUD_SETUP, format!("cloud.scenario: {path}: {reason}")).with_remedy(
        "Correct the file or the path; a relative path is looked up in the working directory. docs/operation.md shows a scenario.",
    )
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

    #[tokio::test]
    async fn a_world_file_that_can_not_be_written_or_read_is_told_with_what_helps() {
        let folder = tempfile::tempdir().unwrap();
        let damaged = folder.path().join("damaged.json");
        std::fs::write(&damaged, "{").unwrap();
        for world in [damaged, "/nonexistent/world.json".into(), folder.path().to_owned()] {
            let cloud = CloudConfig::Sandbox { scenario: None, world: Some(world.clone()) };
            let clock = Arc::new(crate::clock::ManualClock::at(Timestamp::UNIX_EPOCH));
            let refused = of(&Config { cloud, ..Config::default() }, clock).await;
            let error = refused.err().expect("it is refused");
            assert_eq!(error.code, Code::CLOUD_SETUP);
            assert!(error.detail.contains(&world.display().to_string()), "{error}");
            assert!(error.remedy().contains("cloud.world"), "{error:?}");
        }
    }

    #[test]
    fn a_scenario_that_serve_could_not_use_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (content, expected) in [
            (Some("[[account]]\nid = \"111122223333\"\n"), None),
            (Some("[[account]]\nid = \"1\"\n"), Some("line 2")),
            (Some("[[acount]]\n"), Some("unknown field")),
            (None, Some("No such file")),
        ] {
            let path = match content {
                Some(content) => {
                    std::fs::write(file.path(), content).unwrap();
                    file.path().to_owned()
                }
                None => "/nonexistent/lab.toml".into(),
            };
            let cloud = CloudConfig::Sandbox { scenario: Some(path), world: None };
            let checked = check(&Config { cloud, ..Config::default() }, Timestamp::UNIX_EPOCH);
            match expected {
                None => assert_eq!(checked, Ok(())),
                Some(words) => {
                    let error = checked.unwrap_err();
                    assert!(error.detail.contains(words), "{error}");
                    assert_eq!(error.code, Code::CLOUD_SETUP);
                }
            }
        }
    }
}
