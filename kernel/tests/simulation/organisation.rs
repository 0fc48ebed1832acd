//! An organisation over time: on some Mondays its figures are made as the appliance makes them, from
//! cells, and held against what is so.

use super::Dice;
use super::engineer::{Engineer, Policy, START, World};
use super::laws::Law;
use kernel::aggregate::{Cell as Counted, Person, Plan, Published, Rules, publish};
use kernel::delta::Outcome;
use kernel::ids::{DAY, Hour, Slug};
use std::collections::BTreeMap;

/// How large a simulated organisation is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub engineers: usize,
    pub concepts: usize,
    pub weeks: i64,
}

/// One concept's figure, and the truth.
#[derive(Clone, Debug)]
pub struct Cell {
    pub law: Law,
    /// The organisation, for standard errors.
    pub run: u64,
    pub probes: u32,
    pub truth: f64,
    pub value: f64,
    pub lo: f64,
    pub hi: f64,
    /// The model's mean with no probes taken into account.
    pub model: f64,
    /// FSRS's, if every pass were taken for knowledge.
    pub credulous: f64,
    /// Share of passes among scheduled checks of those who had demonstrated it.
    pub naive: Option<f64>,
}

#[derive(Default)]
struct Tally {
    cells: BTreeMap<Slug, Counted>,
    /// People, and sums of what is so, what the model says and what FSRS would by itself.
    truth: BTreeMap<Slug, (u32, [f64; 3])>,
    /// Scheduled checks of the trailing half year: all and passed.
    scheduled: BTreeMap<Slug, (u32, u32)>,
}

/// Simulates an organisation and gives its cells at each of the Mondays, in weeks from the start.
pub fn cells(law: Law, size: Size, mondays: &[i64], run: u64) -> Vec<Cell> {
    let mut dice = Dice::new(run, 0);
    let world = World::draw(law, size.concepts, &mut dice);
    let mut tallies: Vec<_> = mondays.iter().map(|_| Tally::default()).collect();
    for at in 0..size.engineers {
        let first = START + dice.below(56) as i64;
        let mut engineer = Engineer::new(&world, Policy::Gain, 8, first, (run, at as u64));
        for day in first..START + size.weeks * 7 {
            for (week, tally) in mondays.iter().zip(&mut tallies) {
                if day == START + week * 7 {
                    tally.add(&engineer, day);
                }
            }
            engineer.works(day);
        }
    }
    mondays
        .iter()
        .zip(tallies)
        .flat_map(|(week, tally)| tally.publish(law, run, size, START + week * 7))
        .collect()
}

impl Tally {
    fn add(&mut self, engineer: &Engineer<'_>, day: i64) {
        let plan = Plan::new(Hour::floor(day * DAY), BTreeMap::new());
        let person = Person {
            pairs: &engineer.pairs,
            ripe_from: 0,
        };
        plan.count(&person, &mut self.cells);
        for (slug, three) in engineer.truths() {
            let (people, sums) = self.truth.entry(slug.clone()).or_default();
            *people += 1;
            for (sum, one) in sums.iter_mut().zip(three) {
                *sum += one;
            }
        }
        for (slug, pair) in &engineer.pairs {
            for both in pair.answers.windows(2) {
                let recent = day * DAY - both[1].at.unix() <= 180 * DAY;
                let known = both[0].state >= kernel::delta::State::Demonstrated
                    && both[0].state <= kernel::delta::State::Retained;
                if recent && known && !both[1].answer.probe {
                    let sum = self.scheduled.entry(slug.clone()).or_default();
                    sum.0 += 1;
                    sum.1 += u32::from(both[1].answer.outcome == Outcome::Pass);
                }
            }
        }
    }

    fn publish(self, law: Law, run: u64, size: Size, day: i64) -> Vec<Cell> {
        let plan = Plan::new(Hour::floor(day * DAY), BTreeMap::new());
        let counted = u32::try_from(size.engineers).expect("few");
        let before = BTreeMap::new();
        let snapshot = publish(
            &plan,
            &self.cells,
            counted,
            &before,
            Rules::default(),
            |_| 2,
        );
        let cell = |row: &kernel::aggregate::Row| {
            let Published::Figures { retention, .. } = row.says else {
                return None;
            };
            let (people, sums) = self.truth.get(&row.concept)?;
            let [truth, model, credulous] = sums.map(|sum| sum / f64::from(*people));
            let probes = &self.cells[&row.concept].probes;
            let scheduled = self.scheduled.get(&row.concept);
            Some(Cell {
                law,
                run,
                probes: probes.count(),
                truth,
                value: retention.value,
                lo: retention.lo,
                hi: retention.hi,
                model,
                credulous,
                naive: scheduled.map(|(all, passed)| f64::from(*passed) / f64::from(*all)),
            })
        };
        snapshot.rows.iter().filter_map(cell).collect()
    }
}

/// Mean chance to know 30 days after the end what was met, over so many engineers of an
/// organisation of their own, asked by a policy twice each working day.
pub fn recall(law: Law, policy: Policy, size: Size, run: u64) -> f64 {
    let mut dice = Dice::new(run, 0);
    let world = World::draw(law, size.concepts, &mut dice);
    let end = START + size.weeks * 7;
    let of = |at: usize| {
        let mut engineer = Engineer::new(&world, policy, 10, START, (run, at as u64));
        (START..end).for_each(|day| engineer.works(day));
        engineer.recall(end + 30)
    };
    (0..size.engineers).map(of).sum::<f64>() / size.engineers as f64
}
