//! The command line as typed (INTERFACE, Commands).

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::explain;
use crate::time::Span;

/// Where the configuration is unless `-c` says otherwise.
pub const CONFIGURATION: &str = "/etc/ringswitch/ringswitch.toml";

/// The communication core of a central payment switch.
#[derive(Parser, Debug)]
#[command(name = "ringswitch", version, arg_required_else_help = true, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// Check the configuration: the same as `check`
    #[arg(short = 't')]
    pub test: bool,
    #[command(flatten)]
    pub check: CheckArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand, Clone, PartialEq, Debug)]
pub enum Command {
    /// Run the switch in the foreground
    Run(RunArgs),
    /// Show a switch with simulated members on loopback, one line broken and restored
    Demo(DemoArgs),
    /// Check the configuration and name every fault
    Check(CheckArgs),
    /// Say who may connect where, and which way a frame would take
    Explain(ExplainArgs),
    /// Say what a running switch is doing
    Status(LookArgs),
    /// List a running switch's lines
    Lines(LookArgs),
    /// List a running switch's groups
    Groups(LookArgs),
    /// Have a running switch read its configuration again; waits for the verdict
    Reload(ReloadArgs),
    /// Take a line out of service: pending answers are delivered first
    Disable(LineArgs),
    /// Put a line back into service
    Enable(LineArgs),
    /// Let a line's pending answers out, then close it; it stays disabled
    Drain(LineArgs),
    /// Play a member of the configuration against a running switch
    Simulate(SimulateArgs),
    /// Test the real other side of a member's lines, clause by clause
    #[command(after_help = super::certify::CLAUSES)]
    Certify(CertifyArgs),
    /// Compare this host's settings with what tuning/ advises; changes nothing
    Doctor(DoctorArgs),
}

#[derive(Args, Clone, PartialEq, Debug)]
pub struct RunArgs {
    /// The configuration
    #[arg(short = 'c', value_name = "FILE", default_value = CONFIGURATION)]
    pub config: PathBuf,
}

#[derive(Args, Clone, PartialEq, Debug)]
pub struct DemoArgs {
    /// How long requests are sent
    #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = span)]
    pub duration: Span,
}

#[derive(Args, Clone, PartialEq, Debug)]
pub struct CheckArgs {
    /// The configuration
    #[arg(short = 'c', value_name = "FILE", default_value = CONFIGURATION)]
    pub config: PathBuf,
    /// Warnings are faults
    #[arg(long)]
    pub strict: bool,
    /// Print the effective configuration, every default filled in
    #[arg(long)]
    pub dump: bool,
}

#[derive(Args, Clone, PartialEq, Debug)]
pub struct ExplainArgs {
    /// The configuration; a frame alone can be taken apart without one
    #[arg(short = 'c', value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the connection comes from
    #[arg(long, value_name = "IP")]
    pub from: Option<IpAddr>,
    /// Where the switch listens, or where it connects to
    #[arg(long, value_name = "IP:PORT")]
    pub to: Option<SocketAddr>,
    /// A frame with or without its length prefix, in hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = frame)]
    pub frame: Option<Frame>,
}

/// A frame that was typed.
#[derive(Clone, PartialEq, Debug)]
pub struct Frame(pub Vec<u8>);

/// Which switch.
#[derive(Args, Clone, PartialEq, Debug, Default)]
pub struct WhichArgs {
    /// Where the switch answers: IP:PORT or unix:PATH
    #[arg(long, value_name = "ADDR", conflicts_with = "config")]
    pub admin: Option<String>,
    /// The configuration that says where the switch answers
    #[arg(short = 'c', value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Args, Clone, PartialEq, Debug)]
pub struct LookArgs {
    #[command(flatten)]
    pub which: WhichArgs,
    /// Print the admin API's JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, PartialEq, Debug)]
pub struct ReloadArgs {
    #[command(flatten)]
    pub which: WhichArgs,
    /// Only list what would be kept, opened, re-bound and closed
    #[arg(long)]
    pub plan: bool,
    /// Print the admin API's JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, PartialEq, Debug)]
pub struct LineArgs {
    /// The line's id
    pub line: String,
    #[command(flatten)]
    pub which: WhichArgs,
}

#[derive(Args, Clone, PartialEq, Debug)]
pub struct SimulateArgs {
    /// The member to play
    pub member: String,
    /// The switch's configuration
    #[arg(short = 'c', value_name = "FILE")]
    pub config: PathBuf,
    /// Requests in flight on each line
    #[arg(long, value_name = "N", conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..))]
    pub window: Option<u32>,
    /// Requests a second, whatever the answers do
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: Option<u64>,
    /// How long
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    pub duration: Option<Span>,
    /// How many requests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Data bytes of a message
    #[arg(long, value_name = "N")]
    pub size: Option<usize>,
    /// The local address to connect from
    #[arg(long, value_name = "IP")]
    pub bind: Option<IpAddr>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, PartialEq, Debug)]
pub struct CertifyArgs {
    /// The member whose lines are tested
    pub member: String,
    /// The configuration
    #[arg(short = 'c', value_name = "FILE")]
    pub config: PathBuf,
    /// Which side to play: the switch against the member, or the member against a running switch
    #[arg(long = "as", value_name = "SIDE", default_value = "switch", value_parser = ["switch", "member"])]
    pub side: String,
    /// Only this clause, row or aspect
    #[arg(long, value_name = "CLAUSE")]
    pub only: Option<String>,
    /// Skip what takes longer than 15 s, and say so
    #[arg(long)]
    pub quick: bool,
    /// The local address to connect from
    #[arg(long, value_name = "IP")]
    pub bind: Option<IpAddr>,
    /// A local address that `allow` does not hold, to be refused from
    #[arg(long, value_name = "IP")]
    pub stranger: Option<IpAddr>,
    /// Say when the other side is to be closed in order, at the end, and wait this long for it
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub await_close: Option<Span>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, PartialEq, Debug, Default)]
pub struct DoctorArgs {
    /// Print everything about these settings: what, why, how to verify, mend and undo them
    #[arg(value_name = "SETTING", conflicts_with_all = ["print", "json"])]
    pub settings: Vec<String>,
    /// The configuration that the host is to run; without it, the default one if it is there
    #[arg(short = 'c', value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Look at the limits and CPUs of this process instead of this shell's
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// Take the demands from the files in this folder instead of those built in
    #[arg(long, value_name = "DIR")]
    pub tuning: Option<PathBuf>,
    /// Print one of the files that a host can install as they are
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub print: Option<String>,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// What was typed, `-t` turned into `check`.
pub fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Command, clap::Error> {
    let cli = Cli::try_parse_from(arguments)?;
    match cli.command {
        Some(command) => Ok(command),
        None if cli.test => Ok(Command::Check(cli.check)),
        None => Err(clap::Error::raw(
            clap::error::ErrorKind::MissingSubcommand,
            "a command is missing: try `ringswitch --help`\n",
        )),
    }
}

fn frame(text: &str) -> Result<Frame, String> {
    explain::bytes(text).map(Frame)
}

/// A time such as `500ms`, `10s` or `2m`.
fn span(text: &str) -> Result<Span, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let nanos: u64 = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err("a time is a whole number and a unit: 500ms, 10s, 2m".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a time begins with a whole number: 10s".to_owned())?;
    number.checked_mul(nanos).map(Span).ok_or_else(|| "that time is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<Command, i32> {
        parse(line.split(' ').map(Into::into)).map_err(|error| error.exit_code())
    }

    #[test]
    fn the_switch_off_nginx_is_check() {
        let check = |strict| CheckArgs { config: "f.toml".into(), strict, dump: false };
        assert_eq!(typed("ringswitch -t -c f.toml"), Ok(Command::Check(check(false))));
        assert_eq!(typed("ringswitch check -c f.toml --strict"), Ok(Command::Check(check(true))));
        let here = CheckArgs { config: CONFIGURATION.into(), strict: false, dump: false };
        assert_eq!(typed("ringswitch -t"), Ok(Command::Check(here)));
    }

    #[test]
    fn every_command_of_the_contract_that_is_built_is_understood() {
        for line in [
            "ringswitch run",
            "ringswitch run -c f.toml",
            "ringswitch demo --for 3s",
            "ringswitch check --dump",
            "ringswitch explain",
            "ringswitch explain -c f.toml --from 10.0.0.1 --to [::1]:7001 --frame 0005:60",
            "ringswitch status --json",
            "ringswitch lines --admin 127.0.0.1:9600",
            "ringswitch groups -c f.toml",
            "ringswitch reload --plan",
            "ringswitch disable line-1",
            "ringswitch enable line-1 --admin unix:/run/x.sock",
            "ringswitch drain line-1",
            "ringswitch simulate nac -c f.toml --window 4 --for 10s --count 5 --size 300 --bind 127.0.0.2 --json",
            "ringswitch simulate nac -c f.toml --rate 100",
            "ringswitch certify issuer -c f.toml --only MP1-4.5.4 --quick --json",
            "ringswitch certify nac -c f.toml --as member --bind 127.0.0.2 --stranger 127.0.0.3",
            "ringswitch certify issuer -c f.toml --await-close 60s",
            "ringswitch doctor",
            "ringswitch doctor -c f.toml --pid 1 --tuning /etc/ringswitch/tuning --json",
            "ringswitch doctor net.core.somaxconn limit.nofile",
            "ringswitch doctor --print 90-ringswitch.conf",
        ] {
            assert!(typed(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn wrong_usage_is_2_and_help_is_0() {
        for line in [
            "ringswitch",
            "ringswitch -c f.toml",
            "ringswitch nonsense",
            "ringswitch drain",
            "ringswitch simulate nac",
            "ringswitch certify issuer",
            "ringswitch certify issuer -c f.toml --as nobody",
            "ringswitch certify issuer -c f.toml --await-close soon",
            "ringswitch demo --for ten",
            "ringswitch explain --from localhost",
            "ringswitch explain --to 127.0.0.1",
            "ringswitch explain --frame 0g",
            "ringswitch explain --frame 012",
            "ringswitch demo --for 99999999999h",
            "ringswitch status --admin a -c b",
            "ringswitch simulate nac -c f --rate 0",
            "ringswitch doctor --json --print x",
        ] {
            assert_eq!(typed(line), Err(2), "{line}");
        }
        assert_eq!(typed("ringswitch --help"), Err(0));
        assert_eq!(typed("ringswitch --version"), Err(0));
    }

    #[test]
    fn times_are_numbers_with_units() {
        assert_eq!(span("10s"), Ok(Span::from_secs(10)));
        assert_eq!(span("250ms"), Ok(Span::from_millis(250)));
        assert_eq!(span("2m"), Ok(Span::from_secs(120)));
        for bad in ["", "s", "10", "1.5s", "-1s", "10 s"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
