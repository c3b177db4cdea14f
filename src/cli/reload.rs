//! `ringswitch reload` as people read it: what changed on standard output, faults and warnings on
//! standard error as `check` writes them.

use crate::control::admin::views::ReloadAnswer;
use crate::control::changes::{Change, Changes};

/// What is printed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Printed {
    pub output: String,
    pub complaints: Vec<String>,
}

pub fn render(answer: &ReloadAnswer) -> Printed {
    let mut printed = Printed::default();
    printed.complaints.extend(answer.faults.iter().map(ToString::to_string));
    printed.complaints.extend(answer.warnings.iter().map(|warning| format!("warning: {warning}")));
    if let Some(error) = &answer.error {
        let hint = answer.hint.as_deref().map(|hint| format!(": {hint}")).unwrap_or_default();
        printed.complaints.push(format!("{error}{hint}"));
    }
    match (answer.result.as_str(), &answer.changes) {
        ("planned", Some(changes)) => printed.output = planned(changes),
        ("applied", Some(changes)) => printed.output = format!("applied: {}\n", changes.summary()),
        ("unchanged", _) => printed.output = "unchanged\n".to_owned(),
        _ => {}
    }
    printed
}

fn planned(changes: &Changes) -> String {
    let mut text = String::new();
    for (what, lines) in
        [("keep", &changes.keep), ("open", &changes.open), ("rebind", &changes.rebind), ("close", &changes.close)]
    {
        for Change { line, reason } in lines {
            text += &format!("{what:<6}  {line}: {reason}\n");
        }
    }
    for other in &changes.other {
        text += &format!("change  {other}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::source::Fault;

    fn change(line: &str, reason: &str) -> Change {
        Change { line: line.to_owned(), reason: reason.to_owned() }
    }

    #[test]
    fn a_plan_lists_each_line_with_what_happens_to_it_and_why() {
        let changes = Changes {
            keep: vec![change("a", "unchanged")],
            open: vec![change("b", "new")],
            rebind: vec![change("c", "address")],
            close: vec![change("d", "removed")],
            other: vec!["routes of group nac/main".to_owned()],
        };
        let answer = ReloadAnswer { result: "planned".to_owned(), changes: Some(changes), ..ReloadAnswer::default() };
        let text = "keep    a: unchanged\nopen    b: new\nrebind  c: address\nclose   d: removed\n\
                    change  routes of group nac/main\n";
        assert_eq!(render(&answer).output, text);
    }

    #[test]
    fn faults_are_written_as_check_writes_them() {
        let fault = Fault { file: "f.toml".to_owned(), line: 3, column: 9, message: "no such key".to_owned() };
        let answer = ReloadAnswer {
            result: "refused".to_owned(),
            error: Some("refused".to_owned()),
            hint: Some("mend it".to_owned()),
            faults: vec![fault],
            ..ReloadAnswer::default()
        };
        let printed = render(&answer);
        assert_eq!(printed.complaints, ["f.toml:3:9: no such key", "refused: mend it"]);
        assert_eq!(printed.output, "");
    }
}
