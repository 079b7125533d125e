//! The names of the processors: what the store, the processors and everything above know them by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Table;
use crate::error::{Error, ErrorKind, Result};

/// Whose rows a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    Player,
    Team,
}

/// The five Phase 4 processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ProcessorId {
    Tdza,
    Psza,
    Pcf,
    Pdc,
    Mlfs,
}

impl ProcessorId {
    pub const ALL: [Self; 5] = [Self::Tdza, Self::Psza, Self::Pcf, Self::Pdc, Self::Mlfs];

    /// TDZA, PSZA, PCF, PDC, MLFS.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tdza => "TDZA",
            Self::Psza => "PSZA",
            Self::Pcf => "PCF",
            Self::Pdc => "PDC",
            Self::Mlfs => "MLFS",
        }
    }

    /// `processor_name` of its rows in `precompute_failures`.
    pub fn class_name(self) -> &'static str {
        match self {
            Self::Tdza => "TeamDefenseZoneAnalysisProcessor",
            Self::Psza => "PlayerShotZoneAnalysisProcessor",
            Self::Pcf => "PlayerCompositeFactorsProcessor",
            Self::Pdc => "PlayerDailyCacheProcessor",
            Self::Mlfs => "MLFeatureStoreProcessor",
        }
    }

    /// Whether its rows are published unless told otherwise: `player_daily_cache` is an intermediate table of the
    /// reference, and has to be asked for.
    pub fn is_published_unasked(self) -> bool {
        self != Self::Pdc
    }

    /// Those that are not published unless asked for.
    pub fn unasked() -> Vec<Self> {
        Self::ALL.into_iter().filter(|id| !id.is_published_unasked()).collect()
    }

    /// Whose rows its output has.
    pub fn entity(self) -> Entity {
        match self {
            Self::Tdza => Entity::Team,
            Self::Psza | Self::Pcf | Self::Pdc | Self::Mlfs => Entity::Player,
        }
    }

    pub fn output(self) -> Table {
        match self {
            Self::Tdza => Table::TeamDefenseZoneAnalysis,
            Self::Psza => Table::PlayerShotZoneAnalysis,
            Self::Pcf => Table::PlayerCompositeFactors,
            Self::Pdc => Table::PlayerDailyCache,
            Self::Mlfs => Table::MlFeatureStore,
        }
    }

    /// The processor that makes a table; `None`: the table is no output of one.
    pub fn of_output(table: Table) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.output() == table)
    }
}

impl fmt::Display for ProcessorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ProcessorId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|id| id.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("\"{text}\" is not a processor"))
                .hint("use tdza, psza, pcf, pdc or mlfs")
        })
    }
}
