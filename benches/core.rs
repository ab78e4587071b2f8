//! The pure parts: replay of recorded steps, and chain verification.
//!
//! `cargo bench --no-default-features --bench core`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tourniquet::measured;

fn replay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay");
    for steps in [100, 500] {
        let replay = measured::Replay::of_steps(steps);
        group.throughput(Throughput::Elements(steps as u64));
        group.bench_function(format!("{steps} recorded steps"), |bencher| {
            bencher.iter(|| assert!(replay.advance_to_the_end()));
        });
    }
    group.finish();
}

fn verify(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    let chain = measured::Chain::of_entries(10_000);
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("10,000 entries", |bencher| bencher.iter(|| assert!(chain.is_valid())));
    group.finish();
}

criterion_group!(benches, replay, verify);
criterion_main!(benches);
