//! The 30 team codes (`orchestration.md` §2).

/// In ascending order.
pub const TEAMS: [&str; 30] = [
    "ATL", "BKN", "BOS", "CHA", "CHI", "CLE", "DAL", "DEN", "DET", "GSW", "HOU", "IND", "LAC", "LAL", "MEM", "MIA",
    "MIL", "MIN", "NOP", "NYK", "OKC", "ORL", "PHI", "PHX", "POR", "SAC", "SAS", "TOR", "UTA", "WAS",
];

/// The codes as numbers, which compare faster.
const NUMBERS: [u32; TEAMS.len()] = {
    let mut numbers = [0; TEAMS.len()];
    let mut index = 0;
    while index < TEAMS.len() {
        numbers[index] = number(TEAMS[index].as_bytes());
        index += 1;
    }
    numbers
};

const fn number(code: &[u8]) -> u32 {
    u32::from_be_bytes([0, code[0], code[1], code[2]])
}

pub fn is_nba_team(code: &str) -> bool {
    code.len() == 3 && NUMBERS.binary_search(&number(code.as_bytes())).is_ok()
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
