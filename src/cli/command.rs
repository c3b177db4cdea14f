//! From what was typed to what is done, and to the exit status: 0 fine, 1 the thing asked for
//! failed, 2 wrong usage.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use hyper::Method;
use serde::de::DeserializeOwned;

use super::address;
use super::args::{self, CheckArgs, Command, DemoArgs, LineArgs, LookArgs, ReloadArgs, SimulateArgs, WhichArgs};
use super::client::{self, Answer};
use super::{groups, lines, reload, status};
use crate::app;
use crate::control::admin::views::{Group, Line, LineAnswer, ReloadAnswer, Status};

/// Where nobody says how wide the terminal is (a pipe, a file), nothing is left out.
const UNBOUNDED: usize = usize::MAX;

/// Does what `arguments` (the program's name first) ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match args::parse(arguments) {
        Ok(command) => done(dispatch(command)),
        Err(error) => {
            // Help that nobody reads any more is no failure.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

/// The sentence of a failure goes to standard error.
fn done(result: Result<ExitCode, String>) -> ExitCode {
    result.unwrap_or_else(|message| {
        complain(&format!("ringswitch: {message}"));
        ExitCode::FAILURE
    })
}

fn dispatch(command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Run(args) => Ok(app::run(&args.config)),
        Command::Demo(args) => Ok(demo(&args)),
        Command::Check(args) => Ok(check(&args)),
        Command::Simulate(args) => Ok(simulate(&args)),
        Command::Status(args) => look(&args, "/v1/status", |status: &Status, width| status::render(status, width)),
        Command::Lines(args) => look(&args, "/v1/lines", |all: &Vec<Line>, width| lines::render(all, width)),
        Command::Groups(args) => look(&args, "/v1/groups", |all: &Vec<Group>, width| groups::render(all, width)),
        Command::Reload(args) => order_reload(&args),
        Command::Disable(args) => steer(&args, "disable"),
        Command::Enable(args) => steer(&args, "enable"),
        Command::Drain(args) => steer(&args, "drain"),
    }
}

fn check(args: &CheckArgs) -> ExitCode {
    let _ = args;
    todo!("cli::check")
}

fn demo(args: &DemoArgs) -> ExitCode {
    let _ = args;
    todo!("cli::demo")
}

fn simulate(args: &SimulateArgs) -> ExitCode {
    let _ = args;
    todo!("cli::simulate")
}

fn look<T: DeserializeOwned>(
    args: &LookArgs,
    path: &str,
    render: impl Fn(&T, usize) -> String,
) -> Result<ExitCode, String> {
    let answer = ask(&args.which, Method::GET, path)?.success()?;
    if args.json {
        print_json(&answer);
    } else {
        print(&render(&answer.read()?, width()));
    }
    Ok(ExitCode::SUCCESS)
}

fn order_reload(args: &ReloadArgs) -> Result<ExitCode, String> {
    let path = if args.plan { "/v1/reload?plan=1" } else { "/v1/reload" };
    let answer = ask(&args.which, Method::POST, path)?;
    let Ok(verdict) = answer.read::<ReloadAnswer>() else {
        // Not a verdict: the switch refused to be asked.
        return answer.success().map(|_| ExitCode::FAILURE);
    };
    if args.json {
        print_json(&answer);
    } else {
        let printed = reload::render(&verdict);
        print(&printed.output);
        printed.complaints.iter().for_each(|complaint| complain(complaint));
    }
    Ok(if answer.status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn steer(args: &LineArgs, action: &str) -> Result<ExitCode, String> {
    // Ids hold letters, digits, `.`, `_` and `-` only; anything else would be another path.
    if !args.line.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
        return Err(format!("{} is no line id", args.line));
    }
    let answer = ask(&args.which, Method::POST, &format!("/v1/lines/{}/{action}", args.line))?.success()?;
    let line: LineAnswer = answer.read()?;
    print(&format!("{}: {}\n", line.id, line.state));
    Ok(ExitCode::SUCCESS)
}

fn ask(which: &WhichArgs, method: Method, path: &str) -> Result<Answer, String> {
    client::ask(&address::find(which)?, method, path)
}

/// The width of the terminal that the output goes to.
fn width() -> usize {
    use std::io::IsTerminal;
    if !io::stdout().is_terminal() {
        return UNBOUNDED;
    }
    ratatui::crossterm::terminal::size().map_or(UNBOUNDED, |(columns, _)| usize::from(columns))
}

fn print_json(answer: &Answer) {
    print(&format!("{}\n", String::from_utf8_lossy(&answer.body)));
}

/// A reader that has gone (`| head`) wants no more: that is no failure.
fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
