//! What comes before containment, in the order in which things happen.

use super::lints as check;
use super::*;

const I1: &str = "\"i-0123456789abcdef0\"";

#[test]
fn what_functions_do_stands_where_they_are_called() {
    let early = "`notify` comes before containment (move it after the last `contain::…`)";
    for (body, wanted) in [
        ("cut(); notify(\"a\", \"b\");", &[][..]),
        ("notify(\"a\", \"b\"); cut();", &[&*format!("4:1: warning E0308: {early}")]),
        ("notify(\"a\", \"b\"); all();", &[early]),
        ("cut(); tell();", &[]),
        ("tell(); cut();", &[early]),
        ("tell(); cut(); tell();", &[early]),
        ("cut(); tell(); again(3);", &[]),
        ("notify(\"a\", \"b\"); [1].map(|n| each(n));", &[early]),
        ("if p.x == () { tell(); return; } cut();", &[early]),
        // Closures: beside each other where `parallel` stands, and otherwise nobody knows.
        ("notify(\"a\", \"b\"); parallel([|| cut()]);", &[early]),
        ("parallel([|| cut(), || tell()]); tell();", &[]),
        ("parallel([|| tell(), || cut()]);", &[]),
        ("parallel([|| { tell(); cut(); }]);", &[early]),
        ("parallel([|| tell()]); cut();", &[early]),
        ("[1].for_each(|| tell()); parallel([|| cut()]);", &[early]),
        ("let b = [|| tell()]; b.push(|| cut()); parallel(b); tell();", &[]),
        ("let b = [|| cut()]; tell(); parallel(b);", &[]),
        // Nothing is contained.
        ("tell(); again(3);", &[]),
    ] {
        let own = format!(
            "fn cut() {{ contain::isolate_instance({I1}); }} fn all() {{ cut(); }} \
             fn each(n) {{ parallel([|| cut()]); }} fn tell() {{ notify(\"a\", \"b\"); }} \
             fn again(n) {{ if n > 0 {{ again(n - 1); }} }} fn never() {{ tell(); cut(); }}\n"
        );
        check(&[script(body), own].concat(), wanted);
    }
}
