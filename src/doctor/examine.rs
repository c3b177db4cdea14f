//! Settings and host side by side.

use serde::Serialize;

use super::facts::{Fact, Facts};
use super::host::Host;
use super::reading::{Found, Reading, is_of_devices, readings};
use super::setting::{Needed, Setting};
use super::tuning::Tuning;

/// What came of one setting, or of one network device's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// The setting's name.
    pub setting: String,
    /// The file of `tuning/` that says so.
    pub file: String,
    /// The network device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The value; empty if there is none.
    pub here: String,
    pub wanted: String,
    pub verdict: Verdict,
    pub weight: Weight,
    /// Why it cannot be told, or why there is nothing to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What mends it, if it is to be mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// The installable file that sets it for good.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    Mend,
    CannotTell,
    /// This host does not have it.
    NotHere,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// The configuration needs it.
    Need,
    Advice,
}

impl Finding {
    pub fn is_unmet_need(&self) -> bool {
        self.verdict == Verdict::Mend && self.weight == Weight::Need
    }
}

/// Everything that `tuning` speaks of. `configured`: the facts are those of a configuration that was
/// given, so that what it needs is needed.
pub fn examine(tuning: &Tuning, host: &Host, facts: &Facts, configured: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, setting) in tuning.settings() {
        let judge = Judge { file, setting, facts, configured };
        let found = readings(setting, host, facts);
        if found.is_empty() && is_of_devices(setting) {
            let reason = "no network device with hardware behind it";
            findings.push(judge.unvalued(None, Verdict::NotHere, reason.to_owned()));
        }
        findings.extend(found.into_iter().map(|reading| judge.judge(reading)));
    }
    findings
}

struct Judge<'a> {
    file: &'a str,
    setting: &'a Setting,
    facts: &'a Facts,
    configured: bool,
}

impl Judge<'_> {
    fn judge(&self, reading: Reading) -> Finding {
        let Reading { device, found, remedy } = reading;
        let values = match found {
            Found::Values(values) => values,
            Found::Unknown(reason) => return self.unvalued(device, Verdict::CannotTell, reason),
            Found::Absent => return self.absent(device),
        };
        let here = values.join(", ");
        let held: Option<Vec<bool>> = values.iter().map(|value| self.setting.want.holds(value, self.facts)).collect();
        let Some(held) = held else {
            return self.unvalued(device, Verdict::CannotTell, format!("`{here}` is no number"));
        };
        if held.into_iter().all(|held| held) {
            return Finding { here, ..self.unjudged(device, Verdict::Ok) };
        }
        let mend = self.mend(&here, device.as_deref(), &remedy);
        Finding { here, mend: Some(mend), ..self.unjudged(device, Verdict::Mend) }
    }

    fn absent(&self, device: Option<String>) -> Finding {
        match &self.setting.absent {
            Some(reason) => self.unvalued(device, Verdict::NotHere, reason.clone()),
            None => self.unvalued(device, Verdict::CannotTell, "this kernel does not say it".to_owned()),
        }
    }

    fn unvalued(&self, device: Option<String>, verdict: Verdict, reason: String) -> Finding {
        Finding { reason: Some(reason), ..self.unjudged(device, verdict) }
    }

    fn unjudged(&self, device: Option<String>, verdict: Verdict) -> Finding {
        Finding {
            setting: self.setting.name.clone(),
            file: self.file.to_owned(),
            device,
            here: String::new(),
            wanted: self.setting.want.shown(self.facts),
            verdict,
            weight: self.weight(),
            reason: None,
            mend: None,
            keep: self.setting.keep.iter().map(|keep| keep.file.clone()).collect(),
        }
    }

    fn weight(&self) -> Weight {
        match self.setting.needed {
            Needed::Always => Weight::Need,
            Needed::ByTheConfiguration if self.configured => Weight::Need,
            Needed::ByTheConfiguration | Needed::Never => Weight::Advice,
        }
    }

    fn mend(&self, here: &str, device: Option<&str>, remedy: &str) -> String {
        let mut mend = self.setting.mend.trim().to_owned();
        for (name, text) in [
            ("{want}", self.setting.want.target(self.facts).as_str()),
            ("{here}", here),
            ("{nic}", device.unwrap_or_default()),
            ("{remedy}", remedy),
        ] {
            mend = mend.replace(name, text);
        }
        for fact in Fact::ALL {
            mend = mend.replace(&format!("{{{}}}", fact.name()), &self.facts.number(fact).to_string());
        }
        mend
    }
}

#[cfg(test)]
#[path = "examine_tests.rs"]
mod tests;
