//! What more than the target lives on: a role that other instances use, too. To contain it takes something
//! from all of them, so that a person decides, even where the run acts at once otherwise.

use std::collections::BTreeSet;

use super::line::Line;
use super::outcome::Does;
use crate::id::InstanceId;

/// Why a step was asked about, where the answer was no.
pub const SHARED: &str = "others use it, too";

/// Instances that are named: a fleet may have thousands.
const NAMED_MAX: usize = 10;

/// Who else is met by a run about `target` (`account/type/id`), for whoever is asked; `None`: nobody.
pub fn others(target: Option<&str>, users: &BTreeSet<InstanceId>) -> Option<String> {
    let target = target.and_then(|target| target.rsplit_once("/instance/"));
    let own: Option<InstanceId> = target.and_then(|(_, id)| id.parse().ok());
    let others: Vec<&InstanceId> =
        users.iter().filter(|user| Some(*user) != own.as_ref()).collect();
    // Where the run is about the role alone, one instance is the one that it is about.
    let alone = others.is_empty() || (own.is_none() && others.len() == 1);
    (!alone).then(|| words(&others))
}

/// The line of a plan; `None`: no more than one uses it.
pub fn line(users: &BTreeSet<InstanceId>) -> Option<Line> {
    let users: Vec<&InstanceId> = users.iter().collect();
    (users.len() > 1).then(|| Line::new(Does::Mind, words(&users)))
}

fn words(users: &[&InstanceId]) -> String {
    let named: Vec<&str> = users.iter().take(NAMED_MAX).map(|user| user.as_str()).collect();
    let more = match users.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (who, lose) = match users.len() {
        1 => ("1 other instance uses".to_owned(), "it loses its"),
        n => (format!("{n} instances use"), "they lose their"),
    };
    format!("{who} the same role ({}{more}), and {lose} permissions meanwhile", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_is_counted_and_not_all_of_it_named() {
        let users: BTreeSet<InstanceId> =
            (0..12).map(|n| format!("i-{n:017x}").parse().unwrap()).collect();
        let line = line(&users).unwrap();
        assert!(line.words.starts_with("12 instances use the same role (i-"), "{}", line.words);
        assert!(line.words.contains("i-00000000000000009 and 2 more)"), "{}", line.words);
        assert_eq!(super::line(&users.into_iter().take(1).collect()), None);
    }
}
