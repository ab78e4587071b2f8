//! The process dies, at every entry of a run and at moments that nobody chose: the end is the same.

use std::os::unix::process::ExitStatusExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::scene::{Picture, deployment, differences, picture, same, send, undisturbed};
use super::support::{Deployment, Server, pause};

/// Where the process is killed: before and after each durable transaction, so around every entry,
/// and after each AWS call, before its outcome is written.
const POINTS: [&str; 3] = ["store::before_commit", "store::after_commit", "run::after_call"];

/// Passages of one point in a run, more or less: a run that passes more is one that doesn't end.
const PASSAGES_MAX: usize = 200;

/// Deployments beside each other. Most of their time is the wait for creates whose answer was lost.
const WORKERS: usize = 3;

/// The number of SIGKILL.
const SIGKILL: i32 = 9;

/// Lets the incident end on a server that is up, sending the finding where nobody acknowledged it.
fn finish(deployment: &Deployment, server: &mut Server, case: Option<String>) -> Picture {
    let case = case.or_else(|| send(server, &deployment.token)).expect("an answer");
    let ended = server.wait_for_runs(&deployment.token, &case).expect("the server lives");
    picture(deployment, server, &ended)
}

/// The lines in which two pictures differ.
/// Kills the process at the `n`th passage of `point`, restarts it and compares the end. Whether it
/// came to that passage at all.
fn strike(template: &Deployment, expected: &Picture, point: &str, n: usize) -> bool {
    let deployment = template.copied();
    let failpoint = match n {
        1 => format!("{point}=1*return"),
        n => format!("{point}={}*off->1*return", n - 1),
    };
    let mut server = deployment.serve(&failpoint);
    let mut case = None;
    let mut over = false;
    if !server.is_dead() {
        case = send(&server, &deployment.token);
        if let Some(case) = &case {
            over = server.wait_for_runs(&deployment.token, case).is_some();
        }
    }
    if over {
        // The point may still be passed when nothing is left to do, so this process is not asked.
        server.signal("KILL");
    }
    let status = server.wait_for_end();
    assert_eq!(status.signal(), Some(SIGKILL), "{status}: {}", server.log());
    let mut server = deployment.serve("");
    same(expected, &finish(&deployment, &mut server, case));
    !over
}

/// What is left to do: the next passage of each point, and whether the run came to its end before it.
struct Plan {
    next: [usize; POINTS.len()],
    over: [bool; POINTS.len()],
    failures: Vec<String>,
}

impl Plan {
    /// The point that was struck least often and is not over, and the passage.
    fn take(&mut self) -> Option<(usize, usize)> {
        let open = (0..POINTS.len()).filter(|point| !self.over[*point]);
        let point = open.min_by_key(|point| self.next[*point])?;
        let n = self.next[point];
        self.next[point] += 1;
        Some((point, n))
    }
}

#[test]
fn killed_at_every_entry_the_run_ends_as_if_undisturbed() {
    let started = Instant::now();
    let template = deployment();
    let expected = undisturbed(&template);
    assert!(
        expected.mutations.values().all(|count| *count >= 1) && expected.mutations.len() > 8,
        "{expected:#?}"
    );
    let plan = Mutex::new(Plan { next: [1; 3], over: [false; 3], failures: vec![] });
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some((point, n)) = plan.lock().unwrap().take() else {
                        return;
                    };
                    let name = POINTS[point];
                    assert!(n <= PASSAGES_MAX, "{name} is passed again and again");
                    let began = Instant::now();
                    let struck =
                        catch_unwind(AssertUnwindSafe(|| strike(&template, &expected, name, n)));
                    let mut plan = plan.lock().unwrap();
                    eprintln!("{name} {n}: {:.1} s", began.elapsed().as_secs_f64());
                    match struck {
                        Ok(true) => {}
                        Ok(false) => plan.over[point] = true,
                        Err(_) => plan.failures.push(format!("{name} {n}")),
                    }
                }
            });
        }
    });
    let plan = plan.into_inner().unwrap();
    let struck: Vec<String> =
        POINTS.iter().zip(plan.next).map(|(point, next)| format!("{point}: {next}")).collect();
    eprintln!(
        "kills until the end: {}; {:.0} s",
        struck.join(", "),
        started.elapsed().as_secs_f64()
    );
    assert!(plan.failures.is_empty(), "the end was another after: {:?}", plan.failures);
    // Were the failpoints not compiled in, no process would have died.
    assert!(plan.next.iter().all(|next| *next > 10), "{struck:?}");
}

/// Pseudo-random numbers (xorshift64): kills need no better ones, and a seed repeats them.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn killed_from_outside_at_random_moments_the_run_ends_as_if_undisturbed() {
    const KILLS: usize = 10;
    /// The longest time from the start of a process to its death.
    const LIFE_MAX_MS: u64 = 900;
    let seed = match std::env::var("TOURNIQUET_CRASH_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64 | 1,
    };
    eprintln!("TOURNIQUET_CRASH_SEED={seed} repeats these moments");
    let mut random = Random(seed);
    let template = deployment();
    let expected = undisturbed(&template);
    let deployment = template.copied();
    let mut case = None;
    for _ in 0..KILLS {
        // Calls take their time here, so that kills fall into the run and not behind it.
        let mut server = deployment.serve("run::after_call=sleep(40)");
        case = case.or_else(|| send(&server, &deployment.token));
        std::thread::sleep(Duration::from_millis(random.below(LIFE_MAX_MS)));
        server.signal("KILL");
        assert_eq!(server.wait_for_end().signal(), Some(SIGKILL));
    }
    let mut server = deployment.serve("");
    let seen = finish(&deployment, &mut server, case);
    assert!(expected == seen, "seed {seed}: another end:\n{}", differences(&expected, &seen));
}

#[test]
fn told_to_stop_it_drains_and_the_run_goes_on_after_the_next_start() {
    let template = deployment();
    let expected = undisturbed(&template);
    for signal in ["TERM", "INT"] {
        let deployment = template.copied();
        let mut server = deployment.serve("run::after_call=sleep(150)");
        let case = send(&server, &deployment.token).expect("an answer");
        let intents = |server: &Server| {
            let entries = server.timeline(&deployment.token, &case);
            entries.iter().filter(|entry| entry["kind"] == "change.intent").count()
        };
        let started = Instant::now();
        while intents(&server) == 0 {
            assert!(started.elapsed() < Duration::from_secs(30), "{}", server.log());
            pause();
        }
        let before = intents(&server);
        server.signal(signal);
        let status = server.wait_for_end();
        assert_eq!(status.code(), Some(0), "{status}: {}", server.log());
        assert!(server.log().contains("\"message\":\"stopped\""), "{}", server.log());

        let mut server = deployment.serve("");
        same(&expected, &finish(&deployment, &mut server, Some(case.clone())));
        // Calls under way were waited for and their outcomes written: nothing had to be settled.
        let entries = server.timeline(&deployment.token, &case);
        let settled = entries.iter().filter(|entry| entry["body"]["result"] == "observed").count();
        assert_eq!(settled, 0, "outcomes that a look had to find");
        // It was in the middle: the next process took the run up.
        assert!(intents(&server) > before, "{before} changes were all there is");
    }
}
