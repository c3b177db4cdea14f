//! The metrics as OpenMetrics text.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

use super::Snapshot;
use super::families::Families;

/// What the text is, for the HTTP header.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text of everything in `snapshot`, `# EOF` included.
pub fn render(snapshot: Snapshot) -> String {
    let mut registry = Registry::with_prefix("ringswitch");
    registry.register_collector(Box::new(Everything(snapshot)));
    let mut text = String::new();
    text::encode(&mut text, &registry).expect("writing to a string cannot fail");
    text
}

#[derive(Debug)]
struct Everything(Snapshot);

impl Collector for Everything {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut families = Families::new(encoder, &self.0);
        families.of_lines()?;
        families.of_groups()?;
        families.of_the_switch()
    }
}

#[cfg(test)]
#[path = "openmetrics_tests.rs"]
mod tests;
