//! Tiers of quality scores (`ml_feature_store` §4.3), which `player_daily_cache` has too.

/// The least score of each tier, the best first.
pub const TIERS: [(&str, f64); 4] = [("gold", 95.0), ("silver", 75.0), ("bronze", 50.0), ("poor", 25.0)];

/// The tier of a score; NaN is of the worst.
pub fn tier(score: f64) -> &'static str {
    TIERS.into_iter().find(|(_, least)| score >= *least).map_or("unusable", |(tier, _)| tier)
}
