//! The single values of a request: what was found clean before, under the same name and in the same place, is not looked at again.

use super::hits::Hits;
use super::judge::Context;
use super::layers::Layers;
use super::memo::Place;
use super::rules::Rules;

/// What a value with a name and the name itself say; nothing that was found clean before is looked at again.
pub(super) fn named(name: &str, value: &str, rules: Rules<'_>) -> Hits {
    let mut hits = Hits::default();
    if let Some(work) = known_clean(name, value, rules) {
        hits.work = work;
        return hits;
    }
    let known = Place { name, context: Context::NONE };
    let context = rules.field(Context::NONE, name);
    let mut layers = Layers::new(rules, &mut hits, name.len() + value.len());
    layers.value(value, context);
    if context.data {
        layers.value(name, Context::NONE);
    }
    remember(rules, known, value, &hits);
    hits
}

/// The bytes that were looked at when a value with this name was found clean; `None` if it was not.
pub(super) fn known_clean(name: &str, value: &str, rules: Rules<'_>) -> Option<u64> {
    rules.memo?.work(Place { name, context: Context::NONE }, value)
}

/// The text of a leaf; nothing to do when it was found clean before.
pub(super) fn leaf(value: &str, context: Context, rules: Rules<'_>, hits: &mut Hits) {
    let known = Place { name: "", context };
    if let Some(work) = rules.memo.and_then(|memo| memo.work(known, value)) {
        hits.work += work;
        return;
    }
    Layers::new(rules, hits, value.len()).value(value, context);
    remember(rules, known, value, hits);
}

/// A key that is no data but for a test user's value in it; nothing to do when there was none before.
pub(super) fn plain_key(key: &str, rules: Rules<'_>, hits: &mut Hits) {
    // Neither a leaf, which has no name, nor a field, which has no context.
    let known = Place { name: "key", context: Context { data: true, ..Context::NONE } };
    if let Some(work) = rules.memo.and_then(|memo| memo.work(known, key)) {
        hits.work += work;
        return;
    }
    let mut own = Hits::default();
    for canaries in rules.canaries {
        canaries.search(key, &mut own);
    }
    remember(rules, known, key, &own);
    hits.work += own.work;
    for hit in own.list {
        hits.add(hit.category, hit.detector, hit.certainty, &hit.value);
    }
}

fn remember(rules: Rules<'_>, place: Place<'_>, text: &str, hits: &Hits) {
    if let Some(memo) = rules.memo.filter(|_| hits.list.is_empty() && hits.unread.is_none()) {
        memo.clean(place, text, hits.work);
    }
}
