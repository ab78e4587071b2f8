//! Wrapping between words. A word that is too long for a line gets one of its own: half an id can't be
//! copied.

/// Characters of a text: what a terminal shows of Latin text, one column each.
pub fn length(text: &str) -> usize {
    text.chars().count()
}

/// The lines of `text`, which must be clean, none longer than `width` unless it is one word; there is
/// always one.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let long = length(word);
        if used > 0 && used + 1 + long > width {
            lines.push(String::new());
            used = 0;
        }
        let Some(line) = lines.last_mut() else { continue };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += long;
    }
    lines
}

/// The lines of a long name, which must be clean, none longer than `width` (nor shorter than one letter):
/// they end behind `:`, `/`, `.` and spaces, or anywhere in a part that is too long by itself.
#[must_use]
pub fn parts(name: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for part in name.split_inclusive([':', '/', '.', ' ']) {
        let used = lines.last().map_or(0, |line| length(line));
        if used > 0 && used + length(part.trim_end()) > width {
            lines.push(String::new());
        }
        for letter in part.chars() {
            if letter != ' ' && lines.last().is_none_or(|line| length(line) >= width) {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push(letter);
            }
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_broken_where_their_parts_end() {
        let name = "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS";
        for (width, expected) in [
            (80, &[name][..]),
            (31, &["UnauthorizedAccess:IAMUser/", "InstanceCredentialExfiltration.", "OutsideAWS"]),
            (
                24,
                &[
                    "UnauthorizedAccess:",
                    "IAMUser/",
                    "InstanceCredentialExfilt",
                    "ration.OutsideAWS",
                ],
            ),
        ] {
            assert_eq!(parts(name, width), expected, "{width}");
        }
        assert_eq!(parts("", 5), [""]);
        assert_eq!(parts("ab", 0), ["a", "b"]);
    }

    #[test]
    fn lines_end_between_words() {
        for (text, width, expected) in [
            ("", 10, &[""][..]),
            ("a bc  def", 80, &["a bc def"]),
            ("a bc def", 4, &["a bc", "def"]),
            ("to case-0123456789 now", 6, &["to", "case-0123456789", "now"]),
            ("a b", 0, &["a", "b"]),
        ] {
            assert_eq!(wrap(text, width), expected, "{text:?} {width}");
        }
    }
}
