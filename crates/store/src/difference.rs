//! The columns in which two versions of a row differ.

use sea_orm::{ActiveModelTrait, EntityTrait, Iterable};

/// A change that sets the columns of `after` that differ from `before`, and no others: to write a whole row back
/// would undo what another transaction changed since it was read.
pub(crate) fn difference<A: ActiveModelTrait>(before: &A, mut after: A) -> A {
    for column in <A::Entity as EntityTrait>::Column::iter() {
        if before.get(column).into_value() != after.get(column).into_value() {
            after.reset(column);
        }
    }
    after
}
