//! SSH public keys, signing certificates and service-specific credentials of an IAM user.

use aws_sdk_iam::Client;

use super::convert::parsed;
use super::ec2_apply::confirmed;
use super::errors::{Effect, unreadable};
use super::iam::{if_there, status, status_type};
use crate::change::{CredentialKind, KeyStatus};
use crate::cloud::{Receipt, Result, UserCredential};
use crate::id::{CredentialId, UserName};

/// All of them, each list to its last page; `None` where there is no such user. The three lists are
/// asked for beside each other.
pub(super) async fn credentials(
    client: &Client,
    user: &UserName,
) -> Result<Option<Vec<UserCredential>>> {
    let (keys, certificates, passwords) = tokio::join!(
        ssh_keys(client, user),
        certificates(client, user),
        service_specific(client, user)
    );
    let (Some(keys), Some(certificates), Some(passwords)) = (keys?, certificates?, passwords?)
    else {
        return Ok(None);
    };
    Ok(Some([keys, certificates, passwords].concat()))
}

async fn ssh_keys(client: &Client, user: &UserName) -> Result<Option<Vec<UserCredential>>> {
    const OPERATION: &str = "iam:ListSSHPublicKeys";
    let pages = client.list_ssh_public_keys().user_name(user.as_str()).into_paginator().items();
    let found: std::result::Result<Vec<_>, _> = pages.send().collect().await;
    let Some(found) = if_there(OPERATION, found)? else {
        return Ok(None);
    };
    let one = |key: &aws_sdk_iam::types::SshPublicKeyMetadata| {
        Ok(UserCredential {
            kind: CredentialKind::SshPublicKey,
            id: parsed(OPERATION, Some(key.ssh_public_key_id()))?,
            service: None,
            status: status(Some(key.status())),
        })
    };
    found.iter().map(one).collect::<Result<_>>().map(Some)
}

async fn certificates(client: &Client, user: &UserName) -> Result<Option<Vec<UserCredential>>> {
    const OPERATION: &str = "iam:ListSigningCertificates";
    let pages =
        client.list_signing_certificates().user_name(user.as_str()).into_paginator().items();
    let found: std::result::Result<Vec<_>, _> = pages.send().collect().await;
    let Some(found) = if_there(OPERATION, found)? else {
        return Ok(None);
    };
    let one = |certificate: &aws_sdk_iam::types::SigningCertificate| {
        Ok(UserCredential {
            kind: CredentialKind::SigningCertificate,
            id: parsed(OPERATION, Some(certificate.certificate_id()))?,
            service: None,
            status: status(Some(certificate.status())),
        })
    };
    found.iter().map(one).collect::<Result<_>>().map(Some)
}

/// The SDK has no paginator for this list.
async fn service_specific(client: &Client, user: &UserName) -> Result<Option<Vec<UserCredential>>> {
    const OPERATION: &str = "iam:ListServiceSpecificCredentials";
    let mut all = Vec::new();
    let mut marker = None;
    loop {
        let call = client.list_service_specific_credentials().user_name(user.as_str());
        let Some(page) = if_there(OPERATION, call.set_marker(marker).send().await)? else {
            return Ok(None);
        };
        for found in page.service_specific_credentials() {
            all.push(UserCredential {
                kind: CredentialKind::ServiceSpecific,
                id: parsed(OPERATION, Some(found.service_specific_credential_id()))?,
                service: Some(found.service_name().to_owned()),
                status: status(Some(found.status())),
            });
        }
        marker = page.marker().map(str::to_owned);
        match (page.is_truncated(), &marker) {
            (false, _) => return Ok(Some(all)),
            (true, Some(_)) => {}
            (true, None) => {
                return Err(unreadable(
                    OPERATION,
                    Effect::Reads,
                    "a page without an end and a marker",
                ));
            }
        }
    }
}

/// Sets whether one of them works.
pub(super) async fn apply(
    client: &Client,
    operation: &str,
    (user, kind, id): (&UserName, CredentialKind, &CredentialId),
    after: KeyStatus,
) -> Result<Receipt> {
    let status = status_type(after);
    match kind {
        CredentialKind::SshPublicKey => confirmed(
            operation,
            client
                .update_ssh_public_key()
                .user_name(user.as_str())
                .ssh_public_key_id(id.as_str())
                .status(status)
                .send()
                .await,
        ),
        CredentialKind::SigningCertificate => confirmed(
            operation,
            client
                .update_signing_certificate()
                .user_name(user.as_str())
                .certificate_id(id.as_str())
                .status(status)
                .send()
                .await,
        ),
        CredentialKind::ServiceSpecific => confirmed(
            operation,
            client
                .update_service_specific_credential()
                .user_name(user.as_str())
                .service_specific_credential_id(id.as_str())
                .status(status)
                .send()
                .await,
        ),
    }
}
