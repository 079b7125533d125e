//! The tables putback reads and writes: names, columns, keys, partitions, roles.
//!
//! Kept as BigQuery JSON schemas in `data/schemas` and roles in `data/tables.json`, both from the
//! reference's table definitions (`tables.md`). The metrics of TDZA are FLOAT64 there, as stored.

mod processor_id;
mod schema;
mod teams;

pub use processor_id::{Entity, ProcessorId};
pub use schema::{Bounds, Column, ColumnType, TableSchema};
pub use teams::{TEAMS, is_nba_team};

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use crate::error::{Error, ErrorKind};

/// Every table putback knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    PlayerGameSummary,
    TeamDefenseGameSummary,
    TeamOffenseGameSummary,
    UpcomingPlayerGameContext,
    UpcomingTeamGameContext,
    Schedule,
    PlayerPointsProps,
    PlayerBoxScores,
    /// `player_daily_cache` as the warehouse has it; [`Table::PlayerDailyCache`] is the computed one.
    SyncedDailyCache,
    ReprocessAttempts,
    TeamDefenseZoneAnalysis,
    PlayerShotZoneAnalysis,
    PlayerCompositeFactors,
    PlayerDailyCache,
    MlFeatureStore,
    PrecomputeFailures,
}

/// How a table takes part in the data flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Pulled by `sync`; its absence is an error.
    Input,
    /// Pulled by `sync` when the warehouse has it.
    OptionalInput,
    /// Written by `compute`, published by `upload`.
    Output,
}

macro_rules! embedded_schema {
    ($name:literal) => {
        include_str!(concat!("../../data/schemas/", $name, ".json"))
    };
}

impl Table {
    pub const ALL: [Self; 16] = [
        Self::PlayerGameSummary,
        Self::TeamDefenseGameSummary,
        Self::TeamOffenseGameSummary,
        Self::UpcomingPlayerGameContext,
        Self::UpcomingTeamGameContext,
        Self::Schedule,
        Self::PlayerPointsProps,
        Self::PlayerBoxScores,
        Self::SyncedDailyCache,
        Self::ReprocessAttempts,
        Self::TeamDefenseZoneAnalysis,
        Self::PlayerShotZoneAnalysis,
        Self::PlayerCompositeFactors,
        Self::PlayerDailyCache,
        Self::MlFeatureStore,
        Self::PrecomputeFailures,
    ];

    pub fn inputs() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|table| table.role() != Role::Output)
    }

    pub fn outputs() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|table| table.role() == Role::Output)
    }

    pub fn role(self) -> Role {
        match self {
            Self::PlayerGameSummary
            | Self::TeamDefenseGameSummary
            | Self::TeamOffenseGameSummary
            | Self::UpcomingPlayerGameContext
            | Self::UpcomingTeamGameContext
            | Self::Schedule
            | Self::PlayerPointsProps => Role::Input,
            Self::PlayerBoxScores | Self::SyncedDailyCache | Self::ReprocessAttempts => Role::OptionalInput,
            Self::TeamDefenseZoneAnalysis
            | Self::PlayerShotZoneAnalysis
            | Self::PlayerCompositeFactors
            | Self::PlayerDailyCache
            | Self::MlFeatureStore
            | Self::PrecomputeFailures => Role::Output,
        }
    }

    /// `dataset.table`.
    pub fn full_name(self) -> &'static str {
        match self {
            Self::PlayerGameSummary => "nba_analytics.player_game_summary",
            Self::TeamDefenseGameSummary => "nba_analytics.team_defense_game_summary",
            Self::TeamOffenseGameSummary => "nba_analytics.team_offense_game_summary",
            Self::UpcomingPlayerGameContext => "nba_analytics.upcoming_player_game_context",
            Self::UpcomingTeamGameContext => "nba_analytics.upcoming_team_game_context",
            Self::Schedule => "nba_raw.nbac_schedule",
            Self::PlayerPointsProps => "nba_raw.bettingpros_player_points_props",
            Self::PlayerBoxScores => "nba_raw.bdl_player_boxscores",
            Self::SyncedDailyCache | Self::PlayerDailyCache => "nba_precompute.player_daily_cache",
            Self::ReprocessAttempts => "nba_orchestration.reprocess_attempts",
            Self::TeamDefenseZoneAnalysis => "nba_precompute.team_defense_zone_analysis",
            Self::PlayerShotZoneAnalysis => "nba_precompute.player_shot_zone_analysis",
            Self::PlayerCompositeFactors => "nba_precompute.player_composite_factors",
            Self::MlFeatureStore => "nba_predictions.ml_feature_store_v2",
            Self::PrecomputeFailures => "nba_processing.precompute_failures",
        }
    }

    /// The output of that full name; [`Table::from_str`] finds the input where a table is both.
    pub fn output_named(full_name: &str) -> Option<Self> {
        Self::outputs().find(|table| table.full_name() == full_name)
    }

    /// The table's name without its dataset.
    pub fn name(self) -> &'static str {
        self.full_name().split_once('.').expect("full names have a dataset").1
    }

    /// The name under which queries over inputs and outputs at once read it: a table that is both has two.
    pub fn view_name(self) -> &'static str {
        match self {
            Self::SyncedDailyCache => "synced_daily_cache",
            _ => self.name(),
        }
    }

    /// The table of a [`Table::view_name`].
    pub fn of_view(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.view_name() == name)
    }

    /// Columns, keys and partition, parsed once.
    pub fn schema(self) -> &'static TableSchema {
        static SCHEMAS: [OnceLock<TableSchema>; Table::ALL.len()] = [const { OnceLock::new() }; Table::ALL.len()];
        SCHEMAS[self as usize]
            .get_or_init(|| TableSchema::parse(self.full_name(), self.schema_json(), self.role() == Role::Output))
    }

    fn schema_json(self) -> &'static str {
        match self {
            Self::PlayerGameSummary => embedded_schema!("nba_analytics.player_game_summary"),
            Self::TeamDefenseGameSummary => embedded_schema!("nba_analytics.team_defense_game_summary"),
            Self::TeamOffenseGameSummary => embedded_schema!("nba_analytics.team_offense_game_summary"),
            Self::UpcomingPlayerGameContext => embedded_schema!("nba_analytics.upcoming_player_game_context"),
            Self::UpcomingTeamGameContext => embedded_schema!("nba_analytics.upcoming_team_game_context"),
            Self::Schedule => embedded_schema!("nba_raw.nbac_schedule"),
            Self::PlayerPointsProps => embedded_schema!("nba_raw.bettingpros_player_points_props"),
            Self::PlayerBoxScores => embedded_schema!("nba_raw.bdl_player_boxscores"),
            Self::SyncedDailyCache | Self::PlayerDailyCache => {
                embedded_schema!("nba_precompute.player_daily_cache")
            }
            Self::ReprocessAttempts => embedded_schema!("nba_orchestration.reprocess_attempts"),
            Self::TeamDefenseZoneAnalysis => embedded_schema!("nba_precompute.team_defense_zone_analysis"),
            Self::PlayerShotZoneAnalysis => embedded_schema!("nba_precompute.player_shot_zone_analysis"),
            Self::PlayerCompositeFactors => embedded_schema!("nba_precompute.player_composite_factors"),
            Self::MlFeatureStore => embedded_schema!("nba_predictions.ml_feature_store_v2"),
            Self::PrecomputeFailures => embedded_schema!("nba_processing.precompute_failures"),
        }
    }

    /// Columns that name a team; rows whose team is not one of the 30 are left out of every
    /// computation (`orchestration.md` §2).
    pub fn team_columns(self) -> &'static [&'static str] {
        match self {
            Self::PlayerGameSummary | Self::UpcomingPlayerGameContext => &["team_abbr", "opponent_team_abbr"],
            Self::TeamDefenseGameSummary => &["defending_team_abbr", "opponent_team_abbr"],
            Self::TeamOffenseGameSummary | Self::UpcomingTeamGameContext => &["team_abbr", "opponent_team_abbr"],
            Self::Schedule => &["home_team_tricode", "away_team_tricode"],
            _ => &[],
        }
    }

    /// Columns that differ from run to run, or that only say which run of an upstream was newest.
    /// They are outside every comparison and content hash (`tables.md` T9).
    pub fn volatile_columns(self) -> &'static [&'static str] {
        match self {
            Self::TeamDefenseZoneAnalysis
            | Self::PlayerShotZoneAnalysis
            | Self::PlayerCompositeFactors
            | Self::PlayerDailyCache => &["created_at", "processed_at"],
            Self::MlFeatureStore => &["created_at", "updated_at", "feature_generation_time_ms"],
            Self::PrecomputeFailures => &["run_id", "created_at"],
            _ => &[],
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.full_name())
    }
}

impl FromStr for Table {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|table| table.full_name() == text || table.name() == text)
            .ok_or_else(|| Error::new(ErrorKind::Usage, format!("\"{text}\" is not a table of putback")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_that_is_read_has_bounds() {
        for table in Table::inputs() {
            let schema = table.schema();
            let bounded: Vec<&str> = schema.bounds().map(|(column, ..)| column.name.as_str()).collect();
            for name in schema.columns_read() {
                let column = schema.column(name).expect("a column of the table");
                let is_number =
                    matches!(column.ty, ColumnType::Int64 | ColumnType::Float64 | ColumnType::Numeric { .. });
                // Greater ones are not kept from formulas.
                assert!(
                    !matches!(column.ty, ColumnType::Numeric { precision, scale } if precision.cast_signed() - scale > 6)
                );
                assert_eq!(is_number, bounded.contains(&name.as_str()), "{table}.{name}");
            }
            for (column, possible, usual) in schema.bounds() {
                let is_within = |usual: Bounds| possible.least <= usual.least && usual.most <= possible.most;
                assert!(usual.is_none_or(is_within), "{table}.{}", column.name);
            }
        }
    }

    #[test]
    fn every_table_has_a_schema_with_its_keys_and_partition() {
        for table in Table::ALL {
            let schema = table.schema();
            assert!(schema.column(schema.partition_column()).is_some(), "{table}");
            for key in schema.key_columns().iter().chain(schema.columns_read()) {
                assert!(schema.column(key).is_some(), "{table}.{key}");
            }
            for column in table.team_columns().iter().chain(table.volatile_columns()) {
                assert!(schema.column(column).is_some(), "{table}.{column}");
            }
            let named = match table.role() {
                Role::Output => Table::output_named(table.full_name()),
                Role::Input | Role::OptionalInput => table.full_name().parse().ok(),
            };
            assert_eq!(named, Some(table));
        }
    }
}
