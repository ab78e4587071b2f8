//! Runbooks that look good and that no finding can start.

use super::lints as check;

fn header(header: &str, wanted: &[&str]) {
    check(&format!("//! T.\nconst RUNBOOK = #{{\n{header}\n}};\nfn run(case, p) {{ 1 }}"), wanted);
}

#[test]
fn a_required_parameter_that_comes_from_nowhere() {
    let nowhere = "warning E0308: parameter `role` is required and has no `from`: no finding can start this runbook, but it takes the findings that fit `on` from others (give it `from` or `required: false`, or, where only people start the runbook, write `on: [\"manual\"]`)";
    for (text, wanted) in [
        (
            "on: [\"Backdoor:EC2/*\"],\nparams: #{\n role: #{ type: \"role-name\" } }",
            &[&*format!("5:2: {nowhere}")][..],
        ),
        ("on: [\"*\"], params: #{ role: #{ type: \"role-name\", required: true } }", &[nowhere]),
        ("on: [\"*\"], params: #{ role: #{ type: \"role-name\", required: false } }", &[]),
        (
            "on: [\"*\"], params: #{ role: #{ type: \"role-name\", from: \"resource.accessKeyDetails.userName\" } }",
            &[],
        ),
        // People start these.
        ("on: [\"manual\"], params: #{ role: #{ type: \"role-name\" } }", &[]),
        ("fallback: true, params: #{ role: #{ type: \"role-name\" } }", &[]),
    ] {
        header(text, wanted);
    }
}

#[test]
fn values_that_no_finding_has() {
    for (text, wanted) in [
        (
            "on: [\"*\"],\nresource: \"AccesKey\"",
            &[
                "4:11: warning E0308: GuardDuty's findings have no resource type \"AccesKey\" (did you mean `AccessKey`?)",
            ][..],
        ),
        ("on: [\"*\"], resource: \"EC2\"", &["(known: AccessKey, AttackSequence, "]),
        ("on: [\"*\"], resource: \"instance\"", &["did you mean `Instance`?"]),
        (
            "on: [\"*\"], user: \"AssumdRole\"",
            &[
                "3:18: warning E0308: GuardDuty's findings have no user type \"AssumdRole\" (did you mean `AssumedRole`?)",
            ],
        ),
        (
            "on: [\"Backdoor:EC2/*\", \"UnauthorizedAcces:IAMUser/*\"]",
            &[
                "3:24: warning E0308: `on`: GuardDuty's finding types have no purpose `UnauthorizedAcces` (did you mean `UnauthorizedAccess`?)",
            ],
        ),
        ("on: [\"Malware:EC2/*\"]", &["no purpose `Malware` (known: AttackSequence, Backdoor, "]),
        // What there is, and what can't be known.
        ("on: [\"Execution:EC2/*\"], resource: \"Instance\"", &[]),
        ("on: [\"Policy:IAMUser/*\"], resource: \"AccessKey\", user: \"Root\"", &[]),
        ("on: [\"Object:S3/MaliciousFile\"], resource: \"S3Object\"", &[]),
        ("on: [\"*Acces:IAMUser/*\", \"*\", \"manual\"]", &[]),
    ] {
        header(text, wanted);
    }
}
