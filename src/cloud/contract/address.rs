//! Elastic IP addresses: seen on their interface, taken off it, given back.

use super::{Bench, Disk, InstanceWish, Ip, Outcome, equal, holds, some, text};
use crate::change::{AddressUse, Change};
use crate::cloud::{Address, ErrorClass, Instance, Interface, Standing};
use crate::id::InstanceId;

/// An instance with two interfaces; an Elastic IP address leads to the first.
async fn reachable(bench: &Bench<'_>) -> Outcome<(InstanceId, Interface, Interface)> {
    let at = bench.here();
    let vpc = bench.fixture().vpc(at, Ip::V4).await?;
    let group = bench.fixture().group(at, &vpc).await?;
    let interface = (vpc, vec![group]);
    let wish = InstanceWish {
        interfaces: vec![interface.clone(), interface],
        disks: vec![Disk::Plain],
        ..InstanceWish::default()
    };
    let id = bench.fixture().instance(at, &wish).await?;
    let first = some("interface", read(bench, &id).await?.interfaces.into_iter().next())?;
    equal("addresses", &first.addresses, &Vec::new())?;
    bench.fixture().elastic_ip(at, &first.id).await?;
    let mut all = read(bench, &id).await?.interfaces.into_iter();
    Ok((id, some("interface", all.next())?, some("interface", all.next())?))
}

async fn read(bench: &Bench<'_>, id: &InstanceId) -> Outcome<Instance> {
    some("instance", bench.session.instance(bench.here(), id).await.map_err(text)?)
}

fn change(
    bench: &Bench<'_>,
    instance: &InstanceId,
    interface: &Interface,
    address: &Address,
    uses: (AddressUse, AddressUse),
) -> Change {
    bench.change(address.switched(&interface.id, instance, uses))
}

const OFF: (AddressUse, AddressUse) = (AddressUse::Associated, AddressUse::Free);
const BACK: (AddressUse, AddressUse) = (AddressUse::Free, AddressUse::Associated);

pub async fn takes_an_elastic_ip_off_and_gives_it_back(bench: &Bench<'_>) -> Outcome {
    let (id, interface, other) = reachable(bench).await?;
    equal("addresses of the other", &other.addresses, &Vec::new())?;
    let [address] = interface.addresses.as_slice() else {
        return Err(format!("addresses: {:?}", interface.addresses));
    };
    holds(
        "it has both addresses",
        !address.public_ip.is_empty() && !address.private_ip.is_empty(),
    )?;
    bench.passes(&change(bench, &id, &interface, address, OFF)).await?;
    let now = some("interface", read(bench, &id).await?.interfaces.into_iter().next())?;
    equal("interface", &now, &Interface { addresses: Vec::new(), ..interface.clone() })?;
    let back = change(bench, &id, &interface, address, BACK);
    bench.passes(&back).await?;
    bench.apply(&back).await?;
    bench.stands(&back, &Standing::After).await?;
    let now = some("interface", read(bench, &id).await?.interfaces.into_iter().next())?;
    let told = |address: &Address| {
        (address.allocation.clone(), address.public_ip.clone(), address.private_ip.clone())
    };
    equal("address", &now.addresses.first().map(told), &Some(told(address)))
}

pub async fn leaves_an_address_that_is_in_use_where_it_is(bench: &Bench<'_>) -> Outcome {
    let (id, interface, other) = reachable(bench).await?;
    let address = some("address", interface.addresses.first())?;
    let stolen = change(bench, &id, &other, address, BACK);
    bench.refuses(&stolen, &[ErrorClass::Conflict]).await?;
    let now = some("interface", read(bench, &id).await?.interfaces.into_iter().next())?;
    equal("interface", &now, &interface)
}

pub async fn refuses_an_address_of_nobody(bench: &Bench<'_>) -> Outcome {
    let (id, interface, _) = reachable(bench).await?;
    let mut address = some("address", interface.addresses.first().cloned())?;
    address.allocation = "eipalloc-0123456789abcdef0".parse().unwrap();
    bench
        .refuses(&change(bench, &id, &interface, &address, BACK), &[ErrorClass::Gone])
        .await
        .map(drop)
}
