//! What the shipped runbooks need of IAM, as documents, and that a branch never taken counts.

use super::*;
use crate::action::{Forensics, Need, Settings};
use crate::change::document;

fn terms(forensics: bool) -> Terms {
    let forensics = forensics.then(|| Forensics {
        account: "999988887777".parse().unwrap(),
        kms_key: "alias/tourniquet-forensics".to_owned(),
        transfer_kms_key: "alias/tourniquet-transfer".to_owned(),
    });
    Terms {
        account: Some("111122223333".parse().unwrap()),
        region: Some("eu-west-1".parse().unwrap()),
        settings: Settings { forensics, protected_roles: Default::default(), lock: None },
        confirm_findings: true,
    }
}

/// One line for each statement.
fn lines(need: &Need) -> String {
    let line = |one: &crate::change::Statement| {
        let actions: Vec<&str> = one.actions.iter().map(String::as_str).collect();
        format!("{}: {} on {}\n", one.sid, actions.join(" "), one.resource)
    };
    need.statements().iter().map(line).collect()
}

fn shipped(name: &str, terms: &Terms) -> Policies {
    let library = Library::embedded_with(&ENGINE).unwrap();
    policies([&*library.get(&name.parse().unwrap()).unwrap()], terms)
}

#[test]
fn a_role_s_sessions_need_the_role_its_tags_guardduty_and_an_undo() {
    let Policies { responder, forensics } = shipped("stolen-role-credentials", &terms(true));
    assert_eq!(forensics, None, "no evidence is preserved");
    let document = document(&responder.statements());
    insta::assert_snapshot!(format!("{document:#}"), @r#"
    {
      "Statement": [
        {
          "Action": [
            "ec2:DescribeIamInstanceProfileAssociations",
            "guardduty:ListDetectors"
          ],
          "Effect": "Allow",
          "Resource": "*",
          "Sid": "AnyResource"
        },
        {
          "Action": [
            "guardduty:GetFindings"
          ],
          "Effect": "Allow",
          "Resource": "arn:aws:guardduty:eu-west-1:111122223333:detector/*",
          "Sid": "GuarddutyDetector"
        },
        {
          "Action": [
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListInstanceProfilesForRole",
            "iam:ListRoleTags",
            "iam:PutRolePolicy"
          ],
          "Effect": "Allow",
          "Resource": "arn:aws:iam::111122223333:role/*",
          "Sid": "IamRole"
        },
        {
          "Action": [
            "iam:DeleteRolePolicy"
          ],
          "Effect": "Allow",
          "Resource": "arn:aws:iam::111122223333:role/*",
          "Sid": "UndoIamRole"
        }
      ],
      "Version": "2012-10-17"
    }
    "#);
}

#[test]
fn an_instance_needs_two_documents_where_there_is_a_forensics_account() {
    let Policies { responder, forensics } = shipped("compromised-instance", &terms(true));
    insta::assert_snapshot!(lines(&responder), @r"
    AnyResource: autoscaling:DescribeAutoScalingGroups autoscaling:DescribeAutoScalingInstances ec2:DescribeIamInstanceProfileAssociations ec2:DescribeInstances ec2:DescribeNetworkInterfaces ec2:DescribeSecurityGroups ec2:DescribeSnapshots ec2:DescribeTags ec2:GetEbsDefaultKmsKeyId elasticloadbalancing:DescribeLoadBalancers elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth guardduty:ListDetectors on *
    AutoscalingAutoScalingGroup: autoscaling:EnterStandby autoscaling:UpdateAutoScalingGroup on arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:*:autoScalingGroupName/*
    Ec2ElasticIp: ec2:DisassociateAddress on arn:aws:ec2:eu-west-1:111122223333:elastic-ip/*
    Ec2Instance: ec2:CreateSnapshots ec2:CreateTags ec2:DescribeInstanceAttribute ec2:DisassociateAddress ec2:DisassociateIamInstanceProfile ec2:ModifyInstanceAttribute ec2:ModifyNetworkInterfaceAttribute ec2:ReplaceIamInstanceProfileAssociation on arn:aws:ec2:eu-west-1:111122223333:instance/*
    Ec2NetworkInterface: ec2:DisassociateAddress ec2:ModifyNetworkInterfaceAttribute on arn:aws:ec2:eu-west-1:111122223333:network-interface/*
    Ec2SecurityGroup: ec2:AuthorizeSecurityGroupEgress ec2:AuthorizeSecurityGroupIngress ec2:CreateSecurityGroup ec2:CreateTags ec2:ModifyNetworkInterfaceAttribute ec2:RevokeSecurityGroupEgress ec2:RevokeSecurityGroupIngress on arn:aws:ec2:eu-west-1:111122223333:security-group/*
    Ec2Volume: ec2:CreateSnapshots ec2:ModifyInstanceAttribute on arn:aws:ec2:eu-west-1:111122223333:volume/*
    Ec2Vpc: ec2:CreateSecurityGroup on arn:aws:ec2:eu-west-1:111122223333:vpc/*
    Ec2Snapshot: ec2:CopySnapshot ec2:CreateSnapshots ec2:CreateTags ec2:DescribeSnapshotAttribute ec2:ModifySnapshotAttribute on arn:aws:ec2:eu-west-1::snapshot/*
    ElasticloadbalancingLoadbalancer: elasticloadbalancing:DeregisterInstancesFromLoadBalancer on arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/*
    ElasticloadbalancingTargetgroup: elasticloadbalancing:DeregisterTargets on arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/*
    GuarddutyDetector: guardduty:GetFindings on arn:aws:guardduty:eu-west-1:111122223333:detector/*
    IamInstanceProfile: iam:GetInstanceProfile on arn:aws:iam::111122223333:instance-profile/*
    IamRole: iam:GetRole iam:GetRolePolicy iam:ListInstanceProfilesForRole iam:ListRoleTags iam:PutRolePolicy on arn:aws:iam::111122223333:role/*
    IamRole2: iam:PassRole on arn:aws:iam::111122223333:role/*tourniquet-deny-all
    KmsKey: kms:CreateGrant kms:Decrypt kms:DescribeKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo on arn:aws:kms:eu-west-1:111122223333:key/*
    UndoAutoscalingAutoScalingGroup: autoscaling:ExitStandby on arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:*:autoScalingGroupName/*
    UndoEc2ElasticIp: ec2:AssociateAddress on arn:aws:ec2:eu-west-1:111122223333:elastic-ip/*
    UndoEc2Instance: ec2:AssociateAddress ec2:AssociateIamInstanceProfile ec2:DeleteTags on arn:aws:ec2:eu-west-1:111122223333:instance/*
    UndoEc2NetworkInterface: ec2:AssociateAddress on arn:aws:ec2:eu-west-1:111122223333:network-interface/*
    UndoElasticloadbalancingLoadbalancer: elasticloadbalancing:RegisterInstancesWithLoadBalancer on arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/*
    UndoElasticloadbalancingTargetgroup: elasticloadbalancing:RegisterTargets on arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/*
    UndoIamRole: iam:DeleteRolePolicy iam:PassRole on arn:aws:iam::111122223333:role/*
    ");
    insta::assert_snapshot!(lines(&forensics.unwrap()), @r"
    AnyResource: ec2:DescribeSnapshots on *
    Ec2Snapshot: ec2:CopySnapshot ec2:CreateTags on arn:aws:ec2:eu-west-1::snapshot/*
    KmsKey: kms:CreateGrant kms:Decrypt kms:DescribeKey kms:ReEncryptFrom on arn:aws:kms:eu-west-1:111122223333:key/*
    KmsKey2: kms:CreateGrant kms:Decrypt kms:DescribeKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo on arn:aws:kms:eu-west-1:999988887777:key/*
    ");
    let alone = shipped("compromised-instance", &terms(false));
    assert_eq!(alone.forensics, None);
    assert!(!lines(&alone.responder).contains("kms:"), "nothing is copied");
}

#[test]
fn what_only_observes_needs_reads_alone() {
    insta::assert_snapshot!(lines(&shipped("observe", &terms(true)).responder), @r"
    AnyResource: ec2:DescribeInstances ec2:DescribeNetworkInterfaces on *
    IamInstanceProfile: iam:GetInstanceProfile on arn:aws:iam::111122223333:instance-profile/*
    ");
}

#[test]
fn every_branch_counts_and_a_tag_s_kind_is_known_from_its_text() {
    let need = |body: &str| {
        let policies = policies([&compiled(&script(body))], &terms(true));
        lines(&policies.responder)
    };
    let never = need("if p.x == \"never\" { contain::disable_access_keys(\"ann\"); }");
    assert!(never.contains("iam:UpdateAccessKey"), "{never}");
    let caught = need("try { throw 1; } catch (e) { contain::isolate_instance(p.instance); }");
    assert!(caught.contains("ec2:ModifyNetworkInterfaceAttribute"), "{caught}");
    let inside =
        need("parallel([|| { if p.x == \"1\" { contain::revoke_role_sessions(p.role) } }]);");
    assert!(inside.contains("iam:PutRolePolicy"), "{inside}");
    let user = need("act::tag_resource(`user/${p.user}`, #{ a: \"b\" });");
    assert!(user.contains("iam:TagUser") && user.contains("UndoIamUser: iam:UntagUser"), "{user}");
    assert!(!user.contains("s3:") && !user.contains("ec2:"), "{user}");
    let unknown = need("act::tag_resource(p.resource, #{ a: \"b\" });");
    for action in ["iam:TagUser", "iam:TagRole", "ec2:CreateTags", "s3:PutBucketTagging"] {
        assert!(unknown.contains(action), "{unknown}");
    }
}

#[test]
fn an_account_and_a_region_that_are_not_known_become_words_and_stars() {
    let terms = Terms { account: None, region: None, ..terms(true) };
    let Policies { responder, forensics } = shipped("compromised-instance", &terms);
    let text = lines(&responder.renamed(ANY_ACCOUNT, "self"));
    assert!(text.contains("arn:aws:ec2:*:self:instance/*"), "{text}");
    assert!(!text.contains(ANY_ACCOUNT) && !text.contains("any-region"), "{text}");
    let text = lines(&forensics.unwrap().renamed("999988887777", "self").renamed(ANY_ACCOUNT, "*"));
    assert!(
        text.contains("arn:aws:kms:*:*:key/*") && text.contains("arn:aws:kms:*:self:key/*"),
        "{text}"
    );
}

/// Each of these names no resource type, or none that is required, in the Service Authorization
/// Reference of its service; whatever else stands on `*` could be narrower.
#[test]
fn only_actions_that_know_no_resource_are_allowed_on_everything() {
    let library = Library::embedded_with(&ENGINE).unwrap();
    let all = compiled(&script(
        "act::tag_resource(p.resource, #{ a: \"b\" });\nlook::role(p.role);\nlook::user(p.user);",
    ));
    let runbooks = library.iter().map(|runbook| &**runbook).chain([&all]);
    let Policies { responder, forensics } = policies(runbooks, &terms(true));
    let mut everything = std::collections::BTreeSet::new();
    for statement in responder.statements().into_iter().chain(forensics.unwrap().statements()) {
        if statement.resource == "*" {
            assert_eq!(statement.sid, "AnyResource");
            everything.extend(statement.actions);
        }
    }
    let expected = [
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "cloudtrail:LookupEvents",
        "ec2:DescribeIamInstanceProfileAssociations",
        "ec2:DescribeInstances",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSnapshots",
        "ec2:DescribeTags",
        "ec2:DescribeVolumes",
        "ec2:GetEbsDefaultKmsKeyId",
        "ecs:DescribeTaskDefinition",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "guardduty:ListDetectors",
        "lambda:ListEventSourceMappings",
    ];
    assert_eq!(everything, expected.map(str::to_owned).into());
}
