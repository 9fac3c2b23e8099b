//! Conditions (`when`): evaluated as they stand in the schema, whose expressions are compiled.

use crate::facts::{Facts, Field};
use crate::schema::Test;

/// Hears what is compared; live calls have `()`, which hears nothing.
pub(crate) trait Watch {
    /// Whether it listens at all.
    fn listens(&self) -> bool {
        true
    }

    /// A field was looked at; nothing where the request does not have it.
    fn compared(&mut self, _field: &Field, _value: Option<&str>) {}
}

impl Watch for () {
    fn listens(&self) -> bool {
        false
    }
}

/// Whether every part holds. A field that the request does not have does not match.
pub(crate) fn holds(when: &[Test], facts: &Facts<'_>) -> bool {
    failing(when, facts, &mut ()).is_none()
}

/// The first part that does not hold; what stands behind it is not looked at.
pub(crate) fn failing<'w>(
    when: &'w [Test],
    facts: &Facts<'_>,
    watch: &mut impl Watch,
) -> Option<&'w Test> {
    when.iter().find(|test| !test_holds(test, facts, watch))
}

fn test_holds(test: &Test, facts: &Facts<'_>, watch: &mut impl Watch) -> bool {
    match test {
        Test::Matches(field, pattern) => {
            let value = facts.value(field);
            watch.compared(field, value.as_deref());
            value.is_some_and(|value| pattern.regex().is_match(&value))
        }
        Test::Not(inner) => failing(inner, facts, watch).is_some(),
        Test::Any(any) => any
            .iter()
            .any(|inner| failing(inner, facts, watch).is_none()),
        Test::Expr(expression) => {
            if watch.listens() {
                for field in expression.fields() {
                    watch.compared(field, facts.value(field).as_deref());
                }
            }
            expression.holds(facts)
        }
    }
}
