//! How much a page says.

/// How much a page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Full,
    /// Calendars say nothing of dates that are as they should be, and the list of dates is cut.
    Short,
}

impl Detail {
    /// Dates that are listed.
    pub fn dates(self) -> usize {
        match self {
            Self::Full => 4000,
            Self::Short => 500,
        }
    }
}
