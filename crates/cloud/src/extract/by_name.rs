//! Reading a JSON value into a type by the names of members only.
//!
//! Derived types also take a list, whose items are then the members in the order in which the type declares them. No
//! client means that, so here a list is no object, at any depth.

use std::fmt;

use serde::{
    Deserializer,
    de::{
        Error as _, IntoDeserializer, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Value};

/// A value that is read by names.
#[derive(Clone, Copy)]
pub(crate) struct ByName<'de>(pub(crate) &'de Value);

impl<'de> IntoDeserializer<'de, Error> for ByName<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for ByName<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.iter().map(ByName));
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.as_str(), ByName(value)));
                let mut members = MapDeserializer::new(members);
                let value = visitor.visit_map(&mut members)?;
                members.end().map(|()| value)
            }
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.0.is_array() {
            return Err(Error::invalid_type(Unexpected::Seq, &Object));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// What is expected where there is a list.
struct Object;

impl serde::de::Expected for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<Inner>,
        #[serde(default)]
        any: Value,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        a: i64,
        #[serde(default)]
        kind: Option<Kind>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Low,
    }

    fn read(value: &Value) -> Result<Outer, String> {
        Outer::deserialize(ByName(value)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_fits_is_read_as_ever() {
        for value in [
            json!({}),
            json!({"inner": null, "list": []}),
            json!({"inner": {"a": 1, "kind": "low"}, "list": [{"a": -2}], "any": {"x": [1.5, [null], true]}}),
            json!({"inner": {"a": 5, "b": 7}, "more": 1}),
        ] {
            assert_eq!(read(&value).unwrap(), serde_json::from_value::<Outer>(value).unwrap());
        }
    }

    #[test]
    fn a_list_is_no_object_at_any_depth() {
        for value in [json!([]), json!([{"a": 1}]), json!({"inner": [1]}), json!({"list": [[1]]})] {
            assert_eq!(read(&value).unwrap_err(), "invalid type: sequence, expected an object", "{value}");
            assert!(serde_json::from_value::<Outer>(value).is_ok(), "derived types would take it");
        }
    }
}
