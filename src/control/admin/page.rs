//! `GET /`: a page to begin at. Plain HTML, no script.

use super::views::Status;

const LINKS: &[(&str, &str)] = &[
    ("/v1/status", "what the switch is doing"),
    ("/v1/lines", "every line"),
    ("/v1/groups", "every group"),
    ("/v1/events", "changes of lines' states, newest first"),
    ("/v1/config", "the configuration with every default filled in"),
    ("/metrics", "OpenMetrics"),
    ("/healthz", "whether every shard turns"),
    ("/readyz", "whether every route has a live destination"),
];

/// What a browser may do with the page: show it.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

pub fn page(status: &Status) -> String {
    let links: String =
        LINKS.iter().map(|(path, what)| format!("<li><a href=\"{path}\">{path}</a> {what}</li>\n")).collect();
    let facts: String = facts(status)
        .iter()
        .map(|(name, value)| format!("<tr><th>{name}</th><td>{}</td></tr>\n", escaped(value)))
        .collect();
    let name = escaped(&status.name);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>ringswitch {name}</title>\n\
         <style>body{{font-family:sans-serif;margin:2em}}th{{text-align:left;padding-right:1em}}</style></head>\n\
         <body><h1>ringswitch {name}</h1>\n<table>\n{facts}</table>\n<ul>\n{links}</ul>\n</body></html>\n"
    )
}

fn facts(status: &Status) -> Vec<(&'static str, String)> {
    let totals = &status.totals;
    vec![
        ("version", status.version.clone()),
        ("up for", format!("{:.0} s", status.uptime_seconds)),
        ("lines up", format!("{} of {}", totals.lines_up, totals.lines)),
        ("pending requests", totals.pending.to_string()),
        ("frames in, out", format!("{}, {}", totals.frames_in, totals.frames_out)),
        ("frames dropped", totals.dropped.values().sum::<u64>().to_string()),
        ("last reload", format!("{} {}", status.last_reload.result, status.last_reload.at)),
    ]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
