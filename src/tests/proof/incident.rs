//! What GuardDuty tells of, made in an account, and the finding as EventBridge brings it.
//!
//! Everything is there that a runbook may find, so that it takes each of its branches: an address, an
//! Auto Scaling group that would replace the instance, load balancers of both kinds, a profile that was changed since, every kind of
//! credential.

use aws_sdk_ec2::types::{
    DomainType, IamInstanceProfileSpecification, InstanceNetworkInterfaceSpecification,
};
use aws_sdk_elasticloadbalancing::types as classic;
use aws_sdk_elasticloadbalancingv2::types as v2;
use aws_sdk_iam::types::AccessKey;
use serde_json::{Value, json};

use super::account::{Account, allowing};
use crate::end_to_end::account::{REGION, wait};

/// The user whose key leaked.
pub const USER: &str = "deploy-bot";
/// The role whose sessions were stolen.
pub const ROLE: &str = "batch-worker";

const MINING: &str = include_str!("../../finding/fixtures/crypto-mining-instance.json");
const LEAKED_KEY: &str = include_str!("../../finding/fixtures/leaked-user-key.json");
const STOLEN: &str = include_str!("../../finding/fixtures/instance-credential-exfiltration.json");
const SEQUENCE: &str = include_str!("../../finding/fixtures/attack-sequence-instance-group.json");
const BUCKET: &str = include_str!("../../finding/fixtures/raw-s3-anomalous-behavior.json");

/// An instance that mines.
pub fn miner(account: &Account) -> Value {
    let instance = instance(account);
    let mut event = event(MINING, account);
    let details = &mut event["detail"]["resource"]["instanceDetails"];
    details["instanceId"] = json!(instance);
    details["iamInstanceProfile"]["arn"] = json!(profile_before(account));
    event
}

/// An instance of which GuardDuty says that it is the victim.
pub fn suspect(account: &Account) -> Value {
    let mut event = miner(account);
    event["detail"]["service"]["resourceRole"] = json!("TARGET");
    event
}

/// An instance of which GuardDuty says what nobody has heard before.
pub fn unheard_of(account: &Account) -> Value {
    let mut event = miner(account);
    event["detail"]["type"] = json!("Exotic:EC2/NeverSeenBefore");
    event
}

/// A user whose key is used by somebody else.
pub fn leaked_key(account: &Account) -> Value {
    user_whose_key_leaked(account).1
}

/// The same, with the key.
pub fn user_whose_key_leaked(account: &Account) -> (AccessKey, Value) {
    let key = user(account);
    let mut event = event(LEAKED_KEY, account);
    event["detail"]["resource"]["accessKeyDetails"]["accessKeyId"] = json!(key.access_key_id());
    (key, event)
}

/// A role whose credentials are used by somebody else.
pub fn stolen_role(account: &Account) -> Value {
    let trusted = format!("arn:aws:iam::{}:root", account.id);
    account.role(ROLE, &allowing("sts:AssumeRole", Some(&trusted)), &allowing("*", None));
    event(STOLEN, account)
}

/// A bucket that was opened to everybody.
pub fn public_bucket(account: &Account) -> Value {
    let name = format!("payroll-{}", account.id);
    let s3 = account.root.s3();
    wait(async {
        use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
        let place = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(REGION))
            .build();
        let call = s3.create_bucket().bucket(&name).create_bucket_configuration(place);
        call.send().await.unwrap();
        s3.delete_public_access_block().bucket(&name).send().await.unwrap();
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
            "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{name}/*")}]});
        let call = s3.put_bucket_policy().bucket(&name).policy(policy.to_string());
        call.send().await.unwrap();
    });
    let text = BUCKET.replace("444455556666", &account.id).replace("eu-central-1", REGION);
    let mut detail: Value = serde_json::from_str(&text).unwrap();
    detail["type"] = json!("Policy:S3/BucketAnonymousAccessGranted");
    detail["resource"]["s3BucketDetails"] = json!([{"name": name}]);
    json!({
        "version": "0", "id": "5b0c1a52-0009-4d3c-9a51-000000000001",
        "detail-type": "GuardDuty Finding", "source": "aws.guardduty", "account": account.id,
        "time": detail["updatedAt"], "region": REGION, "resources": [], "detail": detail,
    })
}

/// A sequence in which all of these act: an instance, a user and a role.
pub fn sequence(account: &Account) -> Value {
    let instance = instance(account);
    user(account);
    stolen_role(account);
    let text = SEQUENCE.replace("i-0a1b2c3d4e5f60718", &instance);
    let mut event = event(&text, account);
    let sequence = &mut event["detail"]["service"]["detection"]["sequence"];
    sequence["actors"] = json!([
        {"id": "user", "user": {"name": USER, "uid": "AIDAZ7Q2EXAMPLE00001", "type": "IAMUser"}},
        {"id": "role", "user": {"name": ROLE, "uid": "AROAZ7Q2EXAMPLE00002", "type": "AssumedRole"}},
    ]);
    sequence["resources"][0]["data"]["ec2Instance"]["IamInstanceProfile"]["arn"] =
        json!(profile_before(account));
    event
}

fn event(text: &str, account: &Account) -> Value {
    let text = text.replace("111122223333", &account.id).replace("444455556666", &account.id);
    serde_json::from_str(&text).unwrap()
}

/// The profile that the instance had when the finding was made.
fn profile_before(account: &Account) -> String {
    format!("arn:aws:iam::{}:instance-profile/web-before", account.id)
}

fn profile(account: &Account, name: &str) {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]});
    account.role(name, &trust, &allowing("s3:GetObject", None));
    account.profile(name);
}

/// What takes a profile off, and gives it back, is needed where there is none that denies everything; all
/// the others have it.
const WITHOUT_DENY_PROFILE: [&str; 2] =
    ["ec2:DisassociateIamInstanceProfile", "ec2:AssociateIamInstanceProfile"];

/// An instance with an address of its own, in a group that wants at least one, behind load balancers.
fn instance(account: &Account) -> String {
    profile(account, "web-server");
    profile(account, "web-before");
    if account.lacking.as_ref().is_none_or(|one| !WITHOUT_DENY_PROFILE.contains(&one.as_str())) {
        account.deny_profile();
    }
    let (instance, vpc) = wait(running(account));
    wait(in_a_group(account, &instance));
    wait(behind_balancers(account, &instance, &vpc));
    instance
}

async fn running(account: &Account) -> (String, String) {
    let ec2 = account.root.ec2();
    let vpc = ec2.create_vpc().cidr_block("10.20.0.0/16").send().await.unwrap();
    let vpc = vpc.vpc.unwrap().vpc_id.unwrap();
    let call = ec2.create_subnet().vpc_id(&vpc).cidr_block("10.20.0.0/24");
    let subnet = call.availability_zone(format!("{REGION}a")).send().await.unwrap();
    let call = ec2.create_security_group().vpc_id(&vpc).group_name("web").description("web");
    let group = call.send().await.unwrap().group_id.unwrap();
    let interface = InstanceNetworkInterfaceSpecification::builder().device_index(0);
    let interface = interface.set_subnet_id(subnet.subnet.unwrap().subnet_id).groups(group);
    let profile = IamInstanceProfileSpecification::builder().name("web-server").build();
    let call = ec2.run_instances().image_id("ami-12345678").min_count(1).max_count(1);
    let call = call.iam_instance_profile(profile).network_interfaces(interface.build());
    let made = call.send().await.unwrap().instances.unwrap().remove(0);
    let interface = made.network_interfaces.unwrap().remove(0).network_interface_id.unwrap();
    let address = ec2.allocate_address().domain(DomainType::Vpc).send().await.unwrap();
    let call = ec2.associate_address().set_allocation_id(address.allocation_id);
    call.network_interface_id(interface).send().await.unwrap();
    (made.instance_id.unwrap(), vpc)
}

async fn in_a_group(account: &Account, instance: &str) {
    let scaling = account.root.scaling();
    let call = scaling.create_auto_scaling_group().auto_scaling_group_name("web");
    let call = call.instance_id(instance).min_size(0).max_size(3).desired_capacity(0);
    call.availability_zones(format!("{REGION}a")).send().await.unwrap();
    let call = scaling.attach_instances().auto_scaling_group_name("web");
    call.instance_ids(instance).send().await.unwrap();
    let call = scaling.update_auto_scaling_group().auto_scaling_group_name("web");
    call.min_size(1).send().await.unwrap();
}

async fn behind_balancers(account: &Account, instance: &str, vpc: &str) {
    let client = account.root.balancing();
    let call = client.create_target_group().name("web").port(80).vpc_id(vpc);
    let made = call.protocol(v2::ProtocolEnum::Http).send().await.unwrap();
    let group = made.target_groups.unwrap().remove(0).target_group_arn;
    let target = v2::TargetDescription::builder().id(instance).port(80).build();
    client.register_targets().set_target_group_arn(group).targets(target).send().await.unwrap();

    let client = account.root.classic_balancing();
    let listener = classic::Listener::builder().protocol("HTTP").load_balancer_port(80);
    let listener = listener.instance_port(80).build().unwrap();
    let call = client.create_load_balancer().load_balancer_name("web").listeners(listener);
    call.availability_zones(format!("{REGION}a")).send().await.unwrap();
    let call = client.register_instances_with_load_balancer().load_balancer_name("web");
    let instance = classic::Instance::builder().instance_id(instance).build();
    call.instances(instance).send().await.unwrap();
}

/// A user with all that IAM lets a user sign with; its first key.
fn user(account: &Account) -> AccessKey {
    let key = account.user(USER, &allowing("*", None));
    let iam = account.root.iam();
    wait(async {
        let call = iam.create_login_profile().user_name(USER).password("correct horse 9");
        call.send().await.unwrap();
        let call = iam.upload_ssh_public_key().user_name(USER).ssh_public_key_body("ssh-rsa AAAA");
        call.send().await.unwrap();
        let call = iam.upload_signing_certificate().user_name(USER);
        call.certificate_body(include_str!("certificate.pem")).send().await.unwrap();
        let call = iam.create_service_specific_credential().user_name(USER);
        call.service_name("bedrock.amazonaws.com").send().await.unwrap();
    });
    key
}
