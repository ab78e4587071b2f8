//! The presigned URL that CopySnapshot needs.
//!
//! EC2 demands one for an encrypted source (EC2 API, CopySnapshot, `PresignedUrl`): a CopySnapshot
//! request to the source Region, signed, by which the destination Region proves to the source that
//! the caller may read. Other SDKs add it by themselves, the Rust SDK does not. Nothing is sent here.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_ec2::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use jiff::Timestamp;

use crate::cloud::{CloudError, ErrorClass, Result};
use crate::id::{Region, SnapshotId};

const OPERATION: &str = "ec2:CopySnapshot";

/// The EC2 API's version, part of every query request.
const API_VERSION: &str = "2016-11-15";

/// EC2 uses the URL at once; this leaves room for a clock that is off.
const VALID: Duration = Duration::from_secs(300);

/// The URL for a copy of `source` from `from` into `to`, signed with the credentials of `config`.
pub(super) async fn copy_url(
    config: &SdkConfig,
    source: &SnapshotId,
    from: &Region,
    to: &Region,
    now: Timestamp,
) -> Result<String> {
    let Some(provider) = config.credentials_provider() else {
        return Err(not_sent("there are no credentials"));
    };
    let identity = provider.provide_credentials().await.map_err(not_sent)?.into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(VALID);
    let signing = v4::SigningParams::builder()
        .identity(&identity)
        .region(from.as_str())
        .name("ec2")
        .time(now.into())
        .settings(settings)
        .build()
        .map_err(not_sent)?
        .into();
    // All four values have a checked form without reserved characters, so the query needs no escapes.
    let url = format!(
        "{}/?Action=CopySnapshot&DestinationRegion={to}&SourceRegion={from}&SourceSnapshotId={source}&Version={API_VERSION}",
        endpoint(config, from).await?.trim_end_matches('/')
    );
    let request =
        SignableRequest::new("GET", url.as_str(), std::iter::empty(), SignableBody::Bytes(&[]))
            .map_err(not_sent)?;
    let (signature, _) = sign(request, &signing).map_err(not_sent)?.into_parts();
    Ok(signature
        .params()
        .iter()
        .fold(url.clone(), |url, (name, value)| format!("{url}&{name}={}", percent_encoded(value))))
}

async fn endpoint(config: &SdkConfig, region: &Region) -> Result<String> {
    let params = Params::builder()
        .region(region.as_str())
        .set_endpoint(config.endpoint_url().map(str::to_owned))
        .build()
        .map_err(not_sent)?;
    let found = DefaultResolver::new().resolve_endpoint(&params).await.map_err(not_sent)?;
    Ok(found.url().to_owned())
}

/// Nothing has left this machine, so the change has certainly not happened.
fn not_sent(why: impl std::fmt::Display) -> CloudError {
    CloudError::new(ErrorClass::Invalid, OPERATION, "NotSigned", why.to_string())
}

/// Everything but RFC 3986's unreserved characters is escaped, as SigV4 wants it.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region as SdkRegion, SdkConfig};
    use aws_credential_types::Credentials;
    use aws_sdk_sts::config::SharedCredentialsProvider;

    use super::copy_url;

    #[tokio::test]
    async fn the_url_goes_to_the_source_region_and_is_signed_with_the_session() {
        let credentials =
            Credentials::new("ASIAEXAMPLE", "secret", Some("to/ken+=".to_owned()), None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(SdkRegion::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        for (from, host) in [
            ("eu-central-1", "https://ec2.eu-central-1.amazonaws.com/?"),
            ("cn-north-1", "https://ec2.cn-north-1.amazonaws.com.cn/?"),
        ] {
            let url = copy_url(
                &config,
                &"snap-0123456789abcdef0".parse().unwrap(),
                &from.parse().unwrap(),
                &"eu-west-1".parse().unwrap(),
                "2026-01-02T03:04:05Z".parse().unwrap(),
            )
            .await
            .unwrap();
            assert!(url.starts_with(host), "{url}");
            for part in [
                "Action=CopySnapshot",
                "DestinationRegion=eu-west-1",
                &format!("SourceRegion={from}"),
                "SourceSnapshotId=snap-0123456789abcdef0",
                &format!("X-Amz-Credential=ASIAEXAMPLE%2F20260102%2F{from}%2Fec2%2Faws4_request"),
                "X-Amz-Date=20260102T030405Z",
                "X-Amz-Security-Token=to%2Fken%2B%3D",
                "X-Amz-Signature=",
            ] {
                assert!(url.contains(part), "{part} in {url}");
            }
        }
    }
}
