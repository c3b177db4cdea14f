//! From what was typed to what is done, and to the exit status: 0 fine, 1 the thing asked for
//! failed, 2 wrong usage.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use hyper::Method;
use serde::de::DeserializeOwned;

use super::address;
use super::args::{
    self, CertifyArgs, CheckArgs, Command, DemoArgs, DoctorArgs, ExplainArgs, Frame, LineArgs, LookArgs, ReloadArgs,
    SimulateArgs, WhichArgs,
};
use super::certify;
use super::check;
use super::client::{self, Answer};
use super::demo::{self, DemoOptions, DemoSwitch};
use super::doctor;
use super::explain::{self, Question};
use super::simulate::{self, SimulateOptions};
use super::{groups, lines, reload, status};
use crate::app::{self, Embedded};
use crate::certify::{Options as CertifyOptions, Part};
use crate::config::plan::Plan;
use crate::control::admin::views::{Group, Line, LineAnswer, ReloadAnswer, Status};
use crate::control::configured::Configured;
use crate::control::source::PlanSource;

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
        Command::Explain(args) => Ok(explain(args)),
        Command::Simulate(args) => Ok(simulate(&args)),
        Command::Certify(args) => Ok(certify(args)),
        Command::Doctor(args) => doctor(&args),
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
    let options = check::Options { strict: args.strict, dump: args.dump };
    let report = check::check(&args.config, &app::host(), options);
    report.complaints.iter().for_each(|complaint| complain(complaint));
    if report.fine {
        print(&report.output);
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn demo(args: &DemoArgs) -> ExitCode {
    demo::run(&DemoOptions { duration: args.duration }, &|text| {
        let source = Arc::new(Configured::text("demo.toml", text, app::host()));
        let switch = Embedded::start(source).map_err(|refused| refused.to_string())?;
        let plan = Arc::clone(&switch.world.current().plan);
        Ok(Box::new(Demonstrated { plan, switch }))
    })
}

/// The switch that the demo shows: the real one, in this process.
struct Demonstrated {
    plan: Arc<Plan>,
    switch: Embedded,
}

impl DemoSwitch for Demonstrated {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn status_page(&self) -> String {
        self.switch.admin.clone()
    }

    fn lines_up(&self) -> usize {
        self.switch.lines_up()
    }

    fn stop(self: Box<Self>) {
        if let Err(error) = self.switch.stop() {
            complain(&format!("ringswitch: the control thread failed: {error}"));
        }
    }
}

/// A frame alone needs no configuration.
fn explain(args: ExplainArgs) -> ExitCode {
    let alone = args.from.is_none() && args.to.is_none() && args.frame.is_some();
    let file = args.config.or_else(|| (!alone).then(|| args::CONFIGURATION.into()));
    let plan = match file.map(|file| plan_of(&file)) {
        Some(None) => return ExitCode::FAILURE,
        plan => plan.flatten(),
    };
    let question = Question { from: args.from, to: args.to, frame: args.frame.map(|Frame(bytes)| bytes) };
    print(&explain::explain(plan.as_deref(), &question));
    ExitCode::SUCCESS
}

/// The plan of a configuration; `None` if it is refused, which was said then.
fn plan_of(file: &Path) -> Option<Arc<Plan>> {
    match Configured::file(file, app::host()).load(None) {
        Ok(loaded) => Some(loaded.plan),
        Err(refused) => {
            refused.faults.iter().for_each(|fault| complain(&fault.to_string()));
            None
        }
    }
}

fn certify(args: CertifyArgs) -> ExitCode {
    let Some(plan) = plan_of(&args.config) else { return ExitCode::FAILURE };
    let part = if args.side == "member" { Part::Member } else { Part::Switch };
    let options = CertifyOptions {
        part,
        only: args.only,
        quick: args.quick,
        bind: args.bind,
        stranger: args.stranger,
        await_close: args.await_close,
    };
    let which = WhichArgs { admin: None, config: Some(args.config) };
    certify::run(&plan, &args.member, &options, address::find(&which), args.json, width())
}

fn simulate(args: &SimulateArgs) -> ExitCode {
    let Some(plan) = plan_of(&args.config) else { return ExitCode::FAILURE };
    let args = args.clone();
    let options = SimulateOptions {
        member: args.member,
        window: args.window,
        rate: args.rate,
        duration: args.duration,
        count: args.count,
        size: args.size,
        bind: args.bind,
        answer_within: None,
        copy_addresses: false,
        json: args.json,
    };
    simulate::run(&plan, &options)
}

fn doctor(args: &DoctorArgs) -> Result<ExitCode, String> {
    let report = doctor::run(args, &app::host(), width())?;
    report.complaints.iter().for_each(|complaint| complain(complaint));
    print(&report.output);
    Ok(if report.fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
