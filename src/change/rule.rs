//! Rules of security groups, and the side and the way in which they change.

use serde::{Deserialize, Serialize};

const EVERY_IPV4: &str = "0.0.0.0/0";
const EVERY_IPV6: &str = "::/0";

/// A side of a security group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into the interface.
    Ingress,
    /// Out of the interface.
    Egress,
}

/// Whether rules come or go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleEffect {
    /// The rules are added.
    Authorize,
    /// The rules are taken away.
    Revoke,
}

/// A rule of a security group, one peer each.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// `-1` (everything), `tcp`, `udp`, `icmp`, `icmpv6` or a protocol number.
    pub protocol: String,
    /// First port, or ICMP type; `None` where the protocol has none.
    pub from_port: Option<i32>,
    /// Last port, or ICMP code.
    pub to_port: Option<i32>,
    /// The other side.
    pub peer: Peer,
    /// What somebody wrote on it; no part of what it lets through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Whose a security group is: what decides whether its rules come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupOwner {
    /// A quarantine or transition group: its rules are as containment needs them.
    #[default]
    Ours,
    /// A group of the account's own: its rules are its owner's.
    Account,
}

impl GroupOwner {
    /// Whether it is ours, as in every timeline that does not say whose.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        *self == Self::Ours
    }
}

/// The other side of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// An IPv4 range in CIDR form.
    Ipv4(String),
    /// An IPv6 range in CIDR form.
    Ipv6(String),
    /// A prefix list's id.
    PrefixList(String),
    /// Another group's id.
    Group(String),
}

impl Rule {
    /// Whether both let the same through: EC2 tells rules apart by protocol, ports and peer, and takes
    /// no second one that differs in its description alone (EC2 API, AuthorizeSecurityGroupIngress).
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        (&self.protocol, self.from_port, self.to_port, &self.peer)
            == (&other.protocol, other.from_port, other.to_port, &other.peer)
    }

    /// Whether its other side is every IPv4 or every IPv6 address.
    #[must_use]
    pub fn is_of_the_world(&self) -> bool {
        match &self.peer {
            Peer::Ipv4(cidr) => cidr == EVERY_IPV4,
            Peer::Ipv6(cidr) => cidr == EVERY_IPV6,
            Peer::PrefixList(_) | Peer::Group(_) => false,
        }
    }

    /// Whether it lets through to a port of TCP or UDP. The "ports" of ICMP are types, and other
    /// protocols have none.
    #[must_use]
    pub fn reaches(&self, port: u16) -> bool {
        let port = i32::from(port);
        match self.protocol.as_str() {
            "-1" => true,
            "tcp" | "udp" | "6" | "17" => match (self.from_port, self.to_port) {
                // Some answers write all ports as none or -1.
                (None | Some(-1), _) | (_, None | Some(-1)) => true,
                (Some(from), Some(to)) => (from..=to).contains(&port),
            },
            _ => false,
        }
    }

    /// Everything, to or from every IPv4 address.
    #[must_use]
    pub fn everything_ipv4() -> Self {
        Self {
            protocol: "-1".into(),
            from_port: None,
            to_port: None,
            peer: Peer::Ipv4(EVERY_IPV4.into()),
            description: None,
        }
    }

    /// Everything, to or from every IPv6 address.
    #[must_use]
    pub fn everything_ipv6() -> Self {
        Self {
            protocol: "-1".into(),
            from_port: None,
            to_port: None,
            peer: Peer::Ipv6(EVERY_IPV6.into()),
            description: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(protocol: &str, ports: Option<(i32, i32)>, peer: Peer) -> Rule {
        Rule {
            protocol: protocol.to_owned(),
            from_port: ports.map(|(from, _)| from),
            to_port: ports.map(|(_, to)| to),
            peer,
            description: None,
        }
    }

    #[test]
    fn a_rule_reaches_a_port_by_protocol_and_range() {
        for (protocol, ports, expected) in [
            ("-1", None, true),
            ("tcp", Some((22, 22)), true),
            ("tcp", Some((0, 65535)), true),
            ("tcp", Some((20, 22)), true),
            ("tcp", Some((22, 25)), true),
            ("tcp", Some((23, 25)), false),
            ("tcp", Some((-1, -1)), true),
            ("tcp", None, true),
            ("udp", Some((22, 22)), true),
            ("6", Some((1, 1024)), true),
            // A type of ICMP is no port, and other protocols have none.
            ("icmp", Some((22, 22)), false),
            ("icmpv6", Some((-1, -1)), false),
            ("132", None, false),
        ] {
            let rule = rule(protocol, ports, Peer::Ipv4("0.0.0.0/0".into()));
            assert_eq!(rule.reaches(22), expected, "{protocol} {ports:?}");
        }
    }

    #[test]
    fn the_world_is_every_address_and_no_other_range() {
        for (peer, expected) in [
            (Peer::Ipv4("0.0.0.0/0".into()), true),
            (Peer::Ipv6("::/0".into()), true),
            (Peer::Ipv4("0.0.0.0/1".into()), false),
            (Peer::Ipv4("198.51.100.0/24".into()), false),
            (Peer::Ipv6("2001:db8::/32".into()), false),
            (Peer::PrefixList("pl-0123456789abcdef0".into()), false),
            (Peer::Group("sg-0123456789abcdef0".into()), false),
        ] {
            assert_eq!(rule("tcp", None, peer.clone()).is_of_the_world(), expected, "{peer:?}");
        }
    }

    /// Timelines that were written before descriptions and owners were kept say nothing of them.
    #[test]
    fn a_change_of_an_old_timeline_reads_and_hashes_as_it_did() {
        let old = serde_json::json!({
            "at": {"account": "111122223333", "region": "eu-west-1"},
            "change": "group_rules", "group": "sg-0123456789abcdef0", "direction": "egress",
            "effect": "revoke",
            "rules": [{"protocol": "-1", "from_port": null, "to_port": null, "peer": {"ipv4": "0.0.0.0/0"}}],
        });
        let read: crate::change::Change = serde_json::from_value(old.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), old);
        assert!(matches!(read.inverse(), crate::change::Inverse::Kept(_)));
    }
}
