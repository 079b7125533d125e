//! Attributes of the 30 teams in the schedule.

use crate::catalog::TEAMS;

/// Teams are numbered by their place in [`TEAMS`].
pub(super) type Team = usize;

/// League id minus 1,610,612,737 (`orchestration.md` §2) and name, in the order of [`TEAMS`].
const DETAILS: [(i64, &str); 30] = [
    (0, "Hawks"),
    (14, "Nets"),
    (1, "Celtics"),
    (29, "Hornets"),
    (4, "Bulls"),
    (2, "Cavaliers"),
    (5, "Mavericks"),
    (6, "Nuggets"),
    (28, "Pistons"),
    (7, "Warriors"),
    (8, "Rockets"),
    (17, "Pacers"),
    (9, "Clippers"),
    (10, "Lakers"),
    (26, "Grizzlies"),
    (11, "Heat"),
    (12, "Bucks"),
    (13, "Timberwolves"),
    (3, "Pelicans"),
    (15, "Knicks"),
    (23, "Thunder"),
    (16, "Magic"),
    (18, "76ers"),
    (19, "Suns"),
    (20, "Trail Blazers"),
    (21, "Kings"),
    (22, "Spurs"),
    (24, "Raptors"),
    (25, "Jazz"),
    (27, "Wizards"),
];

/// East and West. Every third team of a conference is of one division, so that neighbours and
/// next neighbours, who meet only three times, never share one.
const CONFERENCES: [[&str; 15]; 2] = [
    ["BOS", "CHI", "ATL", "BKN", "CLE", "CHA", "NYK", "DET", "MIA", "PHI", "IND", "ORL", "TOR", "MIL", "WAS"],
    ["DEN", "GSW", "DAL", "MIN", "LAC", "HOU", "OKC", "LAL", "MEM", "POR", "PHX", "NOP", "UTA", "SAC", "SAS"],
];

pub(super) fn code(team: Team) -> &'static str {
    TEAMS[team]
}

pub(super) fn league_id(team: Team) -> i64 {
    1_610_612_737 + DETAILS[team].0
}

pub(super) fn name(team: Team) -> &'static str {
    DETAILS[team].1
}

pub(super) fn conferences() -> [[Team; 15]; 2] {
    CONFERENCES.map(|codes| codes.map(|code| TEAMS.binary_search(&code).expect("conferences list the 30 teams")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_team_has_one_conference_and_one_id() {
        assert_eq!(conferences().concat().into_iter().collect::<BTreeSet<_>>().len(), 30);
        assert_eq!((0..30).map(league_id).collect::<BTreeSet<_>>().len(), 30);
    }
}
