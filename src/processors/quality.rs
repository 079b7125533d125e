//! Tiers of quality scores (`ml_feature_store` §4.3), which `player_daily_cache` has too.

use super::Constants;

/// The least score of each tier, the best first.
const TIERS: [(&str, f64); 4] = [("gold", 95.0), ("silver", 75.0), ("bronze", 50.0), ("poor", 25.0)];

/// Adds the least score of each tier, by its name.
pub(super) fn tiers(constants: Constants) -> Constants {
    TIERS.into_iter().fold(constants, |constants, (tier, least)| constants.with(tier, least))
}

/// The tier of a score; NaN is of the worst.
pub fn tier(score: f64) -> &'static str {
    TIERS.into_iter().find(|(_, least)| score >= *least).map_or("unusable", |(tier, _)| tier)
}
