//! Sender profiles: from a name or a file to a checked profile, with everything that is wrong in a file at once.

use super::error::{Problem, ScenarioError};
use super::mended;
use super::suggest;
use super::tree::{self, Kind, Seg};
use record::{InputError, SenderProfile, read_input};
use signature::{Scheme, SpecError};
use std::path::{Path, PathBuf};

/// Largest profile, in bytes.
pub const MAX_SENDER: u64 = 256 * 1024;

/// Loads what a user typed or a scenario says: a path when it looks like one, else `scenarios/senders/NAME.yaml` beside the
/// scenario when it is there, else the built-in profile of that name. `dir`: where the scenario is.
///
/// # Errors
/// A file that cannot be read, all that is wrong in it with line and column, or a name that is none.
pub fn load_sender(typed: &str, dir: &Path) -> Result<SenderProfile, ScenarioError> {
    sender_path(typed, dir).map_or_else(|| built_in_sender(typed), |path| sender_file(&path))
}

/// The file that [`load_sender`] reads; none for the name of a built-in profile.
#[must_use]
pub fn sender_path(typed: &str, dir: &Path) -> Option<PathBuf> {
    let path = Path::new(typed);
    let looks_like_path = typed.contains('/') || path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    if looks_like_path {
        let beside: PathBuf = dir.join(path.strip_prefix(".").unwrap_or(path));
        return Some(beside);
    }
    let plain = typed.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let own = dir.join("senders").join(format!("{typed}.yaml"));
    (plain && own.is_file() && typed.parse::<Scheme>().is_err()).then_some(own)
}

/// A profile of the binary.
///
/// # Errors
/// [`ScenarioError::UnknownSender`] when there is none of that name.
pub fn built_in_sender(name: &str) -> Result<SenderProfile, ScenarioError> {
    let Ok(scheme) = name.parse::<Scheme>() else {
        return Err(ScenarioError::UnknownSender {
            name: name.to_owned(),
            known: Scheme::ALL.map(Scheme::sender).join(", "),
            hint: suggest::hint(name, Scheme::ALL.map(Scheme::sender)),
        });
    };
    sender_text(scheme.profile().as_bytes(), &format!("built-in:senders/{}", scheme.sender()))
}

/// The profile of a file.
///
/// # Errors
/// It cannot be read, is over [`MAX_SENDER`], or is wrong: all that is, with line and column.
pub fn sender_file(path: &Path) -> Result<SenderProfile, ScenarioError> {
    let name = path.display().to_string();
    let bytes = read_input(path, MAX_SENDER).map_err(|e| match e {
        InputError::TooLarge(limit) => ScenarioError::TooLarge { file: name.clone(), limit },
        source => ScenarioError::Read { file: name.clone(), source },
    })?;
    checked(&bytes, &name, path.parent())
}

/// Checks a profile given as bytes; `name` stands in errors.
///
/// # Errors
/// All that is wrong in it, with line and column.
pub fn sender_text(bytes: &[u8], name: &str) -> Result<SenderProfile, ScenarioError> {
    checked(bytes, name, None)
}

/// The same, with the folder that the schemas of its payloads are in.
fn checked(bytes: &[u8], name: &str, dir: Option<&Path>) -> Result<SenderProfile, ScenarioError> {
    let invalid = |problems| ScenarioError::Invalid { file: name.to_owned(), problems };
    let text = super::load::text_of(bytes).map_err(|p| invalid(vec![p]))?;
    let mut tree = tree::parse(text).map_err(|p| invalid(vec![p]))?;
    tree.null_means_none();
    let mut mended = mended::read_on::<SenderProfile>(&tree);
    let mut problems = std::mem::take(&mut mended.problems);
    let Some(mut profile) = mended.value.take() else { return Err(invalid(problems)) };
    // What is said of a place that was mended may follow from that.
    let of_own = |SpecError { path, .. }: &SpecError| {
        problems.is_empty() || !mended.is_touched(&path.split('.').map(Seg::from_text).collect::<Vec<_>>())
    };
    let at = |SpecError { path, problem }: SpecError| {
        let segments: Vec<Seg> = path.split('.').map(Seg::from_text).collect();
        Problem { at: tree.value_at(&segments), message: problem }
    };
    let meant: Vec<Problem> = profile.problems().into_iter().filter(of_own).map(at).collect();
    problems.extend(meant);
    if let Some(Kind::List(statuses)) = tree.get(&["retry".into(), "success".into()]).map(|node| &node.kind)
        && statuses.is_empty()
    {
        let message = "no status is a success here: name them, or leave the key out for every 2xx".to_owned();
        problems.push(Problem { at: tree.key_at(&["retry".into(), "success".into()]), message });
    }
    if profile.schemas.take().is_some() {
        let message = "smoke fills this in: name the schema files under `payload`".to_owned();
        problems.push(Problem { at: tree.key_at(&["schemas".into()]), message });
    }
    if let Some(dir) = dir.filter(|_| !profile.payload.is_empty()) {
        match payload::bundle(&profile.payload, dir) {
            Ok(schemas) => profile.schemas = Some(schemas),
            // A file that was put in for one that is missing is nobody's.
            Err(wrong) => problems.extend(wrong.into_iter().filter_map(|(event, error)| {
                let at = tree.value_at(&["payload".into(), event.as_str().into()]);
                (!mended.is_touched_at(at)).then(|| Problem { at, message: error.to_string() })
            })),
        }
    }
    problems.sort_by_key(|p| p.at);
    problems.dedup();
    if problems.is_empty() { Ok(profile) } else { Err(invalid(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That these mistakes are told, a line each, and no others.
    fn is_told(text: &str, wanted: &[&str]) {
        let error = sender_text(text.as_bytes(), "s.yaml").unwrap_err().to_string();
        assert_eq!(error.lines().count(), wanted.len(), "{error}");
        for (line, wanted) in error.lines().zip(wanted) {
            assert!(line.starts_with(wanted), "{error} lacks {wanted}");
        }
    }

    #[test]
    fn every_built_in_profile_is_right_and_named_as_its_file() {
        for scheme in Scheme::ALL {
            let profile = built_in_sender(scheme.sender()).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(profile.name, scheme.sender());
            assert_eq!(profile.scheme().unwrap(), scheme, "{}", profile.name);
            assert!(!profile.description.is_empty());
            assert!(scheme.profile().lines().count() <= 45, "{}", profile.name);
        }
        assert!(Scheme::ALL.len() >= 28);
    }

    #[test]
    fn what_is_wrong_in_a_profile_is_said_all_at_once_with_its_place() {
        let text = "name: x y\nsignature:\n  algorithm: hmac-sha256\n  header: X-Sig\n  message: '{timestamp}.{boddy}'\n\
                    id: { json: abc }\nretry: { schedule: [1s], jitter: 2 }\n";
        let error = sender_text(text.as_bytes(), "s.yaml").unwrap_err().to_string();
        for line in [
            "s.yaml:1:7: use 1 to 64 letters",
            "s.yaml:5:12: `{boddy}` is not a placeholder; known: {body}, {timestamp}",
            "s.yaml:6:13: `abc` is not a JSON pointer",
            "s.yaml:7:20: the first pause comes before the first attempt: write 0s",
            "s.yaml:7:34: a share is from 0 to 1",
        ] {
            assert!(error.contains(line), "{error} lacks {line}");
        }
        let text = "name: x\nsignature: { algorithm: md5, header: X, mesage: y }\nretry: { schedule: [2] }\n";
        let error = sender_text(text.as_bytes(), "s.yaml").unwrap_err().to_string();
        for words in ["2:25: unknown value `md5`", "3:21: `2` has no unit: write 2s"] {
            assert!(error.contains(words), "{error} lacks {words}");
        }
        // A mistake of shape hides none of meaning, and brings none with it.
        let text = "name: 7\nsignature:\n  algorithm: hmac-sha257\n  heder: X-Sig\n  message: '{timestmp}.{body}'\n  form: pairs\n\
                    event: { json: type }\nretry:\n  schedule: [5]\n  jitter: 2\nlimits: []\nwhat: 1\n";
        is_told(
            text,
            &[
                "s.yaml:1:7: expected text, found the number 7",
                "s.yaml:3:14: unknown value `hmac-sha257`",
                "s.yaml:4:3: unknown key `heder`; did you mean `header`?",
                "s.yaml:5:12: `{timestmp}` is not a placeholder",
                "s.yaml:6:9: pairs need the `key` of the signature",
                "s.yaml:7:16: `type` is not a JSON pointer",
                "s.yaml:9:14: `5` has no unit",
                "s.yaml:10:11: a share is from 0 to 1",
                "s.yaml:11:9: expected a mapping, found a list",
                "s.yaml:12:1: unknown key `what`",
            ],
        );
        let text = "name: [a]\nsignature: { algorithm: [rsa], header: X }\nevent: topic\nbody: { format: xml, batch: items }\n";
        is_told(
            text,
            &[
                "s.yaml:1:7: expected text",
                "s.yaml:2:25: expected one of",
                "s.yaml:3:8: expected a mapping",
                "s.yaml:4:17: unknown value",
                "s.yaml:4:29: `items` is not an array",
            ],
        );
        let text = "signature: { header: X-Sig, message: '{timestamp}' }\nretry: { schedule: [1s] }\n";
        let error = sender_text(text.as_bytes(), "s.yaml").unwrap_err().to_string();
        for words in [
            "the key `name` is missing",
            "the key `algorithm` is missing",
            "covers no part of the body",
            "write 0s",
        ] {
            assert!(error.contains(words), "{error} lacks {words}");
        }
        let text = "name: x\nsignature: { algorithm: hmac-sha256, header: X, message: '{timestamp}' }\n";
        let error = sender_text(text.as_bytes(), "s.yaml").unwrap_err().to_string();
        assert!(error.contains("2:58: it covers no part of the body"), "{error}");
    }

    #[test]
    fn what_would_be_passed_over_in_silence_is_told() {
        let of = |rest: &str| sender_text(format!("name: x\n{rest}").as_bytes(), "s.yaml");
        let none = "signature: { algorithm: none }\n";
        for (rest, wanted) in [
            ("retry: { first: 1s }", "s.yaml:3:8: how many attempts in all?"),
            ("limits: { timeout: 0s }", "s.yaml:3:20: nothing is answered within 0 s"),
            (
                "retry: { first: 5s, longest: 1s, attempts: 3 }",
                "s.yaml:3:30: no pause is longer than 1s, and the first is 5s",
            ),
            (
                "retry: { schedule: [0s, 1s], abort: [400], retry: [400] }",
                "s.yaml:3:51: 400 is listed here and under `abort`",
            ),
            ("retry: { schedule: [0s, 1s], abort: [200] }", "s.yaml:3:37: 200 is a success"),
            ("retry: { schedule: [0s, 1s], success: [] }", "s.yaml:3:30: no status is a success here"),
            (
                "body: { media_type: json }",
                "s.yaml:3:21: `json` is not a media type: give for example application/json",
            ),
            ("body: { media_type: }", "s.yaml:3:19: expected text, found nothing"),
            ("id: { header: }", "s.yaml:3:13: expected text, found nothing"),
            ("payload: { a: }", "s.yaml:3:13: expected text, found nothing"),
            ("retry: { attempts: 3 }", "s.yaml:3:8: which pause?"),
            ("retry: { first: 1s, attempts: 3, endless: true }", "s.yaml:3:31: `attempts` or `endless`"),
            ("body: { format: opaque }\nevent: { json: /type }", "s.yaml:4:16: the body is opaque"),
            ("body: { format: opaque, batch: /a/* }", "s.yaml:3:32: the body is opaque"),
            (
                "setup: ['to {endpont} {\"a\":1}']",
                "s.yaml:3:9: `{endpont}` is not a placeholder; known: {endpoint}",
            ),
        ] {
            let error = of(&format!("{none}{rest}\n")).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{rest}: {error}");
        }
        for (signature, wanted) in [
            ("algorithm: token, header: X, message: '{timestamp}'", "a token covers nothing"),
            (
                "algorithm: hmac-sha256, header: X, form: pairs, key: v1, versions: [{ algorithm: hmac-sha512, key: v2 }]",
                "no secret selects this version",
            ),
            (
                "algorithm: hmac-sha256, header: X, message: '{timestamp}{body}', timestamp: { header: x }",
                "that is the signature's header",
            ),
        ] {
            let error = of(&format!("signature: {{ {signature} }}\n")).unwrap_err().to_string();
            assert!(error.starts_with("s.yaml:2:") && error.contains(wanted), "{signature}: {error}");
        }
        // What follows from a mistake is not told beside it.
        let error = of(&format!("{none}retry: {{ first: -1s, attempts: 3 }}\n")).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        let time =
            of("signature: { algorithm: hmac-sha256, header: X, timestamp: { header: T } }\n").unwrap();
        assert!(
            time.requests().warnings()[0]
                .to_string()
                .starts_with("signature.timestamp: the timestamp is not signed")
        );
        assert!(time.scheme().unwrap().caveats()[0].starts_with("the timestamp is not signed"));
        let quiet = |scheme: &Scheme| scheme.spec().warnings().is_empty();
        assert!(Scheme::ALL.iter().all(quiet), "{:?}", Scheme::ALL.iter().find(|s| !quiet(s)));
    }

    #[test]
    fn formulas_become_schedules() {
        let schedule = |name: &str| built_in_sender(name).unwrap().contract().backoff_ms;
        assert_eq!(schedule("deltacrown-5.6"), [0, 2000, 4000]);
        assert_eq!(schedule("github"), [0]);
        assert_eq!(schedule("django-webhook"), [0, 60_000, 60_000, 60_000, 60_000, 60_000]);
        assert_eq!(schedule("alertmanager")[..4], [0, 500, 750, 1125]);
        let contract = built_in_sender("alertmanager").unwrap().contract();
        assert!(contract.endless && contract.goes_on(1000) && contract.breaker.is_none());
        assert_eq!(contract.window_ms(1000), (450, 2000));
        let mlflow = built_in_sender("mlflow").unwrap().contract();
        assert!(mlflow.aborts(408) && !mlflow.aborts(429) && !mlflow.aborts(503));
        assert!(!built_in_sender("stripe").unwrap().contract().aborts(400));
        // What the providers do state.
        let sums = |name: &str| {
            let mut sum = 0;
            schedule(name)
                .into_iter()
                .map(|pause| {
                    sum += pause / 1000;
                    sum
                })
                .collect::<Vec<u64>>()
        };
        let within = |name: &str, seconds: u64| sums(name).iter().filter(|at| **at <= seconds).count() - 1;
        assert_eq!([3600, 3 * 86_400].map(|s| within("paddle", s)), [20, 60]);
        assert!((45..=50).contains(&within("paddle", 86_400)), "{}", within("paddle", 86_400));
        assert!(sums("discord").len() > 3 && *sums("discord").last().unwrap() <= 600);
    }

    #[test]
    fn what_smoke_fills_in_is_offered_to_nobody() {
        let text = "name: x\nsignature: { algorithm: none }\nschema: x\n";
        let error = sender_text(text.as_bytes(), "s.yaml").unwrap_err().to_string();
        assert!(error.contains("unknown key `schema`") && !error.contains("schemas"), "{error}");
    }

    #[test]
    fn a_name_that_is_none_gets_the_nearest() {
        let error = load_sender("strpe", Path::new(".")).unwrap_err().to_string();
        assert!(error.contains("no sender `strpe`") && error.contains("did you mean `stripe`"), "{error}");
    }
}
