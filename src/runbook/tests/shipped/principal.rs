//! What the runbooks for users, keys, roles, buckets and ports ask for.

use super::*;

#[test]
fn principals_are_contained() {
    let finding = |user: &str, key: &str| json!({"resource": {"accessKeyDetails": {"userName": user, "accessKeyId": key}}});
    check(
        "leaked-access-key",
        finding("bob", "AKIAIOSFODNN7EXAMPLE"),
        json!({"roles": [], "foreign": [], "made": [], "complete": true, "regions": []}),
        &["1 contain::disable_access_keys", "2 look::assumed_roles", "3 notify"],
    );
    check(
        "leaked-access-key",
        finding("bob", "AKIAIOSFODNN7EXAMPLE"),
        json!({"roles": ["web", "batch"], "foreign": ["arn:aws:iam::444455556666:role/web"],
            "made": ["CreateUser eve"], "complete": false, "regions": ["eu-west-1"]}),
        &[
            "1 contain::disable_access_keys",
            "2 look::assumed_roles",
            "3[0]/1 contain::revoke_role_sessions",
            "3[1]/1 contain::revoke_role_sessions",
            "4 notify",
        ],
    );
    for (runbook, wanted) in [("root-user", "root user"), ("federated-user", "federated user")] {
        let end =
            check(runbook, finding("somebody", "ASIAIOSFODNN7EXAMPLE"), json!({}), &["1 notify"]);
        assert!(
            matches!(end, Advance::Failed(error) if error.message.contains(wanted)),
            "{runbook}"
        );
    }
    check(
        "public-bucket",
        json!({"resource": {"s3BucketDetails": [{"name": "one-bucket"}, {"name": "two-bucket"}]}}),
        json!({}),
        &[
            "1[0]/1 contain::block_public_bucket",
            "1[1]/1 contain::block_public_bucket",
            "2 act::tag_resource",
            "3 act::tag_resource",
            "4 notify",
        ],
    );
    let arn = "arn:aws:ecs:eu-west-1:111122223333:task/prod/0a1b2c3d4e5f60718293a4b5c6d7e8f9";
    let details = json!({"name": "prod", "taskDetails": {"arn": arn}});
    let ecs = json!({"resource": {"ecsClusterDetails": details}});
    check(
        "compromised-task",
        ecs.clone(),
        json!({"state": "RUNNING", "task_role": "web"}),
        &[
            "1 look::task",
            "2[0]/1 contain::isolate_ecs_task",
            "2[1]/1 contain::revoke_role_sessions",
            "3 approve",
            "4 contain::stop_ecs_task",
            "5 notify",
        ],
    );
    for look in [Value::Null, json!({"state": "STOPPED"})] {
        let end = check("compromised-task", ecs.clone(), look, &["1 look::task"]);
        assert!(
            matches!(&end, Advance::Failed(error) if error.message.contains("in its place")),
            "{end:?}"
        );
    }
    let orders = json!({"rdsDbInstanceDetails": {"dbInstanceIdentifier": "orders"}});
    check(
        "database-login",
        json!({"resource": orders}),
        json!({}),
        &["1 contain::restrict_database", "2 act::tag_resource", "3 notify"],
    );
    let wide = json!({"rdsLimitlessDbDetails": {"dbClusterIdentifier": "wide"}});
    let end = check("database-login", json!({"resource": wide}), json!({}), &[]);
    assert!(matches!(&end, Advance::Failed(e) if e.message.contains("wide are none")), "{end:?}");
    check(
        "stolen-role-credentials",
        finding("ci-admin", "ASIAIOSFODNN7EXAMPLE"),
        json!({}),
        &["1 contain::revoke_role_sessions", "2 notify"],
    );
    let end = check(
        "stolen-role-credentials",
        finding("AWSReservedSSO_Admin_0123", "ASIAIOSFODNN7EXAMPLE"),
        json!({}),
        &[],
    );
    assert!(matches!(end, Advance::Failed(error) if error.message.contains("Identity Center")));
}
