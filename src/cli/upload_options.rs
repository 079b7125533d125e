//! Options of commands that publish or take a publication back.

use chrono::NaiveDate;
use clap::Args;
use serde_json::{Value, json as object};

use super::{environment, vanished};
use crate::judge::Recent;
use crate::publications::Keep;

/// Options of every command that publishes.
#[derive(Debug, Clone, Default, Args)]
pub struct UploadOptions {
    /// Publish today's and yesterday's dates (US Eastern) into BigQuery, which the daily pipeline normally writes
    #[arg(long)]
    pub include_recent: bool,
    /// Publish player_daily_cache as well, which is not one of the four tables of the reference's yearly run
    #[arg(long)]
    pub with_daily_cache: bool,
    /// Publish dates although this check, and what follows from it, fails on them, for this run; `vanished` keeps published
    /// rows of dates that vanished upstream; the run records it (repeatable)
    #[arg(long, value_name = "CHECK_ID")]
    pub accept: Vec<String>,
    /// Leave this date out of the publication; windows of other dates still hold its games (repeatable)
    #[arg(long, value_name = "DATE", requires = "reason")]
    pub exclude: Vec<NaiveDate>,
    /// With --exclude: the reason, for the record and the verdict
    #[arg(long, value_name = "TEXT", requires = "exclude")]
    pub reason: Option<String>,
    /// Remove rows of dates that vanished upstream or became empty, from target and store
    #[arg(long)]
    pub remove_vanished: bool,
    /// Write damaged files of a target directory or bucket again
    #[arg(long)]
    pub repair: bool,
    #[command(flatten)]
    pub keep: KeepOptions,
    /// `--quarantine`, which computing has as well.
    #[arg(skip)]
    pub quarantine: bool,
}

impl UploadOptions {
    /// For the run's record.
    pub fn json(&self) -> Value {
        object!({
            "accept": self.accept, "exclude": self.exclude, "reason": self.reason, "include_recent": self.include_recent,
            "remove_vanished": self.remove_vanished, "repair": self.repair, "with_daily_cache": self.with_daily_cache,
            "keep": self.keep.json(), "quarantine": self.quarantine,
        })
    }

    pub fn with_quarantine(self, quarantine: bool) -> Self {
        Self { quarantine, ..self }
    }

    pub fn recent(&self) -> Recent {
        if self.include_recent { Recent::Included } else { Recent::Left { today: environment::today() } }
    }

    pub fn accepts_vanished(&self) -> bool {
        self.accept.iter().any(|id| id == vanished::ACCEPT)
    }
}

/// How long a target can take a publication back.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct KeepOptions {
    /// Into a directory or bucket: keep what the last N publications replaced, for `undo` [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=50))]
    keep: Option<u16>,
    /// Into BigQuery: keep what is replaced for so many days, for `undo`; 0 keeps nothing [default: 30]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(0..=3650))]
    keep_days: Option<u16>,
}

impl KeepOptions {
    pub fn keep(self) -> Keep {
        let default = Keep::default();
        Keep {
            publications: self.keep.map_or(default.publications, usize::from),
            days: self.keep_days.map_or(default.days, u32::from),
        }
    }

    /// For the run's record.
    pub fn json(self) -> serde_json::Value {
        let Keep { publications, days } = self.keep();
        object!({ "publications": publications, "days": days })
    }
}
