//! Which `player_daily_cache` MLFS reads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where the rows of `player_daily_cache` come from that MLFS reads. The choice is part of MLFS's fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DailyCache {
    /// Computed by PDC, from the same Phase 3 as everything else.
    #[default]
    Computed,
    /// As the warehouse has it, where it does.
    Synced,
    /// From nowhere, as in the reference's year run.
    None,
}

impl fmt::Display for DailyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Computed => "computed",
            Self::Synced => "synced",
            Self::None => "none",
        })
    }
}
