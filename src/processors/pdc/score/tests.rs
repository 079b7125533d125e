//! Rules and numbers of `player_daily_cache` §3, §5 and §6, above all those that no golden catches (§10).

use super::super::completeness::{Completeness, Window};
use super::*;

fn sum(values: &[Option<i64>]) -> Sum {
    let mut sum = Sum::default();
    values.iter().for_each(|value| sum.add(*value));
    sum
}

/// Six games of 10 points, and nothing else known.
fn plain() -> CacheInputs<'static> {
    let points = [Some(10); 6];
    let games = GameSums {
        games: 6,
        points_5: sum(&points[..5]),
        points_10: sum(&points),
        points_squared_10: 600,
        points_season: sum(&points),
        ..GameSums::default()
    };
    CacheInputs { games, ..CacheInputs::default() }
}

fn scored(inputs: &CacheInputs<'static>) -> Cache<'static> {
    Cache::of(inputs).expect("a row")
}

fn hash_text(cache: &Cache<'_>, player: &str) -> String {
    let date = NaiveDate::from_ymd_opt(2024, 1, 15).expect("a date");
    let mut text = String::new();
    let hash = cache.data_hash(&HashedKey { date, player, universal_id: None }, &mut text);
    assert_eq!(hash, sha256_hex(text.as_bytes()));
    text
}

#[test]
fn means_divide_the_sum_as_a_double_3_0() {
    let minutes = Sum { total: 3_097, count: 9 };
    assert_eq!(round_4(minutes.mean(1)), 34.4111);
    assert!(round_4(Sum::default().mean(1)).is_nan());
}

#[test]
fn the_deviation_is_that_of_a_sample_3_1() {
    let of = |values: &[i64]| {
        let points: Vec<_> = values.iter().copied().map(Some).collect();
        round_4(standard_deviation(sum(&points), values.iter().map(|value| value * value).sum()))
    };
    assert_eq!(of(&[25, 31, 18, 23, 17, 24, 20, 15, 12]), 5.8119);
    assert_eq!(of(&[4, 7, 2, 0, 5, 3]), 2.429);
    assert_eq!(of(&[8, 8, 8]), 0.0);
}

#[test]
fn a_team_without_games_is_null_and_one_with_nulls_is_nan_3_3() {
    let none = scored(&plain());
    let only_nulls = scored(&CacheInputs { team: Some(TeamSums::default()), ..plain() });
    assert_eq!(none.team_pace_last_10, None);
    assert!(only_nulls.team_pace_last_10.is_some_and(f64::is_nan));
    assert!(hash_text(&none, "a").contains("\"team_pace_last_10\": null"));
    assert!(hash_text(&only_nulls, "a").contains("\"team_pace_last_10\": NaN"));
}

#[test]
fn assists_count_over_all_makes_3_5() {
    let rate = |fg_makes_10, assisted_10| assisted_rate(&GameSums { fg_makes_10, assisted_10, ..GameSums::default() });
    assert_eq!(rate(75, 40), Some(0.533_333_333));
    assert_eq!(rate(75, 0), Some(0.0));
    assert_eq!(rate(0, 0), None);
}

#[test]
fn percentages_are_not_capped_and_complete_from_70_on_3_6() {
    let window = |expected, actual, did_not_play| Window { expected, actual, did_not_play };
    for (window, pct, is_complete) in [
        (window(5, 16, 3), 800.0, true),
        (window(10, 7, 0), 70.0, true),
        (window(10, 6, 1), 66.7, false),
        (window(3, 2, 5), 100.0, true),
        (window(5, 0, 0), 0.0, false),
        // A team that the schedule does not know expects nothing.
        (window(0, 6, 0), 100.0, true),
    ] {
        assert_eq!((window.rounded_pct(), window.is_complete()), (pct, is_complete), "{window:?}");
    }
    let of_five = |window| Completeness([window, Window::default(), Window::default(), Window::default()]);
    assert_eq!(of_five(window(5, 3, 0)).missing_games(), 2);
    for (actual, tier) in [(10, "gold"), (9, "silver"), (5, "bronze"), (3, "poor"), (2, "unusable")] {
        assert_eq!(of_five(window(10, actual, 0)).quality_tier(), tier, "{actual}");
    }
}

#[test]
fn the_season_boundary_goes_by_the_month_3_7() {
    let is_boundary = |text: &str| is_season_boundary(text.parse().expect("a date"));
    assert!(["2023-10-31", "2023-11-30", "2024-04-14"].into_iter().all(is_boundary));
    assert!(!["2023-12-01", "2024-03-31", "2024-05-01", "2024-06-17"].into_iter().any(is_boundary));
}

#[test]
fn the_hash_holds_json_with_escapes_5_1() {
    let inputs = CacheInputs {
        zones: Some(ShotZones { primary_zone: Some("pa\"int\\\u{1f600}\u{1}/"), ..ShotZones::default() }),
        ..plain()
    };
    let text = hash_text(&scored(&inputs), "jos\u{e9} \t");
    assert!(text.contains(r#""player_lookup": "jos\u00e9 \t""#), "{text}");
    assert!(text.contains(r#""primary_scoring_zone": "pa\"int\\\ud83d\ude00\u0001/""#), "{text}");
    assert!(text.starts_with(r#"{"assisted_rate_last_10": null, "avg_minutes_per_game_last_7": null, "#));
    assert!(text.ends_with(r#""universal_player_id": null, "usage_rate_last_10": NaN}"#));
}

#[test]
fn counts_of_the_context_may_be_null_10() {
    let text = hash_text(&scored(&plain()), "a");
    for name in
        ["games_in_last_14_days", "games_in_last_7_days", "minutes_in_last_14_days", "back_to_backs_last_14_days"]
    {
        assert!(text.contains(&format!("\"{name}\": null")), "{name}: {text}");
    }
}

#[test]
fn a_player_fails_by_games_first_and_then_by_points_6() {
    let games = |games, points_5: &[Option<i64>], points_10: &[Option<i64>]| {
        let sums = GameSums { games, points_5: sum(points_5), points_10: sum(points_10), ..GameSums::default() };
        Cache::of(&CacheInputs { games: sums, ..CacheInputs::default() }).err()
    };
    assert_eq!(games(0, &[], &[]), Some(NoRow::TooFewGames(0)));
    assert_eq!(games(4, &[None; 4], &[None; 4]), Some(NoRow::TooFewGames(4)));
    assert_eq!(games(5, &[None; 5], &[None; 5]), Some(NoRow::NoPoints));
    assert_eq!(games(5, &[Some(3), None, None, None, None], &[Some(3), None, None, None, None]), Some(NoRow::NoPoints));
    // Points in the older five only.
    assert_eq!(games(10, &[None; 5], &[Some(3); 5]), Some(NoRow::NoPoints));
    assert_eq!(games(5, &[Some(3); 5], &[Some(3); 5]), None);
    assert_eq!(NoRow::TooFewGames(4).reason(), "Only 4 games played, need 5 minimum");
    assert!(NoRow::TooFewGames(4).can_retry() && !NoRow::NoPoints.can_retry());
}

#[test]
fn the_synthetic_context_multiplies_counts_by_the_combinations_2_3() {
    let mut recent = RecentRows { games_7: 1, games_14: 1, ..RecentRows::default() };
    recent.minutes_7.add(Some(103));
    recent.minutes_14.add(Some(103));
    let twice = PlayerContext::synthetic(&recent, 2);
    assert_eq!((twice.games_7, twice.minutes_7, twice.avg_minutes_7), (Some(2), Some(21), Some(10.3)));
    // Half a minute goes away from zero; rows without minutes stay in the denominator.
    let mut recent = RecentRows { games_7: 2, games_14: 3, ..RecentRows::default() };
    recent.minutes_7.add(Some(220));
    recent.minutes_14.add(Some(365));
    let once = PlayerContext::synthetic(&recent, 1);
    assert_eq!((once.minutes_7, once.minutes_14, once.avg_minutes_7), (Some(22), Some(37), Some(11.0)));
    let nobody = PlayerContext::synthetic(&RecentRows::default(), 1);
    assert_eq!((nobody.games_7, nobody.minutes_14, nobody.avg_minutes_7), (Some(0), Some(0), Some(0.0)));
}
