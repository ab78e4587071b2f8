//! Takes an instance out of the load balancers that send it requests: out of target groups, by its id or by
//! one of its addresses, and out of Classic Load Balancers.
//!
//! A verb of its own beside `contain::isolate_instance`, and a description, as `act::enter_standby` is: an
//! isolated instance answers nobody, and whoever is sent to it until its health check fails gets an error; but
//! what spares users must neither delay nor fail what stops the attacker. What is under way is drained (Elastic
//! Load Balancing User Guide, "Deregistration delay": 300 s unless the group says otherwise).

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::future::try_join_all;
use serde_json::{Value, json};

use super::params::INSTANCE;
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamSpec, Params, Settings, Shape, Verdict, gone};
use crate::change::{BalancerChange, Change, Kind, Permission, Registration, Target, Urgency};
use crate::cloud::{Instance, TargetGroup};
use crate::id::{InstanceId, Place};

/// Takes an instance out of the load balancers that send it requests. Never stops containment.
pub struct LeaveLoadBalancers;

/// How many target groups of the instance's VPCs are looked into. Each is a call of its own, and a Region has at
/// most 3,000 (Elastic Load Balancing quotas): a look ends, and who has more is told.
const TARGET_GROUPS_MAX: usize = 500;

/// What deregistering does not stop.
const NOT_STOPPED: &str = "What a load balancer had begun to send is drained, for up to 300 s or as long as its \
    target group says; in quarantine nothing of it arrives.";

#[async_trait]
impl Action for LeaveLoadBalancers {
    fn name(&self) -> &'static str {
        "act::leave_load_balancers"
    }

    fn summary(&self) -> &'static str {
        "Takes an instance out of the load balancers that send it requests. Never stops containment."
    }

    fn params(&self) -> &'static [ParamSpec] {
        INSTANCE
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("instance", Shape::Text),
            ("left", Shape::List(&Shape::Text)),
            ("already", Shape::Any),
            ("notes", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Description
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("instance/{}", params.id::<InstanceId>("instance")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let Place { account, region } = at;
        let group = any(&format!("arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/"));
        let target = Target { id: String::new(), port: None, zone: None };
        let (before, after) = (Registration::Registered, Registration::Deregistered);
        let target = BalancerChange::Target { group, target, instance: any("i-"), before, after };
        let (balancer, instance) = (any(""), any("i-"));
        let classic = BalancerChange::Classic { balancer, instance, before, after };
        let mut needed = permissions_for(&[Read::Instance, Read::Balancers], at);
        needed.extend(permissions_to(
            vec![target, classic].into_iter().map(Kind::Balancer).collect(),
            at,
        ));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let id: InstanceId = params.id("instance")?;
        let found = context.session.instance(context.at, &id).await?;
        let Some(instance) = found.filter(|found| found.state != "terminated") else {
            return Ok(gone(&format!("instance {id}"), context.at));
        };
        let (mut changes, mut unseen) = registered(context, &instance).await?;
        if changes.is_empty() {
            // A read may be older than a registration, and nobody looks again at what seems to be nowhere.
            (changes, unseen) = registered(context, &instance).await?;
        }
        if changes.is_empty() {
            return Ok(Verdict::Done(report(context, &id, unseen)));
        }
        Ok(Verdict::Change(vec![changes]))
    }
}

/// What takes the instance out of wherever it is registered, and how many target groups were too many to look
/// into.
async fn registered(
    context: &Context<'_>,
    instance: &Instance,
) -> Result<(Vec<Change>, usize), LookError> {
    let (session, at) = (context.session, context.at);
    let (groups, classic) =
        futures::try_join!(session.target_groups(at), session.classic_balancers(at))?;
    let (seen, unseen) = near(instance, groups);
    let found = try_join_all(seen.iter().map(|group| session.targets(at, &group.arn))).await?;
    let (before, after) = (Registration::Registered, Registration::Deregistered);
    let mut all = Vec::new();
    for (group, targets) in seen.iter().zip(found) {
        for target in targets.into_iter().flatten().filter(|one| is_of(instance, one)) {
            let (group, instance) = (group.arn.clone(), instance.id.clone());
            all.push(BalancerChange::Target { group, target, instance, before, after });
        }
    }
    for behind in classic.into_iter().filter(|one| one.instances.contains(&instance.id)) {
        let (balancer, instance) = (behind.name, instance.id.clone());
        all.push(BalancerChange::Classic { balancer, instance, before, after });
    }
    let change = |what| Change { at: at.clone(), kind: Kind::Balancer(what) };
    Ok((all.into_iter().map(change).collect(), unseen))
}

/// The groups with targets in one of the instance's VPCs, and how many of them are too many to look into.
fn near(instance: &Instance, groups: Vec<TargetGroup>) -> (Vec<TargetGroup>, usize) {
    let here: BTreeSet<_> = instance.interfaces.iter().map(|interface| &interface.vpc).collect();
    let mut near: Vec<TargetGroup> = groups
        .into_iter()
        .filter(|group| group.vpc.as_ref().is_none_or(|vpc| here.contains(vpc)))
        .collect();
    let unseen = near.len().saturating_sub(TARGET_GROUPS_MAX);
    near.truncate(TARGET_GROUPS_MAX);
    (near, unseen)
}

/// By its id, or by one of its addresses.
fn is_of(instance: &Instance, target: &Target) -> bool {
    let mut ips = instance.interfaces.iter().flat_map(|interface| &interface.ips);
    target.id == instance.id.as_str() || ips.any(|ip| *ip == target.id)
}

fn report(context: &Context<'_>, id: &InstanceId, unseen: usize) -> Value {
    // A change that was in doubt may stand there twice.
    let left: BTreeSet<String> = context
        .applied
        .iter()
        .filter_map(|applied| match &applied.change.kind {
            Kind::Balancer(BalancerChange::Target { group, target, .. }) => {
                Some(format!("{} ({target})", group.name()))
            }
            Kind::Balancer(BalancerChange::Classic { balancer, .. }) => Some(balancer.to_string()),
            _ => None,
        })
        .collect();
    let mut notes = Vec::new();
    if !left.is_empty() {
        notes.push(NOT_STOPPED.to_owned());
    }
    if unseen > 0 {
        notes.push(format!(
            "{unseen} target groups of the instance's VPCs were not looked into: more than {TARGET_GROUPS_MAX} \
             are too many; look whether {id} is registered with one of them"
        ));
    }
    json!({
        "instance": id,
        "left": left,
        "already": context.applied.is_empty(),
        "notes": notes,
    })
}
