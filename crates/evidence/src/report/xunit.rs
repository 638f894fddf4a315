//! JUnit XML as build servers read it: suites of cases, each passed, failed, in error, or skipped.

use std::fmt::Write as _;
use std::time::Duration;

/// How each file begins, up to its name, which says what `smoke` reports on.
pub const XML_HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"smoke ";

/// How a case went.
pub(super) enum Status {
    Passed,
    /// Why, in a line, and the details.
    Failed(String, String),
    /// The question was asked and not answered: why, and the details.
    Unproven(String, String),
    Skipped(String),
}

pub(super) struct TestCase {
    pub name: String,
    pub class: String,
    pub took: Duration,
    pub status: Status,
}

pub(super) struct Suite {
    pub name: String,
    pub cases: Vec<TestCase>,
    /// What else is to be said of it.
    pub note: Option<String>,
}

/// What the file is about.
pub(super) struct About<'a> {
    /// Behind `smoke`.
    pub name: &'a str,
    /// Whose report it is, so that one of an earlier run is told from a forged one.
    pub run_id: &'a str,
    /// RFC 3339.
    pub started: &'a str,
    pub took: Duration,
}

/// The whole file.
pub(super) fn xml(about: &About<'_>, suites: &[Suite]) -> String {
    let About { name, run_id, started, took } = *about;
    let all = || suites.iter().flat_map(|suite| &suite.cases);
    let mut out = XML_HEAD.to_owned();
    let _ = writeln!(
        out,
        "{}\" {} timestamp=\"{}\" time=\"{:.3}\">",
        escaped(name),
        counts(all()),
        escaped(started),
        took.as_secs_f64()
    );
    for Suite { name, cases, note } in suites {
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" {} timestamp=\"{}\">",
            escaped(name),
            counts(cases.iter()),
            escaped(started)
        );
        let _ = writeln!(
            out,
            "    <properties>\n      <property name=\"run_id\" value=\"{}\"/>\n    </properties>",
            escaped(run_id)
        );
        cases.iter().for_each(|case| test_case(&mut out, case));
        if let Some(note) = note {
            let _ = writeln!(out, "    <system-out>{}</system-out>", escaped(note));
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn counts<'c>(cases: impl Iterator<Item = &'c TestCase>) -> String {
    let (mut n, mut failures, mut errors, mut skipped) = (0, 0, 0, 0);
    for case in cases {
        n += 1;
        match case.status {
            Status::Passed => {}
            Status::Failed(..) => failures += 1,
            Status::Unproven(..) => errors += 1,
            Status::Skipped(_) => skipped += 1,
        }
    }
    format!("tests=\"{n}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
}

fn test_case(out: &mut String, case: &TestCase) {
    let _ = write!(
        out,
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{:.3}\"",
        escaped(&case.name),
        escaped(&case.class),
        case.took.as_secs_f64()
    );
    let mut problem = |element: &str, kind: &str, why: &str, details: &str| {
        let (why, details) = (escaped(why), escaped(details));
        writeln!(
            out,
            ">\n      <{element} type=\"{kind}\" message=\"{why}\">{details}</{element}>\n    </testcase>"
        )
    };
    let _ = match &case.status {
        Status::Passed => writeln!(out, "/>"),
        Status::Failed(why, details) => problem("failure", "fail", why, details),
        Status::Unproven(why, details) => problem("error", "unproven", why, details),
        Status::Skipped(why) => {
            writeln!(out, ">\n      <skipped message=\"{}\"/>\n    </testcase>", escaped(why))
        }
    };
}

/// For text and attributes alike; what XML 1.0 section 2.2 does not allow becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup_and_every_case_is_counted() {
        let case =
            |status| TestCase { name: "a<b>\"c'".into(), class: "x".into(), took: Duration::ZERO, status };
        let cases = vec![
            case(Status::Passed),
            case(Status::Failed("1 < 2\n\u{1}".into(), "]]>".into())),
            case(Status::Unproven("?".into(), String::new())),
            case(Status::Skipped("&".into())),
        ];
        let suites = [Suite { name: "gates".into(), cases, note: None }];
        let (started, took) = ("2026-11-26T00:00:00Z", Duration::from_millis(1500));
        let xml = xml(&About { name: "payments", run_id: "8", started, took }, &suites);
        assert!(xml.contains("tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\""), "{xml}");
        assert!(xml.contains("name=\"a&lt;b&gt;&quot;c&apos;\""), "{xml}");
        assert!(xml.contains("message=\"1 &lt; 2&#10;\u{fffd}\">]]&gt;</failure>"), "{xml}");
        assert!(xml.contains("<skipped message=\"&amp;\"/>") && xml.contains("time=\"1.500\""), "{xml}");
    }
}
