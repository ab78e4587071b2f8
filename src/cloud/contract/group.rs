//! Security groups: made, found by purpose, their rules changed.

use super::{Bench, Ip, Outcome, equal, some, text};
use crate::change::{
    Change, Direction, GroupOwner, Kind, Peer, Rule, RuleEffect, TAG_PURPOSE, group_name_prefix,
};
use crate::cloud::{Created, ErrorClass, Standing};
use crate::id::{GroupId, VpcId};

const UNKNOWN_GROUP: &str = "sg-0123456789abcdef0";
const UNKNOWN_VPC: &str = "vpc-0123456789abcdef0";

fn group_in(bench: &Bench<'_>, vpc: &VpcId, name: &str, purpose: &str) -> Change {
    let mut tags = bench.created_by_us();
    tags.insert(TAG_PURPOSE.to_owned(), purpose.to_owned());
    bench.change(Kind::CreateGroup {
        vpc: vpc.clone(),
        name: name.to_owned(),
        description: "Made by the contract suite".to_owned(),
        tags,
    })
}

pub async fn creates_a_group_and_finds_it_by_purpose(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let vpc = bench.fixture().vpc(at, Ip::V4).await?;
    let other = bench.fixture().vpc(at, Ip::V4).await?;
    let change = group_in(bench, &vpc, &bench.unique("quarantine"), "quarantine");
    let Some(Created::Group(id)) = bench.passes(&change).await?.created else {
        return Err("the receipt does not name the group".to_owned());
    };
    let Kind::CreateGroup { name, tags, .. } = &change.kind else {
        return Err("another kind".to_owned());
    };
    let found = bench.session.groups_for(at, &vpc, "quarantine").await.map_err(text)?;
    let [group] = found.as_slice() else {
        return Err(format!("{} groups are found", found.len()));
    };
    equal("id", &group.id, &id)?;
    equal("name", &group.name, name)?;
    equal("vpc", &group.vpc, &vpc)?;
    equal("tags", &group.tags, tags)?;
    equal("ingress", &group.ingress, &Vec::new())?;
    equal("egress", &group.egress, &vec![Rule::everything_ipv4()])?;
    for (vpc, purpose) in [(&other, "quarantine"), (&vpc, "transition")] {
        let found = bench.session.groups_for(at, vpc, purpose).await.map_err(text)?;
        equal("groups", &found, &Vec::new())?;
    }
    Ok(())
}

pub async fn finds_a_group_without_its_tag_by_its_name(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let vpc = bench.fixture().vpc(at, Ip::V4).await?;
    let name = format!("{}{}", group_name_prefix("quarantine"), bench.unique("case"));
    // Tagged as another's, so that the name alone can be what it is found by.
    let change = group_in(bench, &vpc, &name, "other");
    let Some(Created::Group(id)) = bench.apply(&change).await?.created else {
        return Err("the receipt does not name the group".to_owned());
    };
    for (purpose, wanted) in [("quarantine", 1), ("other", 1), ("transition", 0)] {
        let found = bench.session.groups_for(at, &vpc, purpose).await.map_err(text)?;
        let ids: Vec<_> = found.into_iter().map(|group| group.id).collect();
        equal(purpose, &ids, &vec![id.clone(); wanted])?;
    }
    // What has both is found once.
    let name = format!("{}{}", group_name_prefix("transition"), bench.unique("case"));
    bench.passes(&group_in(bench, &vpc, &name, "transition")).await?;
    let found = bench.session.groups_for(at, &vpc, "transition").await.map_err(text)?;
    equal("groups", &found.len(), &1)
}

pub async fn refuses_a_name_that_is_taken(bench: &Bench<'_>) -> Outcome {
    let vpc = bench.fixture().vpc(bench.here(), Ip::V4).await?;
    let change = group_in(bench, &vpc, &bench.unique("Taken"), "quarantine");
    bench.apply(&change).await?;
    bench.refuses(&change, &[ErrorClass::Conflict]).await.map(drop)
}

pub async fn refuses_a_name_that_is_taken_in_another_case(bench: &Bench<'_>) -> Outcome {
    let vpc = bench.fixture().vpc(bench.here(), Ip::V4).await?;
    let name = bench.unique("Taken");
    bench.apply(&group_in(bench, &vpc, &name, "quarantine")).await?;
    let change = group_in(bench, &vpc, &name.to_uppercase(), "quarantine");
    bench.refuses(&change, &[ErrorClass::Conflict]).await.map(drop)
}

pub async fn refuses_a_group_in_an_unknown_vpc(bench: &Bench<'_>) -> Outcome {
    let change =
        group_in(bench, &UNKNOWN_VPC.parse().unwrap(), &bench.unique("lost"), "quarantine");
    bench.refuses(&change, &[ErrorClass::Gone]).await.map(drop)
}

pub async fn opens_egress_for_both_families(bench: &Bench<'_>) -> Outcome {
    let vpc = bench.fixture().vpc(bench.here(), Ip::Dual).await?;
    let change = group_in(bench, &vpc, &bench.unique("dual"), "quarantine");
    bench.apply(&change).await?;
    let found = bench.session.groups_for(bench.here(), &vpc, "quarantine").await.map_err(text)?;
    let mut egress = some("group", found.into_iter().next())?.egress;
    egress.sort();
    equal("egress", &egress, &vec![Rule::everything_ipv4(), Rule::everything_ipv6()])
}

fn rules(peer: &GroupId) -> Vec<(Direction, Vec<Rule>)> {
    let tcp = |port, peer| Rule {
        protocol: "tcp".to_owned(),
        from_port: Some(port),
        to_port: Some(port),
        peer,
        description: None,
    };
    vec![
        (Direction::Ingress, vec![Rule::everything_ipv4(), Rule::everything_ipv6()]),
        (Direction::Ingress, vec![tcp(22, Peer::Ipv4("192.0.2.0/24".to_owned()))]),
        (Direction::Ingress, vec![tcp(443, Peer::Group(peer.to_string()))]),
        (Direction::Egress, vec![Rule::everything_ipv6()]),
        (
            Direction::Egress,
            vec![
                Rule { to_port: Some(8090), ..tcp(8080, Peer::Ipv6("2001:db8::/32".to_owned())) },
                Rule {
                    protocol: "udp".to_owned(),
                    ..tcp(53, Peer::Ipv4("198.51.100.7/32".to_owned()))
                },
            ],
        ),
    ]
}

pub async fn adds_and_removes_rules(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let vpc = bench.fixture().vpc(at, Ip::V4).await?;
    let group = bench.fixture().group(at, &vpc).await?;
    let peer = bench.fixture().group(at, &vpc).await?;
    let untouched = bench.session.groups(at, std::slice::from_ref(&group)).await.map_err(text)?;
    for (direction, rules) in rules(&peer) {
        for effect in [RuleEffect::Authorize, RuleEffect::Revoke] {
            let change = bench.change(Kind::GroupRules {
                group: group.clone(),
                direction,
                effect,
                rules: rules.clone(),
                owner: GroupOwner::Ours,
            });
            bench.passes(&change).await.map_err(|why| format!("{}: {why}", change.words()))?;
        }
    }
    let change = bench.change(Kind::GroupRules {
        group: group.clone(),
        direction: Direction::Egress,
        effect: RuleEffect::Revoke,
        rules: vec![Rule::everything_ipv4()],
        owner: GroupOwner::Ours,
    });
    let now = bench.session.groups(at, std::slice::from_ref(&group)).await.map_err(text)?;
    equal("group", &now, &untouched)?;
    bench.passes(&change).await?;
    let now = bench.session.groups(at, &[group]).await.map_err(text)?;
    equal("egress", &now.first().map(|group| group.egress.clone()), &Some(Vec::new()))
}

pub async fn refuses_rules_twice_and_rules_that_are_not_there(bench: &Bench<'_>) -> Outcome {
    let vpc = bench.fixture().vpc(bench.here(), Ip::V4).await?;
    let group = bench.fixture().group(bench.here(), &vpc).await?;
    for direction in [Direction::Ingress, Direction::Egress] {
        let rules = vec![Rule {
            protocol: "tcp".to_owned(),
            from_port: Some(22),
            to_port: Some(22),
            peer: Peer::Ipv4("203.0.113.0/24".to_owned()),
            description: None,
        }];
        for effect in [RuleEffect::Authorize, RuleEffect::Revoke] {
            let change = bench.change(Kind::GroupRules {
                group: group.clone(),
                direction,
                effect,
                rules: rules.clone(),
                owner: GroupOwner::Ours,
            });
            bench.apply(&change).await?;
            bench.refuses(&change, &[ErrorClass::Conflict]).await?;
            bench.stands(&change, &Standing::After).await?;
        }
    }
    Ok(())
}

pub async fn refuses_rules_of_an_unknown_group(bench: &Bench<'_>) -> Outcome {
    for effect in [RuleEffect::Authorize, RuleEffect::Revoke] {
        let change = bench.change(Kind::GroupRules {
            group: UNKNOWN_GROUP.parse().unwrap(),
            direction: Direction::Egress,
            effect,
            rules: vec![Rule::everything_ipv4()],
            owner: GroupOwner::Ours,
        });
        bench.stands(&change, &Standing::Gone).await?;
        bench.refuses(&change, &[ErrorClass::Gone]).await?;
    }
    Ok(())
}
