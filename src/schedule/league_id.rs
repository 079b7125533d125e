//! What the league's id of a game says of it (`orchestration.md` §2): the third digit is the kind of game.

/// Digits of an id; a number column drops the two zeros in front.
const DIGITS: usize = 10;

/// First digits of ids of the other leagues in the same schedule: WNBA, summer leagues, G League.
const OTHER_LEAGUES: [&str; 3] = ["10", "15", "20"];

/// `league_id` and `is_of_other_league` of SQL: as [`normalized`] and [`is_of_other_league`].
pub fn sql_macros() -> String {
    format!(
        "CREATE MACRO league_id(id) AS \
         CASE WHEN regexp_full_match(trim(id), '[0-9]{{8,10}}(\\.0)?') THEN lpad(split_part(trim(id), '.', 1), 10, '0') ELSE trim(id) END; \
         CREATE MACRO is_of_other_league(id) AS coalesce(regexp_full_match(league_id(id), '({others})[0-9]{{8}}'), false)",
        others = OTHER_LEAGUES.join("|"),
    )
}

/// What kind of game an id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Preseason,
    RegularSeason,
    AllStar,
    Playoffs,
    PlayIn,
    CupFinal,
}

/// The flags of a game in the schedule; NULL is false.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flags {
    pub is_regular_season: bool,
    pub is_playoffs: bool,
    pub is_all_star: bool,
}

impl Kind {
    /// `None` for an id of another form.
    pub fn of(game_id: &str) -> Option<Self> {
        let id = normalized(game_id);
        match id.get(..3).filter(|_| is_league_id(&id))? {
            "001" => Some(Self::Preseason),
            "002" => Some(Self::RegularSeason),
            "003" => Some(Self::AllStar),
            "004" => Some(Self::Playoffs),
            "005" => Some(Self::PlayIn),
            "006" => Some(Self::CupFinal),
            _ => None,
        }
    }

    /// Whether a game of this kind can have these flags. A play-in game may be flagged as one of the playoffs.
    pub fn agrees_with(self, flags: Flags) -> bool {
        let Flags { is_regular_season, is_playoffs, is_all_star } = flags;
        match self {
            Self::RegularSeason => is_regular_season && !is_playoffs && !is_all_star,
            Self::Playoffs => is_playoffs && !is_regular_season && !is_all_star,
            Self::PlayIn => !is_regular_season && !is_all_star,
            Self::Preseason | Self::AllStar | Self::CupFinal => !is_regular_season && !is_playoffs,
        }
    }
}

/// Whether a game is of one of the other leagues in the same schedule.
pub fn is_of_other_league(game_id: &str) -> bool {
    let id = normalized(game_id);
    is_league_id(&id) && OTHER_LEAGUES.iter().any(|league| id.starts_with(league))
}

fn is_league_id(id: &str) -> bool {
    id.len() == DIGITS && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// An id with its leading zeros. One that is not of the league's form stays as it is.
pub fn normalized(game_id: &str) -> String {
    let id = game_id.trim();
    let digits = id.strip_suffix(".0").unwrap_or(id);
    let is_number = (DIGITS - 2..=DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { format!("{digits:0>DIGITS$}") } else { id.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EngineSettings, Session};

    const IDS: [(&str, Option<Kind>); 9] = [
        ("0012300001", Some(Kind::Preseason)),
        ("0022300001", Some(Kind::RegularSeason)),
        ("22300001", Some(Kind::RegularSeason)),
        (" 42300001.0", Some(Kind::Playoffs)),
        ("52300101", Some(Kind::PlayIn)),
        ("0062300001", Some(Kind::CupFinal)),
        ("0092300001", None),
        ("20231107_BOS_NYK", None),
        ("", None),
    ];

    const OTHER_LEAGUE_IDS: [(&str, bool); 8] = [
        ("1022300101", true),
        ("1522300001", true),
        ("2022300101", true),
        ("2022300101.0", true),
        ("0022300101", false),
        ("20223001", false),
        ("2022300101x", false),
        ("20231107_BOS_NYK", false),
    ];

    #[test]
    fn ids_of_other_leagues_have_other_first_digits() {
        for (id, is_other) in OTHER_LEAGUE_IDS {
            assert_eq!(is_of_other_league(id), is_other, "{id}");
        }
    }

    #[test]
    fn an_id_without_its_leading_zeros_is_the_same_id() {
        for (id, kind) in IDS {
            assert_eq!(Kind::of(id), kind, "{id}");
        }
        assert_eq!(normalized("52300101"), "0052300101");
        assert_eq!(normalized("123"), "123");
    }

    #[test]
    fn sql_and_code_read_ids_alike() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let settings = EngineSettings { threads: 1, memory_limit: None, temp_dir: dir.path().to_owned() };
        let session = Session::open(&settings).expect("a session");
        session.execute(&sql_macros()).expect("macros");
        let others = OTHER_LEAGUE_IDS.iter().map(|&(id, _)| id);
        for id in IDS.iter().map(|&(id, _)| id).chain(others).chain(["123", "0022300001.5"]) {
            let rows = session.query(&format!("SELECT league_id('{id}'), is_of_other_league('{id}')")).expect("a row");
            let of_sql = arrow::array::AsArray::as_string::<i32>(rows.column(0)).value(0).to_owned();
            assert_eq!(of_sql, normalized(id), "{id}");
            let is_other = arrow::array::AsArray::as_boolean(rows.column(1)).value(0);
            assert_eq!(is_other, is_of_other_league(id), "{id}");
        }
    }

    #[test]
    fn only_a_game_of_the_season_is_flagged_as_one() {
        let regular = Flags { is_regular_season: true, ..Flags::default() };
        let playoffs = Flags { is_playoffs: true, ..Flags::default() };
        let agreeing = |flags: Flags| {
            let kinds =
                [Kind::Preseason, Kind::RegularSeason, Kind::AllStar, Kind::Playoffs, Kind::PlayIn, Kind::CupFinal];
            kinds.map(|kind| kind.agrees_with(flags))
        };
        assert_eq!(agreeing(regular), [false, true, false, false, false, false]);
        assert_eq!(agreeing(playoffs), [false, false, false, true, true, false]);
        assert_eq!(agreeing(Flags::default()), [true, false, true, false, true, true]);
        assert_eq!(agreeing(Flags { is_all_star: true, ..Flags::default() }), [true, false, true, false, false, true]);
    }
}
