//! The bars of a terminal. What is done folds into one line above those that still move.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::locale::{is_plain, shown_here};
use super::output::thousands;
use super::shown::shown;

/// Between two pictures of a line that moves.
const TICK: Duration = Duration::from_millis(200);

/// How far something is.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub index: usize,
    pub total: usize,
}

impl Way {
    fn is_done(self) -> bool {
        self.index >= self.total
    }
}

/// The bars of a step of a command.
#[derive(Default)]
pub struct Bars {
    all: MultiProgress,
    moving: BTreeMap<String, ProgressBar>,
    /// The line of what is done, and its words.
    folded: Option<ProgressBar>,
    done: Vec<String>,
    waiting: Option<ProgressBar>,
}

impl Bars {
    /// A line that stays, above the bars.
    pub fn say(&self, line: &str) {
        let _ = self.all.println(shown_here(&shown(line)));
    }

    /// Moves a bar; at its end it becomes a word of the line of what is done.
    pub fn step(&mut self, name: &str, way: Way, message: &str) {
        self.part(name, way, message);
        if way.is_done() {
            self.fold(format!("{name} {}", thousands(way.total as u64)));
        }
    }

    /// Moves a bar of a part of a step; at its end it goes.
    pub fn part(&mut self, name: &str, way: Way, message: &str) {
        let bar = self.moving.entry(name.to_owned()).or_insert_with(|| self.all.add(new_bar(name, way.total)));
        bar.set_message(shown_here(&shown(message)).into_owned());
        bar.set_position(way.index as u64);
        if way.is_done()
            && let Some(bar) = self.moving.remove(name)
        {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    fn fold(&mut self, word: String) {
        self.done.push(word);
        let folded = self
            .folded
            .get_or_insert_with(|| self.all.insert(0, ProgressBar::new_spinner().with_style(style("{wide_msg}"))));
        let sign = shown_here("✓");
        folded.set_message(format!("{sign} {}", self.done.join(&format!("  {sign} "))));
        folded.finish();
    }

    /// A line that moves although nothing is told, so that a wait is told from a process that hangs.
    pub fn wait(&mut self, what: &str) {
        let bar = self.all.add(ProgressBar::new_spinner());
        let style = style("{spinner} waiting for {msg} {elapsed}");
        bar.set_style(if is_plain() { style.tick_chars("-\\|/ ") } else { style });
        bar.set_message(shown_here(&shown(what)).into_owned());
        bar.enable_steady_tick(TICK);
        self.waiting = Some(bar);
    }

    pub fn end_wait(&mut self) {
        if let Some(bar) = self.waiting.take() {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    /// Ends every bar; the line of what is done stays as it is, and what comes next has another.
    pub fn settle(&mut self) {
        self.end_wait();
        for bar in std::mem::take(&mut self.moving).into_values() {
            bar.finish_and_clear();
        }
        *self = Self::default();
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.end_wait();
        self.moving.values().for_each(ProgressBar::finish_and_clear);
    }
}

fn new_bar(name: &str, total: usize) -> ProgressBar {
    let style = style("{prefix:>7} {bar:16} {human_pos}/{human_len} {wide_msg}");
    let style = if is_plain() { style.progress_chars("#>-") } else { style };
    ProgressBar::new(total as u64).with_style(style).with_prefix(name.to_owned())
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a valid template")
}
