use arrow::array::{AsArray, Date32Array, Int64Array, StringArray};
use arrow::datatypes::Int64Type;

use super::*;

/// Rows of days and players; PSZA's rate tells the rows apart.
fn rows(keys: &[(i32, &str)]) -> RecordBatch {
    let days: Date32Array = keys.iter().map(|(day, _)| Some(*day)).collect();
    let players: StringArray = keys.iter().map(|(_, player)| Some(*player)).collect();
    let rates: Int64Array = (0..keys.len() as i64).map(Some).collect();
    RecordBatch::try_from_iter::<_, &str>([
        ("game_date", Arc::new(days) as ArrayRef),
        ("player_lookup", Arc::new(players.clone())),
        ("primary_scoring_zone", Arc::new(players)),
        ("paint_rate_100", Arc::new(rates.clone())),
        ("three_pt_rate_100", Arc::new(rates)),
    ])
    .unwrap()
}

#[test]
fn candidates_have_the_zones_of_their_date_and_player() {
    let zones = rows(&[(1, "ann"), (1, "bob"), (2, "ann"), (2, "cid"), (4, "ann")]);
    // A player whom UPCG has twice, one without a row, dates without any, names that sort before and after all others.
    let wanted = [(1, "aaa"), (1, "bob"), (1, "bob"), (2, "bob"), (2, "cid"), (3, "ann"), (4, "ann"), (5, "zoe")];
    let found: Vec<_> = zones_of(&rows(&wanted), &zones).iter().collect();
    assert_eq!(found, [None, Some(1), Some(1), None, Some(3), None, Some(4), None]);
}

#[test]
fn candidates_without_zones_have_null() {
    let candidates = rows(&[(1, "ann"), (1, "bob")]).project(&[0, 1]).unwrap();
    let joined = with_zones(&candidates, &rows(&[(1, "bob")])).unwrap();
    let rates = joined.column_by_name("paint_rate_100").unwrap().as_primitive::<Int64Type>();
    assert_eq!(rates.iter().collect::<Vec<_>>(), [None, Some(0)]);
    let has_zones = joined.column_by_name("has_zones").unwrap().as_boolean();
    assert_eq!(has_zones.iter().collect::<Vec<_>>(), [Some(false), Some(true)]);
}
