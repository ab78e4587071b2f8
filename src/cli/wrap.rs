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

#[cfg(test)]
mod tests {
    use super::*;

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
