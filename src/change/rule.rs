//! Rules of security groups, and the side and the way in which they change.

use serde::{Deserialize, Serialize};

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
    /// Everything, to or from every IPv4 address.
    #[must_use]
    pub fn everything_ipv4() -> Self {
        Self {
            protocol: "-1".into(),
            from_port: None,
            to_port: None,
            peer: Peer::Ipv4("0.0.0.0/0".into()),
        }
    }

    /// Everything, to or from every IPv6 address.
    #[must_use]
    pub fn everything_ipv6() -> Self {
        Self {
            protocol: "-1".into(),
            from_port: None,
            to_port: None,
            peer: Peer::Ipv6("::/0".into()),
        }
    }
}
