//! Where a parameter is taken from.

use super::lints as check;

#[test]
fn a_path_that_no_finding_has() {
    for (kind, from, wanted) in [
        (
            "instance-id",
            "resource.instanceDetails.instanceID",
            &[
                "3:46: warning E0308: parameter `x`: GuardDuty's findings have no `resource.instanceDetails.instanceID` (did you mean `resource.instanceDetails.instanceId`?)",
            ][..],
        ),
        (
            "instance-id",
            "resource.instance.instanceId",
            &["nearest: `resource.instanceDetails.instanceId`"],
        ),
        (
            "instance-id",
            "instanceDetails.instanceId",
            &["nearest: `resource.instanceDetails.instanceId`"],
        ),
        (
            "user-name",
            "resource.accesKeyDetails.userName",
            &["did you mean `resource.accessKeyDetails.userName`?"],
        ),
        ("text", "service.wholly", &["known there: action, evidence, archived, count"]),
        ("text", "resource..id", &["GuardDuty's findings have no `resource..id`"]),
        (
            "text",
            "resource.instanceDetails.networkInterfaces.vpcId",
            &[
                "error E0302: parameter `x`: `resource.instanceDetails.networkInterfaces` is a list (say which, counted from 0: `resource.instanceDetails.networkInterfaces.0.vpcId`)",
            ],
        ),
        (
            "text",
            "id.x",
            &["error E0302: parameter `x`: `id` is text and has no field `x` (take it from `id`)"],
        ),
        (
            "text",
            "resource.accessKeyDetails",
            &[
                "error E0302: parameter `x`: `resource.accessKeyDetails` is a map (below it: accessKeyId, principalId",
            ],
        ),
        (
            "text",
            "resource.instanceDetails.networkInterfaces",
            &["is a list (say which, counted from 0: "],
        ),
        ("text-list", "accountId", &["`accountId` is a text (its type is `text`)"]),
        // What may be there.
        ("instance-id", "resource.instanceDetails.instanceId", &[]),
        ("text", "resource.instanceDetails.networkInterfaces.0.securityGroups.1.groupId", &[]),
        ("text-list", "resource.instanceDetails.networkInterfaces.0.ipv6Addresses", &[]),
        ("text", "resource.s3BucketDetails.0.name", &[]),
        ("text", "service.additionalInfo.threatListName", &[]),
        ("tags", "resource.instanceDetails.tags", &[]),
        (
            "text",
            "service.detection.sequence.resources.0.data.ec2Instance.iamInstanceProfile.arn",
            &[],
        ),
    ] {
        let source = format!(
            "//! T.\nconst RUNBOOK = #{{ on: [\"*\"], params: #{{\n x: #{{ type: \"{kind}\", doc: \"D.\", from: \"{from}\" }} }} }};\n\
             fn run(case, p) {{ 1 }}"
        );
        check(&source, wanted);
    }
    // Also when something else in the header is wrong.
    check(
        "//! T.\nconst RUNBOOK = #{ params: #{ x: #{ type: \"text\", from: \"id.x\" } } };\nfn run(case, p) { 1 }",
        &["`on` is missing", "`id` is text"],
    );
}
