//! The paths of the admin API (INTERFACE, Admin API).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::super::reload::Verdict;
use super::super::{Order, clock, health};
use super::answers::{error, json};
use super::views::{LineAnswer, Status};
use super::{Admin, guard, page, render};
use crate::config::plan::Line;
use crate::metrics::openmetrics;
use crate::metrics::snapshot::ShardFacts;
use crate::shared::inbox::Command;
use crate::shared::status::LineState;

/// How long a command to a line is waited for before the answer is "accepted".
const LINE_LOOKS: u32 = 100;
const LINE_LOOK: Duration = Duration::from_millis(5);

type Shared = State<Arc<Admin>>;

pub fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/v1/status", get(status))
        .route("/v1/lines", get(lines))
        .route("/v1/lines/{id}", get(line))
        .route("/v1/groups", get(groups))
        .route("/v1/events", get(events))
        .route("/v1/config", get(config))
        .route("/v1/reload", post(reload))
        .route("/v1/lines/{id}/{action}", post(steer))
        .method_not_allowed_fallback(wrong_method)
        .fallback(no_such_path)
        .layer(from_fn_with_state(admin.clone(), guard::look))
        .with_state(admin)
}

async fn root(State(admin): Shared) -> Response {
    let headers = [(header::CONTENT_SECURITY_POLICY, page::POLICY), (header::CACHE_CONTROL, "no-store")];
    (headers, Html(page::page(&admin.status()))).into_response()
}

async fn healthz(State(admin): Shared) -> Response {
    let stuck = health::stuck(&ShardFacts::of(&admin.world, clock::now()));
    let hint = "a shard that does not turn forwards nothing: look at the log and restart the switch";
    answer_health(stuck, hint)
}

async fn readyz(State(admin): Shared) -> Response {
    let published = admin.world.current();
    let live = |id| published.group(id).is_some_and(|shared| shared.table.is_live());
    let mut failing = health::not_ready(&published.plan, live);
    if admin.observed.is_stopping() {
        failing.insert(0, "the switch is stopping".to_owned());
    }
    answer_health(failing, "GET /v1/groups and /v1/lines say which lines are down and why")
}

fn answer_health(failing: Vec<String>, hint: &str) -> Response {
    let status = if failing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, render::health(failing, hint))
}

async fn metrics(State(admin): Shared) -> Response {
    let snapshot = admin.observed.snapshot(&admin.world);
    // Thousands of lines are megabytes of text: signals and health must not wait for them.
    let text = tokio::task::spawn_blocking(move || openmetrics::render(snapshot));
    let text = text.await.expect("rendering does not panic");
    ([(header::CONTENT_TYPE, openmetrics::CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

async fn status(State(admin): Shared) -> Response {
    json(StatusCode::OK, admin.status())
}

async fn lines(State(admin): Shared) -> Response {
    let snapshot = admin.observed.snapshot(&admin.world);
    json(StatusCode::OK, render::lines(&snapshot, &admin.observed.wall))
}

async fn line(State(admin): Shared, id: Result<Path<String>, PathRejection>) -> Response {
    let Ok(Path(id)) = id else { return no_such_line("?") };
    let snapshot = admin.observed.snapshot(&admin.world);
    let facts = snapshot.lines.iter().find(|line| *line.labels.line == *id);
    match facts.and_then(|facts| render::line(facts, &admin.observed.wall)) {
        Some(line) => json(StatusCode::OK, line),
        None => no_such_line(&id),
    }
}

async fn groups(State(admin): Shared) -> Response {
    json(StatusCode::OK, render::groups(&admin.observed.snapshot(&admin.world)))
}

async fn events(State(admin): Shared) -> Response {
    let events: Vec<_> =
        admin.observed.events().iter().map(|event| render::event(event, &admin.observed.wall)).collect();
    json(StatusCode::OK, events)
}

async fn config(State(admin): Shared) -> Response {
    match toml::from_str::<serde_json::Value>(&admin.source.effective()) {
        Ok(effective) => json(StatusCode::OK, effective),
        Err(fault) => {
            error(StatusCode::INTERNAL_SERVER_ERROR, fault.message(), "`ringswitch check --dump` prints it as TOML")
        }
    }
}

#[derive(Deserialize)]
struct ReloadQuery {
    plan: Option<String>,
}

async fn reload(State(admin): Shared, query: Result<Query<ReloadQuery>, QueryRejection>) -> Response {
    let plan = match query.map(|Query(query)| query.plan) {
        Ok(None) => false,
        Ok(Some(text)) if text == "0" => false,
        Ok(Some(text)) if text == "1" => true,
        _ => return error(StatusCode::BAD_REQUEST, "plan is 0 or 1", "POST /v1/reload, or /v1/reload?plan=1"),
    };
    let (reply, verdict) = oneshot::channel();
    let order = if plan { Order::Plan { reply } } else { Order::Reload { reply: Some(reply) } };
    if admin.orders.send(order).await.is_err() {
        return stopping();
    }
    match verdict.await {
        Ok(verdict) => answer_reload(verdict),
        Err(_) => stopping(),
    }
}

fn stopping() -> Response {
    error(StatusCode::SERVICE_UNAVAILABLE, "the switch is stopping", "start it again, then reload")
}

fn answer_reload(verdict: Verdict) -> Response {
    let status = match &verdict {
        Verdict::Refused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        // Published and not to be taken back, but not what was promised either.
        Verdict::Applied { waiting_for, .. } if !waiting_for.is_empty() => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::OK,
    };
    let mut answer = render::verdict(verdict);
    if !answer.waiting_for.is_empty() {
        answer.error = Some("published, but not every shard has applied it in time".to_owned());
        answer.hint = Some("GET /healthz says whether a shard is stuck; it applies the plan when it turns".to_owned());
    }
    json(status, answer)
}

async fn steer(State(admin): Shared, path: Result<Path<(String, String)>, PathRejection>) -> Response {
    let Ok(Path((id, action))) = path else { return no_such_line("?") };
    let published = admin.world.current();
    let Some(line) = published.plan.lines.iter().flatten().find(|line| *line.name == *id) else {
        return no_such_line(&id);
    };
    let (command, there): (_, fn(LineState) -> bool) = match &*action {
        // Both let pending answers out first; a line is never cut off on request.
        "disable" | "drain" => (Command::Disable { line: line.id }, |state| state == LineState::Disabled),
        "enable" => (Command::Enable { line: line.id }, |state| state != LineState::Disabled),
        _ => return no_such_path().await,
    };
    if let Some(shared) = published.line(line.id) {
        shared.status.set_disabled_by_hand(action != "enable");
    }
    admin.command(line.shard, command);
    tracing::info!(line = %line.name, action, "asked for by the admin API");
    if let Some(keeper) = &admin.keeper {
        // What was answered must outlive a crash.
        keeper.changed(admin.world.current()).await;
    }
    answer_line(&admin, line, there).await
}

/// The command is taken; `state` says how far the line is: `draining` until its answers are out.
async fn answer_line(admin: &Admin, line: &Line, there: fn(LineState) -> bool) -> Response {
    let state = || {
        let shared = admin.world.current().line(line.id).cloned();
        shared.map_or(LineState::Disabled, |shared| shared.status.state())
    };
    for _ in 0..LINE_LOOKS {
        if there(state()) || state() == LineState::Draining {
            break;
        }
        sleep(LINE_LOOK).await;
    }
    let state = state();
    json(StatusCode::OK, LineAnswer { id: line.name.to_string(), state: state.name().to_owned() })
}

fn no_such_line(id: &str) -> Response {
    error(StatusCode::NOT_FOUND, format!("there is no line {id}"), "GET /v1/lines lists them")
}

async fn no_such_path() -> Response {
    error(StatusCode::NOT_FOUND, "there is no such path", "GET / lists what there is")
}

async fn wrong_method() -> Response {
    let hint = "GET to look, POST for /v1/reload and /v1/lines/ID/disable, enable, drain";
    error(StatusCode::METHOD_NOT_ALLOWED, "not with this method", hint)
}

impl Admin {
    fn status(&self) -> Status {
        let snapshot = self.observed.snapshot(&self.world);
        let (last, stopping) = (self.observed.last_reload(), self.observed.is_stopping());
        render::status(&snapshot, &last, stopping, &self.observed.wall)
    }
}
