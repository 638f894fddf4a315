//! Times that cannot be: malformed, in the future, before the commit, outside the run.

use super::document::{Document, Node, shown};
use super::judgement::Findings;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

/// Clocks of two machines may differ by this much.
pub(super) const SKEW: TimeDelta = TimeDelta::minutes(2);

pub(super) fn check(
    document: &Document<'_>,
    now: DateTime<Utc>,
    not_before: Option<DateTime<Utc>>,
    found: &mut Findings,
) {
    let run = started(document);
    if let Some(Err(text)) = &run {
        found.add("time_malformed", format!("the run's time `{text}` is not an RFC 3339 time"));
    }
    for node in &document.nodes {
        let Some(time) = stamp(node) else { continue };
        if time > now + SKEW {
            found.add("time_in_the_future", format!("{} is {time}, which is in the future", node.pointer));
        }
    }
    let Some(Ok(run)) = run else { return };
    let committed =
        document.text(&["commit_time", "commit_timestamp", "commit_date", "committed_at"]).and_then(parse);
    if let Some(commit) = not_before.or(committed).filter(|commit| run < *commit) {
        found.add(
            "before_the_commit",
            format!("the run began at {run}, before the commit of {commit} that it is supposed to test"),
        );
    }
    backwards(document, found);
}

/// When the run began, as the artifact says; the text itself when it is no time.
pub(super) fn started<'a>(document: &Document<'a>) -> Option<Result<DateTime<Utc>, &'a str>> {
    let text = document
        .root
        .pointer("/test_run/timestamp")
        .and_then(serde_json::Value::as_str)
        .or_else(|| document.text(&["timestamp", "started_at", "start_time"]))?;
    Some(parse(text).ok_or(text))
}

fn backwards(document: &Document<'_>, found: &mut Findings) {
    let of = |names: &[&str]| document.text(names).and_then(parse);
    let (start, end) = (
        of(&["start_time", "started_at", "started"]),
        of(&["end_time", "ended_at", "completed_at", "ended"]),
    );
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        found.add("time_backwards", format!("the run ended at {end}, before it began at {start}"));
    } else if let (Some(start), Some(end), Some(stated)) =
        (start, end, document.number(&["duration_seconds"]))
    {
        let seconds = (end - start).as_seconds_f64();
        if (seconds - stated).abs() > 2.0 {
            found.add(
                "duration_does_not_follow",
                format!(
                    "{start} to {end} is {} s, but the artifact says {} s",
                    shown(seconds),
                    shown(stated)
                ),
            );
        }
    }
}

/// The time in a member that is called one.
fn stamp(node: &Node<'_>) -> Option<DateTime<Utc>> {
    let named = node.key.ends_with("timestamp")
        || node.key.ends_with("_at")
        || node.key.ends_with("time")
        || node.key == "date";
    node.value.as_str().filter(|_| named).and_then(parse)
}

/// RFC 3339, or the same without a zone, taken as UTC.
pub(super) fn parse(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let naive =
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M:%S,%3f", "%Y-%m-%d %H:%M:%S UTC"];
    naive.iter().find_map(|form| Some(NaiveDateTime::parse_from_str(text, form).ok()?.and_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        let of = |text| parse(text).map(|t| t.timestamp());
        let time = of("2025-11-13T14:30:00Z");
        assert!(time.is_some());
        assert_eq!(of("2025-11-13 14:30:00"), time);
        assert_eq!(of("2025-11-13 14:30:00,250"), time);
        assert_eq!(of("2025-11-13T20:30:00+06:00"), time);
        assert_eq!((of("yesterday"), of("2025-13-13T14:30:00Z")), (None, None));
    }
}
