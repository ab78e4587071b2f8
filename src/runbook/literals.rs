//! Where a key stands in a script's source: Rhai folds a map of literals into one value and forgets
//! the places of its keys, but a message about the header should name the line.

/// The line and column, from 1, of the first `key:` after `start_line`.
pub(super) fn key_position(source: &str, start_line: usize, key: &str) -> Option<(usize, usize)> {
    source.lines().enumerate().skip(start_line.saturating_sub(1)).find_map(|(index, line)| {
        let code = line.split("//").next().unwrap_or_default();
        code.match_indices(key).find_map(|(at, _)| {
            let before = code[..at].chars().next_back();
            let after = code[at + key.len()..].trim_start_matches('"').trim_start();
            let whole = !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
                && after.starts_with(':')
                && !after.starts_with("::");
            whole.then(|| (index + 1, code[..at].chars().count() + 1))
        })
    })
}

/// The known word nearest to `word`, when it is near enough to be a slip of the pen.
pub(super) fn did_you_mean<'a>(
    word: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    known
        .map(|candidate| {
            // `isolate_instance` is meant to be `contain::isolate_instance`: the name counts more.
            let short = candidate.rsplit("::").next().unwrap_or(candidate);
            let distance =
                if word.contains("::") { distance(word, candidate) } else { distance(word, short) };
            let tail = distance.min(distance_of_tails(word, candidate));
            (tail, candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, candidate)| (*distance, candidate.len()))
        .map(|(_, candidate)| candidate)
}

/// `look::isolate_instance` has the right name in the wrong namespace: one slip.
fn distance_of_tails(word: &str, candidate: &str) -> usize {
    match (word.split_once("::"), candidate.split_once("::")) {
        (Some((_, a)), Some((_, b))) => distance(a, b) + 1,
        _ => usize::MAX,
    }
}

/// Edits from one word to the other, two letters in the wrong order counting as one. The words are
/// short: names of functions and keys.
fn distance(a: &str, b: &str) -> usize {
    const WORD_MAX: usize = 64;
    let letters = |word: &str| word.chars().take(WORD_MAX).collect::<Vec<char>>();
    let (a, b) = (letters(a), letters(b));
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substituted.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["contain::isolate_instance", "look::instance", "approve", "severity"];
        for (word, want) in [
            ("isolate_instance", Some("contain::isolate_instance")),
            ("contain::isolate_instnace", Some("contain::isolate_instance")),
            ("look::isolate_instance", Some("contain::isolate_instance")),
            ("aprove", Some("approve")),
            ("severty", Some("severity")),
            ("aprpove", Some("approve")),
            ("dance", None),
            ("x", None),
        ] {
            assert_eq!(did_you_mean(word, known.into_iter()), want, "{word}");
        }
    }

    #[test]
    fn keys_are_found_where_they_stand() {
        let source =
            "//! on: no\nconst RUNBOOK = #{\n    on: [\"a:b\"], // mode: x\n    \"mode\": 1,\n};";
        assert_eq!(key_position(source, 2, "on"), Some((3, 5)));
        assert_eq!(key_position(source, 2, "mode"), Some((4, 6)));
        assert_eq!(key_position(source, 2, "role"), None);
    }
}
