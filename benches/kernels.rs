//! The kernels that run for every row or value: rounding, text, JSON, hashes.
#![allow(clippy::pedantic, reason = "for the library: tests and benchmarks may repeat and spell out")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use putback::numerics::hash::HashText;
use putback::numerics::rounding::{divide_half_away, round_correct_half_even, round_scaled_half_even};
use putback::numerics::text::{push_f64, push_json_string};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;

const VALUES: usize = 4096;

/// Doubles from 0 to 1000 with the digits that divisions leave.
fn doubles() -> Vec<f64> {
    let mut random = Pcg64Mcg::new(1);
    (0..VALUES).map(|_| f64::from(random.next_u32() % 100_000) / f64::from(random.next_u32() % 97 + 100)).collect()
}

fn rounding(criterion: &mut Criterion) {
    let values = doubles();
    let mut group = criterion.benchmark_group("rounding");
    group.throughput(Throughput::Elements(VALUES as u64));
    group.bench_function("scaled half-even", |bencher| {
        bencher.iter(|| values.iter().map(|&value| round_scaled_half_even(black_box(value), 3)).sum::<f64>());
    });
    group.bench_function("correct half-even", |bencher| {
        bencher.iter(|| values.iter().map(|&value| round_correct_half_even(black_box(value), 1)).sum::<f64>());
    });
    group.bench_function("decimal half away", |bencher| {
        let scaled: Vec<i128> = values.iter().map(|value| (value * 1e9) as i128).collect();
        bencher.iter(|| scaled.iter().map(|&value| divide_half_away(black_box(value), 17)).sum::<i128>());
    });
    group.finish();
}

fn text(criterion: &mut Criterion) {
    let values = doubles();
    let mut group = criterion.benchmark_group("text");
    group.throughput(Throughput::Elements(VALUES as u64));
    group.bench_function("double", |bencher| {
        let mut out = String::new();
        bencher.iter(|| {
            out.clear();
            values.iter().for_each(|&value| push_f64(&mut out, black_box(value)));
            out.len()
        });
    });
    group.bench_function("JSON string", |bencher| {
        let mut out = String::new();
        bencher.iter(|| {
            out.clear();
            (0..VALUES).for_each(|_| push_json_string(&mut out, black_box("weakest_zone: perimeter, 2 games")));
            out.len()
        });
    });
    group.finish();
}

fn hash(criterion: &mut Criterion) {
    let values = doubles();
    let mut group = criterion.benchmark_group("hash");
    const ROWS: usize = 64;
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("data_hash of a row of 33 features", |bencher| {
        let mut text = HashText::default();
        bencher.iter(|| {
            for row in values.chunks_exact(33).take(ROWS) {
                text.clear();
                text.str("player_lookup", "someplayer");
                text.f64_list("features", black_box(row));
                black_box(text.data_hash());
            }
        });
    });
    group.finish();
}

criterion_group!(kernels, rounding, text, hash);
criterion_main!(kernels);
