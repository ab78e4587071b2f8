//! Interfaces and security groups as EC2 treats them, connection tracking included.
//!
//! Every function checks all before it changes anything, so that a refused call leaves no trace.

use super::refusal::Refused;
use super::world::{RegionState, World};
use crate::change::{Direction, Peer, Rule, RuleEffect, Tags};
use crate::cloud::{GroupUser, Interface, SecurityGroup};
use crate::id::{GroupId, InterfaceId, Place, VpcId};

/// Groups on one interface (Amazon VPC quotas: 5 by default).
const GROUPS_PER_INTERFACE_MAX: usize = 5;
/// Rules of one group in one direction (Amazon VPC quotas: 60 by default).
const RULES_PER_GROUP_MAX: usize = 60;
/// Characters of a group's name and description (EC2 API, CreateSecurityGroup), and of a rule's (`IpRange`).
const GROUP_TEXT_MAX: usize = 255;

/// `ec2:ModifyNetworkInterfaceAttribute` with groups.
pub fn set_groups(
    world: &mut World,
    at: &Place,
    interface: &InterfaceId,
    after: &[GroupId],
) -> Result<(), Refused> {
    let region = world.region_mut(at)?;
    let Some(found) = region.holders().flat_map(|(all, _)| all).find(|i| i.id == *interface) else {
        return Err(Refused::new(
            "InvalidNetworkInterfaceID.NotFound",
            format!("The networkInterface ID '{interface}' does not exist"),
        ));
    };
    let found = found.clone();
    if after.is_empty() {
        return Err(Refused::new(
            "InvalidParameterValue",
            "an interface needs at least one security group",
        ));
    }
    if found.requester_managed {
        return Err(Refused::new(
            "AuthFailure",
            format!(
                "You do not have permission to modify the requester-managed interface {interface}"
            ),
        ));
    }
    if after.len() > GROUPS_PER_INTERFACE_MAX {
        return Err(Refused::new(
            "SecurityGroupsPerInterfaceLimitExceeded",
            format!(
                "The maximum number of security groups per interface is {GROUPS_PER_INTERFACE_MAX}"
            ),
        ));
    }
    for group in after {
        let here = region.groups.get(group).is_some_and(|g| g.vpc == found.vpc);
        if !here {
            return Err(Refused::new(
                "InvalidGroup.NotFound",
                format!("The security group '{group}' does not exist in VPC '{}'", found.vpc),
            ));
        }
    }
    retrack(region, |region| {
        let held = region.holder_mut(interface);
        let found = held.and_then(|(all, _)| all.iter_mut().find(|i| i.id == *interface));
        if let Some(found) = found {
            found.groups = after.to_vec();
        }
    });
    Ok(())
}

/// `ec2:CreateSecurityGroup`.
pub fn create_group(
    world: &mut World,
    at: &Place,
    vpc: &VpcId,
    name: &str,
    description: &str,
    tags: &Tags,
) -> Result<GroupId, Refused> {
    let region = world.region_mut(at)?;
    let Some(found) = region.vpcs.get(vpc).copied() else {
        return Err(Refused::new(
            "InvalidVpcID.NotFound",
            format!("The vpc ID '{vpc}' does not exist"),
        ));
    };
    for (what, text) in [("group name", name), ("group description", description)] {
        if text.is_empty() || text.chars().count() > GROUP_TEXT_MAX || !text.chars().all(group_text)
        {
            return Err(Refused::new(
                "InvalidParameterValue",
                format!(
                    "The {what} must be 1-{GROUP_TEXT_MAX} of letters, digits, spaces and ._-:/()#,@[]+=&;{{}}!$*"
                ),
            ));
        }
    }
    if name.starts_with("sg-") {
        return Err(Refused::new("InvalidParameterValue", "a group name can't start with sg-"));
    }
    let taken = |g: &SecurityGroup| g.vpc == *vpc && g.name.eq_ignore_ascii_case(name);
    if name.eq_ignore_ascii_case("default") || region.groups.values().any(taken) {
        return Err(Refused::new(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc}'"),
        ));
    }
    super::tag_form::check_tags(tags)?;
    let id: GroupId = parsed(&world.fresh_for("sg-", &format!("{at} {vpc} {name}")))?;
    let group = SecurityGroup {
        id: id.clone(),
        name: name.to_owned(),
        vpc: vpc.clone(),
        ingress: Vec::new(),
        egress: default_egress(found.ipv6),
        tags: tags.clone(),
    };
    world.region_mut(at)?.groups.insert(id.clone(), group);
    Ok(id)
}

/// The egress rules that EC2 gives a new group (EC2 API, CreateSecurityGroup and
/// DescribeSecurityGroups: a VPC with IPv6 also gets `::/0`).
#[must_use]
pub fn default_egress(ipv6: bool) -> Vec<Rule> {
    let mut rules = vec![Rule::everything_ipv4()];
    rules.extend(ipv6.then(Rule::everything_ipv6));
    rules
}

/// `ec2:{Authorize,Revoke}SecurityGroup{Ingress,Egress}`.
pub fn change_rules(
    world: &mut World,
    at: &Place,
    id: &GroupId,
    direction: Direction,
    effect: RuleEffect,
    rules: &[Rule],
) -> Result<(), Refused> {
    let region = world.region_mut(at)?;
    let Some(group) = region.groups.get(id) else {
        return Err(Refused::new(
            "InvalidGroup.NotFound",
            format!("The security group '{id}' does not exist"),
        ));
    };
    if rules.is_empty() {
        return Err(Refused::new("MissingParameter", "the request must contain at least one rule"));
    }
    let rules: Vec<Rule> = rules.iter().map(normal).collect();
    rules.iter().try_for_each(|rule| check_rule(region, rule))?;
    let mut side = match direction {
        Direction::Ingress => group.ingress.clone(),
        Direction::Egress => group.egress.clone(),
    };
    for rule in rules {
        let there = side.iter().position(|have| have.same(&rule));
        match (effect, there) {
            (RuleEffect::Authorize, None) => side.push(rule),
            (RuleEffect::Revoke, Some(index)) => {
                side.remove(index);
            }
            (RuleEffect::Authorize, Some(_)) => {
                return Err(Refused::new(
                    "InvalidPermission.Duplicate",
                    format!("the specified rule already exists in {id}"),
                ));
            }
            (RuleEffect::Revoke, None) => {
                return Err(Refused::new(
                    "InvalidPermission.NotFound",
                    format!("The specified rule does not exist in {id}"),
                ));
            }
        }
    }
    if side.len() > RULES_PER_GROUP_MAX {
        return Err(Refused::new(
            "RulesPerSecurityGroupLimitExceeded",
            format!("The maximum number of rules per security group is {RULES_PER_GROUP_MAX}"),
        ));
    }
    retrack(region, |region| {
        if let Some(group) = region.groups.get_mut(id) {
            match direction {
                Direction::Ingress => group.ingress = side,
                Direction::Egress => group.egress = side,
            }
        }
    });
    Ok(())
}

/// Whether the groups of an interface let it begin a connection to anywhere.
#[must_use]
pub fn reaches_out(region: &RegionState, interface: &Interface) -> bool {
    groups_of(region, interface).any(|group| !group.egress.is_empty())
}

/// Whether flows of an interface are untracked: its groups let everything in and out (EC2 User
/// Guide, security group connection tracking).
fn untracked(region: &RegionState, interface: &Interface) -> bool {
    let ipv6 = region.vpcs.get(&interface.vpc).is_some_and(|vpc| vpc.ipv6);
    let wanted = default_egress(ipv6);
    let has = |side: fn(&SecurityGroup) -> &Vec<Rule>| {
        wanted.iter().all(|rule| {
            groups_of(region, interface).any(|group| side(group).iter().any(|have| have.same(rule)))
        })
    };
    has(|group| &group.ingress) && has(|group| &group.egress)
}

/// What `ec2:DescribeNetworkInterfaces` shows with the filter `group-id`.
#[must_use]
pub fn group_users(region: &RegionState, group: &GroupId) -> Vec<GroupUser> {
    let all = region.instances.values().flat_map(|machine| {
        machine.instance.interfaces.iter().map(move |interface| (machine, interface))
    });
    let using = all.filter(|(_, interface)| interface.groups.contains(group));
    using
        .map(|(machine, interface)| GroupUser {
            interface: interface.id.clone(),
            instance: Some(machine.instance.id.clone()),
        })
        .collect()
}

/// Which of its groups lets everybody reach a port of an interface.
#[cfg(test)]
#[must_use]
pub fn open_to_the_world<'a>(
    region: &'a RegionState,
    interface: &'a Interface,
    port: u16,
) -> Option<&'a SecurityGroup> {
    let open = |rule: &Rule| rule.is_of_the_world() && rule.reaches(port);
    groups_of(region, interface).find(|group| group.ingress.iter().any(open))
}

fn groups_of<'a>(
    region: &'a RegionState,
    interface: &'a Interface,
) -> impl Iterator<Item = &'a SecurityGroup> {
    interface.groups.iter().filter_map(|id| region.groups.get(id))
}

/// Makes a change of groups or rules, and keeps what connection tracking keeps: a flow that was
/// allowed and tracked goes on after the change; passing through groups that allow everything both
/// ways makes it untracked, and the next restrictive change cuts it (EC2 User Guide, connection
/// tracking). Every interface is taken to have such a flow while it may reach out: the attacker's.
fn retrack(region: &mut RegionState, change: impl FnOnce(&mut RegionState)) {
    let flowing: Vec<(InterfaceId, bool)> = region
        .holders()
        .flat_map(|(all, tracked)| all.iter().map(move |i| (tracked, i)))
        .map(|(tracked, i)| {
            let flows = tracked.contains(&i.id) || reaches_out(region, i);
            (i.id.clone(), flows && !untracked(region, i))
        })
        .collect();
    change(region);
    for (id, tracked_before) in flowing {
        let now = region.holders().flat_map(|(all, _)| all).find(|i| i.id == id);
        let open = now.is_some_and(|i| tracked_before && !untracked(region, i));
        // An interface whose groups let it out needs no mark: it is open anyway.
        let open = open && now.is_some_and(|i| !reaches_out(region, i));
        if let Some((_, tracked)) = region.holder_mut(&id) {
            if open {
                tracked.insert(id);
            } else {
                tracked.remove(&id);
            }
        }
    }
}

/// EC2 ignores ports where the protocol is everything.
fn normal(rule: &Rule) -> Rule {
    match rule.protocol.as_str() {
        "-1" => Rule { from_port: None, to_port: None, ..rule.clone() },
        _ => rule.clone(),
    }
}

fn check_rule(region: &RegionState, rule: &Rule) -> Result<(), Refused> {
    let invalid = |words: String| Err(Refused::new("InvalidParameterValue", words));
    let number = rule.protocol.parse::<u8>().is_ok();
    if !matches!(rule.protocol.as_str(), "-1" | "tcp" | "udp" | "icmp" | "icmpv6") && !number {
        return invalid(format!(
            "Invalid value '{}' for IP protocol. Unknown protocol.",
            rule.protocol
        ));
    }
    if matches!(rule.protocol.as_str(), "tcp" | "udp") {
        let range = (rule.from_port, rule.to_port);
        if !matches!(range, (Some(from), Some(to)) if (0..=65535).contains(&from) && (from..=65535).contains(&to))
        {
            return invalid(
                "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."
                    .into(),
            );
        }
    }
    if let Some(text) = &rule.description
        && (text.chars().count() > GROUP_TEXT_MAX || !text.chars().all(group_text))
    {
        return invalid(format!("Invalid rule description '{text}'"));
    }
    match &rule.peer {
        Peer::Ipv4(cidr) if !cidr_of::<std::net::Ipv4Addr>(cidr, 32) => {
            invalid(format!("CIDR block {cidr} is malformed"))
        }
        Peer::Ipv6(cidr) if !cidr_of::<std::net::Ipv6Addr>(cidr, 128) => {
            invalid(format!("CIDR block {cidr} is malformed"))
        }
        Peer::Group(id) if !region.groups.keys().any(|group| group.as_str() == id) => {
            Err(Refused::new(
                "InvalidGroup.NotFound",
                format!("The security group '{id}' does not exist"),
            ))
        }
        _ => Ok(()),
    }
}

/// Whether `text` is an address and a prefix of at most `bits`.
pub fn cidr_of<A: std::str::FromStr>(text: &str, bits: u8) -> bool {
    text.split_once('/').is_some_and(|(address, prefix)| {
        address.parse::<A>().is_ok() && prefix.parse::<u8>().is_ok_and(|prefix| prefix <= bits)
    })
}

fn group_text(c: char) -> bool {
    c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c)
}

/// An id that the twin made itself.
///
/// # Errors
/// Never, as long as ids are made in the form that `id` demands.
pub fn parsed<T: std::str::FromStr<Err = crate::id::IdError>>(text: &str) -> Result<T, Refused> {
    text.parse()
        .map_err(|error: crate::id::IdError| Refused::new("InternalError", error.to_string()))
}
