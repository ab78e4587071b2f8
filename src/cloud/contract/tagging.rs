//! Tags of everything that can be tagged.

use super::{Bench, Console, Disk, Ip, Outcome, equal, some, tags, text};
use crate::change::{Change, DatabaseRef, EcsRef, Kind, Taggable, Tags};
use crate::cloud::{Created, ErrorClass, Standing};

fn change(bench: &Bench<'_>, resource: &Taggable, before: &Tags, after: &Tags) -> Change {
    bench.change(Kind::Tags {
        resource: resource.clone(),
        before: before.clone(),
        after: after.clone(),
    })
}

/// Sets, replaces and removes tags, beside one that stays.
pub(super) async fn goes_round(bench: &Bench<'_>, resource: &Taggable) -> Outcome {
    let stays = tags(&[("owner", "team-web")]);
    bench.apply(&change(bench, resource, &Tags::new(), &stays)).await?;
    let (none, one) =
        (Tags::new(), tags(&[("tourniquet:case", "case-0001"), ("contained", "yes")]));
    let two = tags(&[("tourniquet:case", "case-0002"), ("contained", "")]);
    let set = change(bench, resource, &none, &one);
    bench.passes(&set).await?;
    bench.apply(&set).await?;
    bench.passes(&change(bench, resource, &one, &two)).await?;
    let found = some("tags", bench.session.tags(bench.here(), resource).await.map_err(text)?)?;
    let wanted: Tags = stays.clone().into_iter().chain(two.clone()).collect();
    equal("tags", &found, &wanted)?;
    bench.passes(&change(bench, resource, &two, &none)).await?;
    let found = bench.session.tags(bench.here(), resource).await.map_err(text)?;
    equal("tags", &found, &Some(stays.clone()))?;
    bench.passes(&change(bench, resource, &stays, &none)).await?;
    equal("tags", &bench.session.tags(bench.here(), resource).await.map_err(text)?, &Some(none))
}

async fn round_all(bench: &Bench<'_>, resources: &[Taggable]) -> Outcome {
    for resource in resources {
        goes_round(bench, resource).await.map_err(|why| format!("{}: {why}", resource.path()))?;
    }
    Ok(())
}

pub async fn tags_everything_in_ec2(bench: &Bench<'_>) -> Outcome {
    let id = bench.instance(&[Disk::Plain]).await?;
    let instance =
        some("instance", bench.session.instance(bench.here(), &id).await.map_err(text)?)?;
    let volume = some("volume", instance.volumes.into_iter().next())?.1;
    let create = bench.change(Kind::CreateSnapshots {
        instance: id.clone(),
        volumes: Vec::new(),
        exclude_boot: false,
        exclude: Vec::new(),
        tags: Tags::new(),
    });
    let Some(Created::Snapshots(made)) = bench.apply(&create).await?.created else {
        return Err("no snapshot was made".to_owned());
    };
    let snapshot = some("snapshot", made.into_iter().next())?.0;
    let vpc = bench.fixture().vpc(bench.here(), Ip::V4).await?;
    let group = bench.fixture().group(bench.here(), &vpc).await?;
    let all = [
        Taggable::Instance(id),
        Taggable::Volume(volume),
        Taggable::Snapshot(snapshot),
        Taggable::SecurityGroup(group),
    ];
    round_all(bench, &all).await
}

pub async fn tags_roles_and_users(bench: &Bench<'_>) -> Outcome {
    let role = bench.fixture().role(bench.here(), "/").await?;
    let user = bench.fixture().user(bench.here(), 0, Console::None).await?;
    round_all(bench, &[Taggable::Role(role), Taggable::User(user)]).await
}

pub async fn tags_buckets_and_keeps_other_tags(bench: &Bench<'_>) -> Outcome {
    let bucket = bench.fixture().bucket(bench.here()).await?;
    goes_round(bench, &Taggable::Bucket(bucket)).await
}

pub async fn tags_tasks_and_services(bench: &Bench<'_>) -> Outcome {
    let wish = super::TaskWish { network: None };
    let (cluster, task) = bench.fixture().task(bench.here(), &wish).await?;
    let (of, service) = bench.fixture().service(bench.here(), 1).await?;
    let all = [EcsRef::Task { cluster, task }, EcsRef::Service { cluster: of, service }];
    round_all(bench, &all.map(Taggable::Ecs)).await
}

pub async fn tags_databases(bench: &Bench<'_>) -> Outcome {
    let vpc = bench.fixture().vpc(bench.here(), super::Ip::V4).await?;
    let group = bench.fixture().group(bench.here(), &vpc).await?;
    let cluster = bench.fixture().database_cluster(bench.here(), &group).await?;
    let wish = super::DatabaseWish { vpc, group, cluster: Some(cluster.clone()) };
    let id = bench.fixture().database(bench.here(), &wish).await?;
    let all = [DatabaseRef::Instance(id), DatabaseRef::Cluster(cluster)];
    round_all(bench, &all.map(Taggable::Database)).await
}

pub async fn finds_no_tags_of_the_unknown(bench: &Bench<'_>) -> Outcome {
    let unknown = [
        Taggable::Instance("i-0123456789abcdef0".parse().unwrap()),
        Taggable::Volume("vol-0123456789abcdef0".parse().unwrap()),
        Taggable::Snapshot("snap-0123456789abcdef0".parse().unwrap()),
        Taggable::SecurityGroup("sg-0123456789abcdef0".parse().unwrap()),
        Taggable::Role(bench.unique("no-role").parse().unwrap()),
        Taggable::User(bench.unique("no-user").parse().unwrap()),
    ];
    for resource in unknown {
        let found = bench.session.tags(bench.here(), &resource).await.map_err(text)?;
        equal(&resource.path(), &found, &None)?;
    }
    Ok(())
}

async fn refused(bench: &Bench<'_>, unknown: &[Taggable]) -> Outcome {
    for resource in unknown {
        let set = change(bench, resource, &Tags::new(), &tags(&[("contained", "yes")]));
        bench.stands(&set, &Standing::Gone).await?;
        bench.refuses(&set, &[ErrorClass::Gone]).await?;
    }
    Ok(())
}

pub async fn refuses_to_tag_unknown_roles_and_users(bench: &Bench<'_>) -> Outcome {
    let role = Taggable::Role(bench.unique("no-role").parse().unwrap());
    let user = Taggable::User(bench.unique("no-user").parse().unwrap());
    refused(bench, &[role, user]).await
}

pub async fn refuses_to_tag_the_unknown_in_ec2(bench: &Bench<'_>) -> Outcome {
    let unknown = [
        Taggable::Instance("i-0123456789abcdef0".parse().unwrap()),
        Taggable::Volume("vol-0123456789abcdef0".parse().unwrap()),
        Taggable::Snapshot("snap-0123456789abcdef0".parse().unwrap()),
        Taggable::SecurityGroup("sg-0123456789abcdef0".parse().unwrap()),
    ];
    refused(bench, &unknown).await
}

pub async fn refuses_to_set_and_remove_at_once(bench: &Bench<'_>) -> Outcome {
    let id = bench.instance(&[Disk::Plain]).await?;
    let role = bench.fixture().role(bench.here(), "/").await?;
    let (one, other) = (tags(&[("one", "1")]), tags(&[("other", "2")]));
    for resource in [Taggable::Instance(id), Taggable::Role(role)] {
        bench.apply(&change(bench, &resource, &Tags::new(), &one)).await?;
        bench.refuses(&change(bench, &resource, &one, &other), &[ErrorClass::Invalid]).await?;
        let found = some("tags", bench.session.tags(bench.here(), &resource).await.map_err(text)?)?;
        equal("the tag", &found.get("one").map(String::as_str), &Some("1"))?;
        equal("the other tag", &found.get("other"), &None)?;
    }
    Ok(())
}

pub async fn keeps_text_as_it_is(bench: &Bench<'_>) -> Outcome {
    let resource = Taggable::Instance(bench.instance(&[Disk::Plain]).await?);
    let hostile =
        tags(&[("note", "<b>\"Grüße\" & ünïcode; DROP TABLE cases; %s ${x} \\ 漢字</b>")]);
    bench.passes(&change(bench, &resource, &Tags::new(), &hostile)).await.map(drop)
}
