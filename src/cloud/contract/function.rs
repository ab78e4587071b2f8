//! Lambda functions: what keeps them from being invoked, and their tags.

use super::{Bench, Outcome, equal, some, tagging, text};
use crate::change::{FunctionChange, Kind, Polling, Taggable};
use crate::cloud::{ErrorClass, EventSource, Function, Standing};
use crate::id::FunctionName;

async fn read(bench: &Bench<'_>, name: &FunctionName) -> Outcome<Function> {
    some("function", bench.session.function(bench.here(), name).await.map_err(text)?)
}

pub async fn keeps_a_function_from_running_and_gives_it_back(bench: &Bench<'_>) -> Outcome {
    let (function, _) = bench.fixture().function(bench.here()).await?;
    let change = |before, after| {
        let function = function.clone();
        bench.change(Kind::Function(FunctionChange::Concurrency { function, before, after }))
    };
    let was = read(bench, &function).await?;
    equal("concurrency", &was.concurrency, &None)?;
    equal("public", &was.public, &false)?;
    equal("the hash's length", &was.code_sha256.len(), &44)?;
    // 0, a number and nothing are three things.
    bench.passes(&change(None, Some(0))).await?;
    equal("concurrency", &read(bench, &function).await?.concurrency, &Some(0))?;
    bench.apply(&change(None, Some(0))).await?;
    bench.passes(&change(Some(0), Some(7))).await?;
    bench.passes(&change(Some(7), Some(0))).await?;
    bench.passes(&change(Some(0), None)).await?;
    equal("function", &read(bench, &function).await?, &was)
}

pub async fn turns_an_event_source_off_and_on(bench: &Bench<'_>) -> Outcome {
    let (function, mapping) = bench.fixture().function(bench.here()).await?;
    let change = |before, after| {
        let (function, mapping) = (function.clone(), mapping.clone());
        bench.change(Kind::Function(FunctionChange::EventSource {
            function,
            mapping,
            before,
            after,
        }))
    };
    let was = read(bench, &function).await?;
    let state = |found: &Function| found.sources.first().map(|source| source.state.clone());
    equal(
        "sources",
        &was.sources.iter().map(EventSource::polling).collect(),
        &vec![Some(Polling::On)],
    )?;
    bench.passes(&change(Polling::On, Polling::Off)).await?;
    equal("state", &state(&read(bench, &function).await?), &Some("Disabled".to_owned()))?;
    bench.apply(&change(Polling::On, Polling::Off)).await?;
    bench.passes(&change(Polling::Off, Polling::On)).await?;
    equal("state", &state(&read(bench, &function).await?), &Some("Enabled".to_owned()))
}

pub async fn finds_no_function_that_is_not_there(bench: &Bench<'_>) -> Outcome {
    let function: FunctionName = bench.unique("no-function").parse().unwrap();
    let found = bench.session.function(bench.here(), &function).await.map_err(text)?;
    equal("function", &found, &None)?;
    let tags = Taggable::Function(function.clone());
    equal("tags", &bench.session.tags(bench.here(), &tags).await.map_err(text)?, &None)?;
    let throttle = FunctionChange::Concurrency { function, before: None, after: Some(0) };
    let throttle = bench.change(Kind::Function(throttle));
    bench.stands(&throttle, &Standing::Gone).await?;
    bench.refuses(&throttle, &[ErrorClass::Gone]).await.map(drop)
}

pub async fn tags_functions(bench: &Bench<'_>) -> Outcome {
    let (function, _) = bench.fixture().function(bench.here()).await?;
    tagging::goes_round(bench, &Taggable::Function(function)).await
}
