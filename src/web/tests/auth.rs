//! Who may do what: the whole matrix of routes and roles, and everything that is no valid token.

use super::harness::{Harness, answer, start};
use crate::store::Role;
use crate::web::routes::{ROUTES, Right};

/// Who may use what, written out once more: a route that is added, removed or opened to another role
/// fails this test until somebody changes this list on purpose. `-` is anyone.
const MATRIX: &[(&str, &str, &str)] = &[
    ("GET", "/healthz", "-"),
    ("GET", "/readyz", "-"),
    ("POST", "/v1/findings", "responder admin intake"),
    ("GET", "/v1/cases", "viewer responder approver author admin auditor"),
    ("GET", "/v1/cases/{id}", "viewer responder approver author admin auditor"),
    ("GET", "/v1/cases/{id}/timeline", "viewer responder approver author admin auditor"),
    ("GET", "/v1/cases/{id}/export", "responder admin auditor"),
    ("POST", "/v1/cases/{id}/runs", "responder admin"),
    ("POST", "/v1/cases/{id}/notes", "responder approver admin"),
    ("POST", "/v1/cases/{id}/close", "responder admin"),
    ("POST", "/v1/runs", "responder admin"),
    ("GET", "/v1/runs/{id}", "viewer responder approver author admin auditor"),
    ("POST", "/v1/runs/{id}/undo", "responder admin"),
    ("GET", "/v1/approvals", "viewer responder approver author admin auditor"),
    ("GET", "/v1/approvals/{id}", "viewer responder approver author admin auditor"),
    ("POST", "/v1/approvals/{id}", "approver admin"),
    ("GET", "/v1/runbooks", "viewer responder approver author admin auditor"),
    ("POST", "/v1/runbooks/{id}/plan", "responder author admin"),
    ("GET", "/v1/quarantine", "responder admin auditor"),
    ("GET", "/v1/quarantine/{id}", "responder admin"),
];

#[test]
fn every_route_is_in_the_matrix_with_its_roles() {
    let built: Vec<(&str, &str, String)> = ROUTES
        .iter()
        .map(|route| {
            let roles = match route.right {
                Right::Open => "-".to_owned(),
                Right::Roles(allowed) => {
                    let allowed = Role::ALL.iter().filter(|role| allowed.contains(role));
                    allowed.map(|role| role.label()).collect::<Vec<_>>().join(" ")
                }
            };
            (route.method, route.path, roles)
        })
        .collect();
    let written: Vec<_> =
        MATRIX.iter().map(|(method, path, roles)| (*method, *path, (*roles).to_owned())).collect();
    assert_eq!(built, written);
}

#[tokio::test]
async fn the_server_enforces_the_matrix() {
    let harness = Harness::new().await;
    let zero = crate::id::Digest::zero();
    for (method, path, roles) in MATRIX {
        let id = match *path {
            path if path.starts_with("/v1/runs/") => "run-none",
            path if path.starts_with("/v1/approvals/") => "apr-none",
            path if path.starts_with("/v1/runbooks/") => "no-such-runbook",
            path if path.starts_with("/v1/quarantine/") => zero.as_str(),
            _ => "case-none",
        };
        let url = path.replace("{id}", id);
        let without = answer(harness.request(method, &url)).await;
        assert_eq!(
            without.status == 401,
            *roles != "-",
            "{method} {path} without a token: {without:?}"
        );
        for role in Role::ALL {
            let allowed = *roles == "-" || roles.split(' ').any(|label| label == role.label());
            let seen = answer(harness.as_role(role.label(), method, &url)).await;
            assert_eq!(
                seen.status != 403,
                allowed,
                "{method} {path} as {}: {seen:?}",
                role.label()
            );
            assert_ne!(seen.status, 401, "{method} {path} as {}", role.label());
            assert_ne!(seen.status, 500, "{method} {path} as {}: {seen:?}", role.label());
        }
    }
    harness.service.stop().await;
}

#[tokio::test]
async fn a_token_works_in_either_header_until_it_is_revoked_or_expires() {
    let harness = Harness::new().await;
    let path = "/v1/cases";
    let hour = std::time::Duration::from_secs(3600);
    let secret = harness.token("tok-short", Role::Viewer, Some(start() + hour)).await;
    let bearer = |text: &str| harness.request("GET", path).header("authorization", text);
    for (request, status) in [
        (harness.request("GET", path).header("x-api-key", &secret), 200),
        (bearer(&format!("Bearer {secret}")), 200),
        (bearer(&format!("bearer {secret}")), 200),
        (bearer(&format!("Basic {secret}")), 401),
        (bearer(&secret), 401),
        (bearer("Bearer tq_wrong"), 401),
        (bearer("Bearer "), 401),
        (bearer(&format!("Bearer {}", "tq_".repeat(3000))), 401),
        (harness.request("GET", path).header("x-api-key", "password"), 401),
    ] {
        let seen = answer(request).await;
        assert_eq!(seen.status, status, "{seen:?}");
        if status == 401 {
            assert_eq!(seen.code(), "E0201");
            assert_eq!(seen.headers["www-authenticate"], "Bearer");
        }
    }
    harness.clock.advance(hour);
    assert_eq!(answer(bearer(&format!("Bearer {secret}"))).await.status, 401, "it has expired");

    let secret = harness.token("tok-revoked", Role::Viewer, None).await;
    assert_eq!(answer(bearer(&format!("Bearer {secret}"))).await.status, 200);
    harness.service.store().revoke_token(&"tok-revoked".parse().unwrap(), start()).await.unwrap();
    harness.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(
        answer(bearer(&format!("Bearer {secret}"))).await.status,
        401,
        "it was revoked a second ago"
    );
    harness.service.stop().await;
}

#[tokio::test]
async fn a_token_that_asks_too_often_is_told_when_to_come_back() {
    let harness = Harness::with(|config| config.intake.rate_per_second = 1).await;
    let mut refused = None;
    for _ in 0..30 {
        let seen = harness.get("/v1/cases").await;
        if seen.status != 200 {
            refused = Some(seen);
            break;
        }
    }
    let refused = refused.expect("one of 30 requests is too many");
    assert_eq!((refused.status.as_u16(), refused.code()), (429, "E0208"));
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(
        answer(harness.as_role("viewer", "GET", "/v1/cases")).await.status,
        200,
        "others go on"
    );
    harness.service.stop().await;
}
