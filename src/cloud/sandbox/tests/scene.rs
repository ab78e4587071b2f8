//! Scenarios: what is left out, and what is refused.

use super::{HOME, NOW, SCENE, id, place};
use crate::cloud::sandbox::{Scenario, World};

fn build(text: &str) -> Result<World, String> {
    World::build(&Scenario::parse(text)?, NOW.parse().unwrap())
}

/// The example in the documentation of `scenario`, taken from there.
fn example() -> String {
    let source = include_str!("../scenario.rs");
    let lines = source.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim_start);
    lines
        .skip_while(|line| *line != "```toml")
        .skip(1)
        .take_while(|line| *line != "```")
        .fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn the_example_fills_itself_in() {
    let world = build(&example()).unwrap();
    let region = world.region(&place(HOME)).unwrap().unwrap();
    let machine = &region.instances[&id("i-0a1b2c3d4e5f60718")];
    let instance = &machine.instance;
    assert_eq!(instance.state, "running");
    assert_eq!(
        instance.profile_arn.as_deref(),
        Some("arn:aws:iam::111122223333:instance-profile/web-server")
    );
    let [interface] = instance.interfaces.as_slice() else { panic!("{instance:?}") };
    assert_eq!(Some(&interface.vpc), instance.vpc.as_ref());
    assert!(region.vpcs.contains_key(&interface.vpc));
    let group = &region.groups[&interface.groups[0]];
    assert_eq!((group.ingress.len(), group.egress.len()), (1, 1));
    let sizes: Vec<_> = instance
        .volumes
        .iter()
        .map(|(_, id)| &region.volumes[id])
        .map(|v| (v.size, v.encrypted))
        .collect();
    assert_eq!(sizes, [(8, false), (100, true)]);
    assert_eq!(instance.root_device.as_ref(), Some(&instance.volumes[0].0));
    let account = &world.accounts[&id(HOME)];
    assert_eq!(
        account.profiles["web-server"].as_ref().map(|role| role.as_str()),
        Some("web-server")
    );
    assert_eq!(account.sessions.len(), 1);
    assert!(account.users[&id("deploy")].login_profile.is_some());
}

#[test]
fn a_world_is_the_same_every_time_and_through_json() {
    let world = build(SCENE).unwrap();
    assert_eq!(build(SCENE).unwrap(), world);
    let json = serde_json::to_string(&world).unwrap();
    assert_eq!(serde_json::from_str::<World>(&json).unwrap(), world);
}

#[test]
fn a_dual_stack_vpc_opens_both_families() {
    let world = build(SCENE).unwrap();
    let groups = &world.region(&place(HOME)).unwrap().unwrap().groups;
    assert_eq!(groups[&id("sg-00000000000000001")].egress.len(), 1);
    assert_eq!(groups[&id("sg-00000000000000002")].egress.len(), 2);
}

#[test]
fn findings_are_where_they_say() {
    let text = r#"
        [[account]]
        id = "111122223333"
        [[account.finding]]
        json = '{"id": "f1", "region": "us-east-1"}'
        [[account.finding]]
        json = '{"id": "f2"}'
    "#;
    let world = build(text).unwrap();
    let regions = &world.accounts[&id(HOME)].regions;
    assert!(regions[&id("us-east-1")].findings.contains_key(&id("f1")));
    assert!(regions[&id("eu-west-1")].findings.contains_key(&id("f2")));
}

#[test]
fn what_can_not_be_is_refused_with_its_place() {
    let table = [
        ("[[account]]\nid = 'x'\n", "line 2, column 6: \"x\" is not an AWS account id"),
        (
            "[[account]]\nid = '111122223333'\nregoin = 'eu-west-1'\n",
            "line 3, column 1: unknown field `regoin`",
        ),
        ("[[account]]\nid = '111122223333'\n[[account.instance]]\nprofile = 'p'\n", "line 3"),
        ("enforce = 7\n", "line 1, column 11"),
        ("[[account\n", "line 1"),
        (
            "[[account]]\nid='111122223333'\n[[account]]\nid='111122223333'\n",
            "an account is there twice",
        ),
        (
            "[[account]]\nid='111122223333'\n[[account.role]]\nname='r'\nsessions=['AKIA0000000000000001']\n",
            "account 111122223333: AKIA0000000000000001 is no key of a session",
        ),
        (
            "[[account]]\nid='111122223333'\n[[account.role]]\nname='r'\npolicies={p='{}'}\n",
            "account 111122223333: role r: policy p: Syntax errors in policy",
        ),
        (
            "[[account]]\nid='111122223333'\n[[account.instance]]\nid='i-00000000000000001'\nvolumes=[{key='alias/x'}]\n",
            "there is no key alias/x",
        ),
        (
            "[[account]]\nid='111122223333'\n[[account.finding]]\njson='{}'\n",
            "account 111122223333: finding: it has no id",
        ),
        (
            "[[account]]\nid='111122223333'\n[[account.group]]\nid='sg-00000000000000001'\n\
             vpc='vpc-00000000000000001'\n[[account.instance]]\nid='i-00000000000000001'\n\
             interfaces=[{vpc='vpc-00000000000000002',groups=['sg-00000000000000001']}]\n",
            "sg-00000000000000001 is in vpc-00000000000000001, its interface is in vpc-00000000000000002",
        ),
    ];
    for (text, wanted) in table {
        let error = build(text).expect_err(text);
        assert!(error.contains(wanted), "{text}\n{error}\n{wanted}");
    }
}
