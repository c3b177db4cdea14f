//! What a setting should be: `>= 4096`, `<= {spare-cpus}`, `in cubic bbr`, `not hpet`.

use std::cmp::Ordering;
use std::fmt;

use serde::Deserialize;

use super::facts::{Fact, Facts};

/// A demand on a value. Numbers may be facts of the configuration, in braces.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub enum Want {
    AtLeast(Amount),
    AtMost(Amount),
    /// One of these words.
    In(Vec<String>),
    /// None of these words.
    Not(Vec<String>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Amount {
    /// A number or a version, part by part.
    Parts(Vec<u64>),
    Fact(Fact),
}

impl Want {
    /// Whether `value` is as wanted; `None` if it cannot be compared.
    pub fn holds(&self, value: &str, facts: &Facts) -> Option<bool> {
        match self {
            Self::AtLeast(amount) => amount.compared(value, facts).map(Ordering::is_ge),
            Self::AtMost(amount) => amount.compared(value, facts).map(Ordering::is_le),
            Self::In(words) => Some(words.iter().any(|word| word == value)),
            Self::Not(words) => Some(words.iter().all(|word| word != value)),
        }
    }

    /// As the table shows it, facts replaced by their numbers.
    pub fn shown(&self, facts: &Facts) -> String {
        match self {
            Self::AtLeast(amount) => format!(">= {}", amount.shown(facts)),
            Self::AtMost(amount) => format!("<= {}", amount.shown(facts)),
            Self::In(words) => words.join(" or "),
            Self::Not(words) => format!("not {}", words.join(", ")),
        }
    }

    /// The number or the first word that is wanted: what a mend sets. Empty where any other will do.
    pub fn target(&self, facts: &Facts) -> String {
        match self {
            Self::AtLeast(amount) | Self::AtMost(amount) => amount.shown(facts),
            Self::In(words) => words.first().cloned().unwrap_or_default(),
            Self::Not(_) => String::new(),
        }
    }
}

impl Amount {
    fn parts(&self, facts: &Facts) -> Vec<u64> {
        match self {
            Self::Parts(parts) => parts.clone(),
            Self::Fact(fact) => vec![facts.number(*fact)],
        }
    }

    fn shown(&self, facts: &Facts) -> String {
        let parts: Vec<String> = self.parts(facts).iter().map(u64::to_string).collect();
        parts.join(".")
    }

    /// How `value` stands to this amount. Only as many parts count as are asked for.
    fn compared(&self, value: &str, facts: &Facts) -> Option<Ordering> {
        let asked = self.parts(facts);
        if matches!(value, "unlimited" | "infinity") {
            return Some(Ordering::Greater);
        }
        let mut here = leading_parts(value)?;
        here.resize(asked.len(), 0);
        Some(here.cmp(&asked))
    }
}

/// `6.18.44-cloud` is 6, 18, 44; `4096` is 4096.
fn leading_parts(text: &str) -> Option<Vec<u64>> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].trim_end_matches('.').split('.').map(|part| part.parse().ok()).collect()
}

impl TryFrom<String> for Want {
    type Error = NoWant;

    fn try_from(text: String) -> Result<Self, NoWant> {
        let refuse = || NoWant(text.clone());
        let (how, rest) = text.split_once(' ').ok_or_else(refuse)?;
        let words = || rest.split_whitespace().map(str::to_owned).collect();
        match how {
            ">=" => amount(rest).map(Self::AtLeast).ok_or_else(refuse),
            "<=" => amount(rest).map(Self::AtMost).ok_or_else(refuse),
            "in" => Ok(Self::In(words())),
            "not" => Ok(Self::Not(words())),
            _ => Err(refuse()),
        }
    }
}

fn amount(text: &str) -> Option<Amount> {
    if let Some(name) = text.strip_prefix('{') {
        return Fact::named(name.strip_suffix('}')?).map(Amount::Fact);
    }
    let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    leading_parts(text).filter(|_| whole).map(Amount::Parts)
}

/// Text that is no demand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoWant(String);

impl fmt::Display for NoWant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts: Vec<&str> = Fact::ALL.iter().map(|fact| fact.name()).collect();
        write!(
            out,
            "`{}` is no demand: write `>= N`, `<= N`, `in WORD WORD` or `not WORD`, where N is a number, a version or \
             one of {{{}}}",
            self.0,
            facts.join("} {")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::testing;

    fn holds(want: &str, value: &str) -> Option<bool> {
        Want::try_from(want.to_owned()).expect("a demand").holds(value, &testing::facts())
    }

    #[test]
    fn numbers_and_versions_are_compared_part_by_part() {
        assert_eq!(holds(">= 4096", "4096"), Some(true));
        assert_eq!(holds(">= 4096", "128"), Some(false));
        assert_eq!(holds("<= 300", "300"), Some(true));
        assert_eq!(holds(">= 6.17", "6.18.44-cloud"), Some(true));
        assert_eq!(holds(">= 6.17", "6.9"), Some(false));
        assert_eq!(holds(">= 6.17", "7"), Some(true));
        assert_eq!(holds("<= 0", "0"), Some(true));
        assert_eq!(holds(">= 9000", "unlimited"), Some(true));
        assert_eq!(holds("<= 0", "unlimited"), Some(false));
        assert_eq!(holds(">= 1", "18446744073709551615"), Some(true));
        assert_eq!(holds(">= 1", "many"), None);
        assert_eq!(holds(">= 1", ""), None);
    }

    #[test]
    fn words_are_compared_whole() {
        assert_eq!(holds("in cubic bbr", "bbr"), Some(true));
        assert_eq!(holds("in cubic bbr", "bb"), Some(false));
        assert_eq!(holds("not hpet acpi_pm", "acpi_pm"), Some(false));
        assert_eq!(holds("not hpet acpi_pm", "tsc"), Some(true));
    }

    #[test]
    fn a_fact_stands_for_its_number() {
        let facts = testing::facts();
        let want = Want::try_from(">= {descriptors}".to_owned()).expect("a demand");
        let descriptors = facts.number(Fact::Descriptors);
        assert_eq!(want.holds(&descriptors.to_string(), &facts), Some(true));
        assert_eq!(want.holds(&(descriptors - 1).to_string(), &facts), Some(false));
        assert_eq!(want.target(&facts), descriptors.to_string());
        assert_eq!(want.shown(&facts), format!(">= {descriptors}"));
    }

    #[test]
    fn what_is_no_demand_is_refused_with_the_forms_there_are() {
        for text in ["", "4096", "> 3", ">= many", ">= 12 MB", ">= {wishes}", ">= {descriptors"] {
            let refused = Want::try_from(text.to_owned()).expect_err(text);
            assert!(refused.to_string().contains("descriptors"), "{refused}");
        }
    }
}
