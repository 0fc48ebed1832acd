//! The memory model and `retention_30d` against engineers who forget by laws that the product does
//! not know: its own, with parameters of each person; ACT-R; a power law.
//!
//! At test size the bounds have a margin for noise. `make prove memory` runs the second test, which
//! prints the tables, draws the charts and holds the bounds as they are promised.

mod simulation;

use simulation::engineer::Policy;
use simulation::laws::Law;
use simulation::organisation::{Cell, Size, cells, recall};
use simulation::report::{Mean, PROMISED, Recalls, covered, error, gained, model_bias, recalls};
use simulation::{charts, report};
use std::path::Path;

/// Concepts in a simulated catalogue: about as many as the product's can ask about.
const CONCEPTS: usize = 40;

/// Half a year at two checks a working day, under each policy.
fn recall_by_policy(engineers: usize, runs: u64) -> Recalls {
    let size = Size {
        engineers,
        concepts: CONCEPTS,
        weeks: 26,
    };
    let mut all = Recalls::new();
    for law in Law::ALL {
        for run in 1..=runs {
            let of = |policy| (policy, recall(law, policy, size, 100 + run));
            all.insert((law, run), Policy::ALL.map(of).into());
        }
    }
    all
}

/// The figures that are promised, and how far off they are.
struct Figures {
    /// Mean error with 50 probes or more, of the worst law.
    worst_error: f64,
    /// Share of all cells whose 80 % interval holds the truth.
    coverage: f64,
    /// Mean of what the model says too much where people forget otherwise than it thinks.
    model_bias: f64,
    /// What the gain policy adds to random choice.
    gain: f64,
}

fn figures(cells: &[Cell], by_policy: &Recalls) -> Figures {
    let promised = |law| {
        let of = move |c: &&Cell| c.law == law && c.probes >= PROMISED;
        cells.iter().filter(of)
    };
    let errors = Law::ALL.map(|law| Mean::over(promised(law), error).value);
    let others = cells.iter().filter(|c| c.law != Law::Fsrs6);
    Figures {
        worst_error: errors.into_iter().fold(0.0, f64::max),
        coverage: Mean::over(cells.iter(), covered).value,
        model_bias: Mean::over(others, model_bias).value,
        gain: recalls(by_policy, None, gained).value,
    }
}

/// All tables, each under the name by which the proof finds it.
fn tables(cells: &[Cell], by_policy: &Recalls) -> String {
    format!(
        "\ntable: retention\n{}\ntable: biases\n{}\ntable: intervals\n{}\ntable: policies\n{}\n",
        report::retention(cells),
        report::biases(cells),
        report::intervals(cells),
        report::policies(by_policy)
    )
}

#[test]
fn at_test_size_the_figures_are_near_what_is_promised() {
    let size = Size {
        engineers: 130,
        concepts: 30,
        weeks: 40,
    };
    let of = |law| cells(law, size, &[39], 1);
    let cells: Vec<_> = Law::ALL.into_iter().flat_map(of).collect();
    let by_policy = recall_by_policy(12, 1);
    let found = figures(&cells, &by_policy);
    print!("{}", tables(&cells, &by_policy));
    assert!(found.worst_error <= 0.05, "{}", found.worst_error);
    assert!((0.6..=0.98).contains(&found.coverage), "{}", found.coverage);
    assert!(found.model_bias >= 0.03, "{}", found.model_bias);
    assert!(found.gain >= 0.02, "{}", found.gain);
}

#[test]
#[ignore = "takes minutes and writes the charts: make prove memory"]
fn at_full_length_the_figures_are_what_is_promised() {
    // Other seeds than those that the method was made with.
    let mut all = Vec::new();
    for law in Law::ALL {
        for (number, engineers) in [60, 150, 300].into_iter().enumerate() {
            for run in 0..4 {
                let size = Size {
                    engineers,
                    concepts: CONCEPTS,
                    weeks: 53,
                };
                all.extend(cells(
                    law,
                    size,
                    &[26, 39, 52],
                    301 + number as u64 * 10 + run,
                ));
            }
        }
    }
    let by_policy = recall_by_policy(60, 4);
    print!("{}", tables(&all, &by_policy));
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../airgap-docs/src/images");
    for (name, chart) in [
        ("memory-retention.svg", charts::retention(&all)),
        ("memory-coverage.svg", charts::coverage(&all)),
        ("memory-policies.svg", charts::policies(&by_policy)),
    ] {
        std::fs::write(images.join(name), chart).expect("the manual's images can be written");
    }
    let found = figures(&all, &by_policy);
    let promises = [
        (
            "error with 50 probes, worst law, at most 0.05",
            found.worst_error,
            found.worst_error <= 0.05,
        ),
        (
            "80 % interval covers, 0.75 to 0.85",
            found.coverage,
            (0.75..=0.85).contains(&found.coverage),
        ),
        (
            "bias without probes, at least 0.05",
            found.model_bias,
            found.model_bias >= 0.05,
        ),
        (
            "gain over random, at least 0.04",
            found.gain,
            found.gain >= 0.04,
        ),
    ];
    for (promise, value, kept) in promises {
        println!(
            "promise: {promise}: {value:.3} {}",
            if kept { "kept" } else { "NOT KEPT" }
        );
    }
    assert!(promises.iter().all(|(_, _, kept)| *kept), "see above");
}
