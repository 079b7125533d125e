//! What a stored value rests on: the windows of the processors over their inputs. `crate::reach` follows them from rows
//! to the dates that rest on them.

pub use crate::catalog::Entity;
use crate::catalog::Table;

/// Stands among the columns that are read for the order of several rows of an entity on a date.
pub const ORDER: &str = "order of the date";

/// Rows of an input that rows of a processor rest on.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    pub table: Table,
    pub window: Window,
    /// The columns that are read of the rows; that a row is there or not is read as well. Empty: every column.
    pub columns: &'static [&'static str],
    pub rests: Rests,
    /// Only on dates that take their contexts from the table, or only on those that take them from the games (PCF §2.2, PDC §2.3).
    pub contexts: Option<Contexts>,
}

/// Which rows of the table belong to a row of a date `D`. Rows are those of one player or team, but for
/// [`Window::LeagueDays`] and the newest rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Those of `D` itself that make its rows: their entities have one.
    Population,
    /// Those of `D` itself.
    SameDay,
    /// The last so many of the season, up to the end of the windows of `D`.
    LastRows { rows: usize, counted: &'static str },
    /// The last so many before `D`, of at most so many days.
    RowsBefore { rows: usize, days: u32 },
    /// Those of so many days before `D`.
    DaysBefore(u32),
    /// Those of the season before `D`.
    SeasonBefore,
    /// Those of the season up to the end of the windows of `D`.
    SeasonToDate,
    /// The last one before `D`, of whatever season.
    RowBefore,
    /// The last so many of the team of the row, of whatever season, up to the end of the windows of `D`.
    TeamRows(usize),
    /// Games of the schedule of so many days before `D`, of the team of the player's last game before `D`.
    TeamGamesBefore { days: u32 },
    /// Those of so many months before `D` against the opponent of `D`.
    AgainstOpponent { months: u32 },
    /// Those of all teams, of so many days before `D` and up to the end of its windows.
    LeagueDays(u32),
    /// The row of all that was processed last, of the season up to the end of the windows of `D`. Rows without a time
    /// count, as the oldest, or do not.
    NewestOfSeason { with_untimed: bool },
    /// The row of `D` that was processed last; of several the first by entity.
    NewestOfDay,
    /// The first row of `D` by entity.
    FirstOfDay,
}

/// What of a row of the processor rests on the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rests {
    /// Values that other processors read.
    Fed,
    /// Values of its own, and so its `data_hash`.
    Own,
    /// Only the hash of what it was made from.
    Lineage,
}

/// Where PCF and PDC take the players of a date from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contexts {
    /// PCF: from the contexts.
    Table,
    /// PCF: from the games, because too few players have a context.
    Synthetic,
    /// PDC: from the games, because no player has a context (PDC §2.3).
    Absent,
}

impl Read {
    /// A read of values that other processors read.
    pub const fn new(table: Table, window: Window, columns: &'static [&'static str]) -> Self {
        Self { table, window, columns, rests: Rests::Fed, contexts: None }
    }

    /// The hash of the row that was processed last, or comes first.
    pub const fn lineage(table: Table, window: Window) -> Self {
        Self { table, window, columns: &[], rests: Rests::Lineage, contexts: None }
    }

    pub const fn own(self) -> Self {
        Self { rests: Rests::Own, ..self }
    }

    pub const fn with(self, contexts: Contexts) -> Self {
        Self { contexts: Some(contexts), ..self }
    }
}
