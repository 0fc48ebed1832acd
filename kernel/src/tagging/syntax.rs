//! A text's syntax tree, laid flat, that counts the steps taken in it.
//!
//! tree-sitter parses; its tree is copied once into one list in the order of
//! a walk. There, going to a parent or a sibling is one step, where
//! tree-sitter searches down from the root (`ts_node_parent`), which makes a
//! rule with `inside` quadratic on a wide text. And there each step can be
//! counted: a rule that looks too far in a text built to make it look far
//! ends, and the text is called too costly, with no clock asked.
//!
//! Invariant: nodes stand in pre-order, so a node's descendants are the
//! nodes between it and its `end`. Once the steps are spent, every question
//! to the tree is answered with nothing.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::rc::Rc;

use ast_grep_core::source::{Edit, SgNode};
use ast_grep_core::tree_sitter::{LanguageExt as _, TSLanguage};
use ast_grep_core::{Doc, Language as _, Position};
use ast_grep_language::SupportLang;
use tree_sitter::{ParseOptions, ParseState, Parser, Tree, TreeCursor};

use super::{MAX_DEPTH, MAX_STEPS, Skipped};

const NONE: u32 = u32::MAX;
const NAMED: u8 = 1;
const ERROR: u8 = 2;
const MISSING: u8 = 4;
const EXTRA: u8 = 8;

struct Entry {
    kind: u16,
    field: u16,
    flags: u8,
    parent: u32,
    /// The sibling before it.
    before: u32,
    /// One beyond its last descendant.
    end: u32,
    from: u32,
    to: u32,
}

struct Flat {
    text: String,
    language: SupportLang,
    grammar: TSLanguage,
    nodes: Vec<Entry>,
    /// Where each line begins.
    lines: Vec<u32>,
    steps: Cell<u64>,
}

/// The tree of a text, for ast-grep's rules.
#[derive(Clone)]
pub(super) struct Syntax(Rc<Flat>);

/// A node of a [`Syntax`].
#[derive(Clone, Copy)]
pub(super) struct At<'r> {
    flat: &'r Flat,
    at: u32,
}

impl Syntax {
    /// Parses a text.
    ///
    /// # Errors
    /// [`Skipped::TooDeep`] and [`Skipped::TooCostly`].
    pub fn of(text: &str, language: SupportLang) -> Result<Self, Skipped> {
        let grammar = language.get_ts_language();
        let tree = parse(text, &grammar)?;
        let mut lines = vec![0];
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        lines.extend(ends.map(|(at, _)| offset(at + 1)));
        Ok(Self(Rc::new(Flat {
            nodes: flatten(&tree)?,
            text: text.to_owned(),
            language,
            grammar,
            lines,
            steps: Cell::new(0),
        })))
    }

    /// Whether more steps were taken than a text may cost.
    pub fn is_spent(&self) -> bool {
        self.0.steps.get() > MAX_STEPS
    }

    /// All nodes, the root first.
    pub fn nodes(&self) -> impl Iterator<Item = At<'_>> {
        (0..offset(self.0.nodes.len())).map(|at| At { flat: &self.0, at })
    }
}

/// Texts are at most [`super::MAX_BYTES`] long.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

/// A parse step of tree-sitter's costs about as much as so many steps of a
/// walk; its progress is told every hundred steps.
const TOLD_EVERY: u64 = 100;

fn parse(text: &str, grammar: &TSLanguage) -> Result<Tree, Skipped> {
    thread_local! {
        static PARSERS: RefCell<HashMap<TSLanguage, Parser>> = RefCell::new(HashMap::new());
    }
    let too_costly = Skipped::TooCostly { limit: MAX_STEPS };
    PARSERS.with_borrow_mut(|parsers| {
        let parser = parsers.entry(grammar.clone()).or_default();
        // A grammar of another ABI is refused; a test parses with each of them.
        parser.set_language(grammar).map_err(|_| too_costly)?;
        parser.reset();
        let mut steps = 0_u64;
        let mut told = |_: &ParseState| {
            steps += TOLD_EVERY;
            if steps > MAX_STEPS {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let options = ParseOptions::new().progress_callback(&mut told);
        let bytes = text.as_bytes();
        parser
            .parse_with_options(
                &mut |at, _| bytes.get(at..).unwrap_or_default(),
                None,
                Some(options),
            )
            .ok_or(too_costly)
    })
}

fn flatten(tree: &Tree) -> Result<Vec<Entry>, Skipped> {
    let mut cursor = tree.walk();
    let mut nodes: Vec<Entry> = Vec::with_capacity(tree.root_node().descendant_count());
    // The nodes that are not yet done, and the last child of each.
    let mut open: Vec<u32> = Vec::new();
    let mut last: Vec<u32> = vec![NONE];
    loop {
        if open.len() > MAX_DEPTH as usize {
            return Err(Skipped::TooDeep { limit: MAX_DEPTH });
        }
        let at = offset(nodes.len());
        let before = last.last_mut().map_or(NONE, |l| std::mem::replace(l, at));
        nodes.push(entry(&cursor, open.last().copied().unwrap_or(NONE), before));
        if cursor.goto_first_child() {
            open.push(at);
            last.push(NONE);
            continue;
        }
        while !cursor.goto_next_sibling() {
            let Some(done) = open.pop() else {
                return Ok(nodes);
            };
            last.pop();
            let end = offset(nodes.len());
            nodes[done as usize].end = end;
            cursor.goto_parent();
        }
    }
}

fn entry(cursor: &TreeCursor<'_>, parent: u32, before: u32) -> Entry {
    let node = cursor.node();
    let mut flags = 0;
    for (is, flag) in [
        (node.is_named(), NAMED),
        (node.is_error(), ERROR),
        (node.is_missing(), MISSING),
        (node.is_extra(), EXTRA),
    ] {
        if is {
            flags |= flag;
        }
    }
    Entry {
        kind: node.kind_id(),
        field: cursor.field_id().map_or(0, |id| id.get()),
        flags,
        parent,
        before,
        end: 0,
        from: offset(node.start_byte()),
        to: offset(node.end_byte()),
    }
}

impl Flat {
    /// Takes steps; `false` once there are none left.
    fn step(&self, steps: u64) -> bool {
        let taken = self.steps.get().saturating_add(steps);
        self.steps.set(taken);
        taken <= MAX_STEPS
    }

    fn row(&self, at: usize) -> usize {
        self.lines
            .partition_point(|start| *start as usize <= at)
            .saturating_sub(1)
    }

    fn position(&self, at: usize) -> Position {
        let row = self.row(at);
        Position::new(row, at - self.lines[row] as usize, at)
    }
}

impl<'r> At<'r> {
    fn entry(&self) -> &'r Entry {
        &self.flat.nodes[self.at as usize]
    }

    /// Index of the node after the last descendant.
    fn end(&self) -> u32 {
        self.entry().end.max(self.at + 1)
    }

    fn go(self, at: u32) -> Option<Self> {
        (at != NONE && self.flat.step(1)).then_some(Self { at, ..self })
    }

    fn is(&self, flag: u8) -> bool {
        self.entry().flags & flag != 0
    }

    pub fn kind_number(self) -> u16 {
        self.entry().kind
    }

    /// The kind's name in the grammar.
    pub fn kind_name(self) -> &'r str {
        let name = self.flat.grammar.node_kind_for_id(self.entry().kind);
        name.unwrap_or_default()
    }

    pub fn parent_node(self) -> Option<Self> {
        self.go(self.entry().parent)
    }

    pub fn child_nodes(self) -> Children<'r> {
        Children {
            next: (self.end() > self.at + 1).then_some(self.at + 1),
            end: self.end(),
            of: self,
        }
    }

    /// Whether it, or something in it, did not parse.
    pub fn is_broken(self) -> bool {
        let inside = self.at as usize..self.end() as usize;
        self.flat.step(inside.len() as u64 / 8 + 1);
        self.flat.nodes[inside]
            .iter()
            .any(|entry| entry.flags & (ERROR | MISSING) != 0)
    }

    pub fn is_error_node(self) -> bool {
        self.is(ERROR)
    }

    pub fn bytes(self) -> Range<usize> {
        let entry = self.entry();
        entry.from as usize..entry.to as usize
    }

    pub fn rows(self) -> (usize, usize) {
        let range = self.bytes();
        (self.flat.row(range.start), self.flat.row(range.end))
    }

    pub fn source(self) -> &'r str {
        let range = self.bytes();
        if self.flat.step(1 + (range.len() / 64) as u64) {
            self.flat.text.get(range).unwrap_or_default()
        } else {
            ""
        }
    }

    pub fn field_node(self, name: &str) -> Option<Self> {
        let id = self.flat.language.field_to_id(name)?;
        self.child_nodes().find(|n| n.entry().field == id)
    }
}

/// The children of a node, each a step.
#[derive(Clone)]
pub(super) struct Children<'r> {
    of: At<'r>,
    next: Option<u32>,
    end: u32,
}

impl<'r> Iterator for Children<'r> {
    type Item = At<'r>;

    fn next(&mut self) -> Option<At<'r>> {
        let child = self.of.go(self.next?)?;
        self.next = Some(child.end()).filter(|next| *next < self.end);
        Some(child)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let mut count = 0;
        let mut next = self.next;
        while let Some(at) = next {
            count += 1;
            let child = At { at, ..self.of };
            next = Some(child.end()).filter(|next| *next < self.end);
        }
        self.of.flat.step(count as u64);
        (count, Some(count))
    }
}

impl ExactSizeIterator for Children<'_> {}

impl<'r> SgNode<'r> for At<'r> {
    fn parent(&self) -> Option<Self> {
        self.parent_node()
    }
    fn children(&self) -> impl ExactSizeIterator<Item = Self> {
        self.child_nodes()
    }
    fn kind(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.kind_name())
    }
    fn kind_id(&self) -> u16 {
        self.entry().kind
    }
    fn node_id(&self) -> usize {
        self.at as usize
    }
    fn range(&self) -> Range<usize> {
        self.bytes()
    }
    fn start_pos(&self) -> Position {
        self.flat.position(self.bytes().start)
    }
    fn end_pos(&self) -> Position {
        self.flat.position(self.bytes().end)
    }
    fn ancestors(&self, _root: Self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent_node(), |n| n.parent_node())
    }
    fn dfs(&self) -> impl Iterator<Item = Self> {
        let from = *self;
        (self.at..self.end()).map_while(move |at| from.go(at))
    }
    fn next(&self) -> Option<Self> {
        let parent = self.parent_node()?;
        (self.end() < parent.end()).then(|| self.go(self.end()))?
    }
    fn prev(&self) -> Option<Self> {
        self.go(self.entry().before)
    }
    fn next_all(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(SgNode::next(self), SgNode::next)
    }
    fn prev_all(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.prev(), SgNode::prev)
    }
    fn is_named(&self) -> bool {
        self.is(NAMED)
    }
    fn is_named_leaf(&self) -> bool {
        !self.child_nodes().any(|n| n.is(NAMED))
    }
    fn is_leaf(&self) -> bool {
        self.end() == self.at + 1
    }
    fn is_missing(&self) -> bool {
        self.is(MISSING)
    }
    fn is_error(&self) -> bool {
        self.is(ERROR)
    }
    fn is_extra(&self) -> bool {
        self.is(EXTRA)
    }
    fn field(&self, name: &str) -> Option<Self> {
        self.field_node(name)
    }
    fn field_children(&self, field_id: Option<u16>) -> impl Iterator<Item = Self> {
        let id = field_id.filter(|id| *id != 0);
        self.child_nodes()
            .filter(move |n| id.is_some_and(|id| n.entry().field == id))
    }
    fn child_by_field_id(&self, field_id: u16) -> Option<Self> {
        self.child_nodes().find(|n| n.entry().field == field_id)
    }
}

impl Doc for Syntax {
    type Source = String;
    type Lang = SupportLang;
    type Node<'r> = At<'r>;

    fn get_lang(&self) -> &SupportLang {
        &self.0.language
    }
    fn get_source(&self) -> &String {
        &self.0.text
    }
    fn do_edit(&mut self, _: &Edit<String>) -> Result<(), String> {
        Err("a text that is tagged is not changed".to_owned())
    }
    fn root_node(&self) -> At<'_> {
        At {
            flat: &self.0,
            at: 0,
        }
    }
    fn get_node_text<'a>(&'a self, node: &At<'a>) -> Cow<'a, str> {
        Cow::Borrowed(node.source())
    }
}
