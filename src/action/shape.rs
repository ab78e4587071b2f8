//! The fields that a look or an action gives to a script, declared beside it: lint reads a script
//! against them, so that a misspelt field is found before an incident and not in one.
//!
//! A declaration is only worth something while it is true. The tests of the harness hold each against
//! what the sandbox really gives, in both directions.

/// What is known of a value before it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing: text, numbers, and maps with keys of somebody else's choice, such as tags.
    Any,
    /// A map with these fields and no other. One that is `()` at times is among them.
    Fields(&'static [(&'static str, Shape)]),
    /// A list of such values.
    List(&'static Shape),
}

impl Shape {
    /// The field of this name; `None` when there is none. Of what is not known, any field may be.
    #[must_use]
    pub fn field(self, name: &str) -> Option<Self> {
        match self {
            Self::Fields(fields) => {
                fields.iter().find(|(field, _)| *field == name).map(|(_, shape)| *shape)
            }
            Self::Any | Self::List(_) => Some(Self::Any),
        }
    }

    /// The names of its fields.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let fields = match self {
            Self::Fields(fields) => fields,
            Self::Any | Self::List(_) => &[],
        };
        fields.iter().map(|(name, _)| *name)
    }

    /// The paths of all fields that are declared, such as `interfaces[].id`.
    #[cfg(test)]
    pub fn declared(self) -> std::collections::BTreeSet<String> {
        let below = |prefix: String, shape: Self| {
            shape.declared().into_iter().map(move |path| format!("{prefix}{path}"))
        };
        match self {
            Self::Any => [].into(),
            Self::List(item) => below("[]".to_owned(), *item).collect(),
            Self::Fields(fields) => fields
                .iter()
                .flat_map(|(name, shape)| {
                    std::iter::once(format!(".{name}")).chain(below(format!(".{name}"), *shape))
                })
                .collect(),
        }
    }

    /// The paths of all fields that a value has, as deep as fields are declared.
    #[cfg(test)]
    pub fn seen_in(self, value: &serde_json::Value) -> std::collections::BTreeSet<String> {
        let below = |prefix: String, shape: Self, value: &serde_json::Value| {
            let paths = shape.seen_in(value).into_iter();
            paths.map(move |path| format!("{prefix}{path}")).collect::<Vec<_>>()
        };
        match (self, value) {
            (Self::List(item), serde_json::Value::Array(list)) => {
                list.iter().flat_map(|value| below("[]".to_owned(), *item, value)).collect()
            }
            (Self::Fields(_), serde_json::Value::Object(map)) => map
                .iter()
                .flat_map(|(name, value)| {
                    let shape = self.field(name).unwrap_or(Self::Any);
                    std::iter::once(format!(".{name}")).chain(below(
                        format!(".{name}"),
                        shape,
                        value,
                    ))
                })
                .collect(),
            _ => [].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Shape;

    #[test]
    fn what_is_seen_is_compared_as_deep_as_it_is_declared() {
        const DISK: Shape = Shape::Fields(&[("id", Shape::Any)]);
        const SHAPE: Shape = Shape::Fields(&[("tags", Shape::Any), ("disks", Shape::List(&DISK))]);
        let declared: Vec<String> = SHAPE.declared().into_iter().collect();
        assert_eq!(declared, [".disks", ".disks[].id", ".tags"]);
        let value =
            json!({"tags": {"a": "b"}, "disks": [{"id": 1}, {"size": 8}], "more": {"x": 1}});
        let seen: Vec<String> = SHAPE.seen_in(&value).into_iter().collect();
        assert_eq!(seen, [".disks", ".disks[].id", ".disks[].size", ".more", ".tags"]);
        assert_eq!(SHAPE.field("disks"), Some(Shape::List(&DISK)));
        assert_eq!(SHAPE.field("disk"), None);
        assert_eq!(Shape::Any.field("disk"), Some(Shape::Any));
    }
}
