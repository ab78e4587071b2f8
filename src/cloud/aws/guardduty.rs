//! A finding as GuardDuty holds it now.
//!
//! The answer's own bytes are taken, not the SDK's types: they are the lower-camel JSON that findings
//! are made of, and rebuilding it from types would drop what the SDK does not know yet.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_guardduty::Client;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

use super::errors::{Effect, read, unreadable};
use crate::cloud::Result;
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
