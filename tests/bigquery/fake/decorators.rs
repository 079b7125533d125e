//! Partitions addressed as `table$20240115`: a load replaces one day, a deletion takes it away.

use super::Core;
use super::http::Reply;
use super::rest::missing;
use super::sql::Failure;
use super::tables::Name;

/// One day of a table.
pub struct Decorated {
    pub table: Name,
    /// Quoted, as the embedded database spells it.
    field: String,
    day: String,
}

impl Decorated {
    /// Holds for the rows of the day.
    pub fn predicate(&self) -> String {
        format!("strftime({}, '%Y%m%d') = '{}'", self.field, self.day)
    }

    /// What the service says of rows of other days.
    pub fn stray_rows(&self) -> Failure {
        let message = format!(
            "Some rows belong to different partitions rather than destination partition {}${}",
            self.table, self.day
        );
        Failure::new("invalid", message)
    }
}

impl Core {
    /// `None`: the name has no decorator.
    pub fn decorated(&self, name: &Name) -> Result<Option<Decorated>, Failure> {
        let Some((table, day)) = name.table.split_once('$') else { return Ok(None) };
        let table = Name::new(&name.project, &name.dataset, table);
        let invalid = |message: String| Err(Failure::new("invalid", message));
        if day.len() != 8 || !day.bytes().all(|digit| digit.is_ascii_digit()) {
            return invalid(format!("Invalid date partition suffix: {day}"));
        }
        let Some(known) = self.tables.get(&table) else {
            return Err(Failure::new("notFound", format!("Not found: Table {table}")));
        };
        match known.partition_field() {
            Some(field) => Ok(Some(Decorated { field: format!("\"{field}\""), day: day.to_owned(), table })),
            None => invalid(format!("Cannot address a partition of {table}, which is not partitioned")),
        }
    }

    /// Deletes a day.
    pub fn drop_partition(&mut self, name: &Name) -> Reply {
        match self.decorated(name) {
            Ok(Some(day)) => {
                let sql = format!("DELETE FROM {} WHERE {}", day.table.quoted(), day.predicate());
                self.touch(&day.table);
                self.database.execute_batch(&sql).expect("a deletion");
                Reply::empty(204)
            }
            Ok(None) => missing(name),
            Err(failure) if failure.reason == "notFound" => missing(name),
            Err(failure) => Reply::error(400, &failure.reason, &failure.message),
        }
    }
}
