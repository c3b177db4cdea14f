//! `ringswitch check`: is this configuration fine, and if not, what exactly is to be changed.

#![forbid(unsafe_code)]

use std::path::Path;

use crate::config::{self, Fault, Host, Reading};
use crate::control::files;
use crate::time::Instant;

/// What `check` prints, and whether the configuration is fine (exit 0) or refused (exit 1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    pub fine: bool,
    /// For standard output: the summary line, or the effective configuration; empty if refused.
    pub output: String,
    /// For standard error: faults and warnings, one a line.
    pub complaints: Vec<String>,
}

/// How strict `check` is and what it prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Warnings are faults.
    pub strict: bool,
    /// Print the effective configuration instead of the summary.
    pub dump: bool,
}

/// Reads the configuration at `path` with all that it includes, and judges it, the `state` folder
/// that it names included.
pub fn check(path: &Path, host: &Host, options: Options) -> Report {
    let (mut reading, _) = files::read(path, host, None, &[]);
    files::look_at_state(path, &mut reading);
    report(&path.display().to_string(), reading, options)
}

/// Formats what was found; `name` is the main file's.
pub fn report(name: &str, mut reading: Reading, options: Options) -> Report {
    if options.strict {
        reading.faults.append(&mut reading.warnings);
        reading.faults.sort();
    }
    let mut complaints: Vec<String> = reading.faults.iter().map(Fault::to_string).collect();
    complaints.extend(reading.warnings.iter().map(warning));
    let accepted = reading.configuration.filter(|_| reading.faults.is_empty());
    let output = accepted.map(|configuration| {
        let summary = summary(name, &configuration, reading.warnings.len());
        if options.dump { summary.map(|_| config::dump(&configuration)) } else { summary }
    });
    match output {
        Some(Ok(output)) => Report { fine: true, output, complaints },
        Some(Err(refusal)) => {
            complaints.push(format!("{name}:1:1: {refusal}"));
            Report { fine: false, output: String::new(), complaints }
        }
        None => Report { fine: false, output: String::new(), complaints },
    }
}

fn warning(fault: &Fault) -> String {
    format!("{}:{}:{}: warning: {}", fault.file, fault.line, fault.column, fault.message)
}

fn summary(name: &str, configuration: &config::Configuration, warnings: usize) -> Result<String, config::NoNumbers> {
    // Nothing rests beside a first plan, so the moment does not matter.
    let plan = config::build(configuration, None, Instant(0))?.plan;
    let summary = config::summary::summary(&plan, configuration.routes.len());
    let warnings = match warnings {
        0 => String::new(),
        1 => "; 1 warning".to_owned(),
        many => format!("; {many} warnings"),
    };
    Ok(format!("{name}: ok, {summary}{warnings}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    const PAIR: &str = r#"
[[member]]
id = "one"
profile = "institution"
allow = ["10.0.0.1"]
line = [{ listen = "127.0.0.1:7001" }, { listen = "127.0.0.1:7002", tier = "backup" }]
[[member]]
id = "other"
profile = "institution"
line = [{ connect = "10.0.0.2:7001" }]
[[route]]
from = ["one"]
to = ["other"]
"#;

    fn checked(text: &str, options: Options) -> Report {
        let sources = [Source { name: "a.toml".to_owned(), text: text.to_owned() }];
        let host = Host { name: "sw1".to_owned(), cpus: 2 };
        report("a.toml", config::read(&sources, &host, None), options)
    }

    #[test]
    fn a_fine_configuration_has_one_summary_line_and_its_warnings() {
        let report = checked(PAIR, Options::default());
        assert!(report.fine);
        assert_eq!(
            report.output,
            "a.toml: ok, 2 members, 3 lines, 1 route, 2 shards; queues may take up to 3 MiB of memory 1 GiB; 1 warning\n"
        );
        assert_eq!(
            report.complaints,
            ["a.toml:10:9: warning: group `main` of member `other` has a single line, and so no backup line"]
        );
    }

    #[test]
    fn strict_makes_warnings_faults() {
        let report = checked(PAIR, Options { strict: true, dump: false });
        assert!(!report.fine && report.output.is_empty());
        assert_eq!(
            report.complaints,
            ["a.toml:10:9: group `main` of member `other` has a single line, and so no backup line"]
        );
    }

    #[test]
    fn the_summary_says_how_many_numbers_there_are() {
        let text = r#"
[limits]
pending = 70000
[[member]]
id = "nac"
profile = "terminal"
header = "tpdu"
allow = ["10.0.0.1"]
line = [{ listen = "127.0.0.1:7001" }]
[[member]]
id = "host"
profile = "institution"
header = "tpdu"
tpdu_digits = true
line = [{ connect = "10.0.0.2:7001" }]
[[route]]
from = ["nac"]
to = ["host"]
match = { nii = ["0003", "01f1", "0000"] }
"#;
        let report = checked(text, Options::default());
        assert!(
            report.output.contains("; pending of host/main is 70000, but there are 9998 numbers"),
            "{}",
            report.output
        );
        assert!(report.output.contains("up to 18 MiB"), "{}", report.output);
    }

    #[test]
    fn dump_prints_the_configuration_alone() {
        let report = checked(PAIR, Options { strict: false, dump: true });
        assert!(
            report.fine && report.output.starts_with("[switch]\nname = \"sw1\"\nshards = 2\n"),
            "{}",
            report.output
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_a_fault_with_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ringswitch.toml");
        let report = check(&path, &Host { name: "sw1".to_owned(), cpus: 2 }, Options::default());
        assert!(!report.fine);
        assert_eq!(report.complaints, [format!("{}:1:1: there is no such file", path.display())]);
    }
}
