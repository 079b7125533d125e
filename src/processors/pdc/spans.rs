//! Over how many games and days windows reach.

use crate::processors::CARRIED_DAYS;

/// Games in the list; a player with fewer gets no row (§6).
pub const GAMES_NEEDED: i64 = 5;

/// The longer window of games of §3.1.
pub const RECENT_GAMES: usize = 10;

/// The windows of games of §3.6.
pub const WINDOWS_OF_GAMES: [usize; 2] = [GAMES_NEEDED as usize, RECENT_GAMES];

/// The windows of days before a date, of §2.3 and §3.6.
pub const WINDOWS_OF_DAYS: [i32; 2] = [7, CARRIED_DAYS as i32];
