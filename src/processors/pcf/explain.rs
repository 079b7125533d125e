//! The steps of a row's scores, told by the functions that score.

use super::score::{self, FactorInputs, PlayerContext, Scores};
use crate::processors::explained::{Explained, Steps};

/// Tells every rule of §3 with what it came to.
pub fn tell(explained: &mut Explained, inputs: &FactorInputs<'_>, is_synthetic: bool) {
    let scores = Scores::of(inputs);
    explained.tell("inputs", context(&inputs.context, is_synthetic));
    explained.tell("fatigue", fatigue(&inputs.context, &scores));
    explained.tell("mismatch", mismatch(inputs));
    explained.tell("no_mismatch", no_mismatch(inputs, &scores));
    explained.tell("pace", pace(&inputs.context, &scores));
    explained.tell("usage", usage(&inputs.context, &scores));
    explained.tell("total", total(&scores));
    explained.tell("completeness", completeness(inputs));
    explained.tell("warnings", warnings(&scores));
}

fn context(context: &PlayerContext, is_synthetic: bool) -> Steps {
    let (read, defaults) = (context.shown(), PlayerContext::default().filled().shown());
    let source = if is_synthetic { "synthetic" } else { "UPCG" };
    let used = read.iter().zip(&defaults).map(|(read, (_, default))| Some(read.as_ref().unwrap_or(default)));
    Steps::default()
        .text("input", defaults.iter().map(|(name, _)| Some(*name)))
        .text("read", read.iter().map(Option::as_deref))
        .text("default", defaults.iter().map(|(_, value)| Some(value)))
        .text("used", used)
        .text("taken", read.iter().map(|value| Some(if value.is_some() { source } else { "default" })))
}

fn fatigue(context: &PlayerContext, scores: &Scores) -> Steps {
    let steps = score::fatigue_steps(&context.filled());
    let names = score::fatigue_step_names().into_iter().chain(["fatigue score".to_owned()]);
    Steps::default().text("step", names.map(Some)).int("points", steps.into_iter().chain([scores.fatigue]).map(Some))
}

fn mismatch(inputs: &FactorInputs<'_>) -> Steps {
    let steps: Vec<score::Mismatch> = score::mismatch(inputs).into_iter().collect();
    let column = |value: fn(&score::Mismatch) -> f64| steps.iter().map(value).map(Some).collect::<Vec<_>>();
    Steps::default()
        .text("zone", steps.iter().map(|step| Some(step.zone_name())))
        .f64("rate", column(|step| step.rate))
        .f64("weight", column(|step| step.weight))
        .f64("defense", column(|step| step.defense))
        .f64("weighted", column(|step| step.weighted))
        .f64("boost", column(|step| step.boost))
        .f64("score", column(|step| step.score))
}

/// Nothing where both rows are there.
fn no_mismatch(inputs: &FactorInputs<'_>, scores: &Scores) -> Steps {
    let lacks = |is_absent: bool, text: &'static str| is_absent.then_some(text);
    let psza = lacks(inputs.shot_zones.is_none(), "the player has no row of PSZA on the date");
    let tdza = lacks(inputs.defense.is_none(), "the opponent has no row of TDZA on the date");
    let rows = usize::from(psza.or(tdza).is_some());
    Steps::default()
        .text("psza", std::iter::repeat_n(psza, rows))
        .text("tdza", std::iter::repeat_n(tdza, rows))
        .f64("score", std::iter::repeat_n(Some(scores.shot_zone), rows))
}

fn pace(context: &PlayerContext, scores: &Scores) -> Steps {
    Steps::default().f64("difference", [Some(context.filled().pace_differential)]).f64("score", [Some(scores.pace)])
}

fn usage(context: &PlayerContext, scores: &Scores) -> Steps {
    let filled = context.filled();
    let steps = score::usage_spike(&filled);
    Steps::default()
        .f64("projected", [Some(filled.projected_usage)])
        .f64("baseline", [Some(filled.avg_usage_last_7)])
        .f64("difference", [Some(steps.differential)])
        .f64("spike", [Some(steps.spike)])
        .int("stars_out", [Some(filled.star_teammates_out)])
        .f64("boost", [Some(steps.boost)])
        .f64("score", [Some(scores.usage)])
}

fn total(scores: &Scores) -> Steps {
    Steps::default()
        .f64("fatigue", [Some(scores.fatigue_adjustment())])
        .f64("mismatch", [Some(scores.shot_zone)])
        .f64("pace", [Some(scores.pace)])
        .f64("usage", [Some(scores.usage)])
        .f64("total", [Some(scores.total)])
}

fn completeness(inputs: &FactorInputs<'_>) -> Steps {
    let checks = score::completeness_checks(inputs);
    let (pct, _) = score::completeness(inputs);
    let steps = checks.into_iter().fold(Steps::default(), |steps, (holds, name)| steps.bool(name, [Some(holds)]));
    steps.int("pct", [Some(pct as i64)])
}

/// Nothing where there is no warning.
fn warnings(scores: &Scores) -> Steps {
    let warnings = scores.warning_conditions();
    let rows = usize::from(warnings.iter().any(|(holds, _)| *holds));
    let name = |text: &'static str| text.split_once(':').map_or(text, |(name, _)| name);
    ["fatigue", "mismatch", "total"]
        .into_iter()
        .zip(warnings)
        .fold(Steps::default(), |steps, (column, (holds, text))| {
            steps.text(column, std::iter::repeat_n(holds.then(|| name(text)), rows))
        })
}
