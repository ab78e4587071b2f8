//! A finding as GuardDuty holds it now, and what can be changed of it.
//!
//! Of what is read, the answer's own bytes are taken, not the SDK's types: they are the lower-camel JSON that findings
//! are made of, and rebuilding it from types would drop what the SDK does not know yet.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_guardduty::Client;
use aws_sdk_guardduty::types::Feedback;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

use super::ec2_apply::confirmed;
use super::errors::{Effect, read, unreadable};
use crate::change::FindingChange;
use crate::cloud::{CloudError, ErrorClass, Receipt, Result};
use crate::id::FindingId;

const GET: &str = "guardduty:GetFindings";

/// Looks in every detector of the account and Region; there is one at most today.
pub(super) async fn finding(client: &Client, id: &FindingId) -> Result<Option<Value>> {
    let detectors = client
        .list_detectors()
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .map_err(|e| read("guardduty:ListDetectors", e))?;
    for detector in detectors {
        let body = Body::default();
        client
            .get_findings()
            .detector_id(&detector)
            .finding_ids(id.as_str())
            .customize()
            .interceptor(body.clone())
            .send()
            .await
            .map_err(|e| read(GET, e))?;
        let mut answer: Value = serde_json::from_slice(&body.take())
            .map_err(|e| unreadable(GET, Effect::Reads, e.to_string()))?;
        let Some(Value::Array(findings)) = answer.get_mut("findings").map(Value::take) else {
            return Err(unreadable(GET, Effect::Reads, "the answer holds no list of findings"));
        };
        let same = |finding: &Value| finding.get("id").and_then(Value::as_str) == Some(id.as_str());
        if let Some(found) = findings.into_iter().find(same) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Archives a finding, takes it out again, or says what it was worth. An account has one detector in a Region
/// (GuardDuty User Guide, quotas), and none holds no finding.
pub(super) async fn apply(client: &Client, change: &FindingChange) -> Result<Receipt> {
    let (operation, id) = (change.operation(), change.finding().as_str());
    let detectors = client.list_detectors().send().await;
    let detectors = detectors.map_err(|e| read("guardduty:ListDetectors", e))?;
    let Some(detector) = detectors.detector_ids().first() else {
        let what = "the account has no detector in this Region";
        return Err(CloudError::new(ErrorClass::Gone, operation, "NoDetector", what));
    };
    match change {
        FindingChange::Archived { after: true, .. } => {
            let call = client.archive_findings().detector_id(detector).finding_ids(id);
            confirmed(operation, call.send().await)
        }
        FindingChange::Archived { after: false, .. } => {
            let call = client.unarchive_findings().detector_id(detector).finding_ids(id);
            confirmed(operation, call.send().await)
        }
        FindingChange::Feedback { after, .. } => {
            let call = client.update_findings_feedback().detector_id(detector).finding_ids(id);
            confirmed(operation, call.feedback(Feedback::from(after.label())).send().await)
        }
    }
}

/// Keeps the body of the one answer that it sees.
#[derive(Debug, Clone, Default)]
struct Body(Arc<Mutex<Vec<u8>>>);

impl Body {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[dyn_dispatch_hint]
impl Intercept for Body {
    fn name(&self) -> &'static str {
        "Body"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        if let Some(bytes) = context.response().body().bytes() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes.to_vec();
        }
        Ok(())
    }
}
