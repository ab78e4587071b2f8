//! The contract suite over the wire: our adapter, in roles of two accounts, on moto.

mod balancers;
mod databases;
mod tasks;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, DomainType, EbsBlockDevice, InstanceNetworkInterfaceSpecification,
    ResourceType, Tag, TagSpecification,
};
use aws_smithy_types::error::display::DisplayErrorContext;

use super::{REGION, aws, fresh_account, function, inside, place};
use crate::change::CredentialKind;
use crate::cloud::Deed;
use crate::cloud::contract::{
    Ability, Console, DatabaseWish, Disk, Fixture, InstanceWish, Ip, Lab, Outcome, TaskWish, suite,
};
use crate::id::{
    AccessKeyId, AccountId, BalancerName, BucketName, ClusterName, CredentialId, DatabaseClusterId,
    DatabaseId, EventSourceId, FunctionName, GroupId, InstanceId, InterfaceId, Place, RoleName,
    ScalingGroupName, ServiceName, TargetGroupArn, TaskId, UserName, VpcId,
};
use crate::tests::moto::Moto;

const EXTERNAL_ID: &str = "contract";

/// What moto with our overlay can't do.
const CANNOT: &[(Ability, &str)] =
    &[(Ability::Permissions, "moto does not evaluate session policies")];

/// What lets EC2 assume a role.
const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;

/// A certificate of nobody, valid for a hundred years; its key was never kept.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBbjCCARWgAwIBAgIUWRBTW3PkhmRsfsP7KJRc/fuOfAQwCgYIKoZIzj0EAwIw\n\
DDEKMAgGA1UEAwwBdDAgFw0yNjExMjIwOTUzMTdaGA8yMTI2MTAyOTA5NTMxN1ow\n\
DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMQw2Q2m18lX\n\
QSYr6xLgcBTX0bB6EM+RxXufL/JXJnRQbcQnnw5L9Hf8aHBJD8HyQof6B6YJaiyR\n\
3uR5FN1sKkejUzBRMB0GA1UdDgQWBBQtI3hF0ERLRtQ68qhsF/rWlrhNWDAfBgNV\n\
HSMEGDAWgBQtI3hF0ERLRtQ68qhsF/rWlrhNWDAPBgNVHRMBAf8EBTADAQH/MAoG\n\
CCqGSM49BAMCA0cAMEQCIFYaUQXqD2EPhXKn0GkLlASyKcNjgSIS15TSz2V1o3sx\n\
AiAqTEwQqkDfWkOnk/cJSqKY2r+5bv/9OpHdHz3pM4VGhg==\n\
-----END CERTIFICATE-----\n";

struct OnMoto {
    moto: &'static Moto,
    inside: BTreeMap<AccountId, SdkConfig>,
    count: AtomicU64,
}

/// The words of a failed call, for a check's outcome.
fn text<E: std::error::Error>(error: E) -> String {
    DisplayErrorContext(error).to_string()
}

fn id<T: std::str::FromStr>(given: Option<&str>) -> Outcome<T> {
    given.unwrap_or_default().parse().map_err(|_| format!("{given:?} is no id"))
}

impl OnMoto {
    fn n(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    fn ec2(&self, at: &Place) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.inside[&at.account])
    }

    fn iam(&self, at: &Place) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.inside[&at.account])
    }

    async fn subnet(&self, at: &Place, vpc: &VpcId) -> Outcome<String> {
        let made = self
            .ec2(at)
            .create_subnet()
            .vpc_id(vpc.as_str())
            .cidr_block(format!("10.0.{}.0/24", self.n() % 256))
            .availability_zone(format!("{REGION}a"))
            .send()
            .await
            .map_err(text)?;
        id(made.subnet().and_then(|subnet| subnet.subnet_id()))
    }
}

#[async_trait]
impl Fixture for OnMoto {
    fn cannot(&self) -> &'static [(Ability, &'static str)] {
        CANNOT
    }

    async fn vpc(&self, at: &Place, ip: Ip) -> Outcome<VpcId> {
        let made = self
            .ec2(at)
            .create_vpc()
            .cidr_block("10.0.0.0/16")
            .amazon_provided_ipv6_cidr_block(ip == Ip::Dual)
            .send()
            .await
            .map_err(text)?;
        id(made.vpc().and_then(|vpc| vpc.vpc_id()))
    }

    async fn group(&self, at: &Place, vpc: &VpcId) -> Outcome<GroupId> {
        let made = self
            .ec2(at)
            .create_security_group()
            .vpc_id(vpc.as_str())
            .group_name(format!("group-{}", self.n()))
            .description("Made by the contract suite")
            .send()
            .await
            .map_err(text)?;
        id(made.group_id())
    }

    async fn instance(&self, at: &Place, wish: &InstanceWish) -> Outcome<InstanceId> {
        let mut call =
            self.ec2(at).run_instances().image_id("ami-12345678").min_count(1).max_count(1);
        for (index, (vpc, groups)) in wish.interfaces.iter().enumerate() {
            call = call.network_interfaces(
                InstanceNetworkInterfaceSpecification::builder()
                    .device_index(i32::try_from(index).map_err(text)?)
                    .subnet_id(self.subnet(at, vpc).await?)
                    .set_groups(Some(groups.iter().map(ToString::to_string).collect()))
                    .delete_on_termination(true)
                    .build(),
            );
        }
        // The first is moto's root device.
        for (device, disk) in ["/dev/sda1", "/dev/sdf", "/dev/sdg"].iter().zip(&wish.disks) {
            let ebs = EbsBlockDevice::builder().volume_size(8).delete_on_termination(true);
            let ebs = match disk {
                Disk::Plain => ebs.encrypted(false),
                Disk::DefaultKey => ebs.encrypted(true),
                Disk::Key(arn) => ebs.encrypted(true).kms_key_id(arn),
            };
            call = call.block_device_mappings(
                BlockDeviceMapping::builder().device_name(*device).ebs(ebs.build()).build(),
            );
        }
        if !wish.tags.is_empty() {
            let tag =
                |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
            call = call.tag_specifications(
                TagSpecification::builder()
                    .resource_type(ResourceType::Instance)
                    .set_tags(Some(wish.tags.iter().map(tag).collect()))
                    .build(),
            );
        }
        let made = call.send().await.map_err(text)?;
        id(made.instances().first().and_then(|instance| instance.instance_id()))
    }

    async fn elastic_ip(&self, at: &Place, interface: &InterfaceId) -> Outcome {
        let made =
            self.ec2(at).allocate_address().domain(DomainType::Vpc).send().await.map_err(text)?;
        let call = self
            .ec2(at)
            .associate_address()
            .set_allocation_id(made.allocation_id().map(str::to_owned))
            .network_interface_id(interface.as_str());
        call.send().await.map(drop).map_err(text)
    }

    async fn scaling_group(&self, at: &Place, instance: &InstanceId) -> Outcome<ScalingGroupName> {
        balancers::scaling_group(self, at, instance).await
    }

    async fn target_group(&self, at: &Place, instance: &InstanceId) -> Outcome<TargetGroupArn> {
        balancers::target_group(self, at, instance).await
    }

    async fn classic_balancer(&self, at: &Place, instance: &InstanceId) -> Outcome<BalancerName> {
        balancers::classic(self, at, instance).await
    }

    async fn terminate(&self, at: &Place, id: &InstanceId) -> Outcome {
        let call = self.ec2(at).terminate_instances().instance_ids(id.as_str());
        call.send().await.map(drop).map_err(text)
    }

    async fn role(&self, at: &Place, path: &str) -> Outcome<RoleName> {
        let name = format!("role-{}", self.n());
        let call = self
            .iam(at)
            .create_role()
            .role_name(&name)
            .path(path)
            .assume_role_policy_document(TRUST);
        call.send().await.map_err(text)?;
        id(Some(&name))
    }

    async fn profile(&self, at: &Place, role: &RoleName) -> Outcome<String> {
        let name = format!("profile-{}", self.n());
        let iam = self.iam(at);
        let made = iam
            .create_instance_profile()
            .instance_profile_name(&name)
            .send()
            .await
            .map_err(text)?;
        iam.add_role_to_instance_profile()
            .instance_profile_name(&name)
            .role_name(role.as_str())
            .send()
            .await
            .map_err(text)?;
        let made = made.instance_profile().ok_or("there is no profile")?;
        Ok(made.arn().to_owned())
    }

    async fn carry(&self, at: &Place, instance: &InstanceId, profile: &str) -> Outcome {
        use aws_sdk_ec2::types::IamInstanceProfileSpecification;
        let profile = IamInstanceProfileSpecification::builder().arn(profile).build();
        let call = self.ec2(at).associate_iam_instance_profile().instance_id(instance.as_str());
        call.iam_instance_profile(profile).send().await.map(drop).map_err(text)
    }

    async fn user(&self, at: &Place, keys: usize, console: Console) -> Outcome<UserName> {
        let name = format!("user-{}", self.n());
        let iam = self.iam(at);
        iam.create_user().user_name(&name).send().await.map_err(text)?;
        for _ in 0..keys {
            iam.create_access_key().user_name(&name).send().await.map_err(text)?;
        }
        if console == Console::Password {
            let call = iam.create_login_profile().user_name(&name).password("correct horse 9");
            call.send().await.map_err(text)?;
        }
        id(Some(&name))
    }

    async fn deed(&self, at: &Place, by: &(UserName, AccessKeyId), deed: &Deed) -> Outcome {
        let name = if deed.event == "AssumeRole" { "roleArn" } else { "userName" };
        let event = serde_json::json!({
            "eventName": deed.event, "eventSource": "iam.amazonaws.com",
            "userIdentity": {"type": "IAMUser", "userName": by.0, "accessKeyId": by.1},
            "requestParameters": {name: deed.about},
        });
        self.moto.inject_event(at.account.as_str(), at.region.as_str(), &event.to_string());
        Ok(())
    }

    async fn credential(
        &self,
        at: &Place,
        user: &UserName,
        kind: CredentialKind,
    ) -> Outcome<CredentialId> {
        let (iam, user) = (self.iam(at), user.as_str());
        match kind {
            CredentialKind::SshPublicKey => {
                let call = iam.upload_ssh_public_key().user_name(user);
                let made = call.ssh_public_key_body("ssh-rsa AAAA").send().await.map_err(text)?;
                id(made.ssh_public_key().map(|key| key.ssh_public_key_id()))
            }
            CredentialKind::SigningCertificate => {
                let call = iam.upload_signing_certificate().user_name(user);
                let made = call.certificate_body(CERTIFICATE).send().await.map_err(text)?;
                id(made.certificate().map(|certificate| certificate.certificate_id()))
            }
            CredentialKind::ServiceSpecific => {
                let call = iam.create_service_specific_credential().user_name(user);
                let call = call.service_name("bedrock.amazonaws.com");
                let made = call.send().await.map_err(text)?;
                let made = made.service_specific_credential();
                id(made.map(|made| made.service_specific_credential_id()))
            }
        }
    }

    async fn bucket(&self, at: &Place) -> Outcome<BucketName> {
        use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
        let name = format!("bucket-{}-{}", at.account, self.n());
        let place = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(REGION))
            .build();
        let call = aws_sdk_s3::Client::new(&self.inside[&at.account])
            .create_bucket()
            .bucket(&name)
            .create_bucket_configuration(place);
        call.send().await.map_err(text)?;
        name.parse().map_err(text)
    }

    async fn database(&self, at: &Place, wish: &DatabaseWish) -> Outcome<DatabaseId> {
        databases::instance(self, at, wish).await
    }

    async fn database_cluster(&self, at: &Place, group: &GroupId) -> Outcome<DatabaseClusterId> {
        databases::cluster(self, at, group).await
    }

    async fn task(&self, at: &Place, wish: &TaskWish) -> Outcome<(ClusterName, TaskId)> {
        tasks::task(self, at, wish).await
    }

    async fn service(&self, at: &Place, desired: u32) -> Outcome<(ClusterName, ServiceName)> {
        tasks::service(self, at, desired).await
    }
    async fn function(&self, at: &Place) -> Outcome<(FunctionName, EventSourceId)> {
        let role = self.role(at, "/").await?;
        function::made(self.moto, &self.inside[&at.account], at, (&role, self.n())).await
    }

    async fn key(&self, at: &Place, _usable_by: &AccountId) -> Outcome<String> {
        // The adapter needs no KMS, so there is no SDK for it; moto asks no key policy.
        let headers = [
            ("X-Amz-Target", "TrentService.CreateKey"),
            ("Content-Type", "application/x-amz-json-1.1"),
        ];
        let answer = self.moto.call("kms", at.region.as_str(), at.account.as_str(), &headers, "{}");
        let json: serde_json::Value = serde_json::from_str(&answer.body).map_err(text)?;
        let arn = json["KeyMetadata"]["Arn"].as_str();
        arn.map(str::to_owned).ok_or_else(|| format!("there is no key: {}", answer.body))
    }

    async fn finding(&self, at: &Place, id: &str) -> Outcome {
        let finding = serde_json::json!({
            "schemaVersion": "2.0", "id": id, "accountId": at.account, "region": at.region,
            "arn": format!("arn:aws:guardduty:{}:{}:detector/d/finding/{id}", at.region, at.account),
            "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS", "severity": 8,
            "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z",
            "resource": {"resourceType": "Instance"},
            "service": {"archived": false, "aFieldTheSdkDoesNotKnow": {"kept": true}},
        });
        let (account, region) = (at.account.as_str(), at.region.as_str());
        self.moto.inject_finding(account, region, &finding.to_string());
        Ok(())
    }
}

async fn lab(moto: &'static Moto) -> (super::Aws, Lab, std::sync::Arc<OnMoto>) {
    let (workload, forensics) = (fresh_account(), fresh_account());
    let mut configs = BTreeMap::new();
    for account in [&workload, &forensics] {
        moto.responder_role(account.as_str(), EXTERNAL_ID);
        configs.insert(account.clone(), inside(moto, account, EXTERNAL_ID).await);
    }
    let cloud = aws(moto, &[&workload, &forensics], EXTERNAL_ID).await;
    let fixture = std::sync::Arc::new(OnMoto { moto, inside: configs, count: AtomicU64::new(0) });
    let lab = Lab {
        workload: place(&workload),
        forensics: place(&forensics),
        fixture: fixture.clone(),
        token: workload.as_str().to_owned(),
    };
    (cloud, lab, fixture)
}

#[tokio::test]
async fn the_adapter_keeps_the_contract_on_moto() {
    let (cloud, lab, _) = lab(Moto::shared()).await;
    suite(&cloud, &lab).await;
}

#[tokio::test]
async fn a_finding_is_read_as_guardduty_wrote_it() {
    use crate::cloud::{Cloud as _, Scope};
    let (cloud, lab, fixture) = lab(Moto::shared()).await;
    let id = "a1b2c3d4e5f60718293a4b5c6d7e8f90";
    fixture.finding(&lab.workload, id).await.unwrap();
    let session = cloud.open(Scope {
        case: "case-0003".parse().unwrap(),
        run: None,
        step: "confirm".to_owned(),
        permissions: std::collections::BTreeSet::new(),
        urgency: crate::change::Urgency::Containment,
    });
    let found = session.finding(&lab.workload, &id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(found["service"]["aFieldTheSdkDoesNotKnow"]["kept"], true);
    let elsewhere = session.finding(&lab.forensics, &id.parse().unwrap()).await.unwrap();
    assert_eq!(elsewhere, None);
}
