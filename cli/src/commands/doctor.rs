//! `doctor`: everything that may be wrong between this shell and the server, one line each.

use std::time::{Duration, Instant};

use guildhall::{Client, Event};
use guildhall_proto::v1;
use guildhall_proto::v1::user_service_client::UserServiceClient;
use prost_types::Timestamp;
use serde_json::json;

use super::connection;
use crate::app::{App, knock};
use crate::contexts::{Choice, Contexts};
use crate::fault::{Fault, Result};
use crate::output::line;

/// More difference between the clocks than this confuses people and signatures.
const SKEW_MAX: i64 = 5;

/// Looks at one thing after the other; what depends on something that failed is not looked at.
pub(crate) async fn run(app: &App) -> Result<()> {
    let mut report = Report { app, worst: None };
    let config = Contexts::load().and_then(|contexts| Ok((contexts.contexts.len(), Contexts::path()?, app.choice()?)));
    let Some((contexts, path, choice)) = report.check("config", config)? else {
        return report.end();
    };
    let shown = choice.context.clone().unwrap_or_else(|| "none".to_owned());
    report.good("config", &format!("{} ({contexts} contexts, in use: {shown})", path.display()))?;

    let reached = reach(app, &choice).await;
    let Some(took) = report.check("server", reached)? else {
        return report.end();
    };
    report.good("server", &format!("{} within {} ms", choice.server, took.as_millis()))?;

    let client = token(app, &choice);
    let Some((client, source)) = report.check("token", client)? else {
        return report.end();
    };
    let asked = ask_me(app, &client).await;
    let Some(answer) = report.check("token", asked)? else {
        return report.end();
    };
    report.good("token", &format!("from {source}, of {}", answer.username))?;
    report.clock(answer.skew)?;

    let ready = gateway(app, &client).await;
    if let Some(version) = report.check("gateway", ready)? {
        report.good("gateway", "connected")?;
        report.version(&version)?;
    }
    report.end()
}

struct Report<'a> {
    app: &'a App,
    /// The first thing that is wrong.
    worst: Option<Fault>,
}

impl Report<'_> {
    fn check<T>(&mut self, name: &str, outcome: Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(fault) => {
                self.show(name, false, &fault.to_string())?;
                self.worst.get_or_insert(fault);
                Ok(None)
            }
        }
    }

    fn good(&self, name: &str, detail: &str) -> Result<()> {
        self.show(name, true, detail)
    }

    fn bad(&mut self, name: &str, detail: &str) -> Result<()> {
        let fault = Fault::local(format!("{name}: {detail}"));
        self.worst.get_or_insert(fault);
        self.show(name, false, detail)
    }

    fn show(&self, name: &str, ok: bool, detail: &str) -> Result<()> {
        if self.app.out.json {
            return line(&json!({"check": name, "ok": ok, "detail": detail}).to_string());
        }
        let verdict = if ok { "ok  " } else { "fail" };
        line(&format!("{verdict}  {name:<8}  {detail}"))
    }

    fn clock(&mut self, skew: Option<i64>) -> Result<()> {
        match skew {
            None => self.good("clock", "the server does not tell its time"),
            Some(skew) if skew.abs() <= SKEW_MAX => self.good("clock", &format!("{skew:+} s from the server's")),
            Some(skew) => self.bad("clock", &format!("{skew:+} s from the server's")),
        }
    }

    /// Versions with the same first number that is not zero understand each other.
    fn version(&mut self, server: &str) -> Result<()> {
        let ours = env!("CARGO_PKG_VERSION");
        let detail = format!("server {server}, command line {ours}");
        if series(server) == series(ours) {
            return self.good("version", &detail);
        }
        self.bad("version", &format!("{detail}: update the older one"))
    }

    fn end(self) -> Result<()> {
        self.worst.map_or(Ok(()), Err)
    }
}

async fn reach(app: &App, choice: &Choice) -> Result<Duration> {
    let start = Instant::now();
    let reached = tokio::time::timeout(app.globals.patience(), knock(&choice.server)).await;
    let error = match reached {
        Ok(Ok(())) => return Ok(start.elapsed()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer".to_owned(),
    };
    Err(Fault::unavailable(format!("{}: {error}", choice.server)).remedy("start it, or name another with --server"))
}

fn token(app: &App, choice: &Choice) -> Result<(Client, &'static str)> {
    let (token, source) = app.token(choice)?.ok_or_else(|| Fault::not_logged_in(&choice.server))?;
    Ok((app.stranger(choice)?.with_token(token)?, source.as_str()))
}

struct Answer {
    username: String,
    skew: Option<i64>,
}

/// Asks by the plain stub: the head of the answer has the server's time.
async fn ask_me(app: &App, client: &Client) -> Result<Answer> {
    let mut users = UserServiceClient::new(client.grpc());
    let asked = tokio::time::timeout(app.globals.patience(), users.get_me(v1::GetMeRequest {})).await;
    let response = asked.map_err(|_| Fault::unavailable("no answer to GetMe"))?;
    let response = response.map_err(|status| Fault::from(guildhall::Error::from_status(&status)))?;
    let date = response.metadata().get("date").and_then(|date| date.to_str().ok());
    let skew = date.and_then(read_date).map(|server| now() - server);
    let user = response.into_inner().user.unwrap_or_default();
    Ok(Answer { username: user.username, skew })
}

/// The version that the gateway tells.
async fn gateway(app: &App, client: &Client) -> Result<String> {
    let (gateway, mut events) = client.gateway().connect().await?;
    let first = tokio::time::timeout(app.globals.patience(), async {
        loop {
            match events.next().await {
                Some(Event::Ready(ready)) => return Some(ready.server_version),
                Some(_) => {}
                None => return None,
            }
        }
    });
    let outcome = match first.await {
        Ok(Some(version)) => Ok(version),
        Ok(None) => connection::ending(&gateway).await.and(Err(Fault::unavailable("the session ended"))),
        Err(_) => Err(Fault::unavailable("no session within the time")),
    };
    // Whether it says goodbye in time changes nothing.
    let _ = tokio::time::timeout(Duration::from_secs(1), gateway.close()).await;
    outcome
}

fn series(version: &str) -> Option<Vec<u64>> {
    let mut series = Vec::new();
    for number in version.split(['.', '-', '+']) {
        series.push(number.parse().ok()?);
        if series.last() != Some(&0) {
            break;
        }
    }
    Some(series)
}

#[expect(clippy::disallowed_methods, reason = "the server's clock is compared with the one of this machine")]
fn now() -> i64 {
    Timestamp::from(std::time::SystemTime::now()).seconds
}

/// Reads `Tue, 24 Nov 2026 05:44:00 GMT`, in seconds since the Unix epoch.
fn read_date(text: &str) -> Option<i64> {
    let (_, text) = text.split_once(", ")?;
    let parts: Vec<&str> = text.split([' ', ':']).collect();
    let [day, month, year, hour, minute, second, "GMT"] = parts.as_slice() else {
        return None;
    };
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|name| name == month)?;
    let month = u8::try_from(month + 1).ok()?;
    let number = |text: &str| text.parse::<u8>().ok();
    let time =
        Timestamp::date_time(year.parse().ok()?, month, number(day)?, number(hour)?, number(minute)?, number(second)?);
    time.ok().map(|time| time.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_are_read() {
        assert_eq!(read_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(read_date("Fri, 15 Jan 2027 08:00:00 GMT"), Some(1_800_000_000));
        for wrong in ["", "06 Nov 1994", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT"] {
            assert_eq!(read_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn versions_of_one_series_understand_each_other() {
        assert_eq!(series("0.1.0"), series("0.1.9"));
        assert_ne!(series("0.1.0"), series("0.2.0"));
        assert_eq!(series("1.0.0"), series("1.9.3-rc.1"));
        assert_ne!(series("1.0.0"), series("2.0.0"));
        assert_eq!(series("?"), None);
    }
}
