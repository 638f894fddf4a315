//! What is known about the place of a value, and whether the value is what its key says: the key proposes, the value decides.

use super::category::Category;
use super::detect::Keyed;
use super::finding::{Certainty, Detector};
use super::hits::Hits;
use super::keys::{Describes, Says, Whose};
use super::text;

/// What the object around a key describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A person.
    Person,
    /// A thing, and so are its parts.
    Thing,
    /// A thing whose parts may be about anybody.
    Carrier,
    /// Several of them, by name or in a list.
    Carriers,
    /// An account on a platform.
    Platform,
    /// Nobody knows.
    Unknown,
}

impl Subject {
    /// What one of several describes.
    pub fn element(self) -> Self {
        if self == Self::Carriers { Self::Carrier } else { self }
    }
}

/// What is known about the place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    /// What the key says, or the key above it when this one is only a part.
    pub says: Says,
    /// What the object around it describes.
    pub around: Subject,
    /// What the value itself describes, if it is a container.
    pub inside: Subject,
    /// Whose place the nearest key says this is.
    pub whose: Whose,
    /// Which member of a record the key is.
    pub member: Option<(Category, u8)>,
    /// The category that the policy gives to this key.
    pub extra: Option<Category>,
    /// Whether this is an object that is about fields.
    pub describes: Describes,
    /// The key itself holds data.
    pub data: bool,
}

impl Context {
    /// A place without key.
    pub const NONE: Self = Self {
        says: Says::Nothing,
        around: Subject::Unknown,
        inside: Subject::Unknown,
        whose: Whose::Unknown,
        member: None,
        extra: None,
        describes: Describes::Nothing,
        data: false,
    };

    /// The place of an element of this container, if it is a list.
    pub fn element(self) -> Self {
        // A list under `errors` is one of rows with errors.
        Self { inside: self.inside.element(), member: None, describes: Describes::Nothing, ..self }
    }

    /// The place of the keys of this container: versions are written as keys, too.
    pub fn of_keys(self) -> Self {
        match self.says {
            Says::Version => Self { says: Says::Version, ..Self::NONE },
            _ => Self::NONE,
        }
    }
}

/// Adds the value when it is what its key says.
pub(super) fn judge(value: &str, context: Context, hits: &mut Hits) {
    if let Some(category) = context.extra
        && !text::is_placeholder(value)
        && value.trim().chars().count() >= 2
    {
        hits.add(category, Detector::Key, Certainty::Certain, value.trim());
    }
    hits.worked(value.len().min(128));
    if let Says::Of(category, grade) = context.says {
        let before = hits.list.len();
        (category.kind().judge)(&Keyed { value, grade, context }, hits);
        if hits.is_traced() && hits.list.len() == before {
            let why = if text::is_placeholder(value) {
                "it is a placeholder or masked"
            } else {
                "its form is another"
            };
            hits.against(category, format!("the key says {category}, but the value is not one: {why}"));
        }
    }
}
