//! What the runbook for a compromised function asks for, by the role that the finding names.

use super::*;

#[test]
fn a_compromised_function_is_throttled_beside_its_roles() {
    let finding = |role: &str| {
        let details = json!({"functionName": "export", "role": role});
        json!({"resource": {"resourceType": "Lambda", "lambdaDetails": details}})
    };
    let both = ["2[1]/1 contain::revoke_role_sessions", "2[2]/1 contain::revoke_role_sessions"];
    for (role, revoked) in [
        ("arn:aws:iam::111122223333:role/service-role/export", &both[..1]),
        ("arn:aws:iam::111122223333:role/service-role/before", &both),
        // Of another account: none of ours, even where a role here has its name.
        ("arn:aws:iam::444455556666:role/before", &both[..1]),
        ("", &both[..1]),
    ] {
        let (first, last) = (
            ["1 look::function", "2[0]/1 contain::throttle_function"],
            ["3 act::tag_resource", "4 notify"],
        );
        let wanted: Vec<&str> = first.iter().chain(revoked).chain(&last).copied().collect();
        let look = json!({"name": "export", "role": "export"});
        check("compromised-function", finding(role), look, &wanted);
    }
    let end = check("compromised-function", finding(""), Value::Null, &["1 look::function"]);
    assert!(
        matches!(&end, Advance::Failed(error) if error.message.contains("sessions of the role")),
        "{end:?}"
    );
}
