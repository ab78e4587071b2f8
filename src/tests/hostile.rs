//! Text that attacks its reader: a terminal, a page, a log, a path, a query.

use std::time::Instant;

use serde_json::{Value, json};

use super::scene::{FINDING, deployment};
use super::strain::is_json_lines;
use super::support::{PATIENCE, pause, text};

/// A title that clears the screen, sets the window's name, forges lines, and is a page's script.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}<script>alert(1)</script>\n\
    FORGED line\r\n{\"level\":\"ERROR\",\"message\":\"FORGED\"}\u{0}${jndi:ldap://x}%n`$(id)`";

#[test]
fn hostile_text_comes_back_inert() {
    let deployment = deployment();
    let mut server = deployment.serve("");
    let mut cases = Vec::new();
    for (pointer, value) in [
        ("/detail/title", HOSTILE),
        ("/detail/id", "../../../../etc/passwd"),
        ("/detail/id", HOSTILE),
        ("/detail/type", HOSTILE),
        ("/detail/region", "../eu-west-1"),
        ("/detail/accountId", "'; DROP TABLE entries; --"),
        ("/detail/resource/resourceType", HOSTILE),
        ("/detail/resource/instanceDetails/instanceId", "../../i-0a1b2c3d4e5f60718"),
        ("/detail/resource/instanceDetails/instanceId", HOSTILE),
        ("/detail/service/resourceRole", HOSTILE),
    ] {
        let mut body: Value = serde_json::from_str(FINDING).unwrap();
        *body.pointer_mut(pointer).unwrap() = json!(value);
        // Each is a finding of its own, on the same instance or on none.
        body["detail"]["description"] = json!(format!("{pointer} {HOSTILE}"));
        let reply =
            server.post("/v1/findings", &deployment.token, body.to_string().as_bytes()).unwrap();
        assert!(matches!(reply.status, 202 | 422), "{pointer}: {reply:?}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{pointer}");
        assert!(reply.header("content-type").starts_with("application/"), "{pointer}: {reply:?}");
        cases.extend(reply.body["case"].as_str().map(str::to_owned));
    }
    cases.sort();
    cases.dedup();
    assert!(cases.len() > 1, "{cases:?}");
    let mut commands =
        vec![vec!["case", "list"], vec!["case", "list", "--json"], vec!["token", "list"]];
    for case in &cases {
        let started = Instant::now();
        // A finding without an account has a case and no run.
        while server.get(&format!("/v1/cases/{case}"), &deployment.token).unwrap().body["status"]
            == "active"
        {
            assert!(started.elapsed() < PATIENCE && !server.is_dead(), "{}", server.log());
            pause();
        }
        commands.push(vec!["case", "show", case]);
        commands.push(vec!["case", "show", case, "--json"]);
        commands.push(vec!["case", "export", case]);
        let verified = deployment.client(&server, &["case", "verify", case]);
        assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stderr));
    }
    for command in &commands {
        let output = deployment.client(&server, command);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{command:?}: {said}");
        let json = command.contains(&"--json") || command.contains(&"export");
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!said.contains(obeyed), "{command:?}: {said:?}");
        assert!(
            !said.lines().any(|line| line.starts_with("FORGED") || line.starts_with("{\"level\"")),
            "{said}"
        );
        assert!(!json || serde_json::from_str::<Value>(&said).is_ok(), "{command:?}: {said}");
    }
    is_json_lines(&server);
    let mut names: Vec<_> = std::fs::read_dir(deployment.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.retain(|name| {
        !name.to_string_lossy().starts_with("serve-")
            && !name.to_string_lossy().starts_with("tourniquet.")
    });
    names.sort();
    assert_eq!(names, ["scenario.toml", "world.json"], "no id became a path");
}
