//! What `check` refuses and what it warns of, on a configuration whose single values are sound or
//! known to be refused. Every rule looks at everything, so that one run shows all faults.

mod addresses;
mod headers;
mod iso8583;
mod lines;
mod names;
mod routes;
mod settings;
#[cfg(test)]
mod tests;
mod timers;

use super::fault::Findings;
use super::model::Model;

/// Applies every rule.
pub fn check(model: &Model, findings: &mut Findings<'_>) {
    settings::check(model, findings);
    timers::check(model, findings);
    names::check(model, findings);
    lines::check(model, findings);
    addresses::check(model, findings);
    headers::check(model, findings);
    iso8583::check(model, findings);
    routes::check(model, findings);
}
