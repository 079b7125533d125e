//! What BigQuery bills, at the list prices of `data/prices.json`.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

const TIB: f64 = (1_u64 << 40) as f64;

/// List prices, with where and when they were read. Other regions and contracts have others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    pub source: String,
    pub date: String,
    pub region: String,
    pub currency: String,
    query_per_tib: f64,
    free_query_tib_per_month: f64,
    read_per_tib: f64,
    free_read_tib_per_month: f64,
    storage_per_gib_month: f64,
    /// What a query bills at least for each table that it refers to.
    pub minimum_query_bytes_per_table: u64,
}

/// The prices that putback knows.
pub fn prices() -> &'static Prices {
    static PRICES: OnceLock<Prices> = OnceLock::new();
    PRICES.get_or_init(|| serde_json::from_str(include_str!("../data/prices.json")).expect("prices"))
}

/// What a reference to a table bills that reads so many bytes of it.
pub fn billed(bytes: u64) -> u64 {
    bytes.max(prices().minimum_query_bytes_per_table)
}

/// What a command was billed, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Of queries, minimums included.
    pub query_bytes: u64,
    /// Statements of queries and scripts.
    pub statements: u64,
    /// Through the Storage Read API.
    pub read_bytes: u64,
    pub slot_ms: u64,
}

impl Bill {
    /// Everything that counts against a budget, in bytes.
    pub fn bytes(&self) -> u64 {
        self.query_bytes + self.read_bytes
    }

    /// At list price, in US dollars, without what is free each month.
    pub fn price_usd(&self) -> f64 {
        let Prices { query_per_tib, read_per_tib, .. } = prices();
        self.query_bytes as f64 / TIB * query_per_tib + self.read_bytes as f64 / TIB * read_per_tib
    }

    /// Percent of what is free each month: of queries, and of the Storage Read API.
    pub fn free_percent(&self) -> (f64, f64) {
        let Prices { free_query_tib_per_month, free_read_tib_per_month, .. } = prices();
        let percent = |bytes: u64, free: &f64| bytes as f64 / TIB / free * 100.0;
        (percent(self.query_bytes, free_query_tib_per_month), percent(self.read_bytes, free_read_tib_per_month))
    }

    /// For machines.
    pub fn json(&self) -> serde_json::Value {
        let (free_query_percent, free_read_percent) = self.free_percent();
        serde_json::json!({
            "query_bytes": self.query_bytes, "statements": self.statements, "read_bytes": self.read_bytes,
            "slot_ms": self.slot_ms, "price_usd": self.price_usd(), "free_query_percent": free_query_percent,
            "free_read_percent": free_read_percent, "prices_of": prices().date,
        })
    }
}

impl std::ops::AddAssign for Bill {
    fn add_assign(&mut self, other: Self) {
        self.query_bytes += other.query_bytes;
        self.statements += other.statements;
        self.read_bytes += other.read_bytes;
        self.slot_ms += other.slot_ms;
    }
}

/// As `41.9 MB in 4 statements, 0.3 s of slots: 0.0002 USD at list price, 0.004 % of a month's free queries`.
impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (free_query, free_read) = self.free_percent();
        let plural = if self.statements == 1 { "" } else { "s" };
        write!(f, "{} in {} statement{plural}", size(self.query_bytes), self.statements)?;
        if self.read_bytes > 0 {
            write!(f, " and {} through the Read API", size(self.read_bytes))?;
        }
        if self.slot_ms > 0 {
            write!(f, ", {:.1} s of slots", self.slot_ms as f64 / 1e3)?;
        }
        let currency = &prices().currency;
        write!(f, ": {:.4} {currency} at list price, {free_query:.3} % of a month's free queries", self.price_usd())?;
        if self.read_bytes > 0 {
            write!(f, ", {free_read:.4} % of its free reads")?;
        }
        Ok(())
    }
}

/// What keeping so many bytes costs each month, in US dollars.
pub fn storage_usd_per_month(bytes: u64) -> f64 {
    bytes as f64 / (1_u64 << 30) as f64 * prices().storage_per_gib_month
}

/// Bytes in a unit that suits them.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// A number of bytes with a unit, like `500MB`, `2.5 GB` or `1GiB`; without one, bytes.
///
/// # Errors
/// What was expected.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("b", 1),
    ];
    let expected = || "a number of bytes, like 500MB, 10GB or 1GiB".to_owned();
    let lower = text.trim().to_ascii_lowercase();
    let unit = UNITS.iter().find(|(name, _)| lower.ends_with(name));
    let (number, factor) =
        unit.map_or((lower.as_str(), 1), |(name, factor)| (&lower[..lower.len() - name.len()], *factor));
    let number: f64 = number.trim().parse().map_err(|_| expected())?;
    let bytes = number * factor as f64;
    if number.is_finite() && (0.0..=i64::MAX as f64).contains(&bytes) { Ok(bytes as u64) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bills_have_a_price() {
        let bill = Bill { query_bytes: 1 << 40, statements: 2, read_bytes: 3 << 40, slot_ms: 1500 };
        assert!((bill.price_usd() - 9.55).abs() < 1e-9);
        assert_eq!(bill.free_percent(), (100.0, 1.0));
        assert_eq!(
            bill.to_string(),
            "1099.51 GB in 2 statements and 3298.53 GB through the Read API, 1.5 s of slots: 9.5500 USD at list price, \
             100.000 % of a month's free queries, 1.0000 % of its free reads"
        );
        assert_eq!((billed(0), billed(20 << 20)), (10 << 20, 20 << 20));
        assert!((storage_usd_per_month(5 << 30) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in
            [("1000", 1000), ("500MB", 500_000_000), ("2.5 gb", 2_500_000_000), ("1GiB", 1 << 30), ("7b", 7)]
        {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "MB", "-1", "1e400", "lots", "nan", "1 PB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
