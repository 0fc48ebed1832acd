//! Values and rows, without a driver's types.

use super::{Error, Fault, WrongType};
use kernel::ids::{DeviceId, Hour, PersonId, Slug, StoreId, StreamId, SubjectId};

/// A parameter, or a column of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// BIGINT.
    Int(i64),
    /// DOUBLE PRECISION.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BYTEA.
    Bytes(Vec<u8>),
}

macro_rules! value_from {
    ($($type:ty => |$value:ident| $made:expr;)*) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self { $made }
        })*
    };
}

value_from! {
    i64 => |v| Self::Int(v);
    u8 => |v| Self::Int(v.into());
    u16 => |v| Self::Int(v.into());
    u32 => |v| Self::Int(v.into());
    bool => |v| Self::Int(v.into());
    f64 => |v| Self::Real(v);
    &str => |v| Self::Text(v.to_owned());
    String => |v| Self::Text(v);
    &String => |v| Self::Text(v.clone());
    &[u8] => |v| Self::Bytes(v.to_vec());
    Vec<u8> => |v| Self::Bytes(v);
    &Vec<u8> => |v| Self::Bytes(v.clone());
    [u8; 16] => |v| Self::Bytes(v.to_vec());
    [u8; 32] => |v| Self::Bytes(v.to_vec());
    &[u8; 32] => |v| Self::Bytes(v.to_vec());
    SubjectId => |v| Self::Bytes(v.as_bytes().to_vec());
    StreamId => |v| Self::Bytes(v.as_bytes().to_vec());
    DeviceId => |v| Self::Bytes(v.as_bytes().to_vec());
    StoreId => |v| Self::Bytes(v.as_bytes().to_vec());
    PersonId => |v| Self::Bytes(v.as_bytes().to_vec());
    Hour => |v| Self::Int(v.unix());
    &Slug => |v| Self::Text(v.as_str().to_owned());
    // Stored with the same 64 bits: an index never reaches the sign, a sum is only compared.
    u64 => |v| Self::Int(v.cast_signed());
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What a column can be read as.
pub trait FromValue: Sized {
    /// In words, for an error.
    const EXPECTED: &'static str;
    /// The value, if it is one of these.
    fn from_value(value: Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($type:ty, $expected:literal, $pattern:pat => $made:expr;)*) => {
        $(impl FromValue for $type {
            const EXPECTED: &'static str = $expected;
            fn from_value(value: Value) -> Option<Self> {
                match value { $pattern => $made, _ => None }
            }
        })*
    };
}

from_value! {
    i64, "an integer", Value::Int(v) => Some(v);
    u64, "an integer", Value::Int(v) => Some(v.cast_unsigned());
    u32, "an integer of 32 bits", Value::Int(v) => v.try_into().ok();
    u16, "an integer of 16 bits", Value::Int(v) => v.try_into().ok();
    bool, "0 or 1", Value::Int(v @ 0..=1) => Some(v == 1);
    f64, "a number", Value::Real(v) => Some(v);
    String, "a text", Value::Text(v) => Some(v);
    Vec<u8>, "bytes", Value::Bytes(v) => Some(v);
    [u8; 16], "16 bytes", Value::Bytes(v) => v.try_into().ok();
    [u8; 32], "32 bytes", Value::Bytes(v) => v.try_into().ok();
    Hour, "a whole hour", Value::Int(v) => Hour::new(v).ok();
    Slug, "a concept", Value::Text(v) => Slug::new(v).ok();
}

macro_rules! id_from_value {
    ($($type:ty),*) => {
        $(impl FromValue for $type {
            const EXPECTED: &'static str = "an id";
            fn from_value(value: Value) -> Option<Self> {
                <[u8; 16]>::from_value(value).map(Self::from_bytes)
            }
        })*
    };
}

id_from_value!(SubjectId, StreamId, DeviceId, StoreId, PersonId);

impl<T: FromValue> FromValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// A row of a query. Columns are taken in order: [`Row::next`].
#[derive(Debug)]
pub struct Row {
    statement: &'static str,
    column: usize,
    values: std::vec::IntoIter<Value>,
}

impl Row {
    pub(crate) fn new(statement: &'static str, values: Vec<Value>) -> Self {
        Self {
            statement,
            column: 0,
            values: values.into_iter(),
        }
    }

    /// The next column.
    ///
    /// # Errors
    /// [`Fault::Type`] if there is none, or it holds something else.
    #[expect(
        clippy::should_implement_trait,
        reason = "each column has a type of its own, so it is no iterator"
    )]
    pub fn next<T: FromValue>(&mut self) -> Result<T, Error> {
        let column = self.column;
        self.column += 1;
        self.values.next().and_then(T::from_value).ok_or_else(|| {
            let wrong = WrongType {
                column,
                statement: self.statement,
                expected: T::EXPECTED,
            };
            Error::new(Fault::Type, self.statement, wrong)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_another_type_is_named() {
        let mut row = Row::new("find_person", vec![Value::Int(1), Value::Text("x".into())]);
        assert_eq!(row.next::<i64>().unwrap(), 1);
        let error = row.next::<Hour>().unwrap_err();
        assert_eq!(error.fault, Fault::Type);
        assert_eq!(
            error.source.to_string(),
            "column 1 of find_person is not a whole hour"
        );
        assert!(row.next::<i64>().is_err(), "there is no third column");
    }

    #[test]
    fn a_sum_keeps_all_its_bits() {
        let Value::Int(stored) = Value::from(u64::MAX - 1) else {
            panic!("an integer")
        };
        assert_eq!(u64::from_value(Value::Int(stored)), Some(u64::MAX - 1));
    }
}
