use super::*;
use crate::delta::{Answer, AnswerKind, Evidence};

const MONDAY: i64 = 20_000 / 7 * 7 + 4; // 1970-01-05 was a Monday: day 4

fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

fn hour(day: i64) -> Hour {
    Hour::floor(day * DAY)
}

/// Pairs of somebody who met each concept on day 100 and passed it on the given days.
fn pairs(concepts: &[(&str, &[i64])]) -> BTreeMap<Slug, Pair> {
    let mut all = BTreeMap::new();
    for (name, passes) in concepts {
        let mut pair = Pair::default();
        let mut see = |at, observed| {
            pair.observe(&Evidence {
                concept: slug(name),
                observed,
                from: State::Unknown,
                to: State::Unknown,
                at,
            });
        };
        see(hour(100), Observation::Seen);
        for day in *passes {
            let answer = Answer {
                outcome: Outcome::Pass,
                kind: AnswerKind::Typed,
                probe: false,
            };
            see(hour(*day), Observation::Answer(answer));
        }
        all.insert(slug(name), pair);
    }
    all
}

fn snapshot(people: &[BTreeMap<Slug, Pair>], before: &[Row]) -> Snapshot {
    let before: BTreeMap<_, _> = before
        .iter()
        .map(|r| (r.concept.clone(), r.clone()))
        .collect();
    let last_set = before
        .iter()
        .map(|(slug, row)| (slug.clone(), row.set_at))
        .collect();
    let mut plan = Plan::new(hour(MONDAY), last_set);
    let parent = |child: &Slug| {
        let parent = child.as_str().rsplit_once('-')?.0;
        Slug::new(parent).ok()
    };
    let mut cells;
    loop {
        cells = BTreeMap::new();
        for pairs in people {
            plan.count(
                &Person {
                    pairs,
                    ripe_from: 0,
                },
                &mut cells,
            );
        }
        if !plan.roll_up(&cells, parent, FLOOR) {
            break;
        }
    }
    let counted = u32::try_from(people.len()).unwrap();
    publish(&plan, &cells, counted, &before, Rules::default(), |_| 2)
}

fn says(snapshot: &Snapshot, concept: &str) -> Option<Published> {
    snapshot
        .rows
        .iter()
        .find(|row| row.concept.as_str() == concept)
        .map(|row| row.says)
}

#[test]
fn no_row_speaks_about_fewer_than_five() {
    let mut people = vec![pairs(&[("abc", &[])]); 4];
    people.extend(vec![pairs(&[("xyz", &[])]); 8]);
    let snapshot = snapshot(&people, &[]);
    assert_eq!(says(&snapshot, "abc"), None);
    assert_eq!(
        says(&snapshot, "xyz"),
        Some(Published::Withheld(Withheld::Few))
    );
}

#[test]
fn what_few_met_is_counted_with_its_parent_and_nobody_twice() {
    let mut people = vec![pairs(&[("abc-one", &[]), ("abc", &[])]); 4];
    people.push(pairs(&[("abc-two", &[])]));
    people.extend(vec![pairs(&[("other", &[])]); 6]);
    let snapshot = snapshot(&people, &[]);
    let row = snapshot
        .rows
        .iter()
        .find(|row| row.concept.as_str() == "abc")
        .unwrap();
    assert_eq!((row.exposed, row.folded_in), (5, 2));
    assert_eq!(says(&snapshot, "abc-one"), None);
}

#[test]
fn below_ten_counted_people_there_are_no_figures() {
    let people = vec![pairs(&[("abc", &[MONDAY - 3])]); 9];
    let snapshot = snapshot(&people, &[]);
    assert!(snapshot.rows.is_empty());
    assert_eq!(snapshot.met, [slug("abc")]);
}

#[test]
fn four_who_know_it_print_as_few_and_five_as_five() {
    let know = |n| {
        let mut people = vec![pairs(&[("abc", &[MONDAY - 3])]); n];
        people.extend(vec![pairs(&[("abc", &[])]); 12 - n]);
        says(&snapshot(&people, &[]), "abc").unwrap()
    };
    assert_eq!(know(4), Published::Withheld(Withheld::Few));
    assert!(matches!(
        know(5),
        Published::Figures {
            n_demonstrated: 5,
            n_retained: Some(0),
            ..
        }
    ));
}

#[test]
fn how_many_retained_is_said_only_where_it_names_nobody() {
    let retained: &[i64] = &[MONDAY - 60, MONDAY - 3];
    let known: &[i64] = &[MONDAY - 3];
    let of = |kept, rest| {
        let mut people = vec![pairs(&[("abc", retained)]); kept];
        people.extend(vec![pairs(&[("abc", known)]); rest]);
        match says(&snapshot(&people, &[]), "abc") {
            Some(Published::Figures { n_retained, .. }) => n_retained,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(of(5, 5), Some(5));
    assert_eq!(of(4, 8), None, "4 retained");
    assert_eq!(of(9, 3), None, "3 not retained");
    assert_eq!(of(12, 0), Some(12));
}

#[test]
fn a_pass_older_than_a_year_does_not_count() {
    let people = vec![pairs(&[("abc", &[MONDAY - 366])]); 12];
    assert_eq!(
        says(&snapshot(&people, &[]), "abc"),
        Some(Published::Withheld(Withheld::Few))
    );
}

#[test]
fn a_cell_stands_until_three_changed() {
    let old = hour(MONDAY - 7);
    let first = snapshot(&vec![pairs(&[("abc", &[MONDAY - 30])]); 12], &[]);
    let mut row = first.rows[0].clone();
    row.set_at = old;
    let with = |changed: usize| {
        let mut people = vec![pairs(&[("abc", &[MONDAY - 30])]); 12];
        for pairs in people.iter_mut().take(changed) {
            *pairs = self::pairs(&[("abc", &[MONDAY - 30, MONDAY - 2])]);
        }
        snapshot(&people, std::slice::from_ref(&row)).rows[0].clone()
    };
    assert_eq!((with(2).says, with(2).set_at), (row.says, old));
    assert_eq!(with(3).set_at, hour(MONDAY));
}

#[test]
fn after_somebody_left_a_cell_shows_a_band() {
    let old = hour(MONDAY - 7);
    let first = snapshot(&vec![pairs(&[("abc", &[MONDAY - 30])]); 12], &[]);
    let mut row = first.rows[0].clone();
    row.set_at = old;
    let left = snapshot(&vec![pairs(&[("abc", &[MONDAY - 30])]); 11], &[row]);
    assert!(matches!(left.rows[0].says, Published::Between { lo, hi } if lo < hi));
}

#[test]
fn a_subject_ripens_in_real_days_only() {
    assert_eq!(
        ripe_from(100, [90, 91, 92, 93, 94, 95]),
        None,
        "evidence from before"
    );
    assert_eq!(ripe_from(100, [101, 101, 102, 103, 104]), None, "four days");
    assert_eq!(ripe_from(100, [101, 102, 103, 104, 105]), Some(114));
    assert_eq!(ripe_from(100, [101, 102, 103, 104, 130]), Some(131));
}

#[test]
fn parts_add_up_to_the_whole() {
    let people: Vec<_> = (0..12)
        .map(|n| pairs(&[("abc", &[MONDAY - 3 - n])]))
        .collect();
    let plan = Plan::new(hour(MONDAY), BTreeMap::new());
    let count = |people: &[BTreeMap<Slug, Pair>]| {
        let mut cells = BTreeMap::new();
        for pairs in people {
            plan.count(
                &Person {
                    pairs,
                    ripe_from: 0,
                },
                &mut cells,
            );
        }
        cells.remove(&slug("abc")).unwrap_or_default()
    };
    let mut parts = count(&people[..5]);
    parts.merge(&count(&people[5..]));
    assert_eq!(parts, count(&people));
}

/// Pairs of somebody who was shown as demonstrated and then probed after 30 days.
fn probed(name: &str, passed: bool) -> BTreeMap<Slug, Pair> {
    let mut all = pairs(&[(name, &[MONDAY - 60])]);
    let pair = all.get_mut(&slug(name)).unwrap();
    pair.observe(&Evidence {
        concept: slug(name),
        observed: Observation::Answer(Answer {
            outcome: if passed { Outcome::Pass } else { Outcome::Fail },
            kind: AnswerKind::Typed,
            probe: true,
        }),
        from: State::Unknown,
        to: State::Unknown,
        at: hour(MONDAY - 30),
    });
    all
}

fn retention(snapshot: &Snapshot, concept: &str) -> Retention {
    match says(snapshot, concept) {
        Some(Published::Figures { retention, .. }) => retention,
        other => panic!("{other:?}"),
    }
}

#[test]
fn probes_move_their_concept_and_others_with_it() {
    let mut unprobed = vec![pairs(&[("xyz", &[MONDAY - 60])]); 12];
    unprobed.extend(vec![pairs(&[("abc", &[MONDAY - 60])]); 12]);
    let before = snapshot(&unprobed, &[]);
    let mut people = unprobed.clone();
    people.extend((0..40).map(|n| probed("abc", n < 10)));
    let after = snapshot(&people, &[]);
    let moved = |concept| retention(&after, concept).value - retention(&before, concept).value;
    assert!(moved("abc") < -0.1, "{}", moved("abc"));
    assert!(
        moved("xyz") < -0.05,
        "the model is off alike: {}",
        moved("xyz")
    );
    assert_eq!(retention(&after, "abc").basis, Basis::Observed);
    assert_eq!(retention(&after, "xyz").basis, Basis::Modelled);
    let width = |of: Retention| of.hi - of.lo;
    assert!(width(retention(&after, "abc")) < width(retention(&after, "xyz")));
}

#[test]
fn probes_of_what_too_few_met_move_no_figure() {
    let people = vec![pairs(&[("xyz", &[MONDAY - 60])]); 12];
    let mut more = people.clone();
    more.extend((0..4).map(|_| probed("rare", false)));
    let (alone, beside) = (snapshot(&people, &[]), snapshot(&more, &[]));
    assert_eq!(retention(&alone, "xyz"), retention(&beside, "xyz"));
}

#[test]
fn a_probe_without_an_answer_before_it_says_nothing() {
    let mut people = vec![pairs(&[("abc", &[MONDAY - 60])]); 12];
    let honest = snapshot(&people, &[]);
    for person in people.iter_mut().take(5) {
        let pair = person.get_mut(&slug("abc")).unwrap();
        pair.answers[0].answer.probe = true;
    }
    assert_eq!(
        retention(&honest, "abc"),
        retention(&snapshot(&people, &[]), "abc")
    );
}
