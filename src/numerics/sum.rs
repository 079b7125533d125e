//! Exact sums of doubles, so that no result depends on the order of rows.

/// The sum of `values`, rounded once: the same for every order (Shewchuk's partials).
///
/// Source of the need: `ml_feature_store` §2.4, "exact sum ÷ count". Empty input gives 0.0.
pub fn exact_sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut partials: Vec<f64> = Vec::new();
    for value in values {
        add_partial(&mut partials, value);
    }
    round_partials(&partials)
}

/// Adds `value` to non-overlapping partials of increasing magnitude.
fn add_partial(partials: &mut Vec<f64>, mut value: f64) {
    let mut kept = 0;
    for index in 0..partials.len() {
        let mut other = partials[index];
        if value.abs() < other.abs() {
            std::mem::swap(&mut value, &mut other);
        }
        let high = value + other;
        let low = other - (high - value);
        if low != 0.0 {
            partials[kept] = low;
            kept += 1;
        }
        value = high;
    }
    partials.truncate(kept);
    partials.push(value);
}

/// Adds the partials from the largest down and corrects the one case of double rounding.
fn round_partials(partials: &[f64]) -> f64 {
    let Some((&last, rest)) = partials.split_last() else { return 0.0 };
    let mut high = last;
    for (index, &part) in rest.iter().enumerate().rev() {
        let before = high;
        high = before + part;
        let low = part - (high - before);
        if low != 0.0 {
            let next_agrees = index > 0 && (low < 0.0) == (rest[index - 1] < 0.0) && rest[index - 1] != 0.0;
            if next_agrees {
                let doubled = low * 2.0;
                let candidate = high + doubled;
                if doubled == candidate - high {
                    high = candidate;
                }
            }
            break;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::exact_sum;

    #[test]
    fn sums_are_exact_and_independent_of_order() {
        assert_eq!(exact_sum([]), 0.0);
        assert_eq!(exact_sum([0.1; 10]), 1.0);
        assert_eq!(exact_sum([1e100, 1.0, -1e100]), 1.0);
        assert_eq!(exact_sum([1.0, 1e100, -1e100]), 1.0);
        assert_eq!(exact_sum([1e16, 1.0, 1e-16]), 10_000_000_000_000_002.0);
    }
}
