//! The 30 team codes (`orchestration.md` §2).

/// In ascending order.
pub const TEAMS: [&str; 30] = [
    "ATL", "BKN", "BOS", "CHA", "CHI", "CLE", "DAL", "DEN", "DET", "GSW", "HOU", "IND", "LAC", "LAL", "MEM", "MIA",
    "MIL", "MIN", "NOP", "NYK", "OKC", "ORL", "PHI", "PHX", "POR", "SAC", "SAS", "TOR", "UTA", "WAS",
];

pub fn is_nba_team(code: &str) -> bool {
    TEAMS.binary_search(&code).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_for_the_search() {
        assert!(TEAMS.is_sorted());
        assert!(TEAMS.iter().all(|team| is_nba_team(team)));
        assert!(!is_nba_team("RMD"));
        assert!(!is_nba_team(""));
    }
}
