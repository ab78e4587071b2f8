//! Places where tests kill the process. In every build but the tests' they compile to nothing.

/// A named place. When a test asks for it (`FAILPOINTS="name=7*off->1*return"`), the process is
/// killed here with SIGKILL: no destructor runs, no buffer is flushed.
#[inline]
pub fn point(name: &'static str) {
    fail::fail_point!(name, |_| {
        let pid = std::process::id().to_string();
        let killed = std::process::Command::new("kill").args(["-9", &pid]).status();
        // The signal ends the process before or while this thread waits here.
        tracing::error!(?killed, "kill -9 did not end the process");
        std::process::abort()
    });
    let _ = name;
}

/// Reads `FAILPOINTS` from the environment: called once by `main`. Nothing in a normal build.
pub fn arm() {
    std::mem::forget(fail::FailScenario::setup());
}
