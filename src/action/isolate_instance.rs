//! Cuts an instance off the network: every interface behind a verified, empty quarantine group, and no
//! Elastic IP address leading to it.
//!
//! An interface goes through the transition group first, because a single swap leaves established
//! connections alive. How the groups are found and verified stands in `quarantine_group`, what is
//! told afterwards in `isolation_report`.
//!
//! Elastic IP addresses are disassociated beside the last swap, never before it: they cost no time of
//! their own, and one that AWS refuses can't keep an interface open. None is ever released.
//!
//! An interface that an AWS service manages can't be changed. The others are contained all the same,
//! but the step does not end as contained: a person is told which one stays open.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::interface_swap::{Next, lead};
use super::isolation_report::{contained, stays_open};
use super::look::INSTANCE_STATES;
use super::params::INSTANCE;
use super::quarantine_group::Purpose;
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamSpec, Params, Settings, Shape, Verdict, gone};
use crate::change::{AddressUse, Change, Kind, Permission, Urgency};
use crate::cloud::Interface;
use crate::id::{GroupId, InstanceId, Place};

/// Cuts an instance off: every interface behind a verified, empty quarantine group.
pub struct IsolateInstance;

#[async_trait]
impl Action for IsolateInstance {
    fn name(&self) -> &'static str {
        "contain::isolate_instance"
    }

    fn summary(&self) -> &'static str {
        "Cuts an instance off: every interface behind a verified, empty quarantine group."
    }

    fn params(&self) -> &'static [ParamSpec] {
        INSTANCE
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("instance", Shape::Text),
            ("state", Shape::OneOf(INSTANCE_STATES)),
            ("vpc", Shape::Text),
            ("already", Shape::Any),
            ("quarantine", Shape::Tags),
            ("interfaces", Shape::Any),
            ("unmanaged", Shape::List(&Shape::Text)),
            ("notes", Shape::List(&Shape::Text)),
            ("warnings", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("instance/{}", params.id::<InstanceId>("instance")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut needed = permissions_for(&[Read::Instance, Read::Groups], at);
        let mut kinds = vec![
            Kind::InterfaceGroups {
                interface: any("eni-"),
                instance: any("i-"),
                before: vec![any("sg-")],
                after: vec![any("sg-")],
                passing: false,
            },
            Kind::ElasticAddress {
                interface: any("eni-"),
                instance: any("i-"),
                allocation: any("eipalloc-"),
                association: any("eipassoc-"),
                public_ip: String::new(),
                private_ip: String::new(),
                before: AddressUse::Associated,
                after: AddressUse::Free,
            },
        ];
        kinds.extend(Purpose::Quarantine.kinds());
        kinds.extend(Purpose::Transition.kinds());
        needed.extend(permissions_to(kinds, at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let id: InstanceId = params.id("instance")?;
        let instance = match context.session.instance(context.at, &id).await? {
            Some(instance)
                if !matches!(instance.state.as_str(), "terminated" | "shutting-down") =>
            {
                instance
            }
            _ => return Ok(gone(&format!("instance {id}"), context.at)),
        };
        let (unmanaged, interfaces): (Vec<&Interface>, Vec<&Interface>) =
            instance.interfaces.iter().partition(|interface| interface.requester_managed);
        if interfaces.is_empty() {
            return Ok(Verdict::Refuse(format!(
                "instance {id} has no network interface whose security groups can be changed ({} \
                 belong to AWS services): stop it, or deny its subnet with a network ACL",
                unmanaged.len()
            )));
        }
        let swap = |interface: &Interface, before: &[GroupId], after: &GroupId, passing| {
            Kind::InterfaceGroups {
                interface: interface.id.clone(),
                instance: id.clone(),
                before: before.to_vec(),
                after: vec![after.clone()],
                passing,
            }
        };
        let (walls, next) = lead(context, &interfaces, &swap).await?;
        let reachable = disassociations(context, &id, &interfaces);
        Ok(match next {
            Next::Behind if reachable.is_empty() => {
                let output = contained(context, &instance, &walls, &unmanaged);
                match unmanaged.is_empty() {
                    true => Verdict::Done(output),
                    false => Verdict::Short { output, reason: stays_open(&id, &unmanaged) },
                }
            }
            Next::Behind => Verdict::Change(vec![reachable]),
            Next::First(verdict) => verdict,
            Next::Swap(mut stages) => {
                match stages.last_mut() {
                    Some(last) => last.extend(reachable),
                    None => stages.push(reachable),
                }
                Verdict::Change(stages)
            }
        })
    }
}

/// Every Elastic IP address that leads to one of the interfaces, taken off it.
fn disassociations(
    context: &Context<'_>,
    instance: &InstanceId,
    interfaces: &[&Interface],
) -> Vec<Change> {
    let all = interfaces.iter().flat_map(|interface| {
        let off = (AddressUse::Associated, AddressUse::Free);
        interface.addresses.iter().map(move |one| one.switched(&interface.id, instance, off))
    });
    all.map(|kind| Change { at: context.at.clone(), kind }).collect()
}
