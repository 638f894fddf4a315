//! Reading on after a mistake of shape: what is wrong is mended or taken out in a copy, so that everything else that is wrong is
//! found as well.

use super::error::{At, Problem};
use super::tree::{Kind, Node, Null};
use super::typed::from_tree;
use serde::de::DeserializeOwned;

/// Mistakes that are told of one file.
const TOLD: usize = 20;
/// Mends of one file, of which a mistake may need several: a value that is put in may be of the wrong kind at first.
const MENDS: usize = 3 * TOLD;

/// What was read of a file in which something may be wrong.
pub(super) struct Mended<T> {
    /// What it says, mistakes mended; `None` where that could not be done.
    pub value: Option<T>,
    /// The tree that `value` was read from; values that stand in for others have their places.
    pub tree: Node,
    /// What is wrong with its shape, by place.
    pub problems: Vec<Problem>,
    /// Whether something was taken out or emptied, so that what needed it finds nothing.
    pub is_less: bool,
    /// Where something was mended: what is said of these places, or of what is around them, may follow from the mending.
    touched: Vec<At>,
}

impl<T> Mended<T> {
    /// Whether what begins here was mended.
    pub fn is_touched_at(&self, at: At) -> bool {
        self.touched.contains(&at)
    }

    /// Whether something at or inside this place was mended.
    pub fn is_touched(&self, path: &[super::tree::Seg]) -> bool {
        self.tree.get(path).is_some_and(|node| self.touched.iter().any(|at| holds(node, *at)))
    }
}

/// Reads a `T` out of a tree, with everything that is wrong with its shape.
pub(super) fn read_on<T: DeserializeOwned>(node: &Node) -> Mended<T> {
    let mut mended =
        Mended { value: None, tree: node.clone(), problems: Vec::new(), is_less: false, touched: Vec::new() };
    let mut put_in = 0;
    for _ in 0..MENDS {
        let problem = match from_tree(&mended.tree) {
            Ok(value) => {
                mended.value = Some(value);
                break;
            }
            Err(problem) => problem,
        };
        // What is wrong with what was put in is no mistake of the author's.
        let follows = mended.touched.contains(&problem.at);
        if !follows && !mended.problems.contains(&problem) {
            mended.problems.push(problem.clone());
        }
        if mended.problems.len() == TOLD || !mended.mend(&problem, &mut put_in) {
            break;
        }
    }
    mended.problems.sort_by_key(|problem| problem.at);
    mended
}

impl<T> Mended<T> {
    /// Makes the tree right in this respect; `false` where nothing does.
    fn mend(&mut self, problem: &Problem, put_in: &mut u64) -> bool {
        let Problem { at, message } = problem;
        if let Some(key) = quoted_after(message, "the key ").filter(|_| message.ends_with(" is missing")) {
            // Places that no file has, so that what is put in is known again.
            *put_in += 1;
            let place = At { line: u64::MAX, column: *put_in };
            self.touched.push(place);
            return put_key(&mut self.tree, *at, key, place);
        }
        let is_again = self.touched.contains(at);
        let meant = Meant::by(problem);
        if let Some(name) =
            quoted_after(message, "did you mean ").filter(|_| message.starts_with("unknown key"))
        {
            self.touched.push(*at);
            if !is_again && rename(&mut self.tree, *at, name) {
                return true;
            }
        }
        if let Some(kind) = stand_in_for(message).filter(|_| !is_again || at.line == u64::MAX) {
            self.touched.push(*at);
            if put(&mut self.tree, &meant, &kind) {
                // A list or mapping, or what an empty one stands for, may have held names.
                self.is_less |= meant.is_list || meant.is_map || matches!(kind, Kind::List(_) | Kind::Map(_));
                return true;
            }
        }
        let gone = take_out(&mut self.tree, &meant);
        // What is around it stands for it from now on.
        self.touched.extend(gone);
        self.is_less |= gone.is_some();
        gone.is_some()
    }
}

/// What stands between the backticks after `words`.
fn quoted_after<'m>(message: &'m str, words: &str) -> Option<&'m str> {
    message.split_once(words)?.1.strip_prefix('`')?.split_once('`').map(|(name, _)| name)
}

/// A value that is right where this is said of the one that is there, as far as the message tells.
fn stand_in_for(message: &str) -> Option<Kind> {
    let text = |text: &str| Some(Kind::Text(text.to_owned()));
    if message.starts_with("unknown value ") {
        let meant = quoted_after(message, "did you mean ");
        let first = || message.split_once("(one of ")?.1.split([',', ')']).next();
        return text(meant.or_else(first)?);
    }
    // A time without its unit.
    if let Some((_, right)) = message.split_once(" has no unit: write ") {
        return text(right.split(' ').next()?);
    }
    match message.strip_prefix("expected ")?.split(',').next()? {
        "text" | "a string" => text("x"),
        "a list" => Some(Kind::List(Vec::new())),
        "a mapping" => Some(Kind::Map(Vec::new())),
        wanted if wanted.starts_with("a boolean") => Some(Kind::Bool(false)),
        wanted if wanted.starts_with("a whole number") || wanted.starts_with(['u', 'f']) => {
            Some(Kind::Int(1))
        }
        wanted => text(wanted.strip_prefix("one of ")?.split(' ').next()?),
    }
}

/// Adds a key without a value to the mapping at `at`; `false` where there is none.
fn put_key(node: &mut Node, at: At, key: &str, place: At) -> bool {
    match &mut node.kind {
        Kind::Map(entries) if node.at == at => {
            entries.push((key.to_owned(), place, Node { at: place, kind: Kind::Null(Null::Missing) }));
            true
        }
        Kind::Map(entries) => entries.iter_mut().any(|(.., inner)| put_key(inner, at, key, place)),
        Kind::List(items) => items.iter_mut().any(|inner| put_key(inner, at, key, place)),
        _ => false,
    }
}

/// Gives the key at `at` another name, which its mapping must not have yet.
fn rename(node: &mut Node, at: At, name: &str) -> bool {
    match &mut node.kind {
        Kind::Map(entries) => match entries.iter().position(|(_, key, _)| *key == at) {
            Some(_) if entries.iter().any(|(other, ..)| other == name) => false,
            Some(index) => entries.get_mut(index).is_some_and(|(key, ..)| {
                name.clone_into(key);
                true
            }),
            None => entries.iter_mut().any(|(.., inner)| rename(inner, at, name)),
        },
        Kind::List(items) => items.iter_mut().any(|inner| rename(inner, at, name)),
        _ => false,
    }
}

/// What a problem is about: a mapping begins where its first key does, so that the place alone does not tell.
struct Meant {
    at: At,
    is_list: bool,
    is_map: bool,
}

impl Meant {
    fn by(problem: &Problem) -> Self {
        let found = |what: &str| problem.message.ends_with(what);
        Self { at: problem.at, is_list: found("found a list"), is_map: found("found a mapping") }
    }

    fn is(&self, node: &Node) -> bool {
        node.at == self.at
            && match &node.kind {
                Kind::Map(entries) => self.is_map || entries.is_empty(),
                Kind::List(items) => self.is_list || items.is_empty(),
                _ => true,
            }
    }
}

/// Puts a value in the place of the one that is meant; `false` where there is none.
fn put(node: &mut Node, meant: &Meant, value: &Kind) -> bool {
    if meant.is(node) {
        node.kind = value.clone();
        return true;
    }
    match &mut node.kind {
        Kind::Map(entries) => entries.iter_mut().any(|(.., inner)| put(inner, meant, value)),
        Kind::List(items) => items.iter_mut().any(|inner| put(inner, meant, value)),
        _ => false,
    }
}

/// Takes out the entry or element that is meant, or of which the key is, and gives the place of what it stood in; none where there is
/// none.
fn take_out(node: &mut Node, meant: &Meant) -> Option<At> {
    let here = node.at;
    match &mut node.kind {
        Kind::Map(entries) => {
            let found = entries.iter().position(|(_, key, value)| *key == meant.at || meant.is(value));
            match found {
                Some(index) => {
                    entries.remove(index);
                    Some(here)
                }
                None => entries.iter_mut().find_map(|(.., value)| take_out(value, meant)),
            }
        }
        Kind::List(items) => match items.iter().position(|item| meant.is(item)) {
            Some(index) => {
                items.remove(index);
                Some(here)
            }
            None => items.iter_mut().find_map(|item| take_out(item, meant)),
        },
        _ => None,
    }
}

/// Whether the node, one of its keys, or something inside stands there.
fn holds(node: &Node, at: At) -> bool {
    node.at == at
        || match &node.kind {
            Kind::Map(entries) => entries.iter().any(|(_, key, value)| *key == at || holds(value, at)),
            Kind::List(items) => items.iter().any(|item| holds(item, at)),
            _ => false,
        }
}
