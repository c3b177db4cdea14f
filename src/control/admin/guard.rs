//! No web page may steer or read the switch: a browser that was led here by another name (DNS
//! rebinding) or by another page's script is turned away, and so is a body nobody asked for.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Admin;
use super::answers::error;

/// Nothing that is asked here needs a body.
const BODY_BYTES_MAX: u64 = 64 * 1024;

/// Looks at every request before anything else does.
pub async fn look(State(admin): State<Arc<Admin>>, request: Request<Body>, next: Next) -> Response {
    let name = admin.world.current().plan.settings.name.clone();
    let hosts = hosts(request.headers(), request.uri().authority().map(|authority| authority.as_str()));
    if !hosts.iter().all(|host| is_ours(host, &name)) {
        let hint = "ask by IP address, as localhost, or by the name of [switch] name";
        return error(StatusCode::FORBIDDEN, "the Host is not this switch", hint);
    }
    if *request.method() != Method::GET && is_foreign_origin(request.headers()) {
        let hint = "a web page may not steer the switch: use the command line or curl";
        return error(StatusCode::FORBIDDEN, "the Origin is foreign", hint);
    }
    if body_too_large(request.headers()) {
        let hint = "no request to this API needs a body";
        return error(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large", hint);
    }
    admin.pump.lock().look();
    next.run(request).await.into_response()
}

/// Every name that the request gives this host; one that cannot be read is nobody's.
fn hosts(headers: &HeaderMap, authority: Option<&str>) -> Vec<String> {
    let given = headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or("?").to_owned());
    given.chain(authority.map(str::to_owned)).collect()
}

/// An IP address, `localhost`, or the configured name; with or without a port.
fn is_ours(host: &str, name: &str) -> bool {
    let host = without_port(host);
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.eq_ignore_ascii_case(name) || address.parse::<IpAddr>().is_ok()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((rest, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!rest.contains(':') || rest.ends_with(']')) =>
        {
            rest
        }
        _ => host,
    }
}

/// Whether another origin than ours sent the request. A request without an Origin comes from no
/// page.
fn is_foreign_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let (Ok(origin), Some(own)) = (origin.to_str(), own) else { return true };
    let page = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    !page.is_some_and(|page| page.eq_ignore_ascii_case(own))
}

fn body_too_large(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length > BODY_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_the_own_name_are_ours() {
        for host in
            ["127.0.0.1", "127.0.0.1:9600", "[::1]:9600", "[::1]", "::1", "localhost", "LocalHost:1", "sw1:9600"]
        {
            assert!(is_ours(host, "sw1"), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example", "sw1.evil.example:9600", "127.0.0.1.evil.example", "?"]
        {
            assert!(!is_ours(host, "sw1"), "{host}");
        }
    }

    #[test]
    fn only_a_page_of_our_own_may_post() {
        let with = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "127.0.0.1:9600".parse().expect("a value"));
            headers.insert(header::ORIGIN, origin.parse().expect("a value"));
            is_foreign_origin(&headers)
        };
        assert!(!is_foreign_origin(&HeaderMap::new()));
        assert!(!with("http://127.0.0.1:9600"));
        for origin in
            ["null", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:9601", "file://127.0.0.1:9600"]
        {
            assert!(with(origin), "{origin}");
        }
    }
}
