//! Whether the webhooks that steps ask for are such as the sender's profile has: that they have a name where its webhooks do,
//! and come after one that the scenario asks for too.

use super::error::Problem;
use super::model::{ExpectedWebhook, Scenario, Step};
use super::names::at;
use super::suggest;
use super::syntax::{is_field, pointer_problem};
use super::tree::{Node, Seg};
use record::SenderProfile;
use record::matcher::{Matcher, MatcherFields};
use signature::BodyFormat;

/// What is wrong with them.
pub(super) fn check(scenario: &Scenario, sender: &SenderProfile, tree: &Node) -> Vec<Problem> {
    let all = all(scenario);
    let known = || {
        all.iter().filter(|(_, webhook)| !webhook.count.forbids()).map(|(_, webhook)| webhook.event.as_str())
    };
    let mut problems = Vec::new();
    let scheme = sender.scheme().ok();
    for (path, webhook) in &all {
        let only_there = |matcher: &Matcher| {
            *matcher == Matcher::Full(MatcherFields { exists: Some(true), ..MatcherFields::default() })
                || *matcher == Matcher::Full(MatcherFields { absent: Some(true), ..MatcherFields::default() })
        };
        for (name, _) in webhook.headers.iter().filter(|(_, matcher)| !only_there(matcher)) {
            if scheme.is_some_and(|scheme| scheme.hides(name)) {
                let message = format!(
                    "{name} may hold a credential, and the journal keeps only its digest: write {{ exists: true }}"
                );
                problems.push(Problem {
                    at: tree.value_at(&at(path, ["headers".into(), name.as_str().into()])),
                    message,
                });
            }
        }
        let is_form = sender.body.format == BodyFormat::Form;
        for place in webhook.matchers.keys().filter(|place| !is_form && is_field(place)) {
            if let Some(message) = pointer_problem(place) {
                let at = tree.key_at(&at(path, ["match".into(), place.as_str().into()]));
                problems.push(Problem { at, message });
            }
        }
        let mut wrong = |key: &str, message: String| {
            let path = at(path, [key.into()]);
            problems.push(Problem { at: tree.value_at(&path), message });
        };
        if webhook.event.is_empty() && !sender.event.is_nowhere() {
            let message = format!("name the event (`event: …`): webhooks from {} name theirs", sender.name);
            wrong("event", message);
        }
        if webhook.count.forbids() && is_expected_beside(&all, path, webhook) {
            let message = "this step expects the very same webhook: keep one, or say in `match` which of them is forbidden";
            wrong("count", message.to_owned());
        }
        if !webhook.event.is_empty() && sender.event.is_nowhere() {
            let message = format!(
                "webhooks from {} name no event: leave `event` out, or say in the profile where theirs stands",
                sender.name
            );
            wrong("event", message);
        }
        let Some(after) = webhook.after.as_deref().filter(|after| !after.contains("{{")) else { continue };
        if after == webhook.event {
            wrong("after", "a webhook cannot follow itself: name another event".to_owned());
        } else if !known().any(|event| event == after || event.contains("{{")) {
            let hint = suggest::hint(after, known());
            wrong("after", format!("no step expects a webhook with the event `{after}`{hint}"));
        } else if is_behind_itself(&all, webhook) {
            wrong(
                "after",
                format!("`{after}` follows `{}` itself, so that neither can come first", webhook.event),
            );
        }
    }
    problems
}

/// Whether the step that forbids a webhook expects it as well.
fn is_expected_beside(all: &[(Vec<Seg>, &ExpectedWebhook)], path: &[Seg], webhook: &ExpectedWebhook) -> bool {
    let step = |path: &[Seg]| path.split_last().map(|(_, step)| step.to_vec());
    let same = |other: &ExpectedWebhook| {
        other.event == webhook.event
            && other.matchers == webhook.matchers
            && other.headers == webhook.headers
            && !other.count.forbids()
    };
    all.iter().any(|(other, one)| step(other) == step(path) && same(one))
}

/// Whether the event that a webhook follows follows it in turn, by way of others or not. An event that somewhere follows nothing can
/// come first.
fn is_behind_itself(all: &[(Vec<Seg>, &ExpectedWebhook)], webhook: &ExpectedWebhook) -> bool {
    let first_of = |event: &str| all.iter().any(|(_, one)| one.event == event && one.after.is_none());
    let mut before = webhook.after.as_deref().filter(|_| !first_of(&webhook.event));
    for _ in 0..all.len() {
        let Some(event) = before else { return false };
        if event == webhook.event {
            return true;
        }
        let mut of_event =
            all.iter().filter(|(_, one)| one.event == event).map(|(_, one)| one.after.as_deref());
        let first = of_event.next().flatten();
        before = first.filter(|first| of_event.all(|other| other == Some(*first)));
    }
    false
}

/// The webhooks of all steps, with their places.
fn all(scenario: &Scenario) -> Vec<(Vec<Seg>, &ExpectedWebhook)> {
    let own = [(vec!["steps".into()], &scenario.steps)];
    let variants = scenario.variants.iter().enumerate();
    let variants =
        variants.map(|(v, variant)| (vec!["variants".into(), v.into(), "steps".into()], &variant.steps));
    let lists = own.into_iter().chain(variants);
    lists.flat_map(|(path, steps)| of_steps(&path, steps)).collect()
}

fn of_steps<'s>(path: &[Seg], steps: &'s [Step]) -> Vec<(Vec<Seg>, &'s ExpectedWebhook)> {
    let of_step = |(s, step): (usize, &'s Step)| {
        let webhooks = step.webhooks.iter().enumerate();
        webhooks.map(move |(w, webhook)| (at(path, [s.into(), "webhooks".into(), w.into()]), webhook))
    };
    steps.iter().enumerate().flat_map(of_step).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_header_that_is_kept_as_a_digest_is_asked_for_by_being_there() {
        let load = |matcher: &str| {
            let dir = tempfile::tempdir().unwrap();
            let text = format!(
                "name: t\nsubject: {{ kind: flow, id: \"1\" }}\nflows: 1\nsender: github\nsteps:\n  - name: a\n    \
                 request: {{ method: GET, path: / }}\n    webhooks:\n      - {{ event: push, headers: {{ {matcher} }} }}\n"
            );
            let file = dir.path().join("s.yaml");
            std::fs::write(&file, text).unwrap();
            crate::load(&file).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(load("X-Api-Key: { exists: true }"), Ok(()));
        assert_eq!(load("X-Hub-Signature-256: { matches: \"^sha256=\" }"), Ok(()));
        let told = load("X-Api-Key: abc").unwrap_err();
        assert!(told.contains(":9:") && told.contains("write { exists: true }"), "{told}");
    }

    #[test]
    fn what_a_step_expects_it_does_not_forbid() {
        let load = |webhooks: &str, later: &str| {
            let step = |name: &str, webhooks: &str| {
                format!(
                    "  - {{ name: {name}, request: {{ method: GET, path: / }}, webhooks: [{webhooks}] }}\n"
                )
            };
            let head = "name: t\nsubject: { kind: flow, id: \"1\" }\nflows: 1\nsteps:\n";
            let text = format!("{head}{}{}", step("a", webhooks), step("b", later));
            crate::tests::try_load(&text).map(|_| ())
        };
        let (one, none) = ("{ event: a, match: { /x: 1 } }", "{ event: a, match: { /x: 1 }, count: 0 }");
        let told = load(&format!("{one}, {none}"), "").unwrap_err();
        assert!(told.contains(":5:") && told.contains("this step expects the very same webhook"), "{told}");
        assert_eq!(load(one, none), Ok(()), "a later step may fire no more of them");
        let narrower = "{ event: a, match: { /x: 1, /email: { exists: true } }, count: 0 }";
        assert_eq!(load(&format!("{one}, {narrower}"), ""), Ok(()));
    }

    #[test]
    fn what_the_profile_says_of_events_and_forms_is_kept_to() {
        let dir = tempfile::tempdir().unwrap();
        let load = |format: &str| {
            let profile =
                format!("name: p\nsignature: {{ algorithm: none }}\nbody: {{ format: {format} }}\n");
            std::fs::write(dir.path().join("p.yaml"), profile).unwrap();
            let text = "name: t\nsubject: { kind: flow, id: \"1\" }\nsender: ./p.yaml\nsteps:\n  - name: a\n    \
                        request: { method: GET, path: / }\n    webhooks: [{ match: { \"/tags[0]\": 1 } }]\n";
            crate::load_bytes(text.as_bytes(), "s.yaml", dir.path()).map(|_| ()).map_err(|e| e.to_string())
        };
        assert_eq!(load("form"), Ok(()));
        let named = |event: &str| {
            let text = format!(
                "name: t\nsubject: {{ kind: flow, id: \"1\" }}\nsender: ./p.yaml\nsteps:\n  - name: a\n    \
                        request: {{ method: GET, path: / }}\n    webhooks: [{{ event: {event} }}]\n"
            );
            crate::load_bytes(text.as_bytes(), "s.yaml", dir.path()).map(|_| ()).map_err(|e| e.to_string())
        };
        let told = named("a.b").unwrap_err();
        assert!(told.contains(":7:25: webhooks from p name no event: leave `event` out"), "{told}");
        assert!(load("json").unwrap_err().contains(":7:27: `/tags[0]`: a step of a JSON pointer"));
    }

    #[test]
    fn of_webhooks_that_follow_each_other_in_a_circle_none_can_come_first() {
        let load = |webhooks: &str| {
            let dir = tempfile::tempdir().unwrap();
            let text = format!(
                "name: t\nsubject: {{ kind: flow, id: \"1\" }}\nflows: 1\nsteps:\n  - name: a\n    \
                 request: {{ method: GET, path: / }}\n    webhooks:\n{webhooks}"
            );
            let file = dir.path().join("s.yaml");
            std::fs::write(&file, text).unwrap();
            crate::load(&file).map(|_| ()).map_err(|error| error.to_string())
        };
        let circle = "      - { event: a, after: c }\n      - { event: b, after: a }\n      - { event: c, after: b }\n";
        let told = load(circle).unwrap_err();
        assert!(told.contains(":8:28: `c` follows `a` itself"), "{told}");
        assert_eq!(load(&circle.replace("a, after: c", "a")), Ok(()));
        assert_eq!(
            load(&format!("{circle}      - {{ event: c, count: 2 }}\n")),
            Ok(()),
            "one of its kind may come first"
        );
    }
}
