//! Keys of options that nothing reads, and options of the wrong form.

use super::lints as check;
use super::*;

#[test]
fn options() {
    for (body, wanted) in [
        (
            "parallel([], #{ keep_error: true })",
            &[
                "4:17: error E0301: `parallel` has no option `keep_error` (did you mean `keep_errors`?)",
            ][..],
        ),
        (
            "parallel(p.list, #{ keep_error: p.x })",
            &["4:21: error E0301: `parallel` has no option"],
        ),
        ("parallel([], #{ keep_errors: 1 })", &["`parallel`: keep_errors: expected true or false"]),
        ("parallel([], 7)", &["`parallel`: options: expected a map"]),
        (
            "approve(\"x\", #{\n quorum: 2,\n whithin: \"30m\" })",
            &["6:2: error E0301: `approve` has no option `whithin` (did you mean `within`?)"],
        ),
        (
            "approve(\"x\", #{ who: 1, quorm: p.n, within: \"30d\" })",
            &[
                "4:1: error E0301: `approve`: within: expected a time",
                "4:17: error E0301: `approve` has no option `who` (known: quorum, within)",
                "4:25: error E0301: `approve` has no option `quorm`",
            ],
        ),
        ("approve(\"x\", #{ quorum: p.n, within: \"30m\" })", &[]),
        ("parallel([|| 1], #{ keep_errors: p.x })", &[]),
        // Not literals: nothing is known.
        ("let o = #{ quorm: 1 }; approve(\"x\", o); parallel([], o)", &[]),
        ("notify(\"oncall\", #{ text: p.x })", &["`notify`: message: expected a text, not a map"]),
        // Actions and looks.
        (
            "look::user(#{ usr: p.user })",
            &["4:15: error E0301: `look::user` has no option `usr` (did you mean `user`?)"],
        ),
        ("look::user(#{ usr: \"ann\" })", &["`look::user` has no option `usr`"]),
        ("look::user((), #{ kee: p.x })", &["has no option `kee` (did you mean `key`?)"]),
        ("look::user(p.user, #{ user: p.x })", &["`look::user`: user is given twice"]),
        ("look::user(p.user, #{ key: \"nonsense\" })", &["`look::user`: key: "]),
        ("look::user(#{ key: p.x }); contain::disable_access_keys((), #{ key: p.x })", &[]),
        (
            "contain::isolate_instance(p.i, #{ froce: p.x })",
            &["has no option `froce` (known: instance)"],
        ),
        ("contain::isolate_instance(#{ instance: p.i })", &["instance: expected a text"]),
        // Tags are of the writer's choice.
        ("act::tag_resource(\"role/web\", #{ any: p.x, key: \"y\" })", &[]),
        ("act::tag_resource(p.resource, #{ any: p.x, key: 7 })", &["tags: expected a map of text"]),
        (
            "act::tag_resource(p.resource, #{ any: p.x }, #{ resorce: p.x })",
            &["has no option `resorce` (did you mean `resource`?)"],
        ),
        // Every literal argument is checked.
        (
            "act::tag_resource(7, #{ any: 8, other: p.x })",
            &["4:19: … resource: ", "4:22: … tags: "],
        ),
    ] {
        check(&script(body), wanted);
    }
}
