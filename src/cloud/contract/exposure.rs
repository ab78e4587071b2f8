//! Rules of a group that is the account's own: they come back as they were, and whom they concern is known.

use std::collections::BTreeSet;

use super::{Bench, Disk, InstanceWish, Ip, Outcome, equal, some, text};
use crate::change::{Change, Direction, GroupOwner, Inverse, Kind, Peer, Rule, RuleEffect, Tags};
use crate::cloud::Standing;
use crate::id::GroupId;

fn ssh(peer: Peer, description: Option<&str>) -> Rule {
    Rule {
        protocol: "tcp".to_owned(),
        from_port: Some(22),
        to_port: Some(22),
        peer,
        description: description.map(str::to_owned),
    }
}

fn rules_of(bench: &Bench<'_>, group: &GroupId, effect: RuleEffect, rules: Vec<Rule>) -> Change {
    bench.change(Kind::GroupRules {
        group: group.clone(),
        direction: Direction::Ingress,
        effect,
        rules,
        owner: GroupOwner::Account,
    })
}

async fn inbound(bench: &Bench<'_>, group: &GroupId) -> Outcome<Vec<Rule>> {
    let found = bench.session.groups(bench.here(), std::slice::from_ref(group)).await;
    let mut rules = some("group", found.map_err(text)?.into_iter().next())?.ingress;
    rules.sort();
    Ok(rules)
}

/// EC2 tells rules apart without their descriptions, and gives them back with them.
pub async fn gives_rules_back_with_their_descriptions(bench: &Bench<'_>) -> Outcome {
    let vpc = bench.fixture().vpc(bench.here(), Ip::V4).await?;
    let group = bench.fixture().group(bench.here(), &vpc).await?;
    let open = vec![
        ssh(Peer::Ipv4("0.0.0.0/0".to_owned()), Some("for the vendor (till June)")),
        ssh(Peer::Ipv6("::/0".to_owned()), None),
    ];
    let office = ssh(Peer::Ipv4("198.51.100.0/24".to_owned()), Some("office"));
    let mut all = [open.clone(), vec![office.clone()]].concat();
    all.sort();
    bench.passes(&rules_of(bench, &group, RuleEffect::Authorize, all.clone())).await?;
    equal("rules", &inbound(bench, &group).await?, &all)?;
    // Somebody has rewritten a description since: it is the same rule.
    let renamed = Rule { description: Some("other words".to_owned()), ..open[0].clone() };
    let revoke = rules_of(bench, &group, RuleEffect::Revoke, vec![renamed]);
    bench.passes(&revoke).await?;
    bench.passes(&rules_of(bench, &group, RuleEffect::Authorize, vec![open[0].clone()])).await?;
    let revoke = rules_of(bench, &group, RuleEffect::Revoke, open);
    bench.passes(&revoke).await?;
    equal("rules", &inbound(bench, &group).await?, &vec![office])?;
    let Inverse::Change(back) = revoke.inverse() else {
        return Err("nothing takes it back".to_owned());
    };
    bench.passes(&back).await?;
    bench.stands(&revoke, &Standing::Before).await?;
    equal("rules", &inbound(bench, &group).await?, &all)
}

pub async fn lists_the_interfaces_that_a_group_is_on(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let vpc = bench.fixture().vpc(at, Ip::V4).await?;
    let shared = bench.fixture().group(at, &vpc).await?;
    let other = bench.fixture().group(at, &vpc).await?;
    let mut wanted = BTreeSet::new();
    for groups in [vec![shared.clone()], vec![other.clone(), shared.clone()]] {
        let interfaces = vec![(vpc.clone(), groups), (vpc.clone(), vec![other.clone()])];
        let wish = InstanceWish { interfaces, disks: vec![Disk::Plain], tags: Tags::new() };
        let id = bench.fixture().instance(at, &wish).await?;
        let found = some("instance", bench.session.instance(at, &id).await.map_err(text)?)?;
        let on = found.interfaces.into_iter().filter(|one| one.groups.contains(&shared));
        wanted.extend(on.map(|one| (one.id, Some(id.clone()))));
    }
    equal("interfaces", &wanted.len(), &2)?;
    let found = bench.session.group_users(at, &shared).await.map_err(text)?;
    let found: BTreeSet<_> = found.into_iter().map(|one| (one.interface, one.instance)).collect();
    equal("users", &found, &wanted)?;
    let unused = bench.fixture().group(at, &vpc).await?;
    let unknown = "sg-0123456789abcdef0".parse().unwrap();
    for group in [unused, unknown] {
        let found = bench.session.group_users(at, &group).await.map_err(text)?;
        equal("users", &found, &Vec::new())?;
    }
    Ok(())
}
