//! Figures of many cells and runs, and the tables that are printed.

use super::engineer::Policy;
use super::laws::Law;
use super::organisation::Cell;
use std::collections::BTreeMap;
use std::fmt;

/// Numbers of probes that are told apart, as the pages tell them: model estimate, blended,
/// observed; and what the promise is made for.
pub const CLASSES: [(u32, u32, &str); 4] = [
    (0, 4, "0 to 4"),
    (5, 19, "5 to 19"),
    (20, 49, "20 to 49"),
    (50, u32::MAX, "50 and more"),
];
/// Fewest probes that the promise is made for.
pub const PROMISED: u32 = 50;

/// A mean, and its standard error over organisations (or pairs of runs).
#[derive(Clone, Copy, Debug)]
pub struct Mean {
    pub value: f64,
    pub error: f64,
}

impl fmt::Display for Mean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ± {:.3}", self.value, self.error)
    }
}

impl Mean {
    /// The mean of values, and the standard error between them.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let value = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|x| (x - value).powi(2)).sum();
        let error = (squares / (count - 1.0).max(1.0) / count).sqrt();
        Self { value, error }
    }

    /// Over cells; those of one organisation err together, so its mean is one value of the error.
    pub fn over<'a>(cells: impl Iterator<Item = &'a Cell>, of: impl Fn(&Cell) -> f64) -> Self {
        let mut runs = BTreeMap::<(Law, u64), (f64, f64)>::new();
        for cell in cells {
            let sum = runs.entry((cell.law, cell.run)).or_default();
            *sum = (sum.0 + of(cell), sum.1 + 1.0);
        }
        let (sum, count) = runs
            .values()
            .fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        let value = sum / count;
        // Ratio estimator: organisations weigh as many cells as they have.
        let square = |(sum, n): &(f64, f64)| ((sum - value * n) / count).powi(2);
        let squares: f64 = runs.values().map(square).sum();
        let organisations = runs.len() as f64;
        let error = (squares * organisations / (organisations - 1.0).max(1.0)).sqrt();
        Self { value, error }
    }
}

/// Whether the interval holds the truth: 1 or 0.
pub fn covered(cell: &Cell) -> f64 {
    f64::from(u8::from((cell.lo..=cell.hi).contains(&cell.truth)))
}

/// Absolute error of the figure.
pub fn error(cell: &Cell) -> f64 {
    (cell.value - cell.truth).abs()
}

/// What the model alone says too much.
pub fn model_bias(cell: &Cell) -> f64 {
    cell.model - cell.truth
}

/// What the pass rate of scheduled checks says too much.
fn naive_bias(cell: &Cell) -> f64 {
    cell.naive.map_or(0.0, |naive| naive - cell.truth)
}

/// The table of `retention_30d`, by law and over all of them.
pub fn retention(cells: &[Cell]) -> String {
    let mut text = String::from(
        "| law of forgetting | figures with 50 probes or more | known after 30 days, in truth | mean error with probes | the same of the model alone | 80 % interval holds the truth, all figures |\n|---|---|---|---|---|---|\n",
    );
    for (name, law) in laws() {
        let all = || of(cells, law);
        let promised = || all().filter(|c| c.probes >= PROMISED);
        text += &format!(
            "| {name} | {} of {} | {} | {} | {} | {} |\n",
            promised().count(),
            all().count(),
            Mean::over(promised(), |c| c.truth),
            Mean::over(promised(), error),
            Mean::over(promised(), |c| model_bias(c).abs()),
            Mean::over(all(), covered),
        );
    }
    text
}

/// The table of what would be said without probes: mean of said less true, over all figures.
pub fn biases(cells: &[Cell]) -> String {
    let mut text = String::from(
        "| law of forgetting | bias with probes | bias of the model alone | bias of FSRS that takes every pass for knowledge | bias of the pass rate of scheduled checks |\n|---|---|---|---|---|\n",
    );
    for (name, law) in laws() {
        let all = || of(cells, law);
        text += &format!(
            "| {name} | {} | {} | {} | {} |\n",
            Mean::over(all(), |c| c.value - c.truth),
            Mean::over(all(), model_bias),
            Mean::over(all(), |c| c.credulous - c.truth),
            Mean::over(all().filter(|c| c.naive.is_some()), naive_bias),
        );
    }
    text
}

fn laws() -> impl Iterator<Item = (&'static str, Option<Law>)> {
    let each = Law::ALL.into_iter().map(|law| (law.name(), Some(law)));
    each.chain([("all", None)])
}

fn of(cells: &[Cell], law: Option<Law>) -> impl Iterator<Item = &Cell> {
    cells
        .iter()
        .filter(move |c| law.is_none_or(|law| c.law == law))
}

/// The table of intervals, by number of probes.
pub fn intervals(cells: &[Cell]) -> String {
    let mut text = String::from(
        "| probes of the concept | concepts | 80 % interval holds the truth | its width | mean error | bias |\n|---|---|---|---|---|---|\n",
    );
    for (least, most, name) in CLASSES {
        let these = || cells.iter().filter(|c| (least..=most).contains(&c.probes));
        if these().count() == 0 {
            continue;
        }
        text += &format!(
            "| {name} | {} | {} | {} | {} | {} |\n",
            these().count(),
            Mean::over(these(), covered),
            Mean::over(these(), |c| c.hi - c.lo),
            Mean::over(these(), error),
            Mean::over(these(), |c| c.value - c.truth),
        );
    }
    text
}

/// Mean recall by law, run and policy.
pub type Recalls = BTreeMap<(Law, u64), BTreeMap<Policy, f64>>;

/// Recalls of a law under a policy, one a run; of all laws where none is given.
pub fn recalls(
    recalls: &Recalls,
    law: Option<Law>,
    of: impl Fn(&BTreeMap<Policy, f64>) -> f64,
) -> Mean {
    let these = recalls
        .iter()
        .filter(|((l, _), _)| law.is_none_or(|law| law == *l));
    Mean::of(&these.map(|(_, by)| of(by)).collect::<Vec<_>>())
}

/// What the gain policy adds to random choice: the same engineers meet the same concepts.
pub fn gained(by: &BTreeMap<Policy, f64>) -> f64 {
    by[&Policy::Gain] - by[&Policy::Random]
}

/// The table of policies.
pub fn policies(all: &Recalls) -> String {
    let mut text = String::from(
        "| law of forgetting | by gain, as the product asks | at random | lowest recall first | gain over random |\n|---|---|---|---|---|\n",
    );
    for (name, law) in laws() {
        let of = |policy| recalls(all, law, move |by| by[&policy]);
        text += &format!(
            "| {name} | {} | {} | {} | {} |\n",
            of(Policy::Gain),
            of(Policy::Random),
            of(Policy::Lowest),
            recalls(all, law, gained),
        );
    }
    text
}
