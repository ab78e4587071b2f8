//! The error table, and failures without an answer.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::errors::{Effect, classify};
use super::super::iam;
use super::{HUB, hub, place};
use crate::change::{Change, KeyStatus, Kind};
use crate::cloud::{CloudError, ErrorClass};

#[test]
fn every_code_has_its_class() {
    use Effect::{Changes, Reads};
    use ErrorClass::{Conflict, Denied, Gone, InDoubt, Invalid, Throttled, Transient};
    let table = [
        // Throttling: nothing happened, so the effect does not matter.
        ("ec2", "RequestLimitExceeded", 503, Changes, Throttled),
        ("ec2", "RequestLimitExceeded", 503, Reads, Throttled),
        ("iam", "Throttling", 400, Changes, Throttled),
        ("sts", "ThrottlingException", 400, Reads, Throttled),
        ("guardduty", "TooManyRequestsException", 429, Reads, Throttled),
        ("guardduty", "SomethingNew", 429, Reads, Throttled),
        ("s3", "SlowDown", 503, Changes, Throttled),
        ("ec2", "ConcurrentSnapshotLimitExceeded", 400, Changes, Throttled),
        ("ec2", "ResourceLimitExceeded", 400, Changes, Throttled),
        ("ec2", "SnapshotCreationPerVolumeRateExceeded", 400, Changes, Throttled),
        // The same word is a quota in IAM and throttling elsewhere.
        ("iam", "LimitExceeded", 409, Changes, Denied),
        ("iam", "LimitExceededException", 409, Changes, Denied),
        ("guardduty", "LimitExceededException", 400, Reads, Throttled),
        // What passes by itself.
        ("iam", "EntityTemporarilyUnmodifiable", 409, Changes, Transient),
        ("iam", "ConcurrentModification", 409, Changes, Transient),
        ("s3", "OperationAborted", 409, Changes, Transient),
        // What a person must decide.
        ("ec2", "UnauthorizedOperation", 403, Changes, Denied),
        ("iam", "AccessDenied", 403, Changes, Denied),
        ("guardduty", "AccessDeniedException", 403, Reads, Denied),
        ("iam", "UnmodifiableEntity", 400, Changes, Denied),
        ("ec2", "AuthFailure", 401, Reads, Denied),
        ("sts", "ExpiredToken", 403, Reads, Denied),
        ("ec2", "OperationNotPermitted", 400, Changes, Denied),
        ("ec2", "SecurityGroupLimitExceeded", 400, Changes, Denied),
        ("ec2", "RulesPerSecurityGroupLimitExceeded", 400, Changes, Denied),
        ("ec2", "SnapshotLimitExceeded", 400, Changes, Denied),
        ("sts", "SomethingNew", 403, Reads, Denied),
        // What is not there.
        ("ec2", "InvalidInstanceID.NotFound", 400, Changes, Gone),
        ("ec2", "InvalidGroup.NotFound", 400, Changes, Gone),
        ("ec2", "InvalidSnapshot.NotFound", 400, Changes, Gone),
        ("iam", "NoSuchEntity", 404, Changes, Gone),
        ("s3", "NoSuchBucket", 404, Changes, Gone),
        // What is not as expected.
        ("ec2", "InvalidGroup.Duplicate", 400, Changes, Conflict),
        ("ec2", "InvalidPermission.Duplicate", 400, Changes, Conflict),
        ("ec2", "InvalidPermission.NotFound", 400, Changes, Conflict),
        ("ec2", "InvalidGroup.InUse", 400, Changes, Conflict),
        ("ec2", "IncorrectState", 400, Changes, Conflict),
        ("ec2", "IncorrectInstanceState", 400, Changes, Conflict),
        ("ec2", "DependencyViolation", 400, Changes, Conflict),
        ("ec2", "Resource.AlreadyAssociated", 400, Changes, Conflict),
        ("iam", "EntityAlreadyExists", 409, Changes, Conflict),
        ("iam", "DeleteConflict", 409, Changes, Conflict),
        // What we said wrong.
        ("ec2", "InvalidInstanceID.Malformed", 400, Changes, Invalid),
        ("ec2", "InvalidParameterValue", 400, Changes, Invalid),
        ("iam", "MalformedPolicyDocument", 400, Changes, Invalid),
        ("sts", "PackedPolicyTooLarge", 400, Reads, Invalid),
        ("ec2", "MissingParameter", 400, Changes, Invalid),
        ("guardduty", "BadRequestException", 400, Reads, Invalid),
        // AWS's own failures: a read is simply asked again, a change may have happened.
        ("ec2", "InternalError", 500, Reads, Transient),
        ("ec2", "InternalError", 500, Changes, InDoubt),
        ("ec2", "Unavailable", 503, Changes, InDoubt),
        ("iam", "ServiceUnavailable", 503, Reads, Transient),
        ("s3", "RequestTimeout", 400, Changes, InDoubt),
        ("ec2", "", 502, Changes, InDoubt),
        // A page without a code, of a proxy for example, says nothing about a resource.
        ("ec2", "", 404, Changes, Invalid),
    ];
    for (service, code, status, effect, class) in table {
        let found = classify(service, code, status, effect);
        assert_eq!(found, class, "{service} {code} {status} {effect:?}");
    }
}

/// Reads a user and switches its key off through `endpoint`: the classes of the failures.
async fn failures(endpoint: &str) -> [CloudError; 2] {
    let client = aws_sdk_iam::Client::new(&hub(endpoint).await);
    let read = iam::user(&client, &"alice".parse().unwrap()).await.unwrap_err();
    let kind = Kind::AccessKey {
        user: "alice".parse().unwrap(),
        key: "AKIA0000000000000000".parse().unwrap(),
        before: KeyStatus::Active,
        after: KeyStatus::Inactive,
    };
    let change = Change { at: place(&HUB.parse().unwrap()), kind };
    let changed = iam::apply(&client, &change).await.unwrap_err();
    [read, changed]
}

fn seen(error: &CloudError) -> (ErrorClass, &str, Option<&str>) {
    (error.class, error.code.as_str(), error.request_id.as_deref())
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    // Bound and dropped: the port is free, and nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for failure in failures(&format!("http://127.0.0.1:{port}")).await {
        assert_eq!(seen(&failure), (ErrorClass::Transient, "NotConnected", None), "{failure}");
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_sent_nothing() {
    // `.invalid` never resolves (RFC 2606).
    for failure in failures("http://aws.invalid").await {
        assert_eq!(seen(&failure), (ErrorClass::Transient, "NotConnected", None), "{failure}");
    }
}

#[tokio::test]
async fn a_connection_cut_after_the_request_leaves_a_change_in_doubt_and_is_not_sent_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = requests.clone();
    let server = tokio::spawn(async move {
        use tokio::io::AsyncReadExt as _;
        let mut buffer = [0; 4096];
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            // The request has arrived, and the answer never will.
            let _ = stream.read(&mut buffer).await;
        }
    });
    let [read, changed] = failures(&format!("http://127.0.0.1:{port}")).await;
    server.abort();
    assert_eq!(seen(&read), (ErrorClass::Transient, "ConnectionLost", None), "{read}");
    assert_eq!(seen(&changed), (ErrorClass::InDoubt, "ConnectionLost", None), "{changed}");
    assert_eq!(requests.load(Ordering::SeqCst), 2, "the SDK retries, which only the executor may");
}

/// One answer to every request, with these headers and this body.
async fn answering(answer: &'static str) -> [CloudError; 2] {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut buffer = [0; 4096];
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let failures = failures(&format!("http://127.0.0.1:{port}")).await;
    server.abort();
    failures
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_answer_of_aws() {
    let [read, changed] = answering(
        "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 13\r\n\r\n<html></html>",
    )
    .await;
    assert_eq!(read.class, ErrorClass::Transient, "{read}");
    assert_eq!(changed.class, ErrorClass::InDoubt, "{changed}");
    let [_, cut] = answering("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<Upda").await;
    assert_eq!(cut.class, ErrorClass::InDoubt, "{cut}");
}

#[tokio::test]
async fn a_quota_of_iam_carries_its_code_and_request_id() {
    let [read, changed] = answering(concat!(
        "HTTP/1.1 409 Conflict\r\nConnection: close\r\nx-amzn-RequestId: r-1\r\nContent-Type: text/xml\r\nContent-Length: 191\r\n\r\n",
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>",
        "<Code>LimitExceeded</Code><Message>m</Message></Error><RequestId>r-1</RequestId></ErrorResponse>    ",
    ))
    .await;
    for failure in [read, changed] {
        assert_eq!(seen(&failure), (ErrorClass::Denied, "LimitExceeded", Some("r-1")), "{failure}");
    }
}
