//! Which Regions AWS has: a slip of the fingers in one would otherwise read like an instance that has
//! vanished. Only what a person types is held against this list; GuardDuty knows where it is.

use std::collections::BTreeSet;

use super::nearest;
use crate::id::Region;

/// The Regions of all partitions, as botocore 1.44.5 (November 2026) lists them in `partitions.json`,
/// without its pseudo-Regions (`aws-global`). Those that came later go into `further_regions`.
const REGIONS: [&str; 48] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "me-west-1",
    "mx-central-1",
    "sa-east-1",
    "sa-west-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "cn-north-1",
    "cn-northwest-1",
    "eusc-de-east-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "eu-isoe-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-gov-east-1",
    "us-gov-west-1",
];

/// That AWS has no such Region as far as is known here, and which one was meant, where one is near;
/// `None`: it has.
#[must_use]
pub fn unknown_region(region: &Region, further: &BTreeSet<Region>) -> Option<String> {
    if REGIONS.contains(&region.as_str()) || further.contains(region) {
        return None;
    }
    let known = REGIONS.into_iter().chain(further.iter().map(Region::as_str));
    let meant = nearest(region.as_str(), known).map(|meant| format!(": did you mean {meant}?"));
    Some(format!("there is no AWS Region {region} that is known here{}", meant.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_region_is_one_and_a_further_one_is_as_good() {
        let none = BTreeSet::new();
        for listed in REGIONS {
            assert_eq!(unknown_region(&listed.parse().unwrap(), &none), None, "{listed}");
        }
        let region: Region = "eu-west-7".parse().unwrap();
        let words = unknown_region(&region, &none).unwrap();
        assert_eq!(
            words,
            "there is no AWS Region eu-west-7 that is known here: did you mean eu-west-1?"
        );
        assert_eq!(unknown_region(&region, &BTreeSet::from([region.clone()])), None);
    }
}
