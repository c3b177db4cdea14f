//! `ringswitch doctor`: this host beside `tuning/`, and what mends the difference.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::args::{CONFIGURATION, DoctorArgs};
use super::table::{Align, table};
use crate::config;
use crate::config::plan::Plan;
use crate::control::configured::Configured;
use crate::control::source::{Fault, PlanSource};
use crate::doctor::{Facts, Finding, Host, Setting, Tuning, Verdict, Weight, examine};

/// What is printed, and whether nothing that is needed is missing (exit 0).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    pub fine: bool,
    /// For standard output.
    pub output: String,
    /// For standard error: the configuration's faults, or the notes beside a report.
    pub complaints: Vec<String>,
}

/// What the report is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Subject {
    /// The file of the configuration; none: its defaults.
    configuration: Option<String>,
    /// Whose limits and CPUs: `self` or a process's id.
    process: String,
}

#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    subject: &'a Subject,
    /// Needs that are not met.
    unmet: usize,
    findings: &'a [Finding],
}

/// `here` says what a configuration takes from this host where it says nothing.
///
/// # Errors
/// A sentence for what cannot be done at all: a setting or a file that is not there, `--tuning`
/// with a folder that is not sound.
pub fn run(args: &DoctorArgs, here: &config::Host, width: usize) -> Result<Report, String> {
    let host = Host::here(args.pid);
    if args.pid.is_some() && !host.exists(&format!("/proc/{}", host.process)) {
        return Err(format!("there is no process {}", host.process));
    }
    let cpus = host.cpus();
    let here = config::Host { name: here.name.clone(), cpus: cpus.len() };
    let general = Facts::new(&defaults(&here), &cpus);
    let tuning = match &args.tuning {
        Some(folder) => Tuning::from_folder(folder, &general).map_err(|faults| faults.join("\n"))?,
        None => Tuning::embedded(&general),
    };
    if let Some(name) = &args.print {
        return installable(&tuning, name);
    }
    let chosen = match &args.config {
        Some(path) => Some(path.as_path()),
        None => Some(Path::new(CONFIGURATION)).filter(|path| path.exists()),
    };
    let facts = match chosen.map(|path| plan(path, &here)).transpose() {
        Ok(plan) => plan.map_or(general, |plan| Facts::new(&plan, &cpus)),
        Err(complaints) => return Ok(Report { complaints, ..Report::default() }),
    };
    if !args.settings.is_empty() {
        return about(&tuning, &args.settings, &facts);
    }
    let configuration = chosen.map(|path| path.display().to_string());
    let findings = examine(&tuning, &host, &facts, configuration.is_some());
    let subject = Subject { configuration, process: host.process.clone() };
    let fine = !findings.iter().any(Finding::is_unmet_need);
    let output = if args.json { json(&subject, &findings) } else { render(&subject, &findings, width) };
    Ok(Report { fine, output, complaints: Vec::new() })
}

/// The plan of no configuration: every default as it is.
fn defaults(here: &config::Host) -> Arc<Plan> {
    let nothing = Configured::text("", "", here.clone()).load(None);
    nothing.unwrap_or_else(|refused| panic!("nothing in it, nothing to refuse: {refused}")).plan
}

/// The plan of that file, or every fault of it.
fn plan(path: &Path, here: &config::Host) -> Result<Arc<Plan>, Vec<String>> {
    let loaded = Configured::file(path, here.clone()).load(None);
    loaded.map(|loaded| loaded.plan).map_err(|refused| refused.faults.iter().map(Fault::to_string).collect())
}

fn installable(tuning: &Tuning, name: &str) -> Result<Report, String> {
    match tuning.file(name) {
        Some(text) => Ok(Report { fine: true, output: text.to_owned(), complaints: Vec::new() }),
        None => {
            let names: Vec<&str> = tuning.file_names().collect();
            Err(format!("there is no file {name} to print: there are {}", names.join(", ")))
        }
    }
}

fn about(tuning: &Tuning, names: &[String], facts: &Facts) -> Result<Report, String> {
    let mut output = String::new();
    for name in names {
        let Some((file, setting)) = tuning.settings().find(|(_, setting)| setting.name == *name) else {
            return Err(unknown(tuning, name));
        };
        if !output.is_empty() {
            output.push('\n');
        }
        output += &explained(file, setting, facts);
    }
    Ok(Report { fine: true, output, complaints: Vec::new() })
}

fn unknown(tuning: &Tuning, name: &str) -> String {
    let names = tuning.settings().map(|(_, setting)| setting.name.as_str());
    let nearest = names.map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
    let meant = nearest.map(|(_, known)| format!("; did you mean {known}?")).unwrap_or_default();
    format!("there is no setting {name}{meant}")
}

fn explained(file: &str, setting: &Setting, facts: &Facts) -> String {
    let wanted = setting.want.shown(facts);
    let filled = |text: &str| {
        let target = setting.want.target(facts);
        text.trim()
            .replace("{want}", &target)
            .replace("{nic}", "NIC")
            .replace("{here}", "VALUE")
            .replace('\n', "\n          ")
    };
    let mut text = format!("{} (tuning/{file}), wanted: {wanted}\n", setting.name);
    for (title, body) in [
        ("what", &setting.what),
        ("why", &setting.why),
        ("verify", &setting.verify),
        ("mend", &setting.mend),
        ("undo", &setting.undo),
        ("measured", &setting.measured),
    ] {
        text += &format!("{title:<8}  {}\n", filled(body));
    }
    for keep in &setting.keep {
        text += &format!("keep      {0} sets it for good: ringswitch doctor --print {0}\n", keep.file);
    }
    text
}

fn json(subject: &Subject, findings: &[Finding]) -> String {
    let unmet = findings.iter().filter(|finding| finding.is_unmet_need()).count();
    let json = Json { subject, unmet, findings };
    let text = serde_json::to_string_pretty(&json).expect("strings and numbers");
    format!("{text}\n")
}

/// The verdict first: where the terminal is too narrow, columns go from the right.
const HEAD: &[(&str, Align)] =
    &[("verdict", Align::Left), ("setting", Align::Left), ("here", Align::Left), ("wanted", Align::Left)];

/// Columns of a terminal from which every value stands in full.
const WIDE: usize = 110;
/// Characters of a value on a narrower one: eighty columns then hold all four.
const HERE_NARROW: usize = 12;

fn render(subject: &Subject, findings: &[Finding], width: usize) -> String {
    let rows: Vec<Vec<String>> = findings.iter().map(|finding| row(finding, width < WIDE)).collect();
    let mut text = format!("{}\n\n{}", introduction(subject), table(HEAD, &rows, width));
    let of = |verdict: Verdict, weight: Option<Weight>| -> Vec<&Finding> {
        let same =
            |finding: &&Finding| finding.verdict == verdict && weight.is_none_or(|weight| finding.weight == weight);
        findings.iter().filter(same).collect()
    };
    let mends = |finding: &Finding| finding.mend.clone().unwrap_or_default();
    let reasons = |finding: &Finding| finding.reason.clone().unwrap_or_default();
    let needs = of(Verdict::Mend, Some(Weight::Need));
    text += &list("Needed, and not so:", &needs, mends);
    text += &list("Advice:", &of(Verdict::Mend, Some(Weight::Advice)), mends);
    text += &kept(findings);
    text += &list("Cannot tell:", &of(Verdict::CannotTell, None), reasons);
    text + &format!("\n{}\n", conclusion(findings, needs.len()))
}

fn introduction(subject: &Subject) -> String {
    let what = subject.configuration.as_ref().map_or_else(
        || format!("no configuration ({CONFIGURATION} is not there; -c FILE): its defaults"),
        |path| format!("configuration {path}"),
    );
    let whose = match subject.process.as_str() {
        "self" => "limits and CPUs of this shell; a running switch's: --pid PID".to_owned(),
        id => format!("limits and CPUs of process {id}"),
    };
    format!("{what}\n{whose}")
}

fn row(finding: &Finding, narrow: bool) -> Vec<String> {
    let verdict = match (finding.verdict, finding.weight) {
        (Verdict::Ok, _) => "ok",
        (Verdict::Mend, Weight::Need) => "mend: needed",
        (Verdict::Mend, Weight::Advice) => "mend: advice",
        (Verdict::CannotTell, _) => "cannot tell",
        (Verdict::NotHere, _) => "not here",
    };
    let here = if finding.here.is_empty() { "-" } else { &finding.here };
    let here = if narrow { shortened(here, HERE_NARROW) } else { here.to_owned() };
    vec![verdict.to_owned(), named(finding), here, finding.wanted.clone()]
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most - 1).collect();
    format!("{kept}…")
}

/// The setting, and the device where there is one for each.
fn named(finding: &Finding) -> String {
    match &finding.device {
        Some(device) => format!("{} {device}", finding.setting),
        None => finding.setting.clone(),
    }
}

/// Findings under a title, each with a text below it; equal texts once.
fn list(title: &str, findings: &[&Finding], below: impl Fn(&Finding) -> String) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for finding in findings {
        let text = below(finding);
        match groups.iter_mut().find(|(known, _)| *known == text) {
            Some((_, names)) => names.push(named(finding)),
            None => groups.push((text, vec![named(finding)])),
        }
    }
    let entries: Vec<String> =
        groups.iter().map(|(text, names)| format!("  {}\n    {text}\n", names.join(", "))).collect();
    format!("\n{title}\n{}", entries.concat())
}

/// The one command that keeps all sysctls.
fn kept(findings: &[Finding]) -> String {
    const FILE: &str = "90-ringswitch.conf";
    let concerns = |finding: &Finding| finding.verdict == Verdict::Mend && finding.keep.iter().any(|file| file == FILE);
    if !findings.iter().any(concerns) {
        return String::new();
    }
    format!(
        "\nTo set the sysctls for good:\n    ringswitch doctor --print {FILE} > /etc/sysctl.d/{FILE} && sysctl --system\n"
    )
}

fn conclusion(findings: &[Finding], needs: usize) -> String {
    let count = |verdict: Verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let advice = count(Verdict::Mend) - needs;
    format!(
        "{} ok, {needs} needed and not so, {advice} advised, {} cannot be told, {} not here
`ringswitch doctor SETTING` \
         says what a setting is, why, how to verify and undo it",
        count(Verdict::Ok),
        count(Verdict::CannotTell),
        count(Verdict::NotHere)
    )
}

#[cfg(test)]
#[path = "doctor_tests.rs"]
mod tests;
