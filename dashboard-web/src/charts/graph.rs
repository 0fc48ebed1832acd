//! What a concept needs and what builds on it: three columns, drawn in fixed pixels.
//!
//! Narrow screens hide the drawing; the list beside it says the same.

use askama::Template;

use super::mark::{Mark, Strokes};
use crate::pages::concept::{ConceptPage, Neighbour, Standing};

const NODE_WIDTH: u32 = 232;
const NODE_HEIGHT: u32 = 40;
const STEP: u32 = 64;
/// A node's left edge in each column.
const COLUMNS: [u32; 3] = [1, 492, 983];
/// More than this in a column stay in the list alone.
const MOST: usize = 6;
/// As many letters of a slug as fit beside the square.
const LETTERS: usize = 29;

/// The drawing.
#[derive(Template)]
#[template(path = "svg/graph.html")]
pub(crate) struct Graph {
    label: String,
    height: u32,
    edges: Vec<String>,
    nodes: Vec<Node>,
    /// Over each column that has nodes.
    heads: Vec<(u32, &'static str)>,
}

struct Node {
    href: String,
    class: &'static str,
    x: u32,
    y: u32,
    text: String,
    small: String,
    strokes: Strokes,
}

impl Node {
    fn new(column: usize, y: u32, of: &Neighbour, class: &'static str) -> Self {
        let slug = &of.concept.slug;
        let text = if slug.chars().count() > LETTERS {
            slug.chars().take(LETTERS - 1).chain(['…']).collect()
        } else {
            slug.clone()
        };
        Self {
            href: of.concept.href(),
            class: if of.cell.is_none() && class.is_empty() {
                "none"
            } else {
                class
            },
            x: COLUMNS[column],
            y,
            text,
            small: of.words(),
            strokes: Mark::of_cell(of.cell.as_ref()).strokes(),
        }
    }

    fn mark_x(&self) -> u32 {
        self.x + 9
    }

    fn mark_y(&self) -> String {
        format!("{}.5", self.y + 13)
    }

    fn text_x(&self) -> u32 {
        self.x + 29
    }

    fn text_y(&self) -> u32 {
        self.y + 17
    }

    fn small_y(&self) -> u32 {
        self.y + 31
    }
}

impl Graph {
    /// `None` for a concept that stands alone.
    pub(crate) fn new(page: &ConceptPage) -> Option<Self> {
        let needs = &page.needs[..page.needs.len().min(MOST)];
        let builds = &page.builds[..page.builds.len().min(MOST)];
        let tallest = u32::try_from(needs.len().max(builds.len()))
            .ok()
            .filter(|&n| n > 0)?;
        let height = tallest * STEP + 24;
        let y = |i: usize, of: usize| -> u32 {
            // Both are at most six.
            let (i, of) = (i as u32, of as u32);
            28 + (tallest - of) * STEP / 2 + i * STEP
        };
        let here = Neighbour {
            concept: page.concept.clone(),
            why: None,
            cell: match &page.standing {
                Standing::Published { cell, .. } => Some(*cell),
                Standing::LeftOut { .. } => None,
            },
        };
        let middle = y(0, 1);
        let mut nodes = Vec::new();
        let mut edges = Vec::new();
        for (i, n) in needs.iter().enumerate() {
            let at = y(i, needs.len());
            edges.push(edge(COLUMNS[0], at, COLUMNS[1], middle));
            nodes.push(Node::new(0, at, n, ""));
        }
        for (i, n) in builds.iter().enumerate() {
            let at = y(i, builds.len());
            edges.push(edge(COLUMNS[1], middle, COLUMNS[2], at));
            nodes.push(Node::new(2, at, n, ""));
        }
        nodes.insert(needs.len(), Node::new(1, middle, &here, "here"));
        let mut heads = vec![(COLUMNS[1], "This concept")];
        if !needs.is_empty() {
            heads.insert(0, (COLUMNS[0] - 1, "What it needs"));
        }
        if !builds.is_empty() {
            heads.push((COLUMNS[2], "What builds on it"));
        }
        Some(Self {
            label: format!(
                "Prerequisites on the left, {} in the middle, what builds on it on the right",
                page.concept.slug
            ),
            height,
            edges,
            nodes,
            heads,
        })
    }
}

fn edge(from_x: u32, from_y: u32, to_x: u32, to_y: u32) -> String {
    let (x0, y0, x1, y1) = (
        from_x + NODE_WIDTH,
        from_y + NODE_HEIGHT / 2,
        to_x,
        to_y + NODE_HEIGHT / 2,
    );
    let half = (x0 + x1) / 2;
    format!("M{x0} {y0}C{half} {y0} {half} {y1} {x1} {y1}")
}
