//! What does not change from leaf to leaf, and what a key makes of the place below it.

use super::canary::Canaries;
use super::category::Category;
use super::decode::fields;
use super::detect;
use super::document::Name;
use super::judge::{Context, Subject};
use super::keys::{self, Role, Says, Whose};
use super::memo::Memo;
use regex::Regex;
use std::collections::HashMap;

/// What does not change from leaf to leaf.
#[derive(Clone, Copy)]
pub(super) struct Rules<'e> {
    pub canaries: [&'e Canaries; 2],
    pub extra_keys: &'e HashMap<String, Category>,
    pub extra_patterns: &'e [(Regex, Category)],
    /// What was found clean under these very rules.
    pub memo: Option<&'e Memo>,
}

impl Rules<'_> {
    /// The context of a member `name` in a container of context `parent`.
    pub fn step(&self, parent: Context, name: &Name<'_>) -> Context {
        match name {
            Name::Root => parent,
            Name::Index(_) => self.element(parent),
            Name::Key(key) => self.under(parent, key),
        }
    }

    /// The context of an element of a list.
    pub fn element(self, parent: Context) -> Context {
        let member = matches!(parent.says, Says::Of(Category::Geo, _))
            .then_some((Category::Geo, detect::geo::ELEMENT));
        Context { member, ..parent.element() }
    }

    /// The context under the name of a field, which may be a path: `user[name]`.
    pub fn field(&self, parent: Context, name: &str) -> Context {
        if !name.contains('[') {
            return self.under(parent, name);
        }
        let context = fields::keys(name).fold(parent, |around, key| match key {
            Some(key) => self.under(around, key),
            None => self.element(around),
        });
        Context { data: self.under(parent, name).data, ..context }
    }

    /// Whether a key by itself says something about the value under it.
    pub fn tells(&self, key: &str) -> bool {
        let class = keys::classify(key);
        class.member.is_some()
            || matches!(class.says, Says::Of(..))
            || !self.extra_keys.is_empty() && self.extra_keys.contains_key(&key.to_lowercase())
    }

    /// The context under a key.
    pub fn under(&self, parent: Context, key: &str) -> Context {
        let class = keys::classify(key);
        let part = class.says == Says::Part;
        let inside = match class.role {
            Role::Person => Subject::Person,
            Role::Thing => Subject::Thing,
            Role::Platform => Subject::Platform,
            Role::Wrapper => parent.inside.element(),
            Role::Carrier => Subject::Carrier,
            Role::Carriers => Subject::Carriers,
            Role::Other if parent.inside == Subject::Carriers => Subject::Carrier,
            // Parts of a thing are about it.
            Role::Other if parent.inside == Subject::Thing => Subject::Thing,
            Role::People | Role::Other => Subject::Unknown,
        };
        // `versions: {ios: …}` are versions, whatever the members are called; `patch: {author: …}` is a person.
        let street = matches!(class.says, Says::Of(Category::PostalAddress, _))
            && matches!(parent.says, Says::Of(Category::PostalAddress, _));
        let inherited = street
            || class.role != Role::Person
                && match parent.says {
                    Says::Version if parent.inside != Subject::Person => {
                        matches!(class.says, Says::Nothing | Says::Id | detect::name::BARE | Says::Opaque)
                    }
                    Says::UserAgent => class.says == Says::Nothing,
                    detect::ip::IP => key.eq_ignore_ascii_case("address"),
                    _ => false,
                };
        let (says, around) = match class.says {
            Says::Part => (parent.says, parent.around),
            // `phone: {national_number: …}` is no number of a nation.
            Says::Of(Category::GovId, _) if matches!(parent.says, Says::Of(Category::Phone, _)) => {
                (parent.says, parent.around)
            }
            _ if inherited => (parent.says, parent.inside),
            detect::name::HELD if !is_of_money(parent) => (Says::Nothing, parent.inside),
            says => (says, parent.inside),
        };
        // `shop: {contact_address: …}` is the shop's: an address is whose the object around it is.
        let address =
            matches!(class.says, Says::Of(Category::PostalAddress, _)) && parent.whose == Whose::Place;
        let whose = if class.whose == Whose::Unknown || address { parent.whose } else { class.whose };
        let extra = if self.extra_keys.is_empty() {
            None
        } else {
            self.extra_keys.get(&key.to_lowercase()).copied().or(parent.extra.filter(|_| part))
        };
        // `translations: {fr: {…}}`
        let describes = if keys::is_locale(key) { parent.describes } else { class.describes };
        Context { says, around, inside, whose, member: class.member, extra, describes, data: class.data }
    }
}

/// Whether a container is what somebody pays with or is paid to.
fn is_of_money(container: Context) -> bool {
    let own = |category| matches!(category, Category::Card | Category::Iban | Category::BankAccount);
    matches!(container.says, Says::Of(category, _) if own(category))
        || container.member.is_some_and(|(category, _)| own(category))
}
