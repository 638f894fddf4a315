//! A sender in files and journals: a built-in profile by its name, another one as data.

use super::{FileView, Scheme};
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

impl Serialize for Scheme {
    /// The name of a built-in profile; the name and the data of another.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_built_in() {
            return serializer.serialize_str(self.name());
        }
        let spec = self.spec();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name())?;
        map.serialize_entry("signature", &spec.signature)?;
        map.serialize_entry("event", &spec.event)?;
        map.serialize_entry("id", &spec.id)?;
        map.serialize_entry("body", &spec.body)?;
        map.serialize_entry("headers", &spec.headers)?;
        map.serialize_entry("caveats", &spec.caveats)?;
        map.serialize_entry("user_agent", &spec.user_agent)?;
        map.serialize_entry("settings", &spec.settings)?;
        map.serialize_entry("example", &spec.example)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Known;
        impl<'de> Visitor<'de> for Known {
            type Value = Scheme;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a sender, or its requests as data")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Scheme, E> {
                name.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Scheme, A::Error> {
                let mut view = FileView::deserialize(MapAccessDeserializer::new(map))?;
                let name = std::mem::take(&mut view.name);
                Scheme::of(&name, view.spec()).map_err(|problems| {
                    let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
                    serde::de::Error::custom(all.join("; "))
                })
            }
        }
        deserializer.deserialize_any(Known)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Scheme {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scheme".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names = Self::ALL.iter().flat_map(|s| {
            let sender = (s.0.sender != s.0.name).then_some(s.0.sender);
            [Some(s.0.name), sender].into_iter().flatten().chain(s.0.aliases.iter().copied())
        });
        let names: Vec<&str> = names.collect();
        schemars::json_schema!({
            "description": "A sender: a built-in profile by name, or its requests as data, with its name.",
            "anyOf": [
                { "type": "string", "enum": names },
                {
                    "type": "object",
                    "description": "Of a sender that is not built in: what its profile says about requests, and its name.",
                    "properties": { "name": { "type": "string" }, "signature": { "type": "object" } },
                    "required": ["name", "signature"],
                },
            ],
        })
    }
}
