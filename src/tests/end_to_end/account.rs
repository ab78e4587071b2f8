//! An account on moto, with clients of the test's own: what is made there. What is read back stands
//! in `seen`.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::OnceLock;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, Filter, IamInstanceProfileSpecification,
    InstanceNetworkInterfaceSpecification,
};
use aws_sdk_sts::config::SharedCredentialsProvider;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::moto::Moto;

/// The Region of every test.
pub const REGION: &str = "eu-west-1";

/// An account with the responder's role.
pub struct Account {
    pub id: &'static str,
    pub ec2: aws_sdk_ec2::Client,
    pub iam: aws_sdk_iam::Client,
    pub role_arn: String,
}

/// An instance with two interfaces in two groups each, and what it was made of.
pub struct Instance {
    pub id: String,
    pub vpc: String,
    /// Interface, subnet and groups, in order of their device index.
    pub interfaces: Vec<(String, String, BTreeSet<String>)>,
    pub volumes: BTreeSet<String>,
}

/// How a volume is encrypted.
pub enum Disk<'a> {
    Plain,
    DefaultKey,
    Key(&'a str),
}

/// Waits for a call. One runtime for all tests: a client's connections live as long as theirs.
pub fn wait<T>(call: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap()).block_on(call)
}

fn moto() -> &'static Moto {
    Moto::shared()
}

impl Account {
    /// The account, with a responder role that demands `external_id`.
    pub fn new(id: &'static str, external_id: &str) -> Self {
        let role_arn = moto().responder_role(id, external_id);
        let config = wait(async {
            let hub = aws_config::defaults(BehaviorVersion::latest())
                .region(Region::new(REGION))
                .endpoint_url(moto().url())
                .credentials_provider(Credentials::for_tests())
                .load()
                .await;
            let call = aws_sdk_sts::Client::new(&hub).assume_role().role_arn(&role_arn);
            let given =
                call.role_session_name("fixture").external_id(external_id).send().await.unwrap();
            let given = given.credentials().unwrap();
            let (key, secret) = (given.access_key_id(), given.secret_access_key());
            let token = Some(given.session_token().to_owned());
            let inside = Credentials::new(key, secret, token, None, "fixture");
            hub.to_builder().credentials_provider(SharedCredentialsProvider::new(inside)).build()
        });
        let (ec2, iam) = (aws_sdk_ec2::Client::new(&config), aws_sdk_iam::Client::new(&config));
        Self { id, ec2, iam, role_arn }
    }

    /// A KMS key, by ARN; with `alias`, it has that alias. There is no KMS client: nothing else
    /// needs KMS.
    pub fn key(&self, alias: Option<&str>) -> String {
        let made = self.kms("CreateKey", "{}");
        let key = &made["KeyMetadata"];
        if let Some(alias) = alias {
            let body = serde_json::json!({"AliasName": alias, "TargetKeyId": key["KeyId"]});
            self.kms("CreateAlias", &body.to_string());
        }
        key["Arn"].as_str().unwrap().to_owned()
    }

    fn kms(&self, operation: &str, body: &str) -> Value {
        let target = format!("TrentService.{operation}");
        let headers =
            [("X-Amz-Target", target.as_str()), ("Content-Type", "application/x-amz-json-1.1")];
        let answer = moto().call("kms", REGION, self.id, &headers, body);
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// A role and an instance profile with its name.
    pub fn profile(&self, name: &str) {
        wait(async {
            let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
            let role = self.iam.create_role().role_name(name).assume_role_policy_document(trust);
            role.send().await.unwrap();
            self.iam.create_instance_profile().instance_profile_name(name).send().await.unwrap();
            let add =
                self.iam.add_role_to_instance_profile().instance_profile_name(name).role_name(name);
            add.send().await.unwrap();
        });
    }

    /// An instance in a VPC of its own, which has IPv6 too.
    pub fn instance(&self, profile: &str, disks: &[Disk<'_>]) -> Instance {
        wait(async {
            let vpc = self
                .ec2
                .create_vpc()
                .cidr_block("10.20.0.0/16")
                .amazon_provided_ipv6_cidr_block(true);
            let vpc = vpc.send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
            let mut call =
                self.ec2.run_instances().image_id("ami-12345678").min_count(1).max_count(1);
            call = call.iam_instance_profile(
                IamInstanceProfileSpecification::builder().name(profile).build(),
            );
            for index in 0..2 {
                let subnet =
                    self.ec2.create_subnet().vpc_id(&vpc).cidr_block(format!("10.20.{index}.0/24"));
                let subnet = subnet.send().await.unwrap().subnet.unwrap().subnet_id.unwrap();
                let mut interface = InstanceNetworkInterfaceSpecification::builder()
                    .device_index(index)
                    .subnet_id(subnet)
                    .delete_on_termination(true);
                for name in ["web", "monitoring"] {
                    let group =
                        self.ec2.create_security_group().vpc_id(&vpc).description("Made by a test");
                    let group = group.group_name(format!("{name}-{index}")).send().await.unwrap();
                    interface = interface.groups(group.group_id.unwrap());
                }
                call = call.network_interfaces(interface.build());
            }
            // The first is moto's root device.
            for (device, disk) in ["/dev/sda1", "/dev/sdf", "/dev/sdg"].iter().zip(disks) {
                let ebs = EbsBlockDevice::builder().volume_size(8).delete_on_termination(true);
                let ebs = match disk {
                    Disk::Plain => ebs.encrypted(false),
                    Disk::DefaultKey => ebs.encrypted(true),
                    Disk::Key(arn) => ebs.encrypted(true).kms_key_id(*arn),
                };
                call = call.block_device_mappings(
                    BlockDeviceMapping::builder().device_name(*device).ebs(ebs.build()).build(),
                );
            }
            let made = call.send().await.unwrap();
            let instance = made.instances().first().unwrap();
            let id = instance.instance_id().unwrap().to_owned();
            let mut interfaces: Vec<_> = instance.network_interfaces().to_vec();
            interfaces
                .sort_by_key(|interface| interface.attachment().and_then(|a| a.device_index()));
            let interfaces: Vec<_> = interfaces
                .iter()
                .map(|interface| {
                    let groups =
                        interface.groups().iter().map(|group| group.group_id().unwrap().to_owned());
                    let id = interface.network_interface_id().unwrap().to_owned();
                    (id, interface.subnet_id().unwrap().to_owned(), groups.collect())
                })
                .collect();
            let filter = Filter::builder().name("attachment.instance-id").values(&id).build();
            let volumes = self.ec2.describe_volumes().filters(filter).send().await.unwrap();
            let volumes: BTreeSet<_> =
                volumes.volumes().iter().map(|v| v.volume_id().unwrap().to_owned()).collect();
            assert_eq!(
                (interfaces.len(), volumes.len()),
                (2, disks.len()),
                "the fixture is as wished"
            );
            Instance { id, vpc, interfaces, volumes }
        })
    }
}
