//! The one place where hostile text loses its teeth before it reaches a terminal, or people in a message.
//!
//! Titles, tags, AWS's messages and names of runbooks can all be written by an attacker. A terminal
//! obeys escape sequences in them, and marks that turn the direction of writing make one command
//! look like another. Nothing here knows what the text means.

/// Characters of one value in a line or cell: enough to recognise it, too few to bury the rest.
pub const VALUE_MAX: usize = 300;

/// `text` on one line, without anything that a terminal obeys, and at most `max` characters long.
///
/// Escape sequences go as a whole, other control characters and hidden marks one by one; line ends
/// and tabs become spaces. What is cut ends with `…`.
#[must_use]
pub fn sanitise(text: &str, max: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(max));
    let mut length = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = after_sequence(rest) {
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let shown = match c {
            '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            c if is_harmful(c) => continue,
            c => c,
        };
        if length == max {
            clean.pop();
            clean.push('…');
            return clean;
        }
        clean.push(shown);
        length += 1;
    }
    clean
}

/// Whether `c` commands a terminal or hides what is written: controls (C0, C1) and the format
/// characters (Unicode general category Cf) that turn, join or hide text.
#[must_use]
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// What follows the escape sequence that `text` begins with (ECMA-48); `None`: it begins with none.
fn after_sequence(text: &str) -> Option<&str> {
    let introduced = match text.strip_prefix('\u{1b}') {
        Some(after) => after.chars().next().map(|kind| (kind, &after[kind.len_utf8()..]))?,
        None => match text.chars().next()? {
            '\u{9b}' => ('[', &text[2..]),
            '\u{9d}' => (']', &text[2..]),
            '\u{90}' => ('P', &text[2..]),
            _ => return None,
        },
    };
    match introduced {
        ('[', body) => {
            // Parameters and intermediates, then one final byte.
            let end = body.find(|c: char| !(' '..='?').contains(&c)).unwrap_or(body.len());
            let last = body[end..].chars().next().filter(|c| ('@'..='~').contains(c));
            Some(&body[end + last.map_or(0, char::len_utf8)..])
        }
        (']' | 'P' | '_' | '^' | 'X', body) => {
            // A string ends with BEL or ST. Without an end only the introducer goes, so that a lone
            // one can't hide all that follows.
            let end = body.char_indices().find_map(|(at, c)| match c {
                '\u{7}' => Some(at + 1),
                '\u{9c}' => Some(at + 2),
                '\u{1b}' if body[at..].starts_with("\u{1b}\\") => Some(at + 2),
                _ => None,
            });
            Some(&body[end.unwrap_or(0)..])
        }
        ('(' | ')' | '#' | '%', body) => {
            let skipped = body.chars().next().map_or(0, char::len_utf8);
            Some(&body[skipped..])
        }
        (c, body) if c.is_ascii() && !c.is_control() => Some(body),
        // A control after ESC is looked at by itself.
        _ => None,
    }
}

/// Bytes of which nothing is left out: what a terminal would obey or hide is written as `\u{…}`, what is no
/// UTF-8 as `\xNN`; lines end where they end.
#[must_use]
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for part in bytes.utf8_chunks() {
        for c in part.valid().chars() {
            match c {
                '\n' => text.push(c),
                c if is_harmful(c) => text.extend(c.escape_unicode()),
                c => text.push(c),
            }
        }
        for byte in part.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// JSON text in which every harmful character is written as `\uXXXX`: the same value to a program,
/// and harmless when a person's terminal shows it.
#[must_use]
pub fn inert_json(json: &str) -> String {
    let mut inert = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside of strings only spaces and line ends occur, and they stay.
        if c == '\n' || !is_harmful(c) {
            inert.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                inert.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    inert
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_text_commands_no_terminal() {
        for (text, expected) in [
            ("plain – ünïcode 東京", "plain – ünïcode 東京"),
            ("\u{1b}[2J\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;owned\u{7}title", "title"),
            ("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]0;no end of it", "0;no end of it"),
            ("\u{1b}Pq#0\u{1b}\\sixel", "sixel"),
            ("\u{9b}31mC1\u{9d}0;x\u{9c}y", "C1y"),
            ("\u{1b}(0lqk\u{1b}c", "lqk"),
            ("\u{1b}\u{1b}[31mx\u{1b}", "x"),
            ("a\rb\u{8}c\u{0}", "a bc"),
            ("one\ntwo\tthree\u{2028}four", "one two three four"),
            ("abc\u{202e}txt.exe\u{202c}", "abctxt.exe"),
            ("a\u{200b}b\u{2066}c\u{feff}\u{e0041}", "abc"),
            ("\u{1b}[31", ""),
        ] {
            assert_eq!(sanitise(text, VALUE_MAX), expected, "{text:?}");
        }
        assert_eq!(sanitise("abcdef", 6), "abcdef");
        assert_eq!(sanitise("abcdefg", 6), "abcde…");
        assert_eq!(sanitise("\u{1b}[31mabc\u{1b}[0m", 3), "abc");
    }

    proptest! {
        #[test]
        fn any_text_becomes_short_and_harmless(
            text in "(\\PC|[\u{0}-\u{9f}]|\u{1b}[\\[\\]P(]|\u{202e}){0,80}",
            max in 1_usize..60,
        ) {
            let clean = sanitise(&text, max);
            prop_assert!(clean.chars().count() <= max);
            prop_assert!(!clean.chars().any(is_harmful), "{clean:?}");
            let again = sanitise(&clean, max);
            prop_assert_eq!(again, clean);
        }

        #[test]
        fn inert_json_is_the_same_value(text in "(\\PC|[\u{0}-\u{9f}]|\u{202e}|\u{e0041}){0,40}") {
            let json = serde_json::json!({"text": text}).to_string();
            let inert = inert_json(&json);
            prop_assert!(!inert.chars().any(is_harmful));
            let read: serde_json::Value = serde_json::from_str(&inert).unwrap();
            prop_assert_eq!(read["text"].as_str(), Some(text.as_str()));
        }
    }
}
