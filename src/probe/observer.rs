//! Who says how many webhooks were processed: a command's number, or a URL's. It is asked, and changes nothing.

use crate::outbound::why;
use reqwest::{Client, Url};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

/// Limit for one question.
const WITHIN: Duration = Duration::from_secs(5);
/// Most bytes of an answer.
const MAX_ANSWER: usize = 4096;

/// Asks for the number.
#[derive(Debug, Clone)]
pub(crate) enum Observer {
    /// What a command prints.
    Command(String),
    /// What stands at a URL.
    Url(Box<(Client, Url)>),
}

impl Observer {
    /// From what was typed: a URL, or a command for `sh`.
    ///
    /// # Errors
    /// When it is no URL although it begins as one, or the HTTP client cannot be set up.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("give a command or an http(s) URL".to_owned());
        }
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Ok(Self::Command(text.to_owned()));
        }
        let url = Url::parse(text).map_err(|e| e.to_string())?;
        let builder = crate::outbound::client_builder([text]).map_err(|e| e.to_string())?;
        let client = builder.timeout(WITHIN).build().map_err(|e| e.to_string())?;
        Ok(Self::Url(Box::new((client, url))))
    }

    /// The word in the journal.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Url(_) => "url",
        }
    }

    /// The number now.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(crate) async fn ask(&self) -> Result<i64, String> {
        let text = match self {
            Self::Command(command) => of_command(command).await?,
            Self::Url(place) => of_url(&place.0, &place.1).await?,
        };
        let shown: String = text.trim().chars().take(40).collect();
        text.trim().parse().map_err(|_| format!("it says `{shown}`, not a whole number"))
    }
}

async fn of_command(command: &str) -> Result<String, String> {
    let mut child = Command::new("sh");
    child.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // It has nothing to sign, and goes when it is not waited for.
    child.env_remove("WEBHOOK_SECRET").kill_on_drop(true).process_group(0);
    let mut child = child.spawn().map_err(|e| format!("it cannot be run: {e}"))?;
    let group = child.id();
    let mut text = Vec::new();
    let answered = timeout(WITHIN, async {
        if let Some(stdout) = child.stdout.take() {
            let _ = stdout.take(MAX_ANSWER as u64).read_to_end(&mut text).await;
        }
        child.wait().await
    });
    match answered.await {
        Ok(Ok(status)) if status.success() => {
            String::from_utf8(text).map_err(|_| "its output is not UTF-8".to_owned())
        }
        Ok(Ok(status)) => Err(match status.code() {
            Some(code) => format!("it ended with exit code {code}"),
            None => "it was killed by a signal".to_owned(),
        }),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            if let Some(group) = group {
                // With all that it has started.
                let _ = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status().await;
            }
            Err(format!("no response within {} s", WITHIN.as_secs()))
        }
    }
}

async fn of_url(client: &Client, url: &Url) -> Result<String, String> {
    let late = |e: reqwest::Error| {
        if e.is_timeout() { format!("no response within {} s", WITHIN.as_secs()) } else { why(&e) }
    };
    let mut answer = client.get(url.clone()).send().await.map_err(late)?;
    if !answer.status().is_success() {
        return Err(format!("it answers {}", answer.status().as_u16()));
    }
    let mut text = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(late)? {
        text.extend(piece);
        if text.len() > MAX_ANSWER {
            return Err(format!("it says more than {MAX_ANSWER} bytes, not a whole number"));
        }
    }
    String::from_utf8(text).map_err(|_| "its response is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_says_a_number_or_what_is_wrong() {
        let ask = async |text: &str| Observer::parse(text).unwrap().ask().await;
        assert_eq!(ask("echo 42").await, Ok(42));
        assert_eq!(ask("exit 3").await, Err("it ended with exit code 3".to_owned()));
        assert_eq!(ask("echo many").await, Err("it says `many`, not a whole number".to_owned()));
        assert!(Observer::parse(" ").is_err() && Observer::parse("http://[").is_err());
    }
}
