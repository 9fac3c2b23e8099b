//! Conditions (`when`): evaluated as they stand in the schema, whose expressions are compiled.

use crate::facts::Facts;
use crate::schema::Test;

/// Whether every part holds. A field that the request does not have does not match.
pub(crate) fn holds(when: &[Test], facts: &Facts<'_>) -> bool {
    when.iter().all(|test| match test {
        Test::Matches(field, pattern) => facts
            .value(field)
            .is_some_and(|value| pattern.regex().is_match(&value)),
        Test::Not(inner) => !holds(inner, facts),
        Test::Any(any) => any.iter().any(|inner| holds(inner, facts)),
    })
}
