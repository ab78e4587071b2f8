//! Starting where it is not possible: a numbered, plain error, exit code 1, and nothing is touched.

use std::net::TcpListener;
use std::process::Output;

use super::scene::{deployment, picture, same, send, undisturbed};
use super::support::{Deployment, text};

const CONFIG: &str = "[cloud]\nkind = \"sandbox\"\n";

/// A script that does not compile, in line 6.
const BROKEN: &str = r#"//! Broken.

const RUNBOOK = #{ on: ["Recon:EC2/*"], mode: "observe" };

fn run(case, p) {
    let x = ;
}
"#;

fn refused(what: &str, output: &Output, code: &str, words: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{what}: {said}");
    assert!(said.lines().any(|line| line.starts_with(&format!("{code}: "))), "{what}: {said}");
    assert!(words.iter().all(|word| said.contains(word)), "{what}: expected {words:?}: {said}");
    assert!(!said.contains("panicked") && !said.contains(" serves "), "{what}: {said}");
}

/// The names of what is in a deployment's folder.
fn files(deployment: &Deployment) -> Vec<String> {
    let names = std::fs::read_dir(deployment.path()).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_port_in_use_is_told_and_no_database_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let deployment = Deployment::bare(CONFIG);
    let output = deployment.run(&["serve", "--listen", &address]);
    refused("a port in use", &output, "E0002", &[&address, "another program listens there"]);
    assert_eq!(files(&deployment), ["tourniquet.toml"]);
}

#[test]
fn a_database_that_can_not_be_written_is_told_and_left_as_it_is() {
    let good = Deployment::new(CONFIG);
    let bytes =
        |deployment: &Deployment, name: &str| std::fs::read(deployment.path().join(name)).unwrap();
    let before = bytes(&good, "tourniquet.db");
    std::fs::create_dir(good.path().join("folder")).unwrap();
    good.write("words.txt", "these are words and no database, and they stay");
    // Not one byte may be written to any file: what a disk without room looks like at the start.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
    for (what, database, limited) in [
        ("a missing folder", "sqlite://missing/x.db", false),
        ("a folder", "sqlite://folder", false),
        ("a folder that nobody can write", "sqlite:///proc/tourniquet.db", false),
        ("a file that is no database", "sqlite://words.txt", false),
        ("no room for a new database", "sqlite://new.db", true),
        ("no room for this one", "sqlite://tourniquet.db", true),
    ] {
        let mut command = if limited { good.through_shell(script) } else { good.command() };
        command.env("TOURNIQUET_DATABASE", database).env("TOURNIQUET_LISTEN", "127.0.0.1:0");
        // A start that succeeds would serve for ever.
        let output = super::support::ended(command.arg("serve"));
        refused(what, &output, "E0003", &[database.rsplit('/').next().unwrap()]);
    }
    assert_eq!(bytes(&good, "words.txt"), b"these are words and no database, and they stay");
    assert_eq!(bytes(&good, "tourniquet.db"), before);
    assert_eq!(good.serve("").get("/v1/cases", &good.token).unwrap().status, 200);
}

#[test]
fn a_runbook_with_an_error_is_told_with_its_place_and_nothing_starts() {
    let deployment = Deployment::bare(&format!("runbooks = \"books\"\n{CONFIG}"));
    let books = deployment.path().join("books");
    std::fs::create_dir(&books).unwrap();
    std::fs::write(books.join("observe.rhai"), include_str!("../../runbooks/observe.rhai"))
        .unwrap();
    std::fs::write(books.join("broken.rhai"), BROKEN).unwrap();
    let words = ["broken.rhai", "6:", "E0301"];
    refused("serve", &super::support::ended(deployment.command().arg("serve")), "E0004", &words);
    refused("runbook list", &deployment.run(&["runbook", "list"]), "E0004", &words);
    // Whoever asks what is wrong is told line by line.
    for asks in [&["config", "check"][..], &["runbook", "check", "books/broken.rhai"]] {
        let checked = deployment.run(asks);
        assert_eq!(checked.status.code(), Some(1));
        let said = format!("{}{}", text(&checked.stdout), text(&checked.stderr));
        let words = ["E0004", "E0301", "broken.rhai:6:"];
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
    assert_eq!(files(&deployment), ["books", "tourniquet.toml"], "no database was made");
}

#[test]
fn a_configuration_with_an_unknown_key_is_told_with_the_nearest() {
    for (config, variable, words) in [
        ("lisetn = \"127.0.0.1:0\"\n", None, ["lisetn", "did you mean listen?"]),
        (
            CONFIG,
            Some(("TOURNIQUET_DATABSE", "sqlite://x.db")),
            ["TOURNIQUET_DATABSE", "did you mean"],
        ),
        ("[accounts.12]\n", None, ["tourniquet.toml", "12 digits"]),
        ("[cloud]\nkind = \"sandbox\"\nscenario = \"missing.toml\"\n", None, ["missing.toml", ""]),
    ] {
        let deployment = Deployment::bare(config);
        let mut command = deployment.command();
        command.arg("serve").env("TOURNIQUET_LISTEN", "127.0.0.1:0").envs(variable);
        let code = if config.contains("missing") { "E0005" } else { "E0001" };
        refused(config, &super::support::ended(&mut command), code, &words);
        assert_eq!(files(&deployment), ["tourniquet.toml"]);
    }
}

#[test]
fn a_second_serve_on_one_database_is_told_and_the_first_goes_on() {
    let template = deployment();
    let expected = undisturbed(&template);
    let deployment = template.copied();
    // The run is under way while the second one tries.
    let mut server = deployment.serve("run::after_call=sleep(100)");
    let case = send(&server, &deployment.token).unwrap();
    let mut command = deployment.command();
    command.arg("serve").env("TOURNIQUET_LISTEN", "127.0.0.1:0");
    let output = super::support::ended(&mut command);
    refused(
        "a second serve",
        &output,
        "E0003",
        &["tourniquet.db", "another `tourniquet serve` uses it"],
    );
    // Commands beside a running service are no second service.
    assert!(deployment.run(&["token", "list"]).status.success());
    let ended = server.wait_for_runs(&deployment.token, &case).unwrap();
    assert_eq!(ended["runs"][0]["attempts"], 1, "nobody took the run away: {ended}");
    same(&expected, &picture(&deployment, &server, &ended));
}
