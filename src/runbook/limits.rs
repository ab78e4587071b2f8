//! Every limit of a script, with the reason above it. Rhai's defaults differ between debug and
//! release builds, so none of them is left to it.

use std::time::Duration;

/// Bytes of a script file. The longest runbook that people can read at night is a tenth of this.
pub const SOURCE_BYTES_MAX: usize = 256 * 1024;
/// Script files in a folder: more is a wrong folder.
pub const FILES_MAX: usize = 500;

/// Bytes of one string, the strings inside one array or map added up. Holds a whole finding.
pub const STRING_BYTES_MAX: usize = 256 * 1024;
/// Elements of one array, nested ones included.
pub const ARRAY_ELEMENTS_MAX: usize = 5_000;
/// Entries of one map, nested ones included.
pub const MAP_ENTRIES_MAX: usize = 5_000;
/// Variables in scope at one time.
pub const VARIABLES_MAX: usize = 500;
/// Functions of one script, closures included.
pub const FUNCTIONS_MAX: usize = 500;
/// Imported modules: there is nothing to import.
pub const MODULES_MAX: usize = 0;
/// Nested calls. With 64 MiB of stack this leaves over a megabyte for each.
pub const CALL_LEVELS_MAX: usize = 32;
/// Nesting of expressions and blocks at the top level. The parser recurses.
pub const EXPRESSION_DEPTH_MAX: usize = 48;
/// Nesting of expressions and blocks inside a function.
pub const FUNCTION_EXPRESSION_DEPTH_MAX: usize = 32;

/// Operations of one evaluation. Counted by us as well as by Rhai, because Rhai's error can be
/// swallowed inside `map` and its count is per call.
pub const OPERATIONS_MAX: u64 = 1_000_000;
/// Wall-clock time of one evaluation: some single operations are quadratic, so the count of
/// operations does not bound time.
pub const EVALUATION_MAX: Duration = Duration::from_secs(2);
/// Operations between two looks at the clock. 4,096 was measured to be too coarse.
pub const CLOCK_EVERY: u64 = 64;

/// Steps of one run. A run is evaluated again for each step, so the cost is quadratic: 1,000 steps
/// take 4-5 s of CPU in all, 4,000 over a minute.
pub const STEPS_MAX: usize = 1_000;
/// Branches of one `parallel`.
pub const BRANCHES_MAX: usize = 500;
/// `parallel` inside `parallel`. Keeps keys short; nobody can read more.
pub const PARALLEL_DEPTH_MAX: usize = 4;
/// Characters of a step key: four levels of `1000[499]/` fit three times.
pub const STEP_KEY_CHARS_MAX: usize = 128;

/// Nesting of a value that crosses into a step. serde_json reads at most 127 levels, so a deeper
/// entry could be written but never read.
pub const VALUE_DEPTH_MAX: usize = 64;
/// Bytes, as JSON, of a step's arguments or a run's result. An entry has 65,535 bytes in all.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// The largest integer that every JSON reader keeps exactly: 2^53 - 1.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;
/// Values visited when a branch's captured values are copied. A captured closure can refer to
/// itself, and only a count ends that.
pub const CAPTURED_VALUES_MAX: usize = 100_000;

/// Log lines attached to one step; together with the arguments they must fit an entry.
pub const LOG_LINES_MAX: usize = 32;
/// Characters of a log line.
pub const LOG_LINE_CHARS_MAX: usize = 256;
/// Characters of an error message that a script raises.
pub const MESSAGE_CHARS_MAX: usize = 1_024;

/// Approvers that a question may ask for.
pub const QUORUM_MAX: i64 = 10;
/// How long a question waits when the script does not say.
pub const APPROVAL_WAIT_DEFAULT_SECONDS: i64 = 3_600;
/// The longest that a script may wait, for a person or a time: a week.
pub const WAIT_MAX_SECONDS: i64 = 7 * 24 * 3_600;

/// Stack of an evaluator thread: comparing, printing or dropping data nested
/// [`ARRAY_ELEMENTS_MAX`] deep overflows the usual 2 MiB and would abort the process.
pub const STACK_BYTES: usize = 64 * 1024 * 1024;
