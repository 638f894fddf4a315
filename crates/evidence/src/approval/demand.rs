//! What the approver asks of evidence, and what he lets pass by name.

use super::easier::criteria_names;
use super::judgement::Kind;
use super::trust::Trust;
use pii::IdentityKind;
use record::period::Period;
use record::seal::Subject;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The guide's runs: 10 payments, 5 matches; and as many webhooks in an observation as a run of payments has.
const LEAST: [(Kind, u64); 3] = [(Kind::Payments, 10), (Kind::Matches, 5), (Kind::Observation, 10)];
/// The guide's observation window.
const LEAST_WINDOW: Duration = Duration::from_secs(30 * 60);

/// What is asked of evidence beyond its own gates.
#[derive(Debug, Clone, Default)]
pub struct Demand {
    /// Base URL of the system that must have been tested; any when absent.
    pub target: Option<String>,
    /// Least length of an observation; the guide's when absent.
    pub min_window: Option<Duration>,
    /// Least number of flows of a run, or of webhooks in an observation, by kind.
    pub min_flows: MinFlows,
    /// What weakens the evidence and is accepted all the same.
    pub allowed: Vec<Allowed>,
    /// The least level that is accepted; by the environment when absent ([`Trust::usual`]).
    pub trust: Option<Trust>,
    /// Whether the gates are the approver's own, and not those of the checkout that is being approved.
    pub own_gates: bool,
    /// SHA-256 of the gates that count, hex; those of the checkout when absent.
    pub gates_sha256: Option<String>,
    /// SHA-256 of the scenarios that count, hex; those of the checkout when empty.
    pub scenario_sha256: Vec<String>,
    /// What must be found inside a signed body.
    pub challenge: Option<String>,
    /// What a signed statement must say was tested, by digest: commits, images.
    pub subjects: Vec<Subject>,
}

impl Demand {
    /// Least length of an observation.
    #[must_use]
    pub fn least_window(&self) -> Duration {
        self.min_window.unwrap_or(LEAST_WINDOW)
    }

    /// Whether the approver accepts this.
    pub(super) fn allows(&self, name: &str, value: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed.covers(name, value))
    }
}

/// The least number of flows by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MinFlows {
    all: Option<u64>,
    of: BTreeMap<String, u64>,
}

impl MinFlows {
    /// For a run of this kind and scenario; `None` where nothing is asked. A number without a name is for the kinds that have
    /// a least one anyway.
    #[must_use]
    pub fn of(&self, kind: Kind, scenario: &str) -> Option<u64> {
        let usual = LEAST.iter().find(|(of, _)| *of == kind).map(|(_, n)| *n);
        let name = if usual.is_some() { kind.word() } else { scenario };
        self.of.get(name).copied().or(self.all.filter(|_| usual.is_some())).or(usual)
    }

    /// The same for a load of this scenario, or of webhooks (`webhooks`), of which nothing is asked unless the approver does.
    #[must_use]
    pub fn of_load(&self, scenario: &str) -> Option<u64> {
        self.of.get(scenario).copied().or(self.all)
    }

    /// What is asked of none of these, as it was typed: a slip of the pen.
    #[must_use]
    pub fn asked_of_none(&self, judged: &[&FlowsOf]) -> Option<String> {
        let is_asked = |name: &&String| !judged.iter().any(|of| of.name == **name);
        if let Some(name) = self.of.keys().find(is_asked) {
            return Some(format!("{name}=…"));
        }
        self.all.filter(|_| !judged.iter().any(|of| of.by_number)).map(|n| n.to_string())
    }

    /// Takes in one more `N` or `NAME=N`, the name being that of a kind or of a scenario.
    ///
    /// # Errors
    /// When it is neither.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let wrong = || {
            format!(
                "{text}: give a number, or one per name: payments=10, matches=5, observation=10, orders=20"
            )
        };
        match text.split_once('=') {
            None => self.all = Some(text.parse().map_err(|_| wrong())?),
            Some((kind, n)) => {
                let n = n.parse().ok().filter(|_| !kind.is_empty()).ok_or_else(wrong)?;
                self.of.insert(kind.to_owned(), n);
            }
        }
        Ok(())
    }
}

/// What a least number of flows is asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowsOf {
    /// The kind of run, or the scenario, which a load has too.
    pub name: String,
    /// Whether a number without a name is for it.
    pub by_number: bool,
}

impl FlowsOf {
    /// What is asked of evidence of this kind, by its scenario where the kind says little; nothing of a probe.
    pub(super) fn of(kind: Kind, scenario: Option<&str>) -> Option<Self> {
        let is_usual = LEAST.iter().any(|(of, _)| *of == kind);
        let name = if is_usual { Some(kind.word()) } else { scenario.filter(|_| kind == Kind::Other) };
        name.map(|name| Self { name: name.to_owned(), by_number: is_usual })
    }

    pub(super) fn of_load(scenario: &str) -> Self {
        Self { name: scenario.to_owned(), by_number: true }
    }
}

/// Something that weakens a run, accepted by name: `flows=1`, `within=60s`, `criteria=pii_leaks_max`; without a value
/// whatever the value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    name: String,
    value: Option<String>,
}

impl Allowed {
    /// The names that mean something.
    pub const NAMES: [&str; 12] = [
        "flows", "canaries", "policy", "criteria", "within", "settle", "scheme", "target", "faults", "runs",
        "endpoint", "timeout",
    ];

    /// What names nothing that could weaken a run would be accepted in silence, and accept nothing.
    fn check(name: &str, value: &str) -> Result<(), String> {
        let known = match name {
            "within" | "settle" | "timeout" => {
                let wrong = |why| format!("{name}: {why}, as in {name}=60s");
                return value.parse::<Period>().map(|_| ()).map_err(wrong);
            }
            "canaries" => IdentityKind::ALL.map(|kind| kind.name().to_owned()).to_vec(),
            "criteria" => criteria_names(),
            _ => return Ok(()),
        };
        if known.iter().any(|known| known == value) {
            return Ok(());
        }
        let near = scenario::nearest(value, known.iter().map(String::as_str));
        let hint = near
            .map_or_else(|| format!("known: {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        Err(format!("{name}: there is no `{value}`; {hint}"))
    }

    fn covers(&self, name: &str, value: &str) -> bool {
        let number = |text: &str| text.parse::<u64>().ok();
        let span = |text: &str| text.parse::<Period>().ok();
        self.name == name
            && match &self.value {
                None => true,
                // Whoever accepts one flow accepts more.
                Some(least) if name == "flows" => number(value) >= number(least),
                // And whoever accepts that three were begun, that two were.
                Some(most) if name == "runs" => number(value) <= number(most),
                // However it is written: `2m` and `120s`.
                Some(given) => given == value || span(given).is_some_and(|given| span(value) == Some(given)),
            }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, "={value}"))
    }
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        if !Self::NAMES.contains(&name) {
            return Err(format!(
                "`{name}` is not something that weakens a run; known: {}",
                Self::NAMES.join(", ")
            ));
        }
        if matches!(name, "flows" | "runs") && value.is_some_and(|n| n.parse::<u64>().is_err()) {
            return Err(format!("{name}: a number is needed, as in {name}=1"));
        }
        if let Some(value) = value {
            Self::check(name, value)?;
        }
        Ok(Self { name: name.to_owned(), value: value.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_nothing_is_not_allowed() {
        for (text, told) in [
            ("within=60", "within: `60` has no unit"),
            ("canaries=emial", "canaries: there is no `emial`; did you mean `email`?"),
            ("criteria=lost_mx", "criteria: there is no `lost_mx`; did you mean `lost_max`?"),
        ] {
            let error = text.parse::<Allowed>().unwrap_err();
            assert!(error.starts_with(told), "{text}: {error}");
        }
        for text in [
            "within=60s",
            "canaries=phone",
            "criteria=load.lag_p99_below_ms",
            "criteria=retry_contract",
            "criteria=retry_contract.breaker.failures",
            "criteria=retry_contract.early_ms",
            "criteria",
            "target=loopback",
        ] {
            assert!(text.parse::<Allowed>().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_by_name() {
        let demand = |text: &str| Demand { allowed: vec![text.parse().unwrap()], ..Demand::default() };
        assert!(demand("flows=3").allows("flows", "3") && demand("flows=3").allows("flows", "4"));
        assert!(!demand("flows=3").allows("flows", "2") && demand("flows").allows("flows", "1"));
        assert!(
            demand("within=60s").allows("within", "60s") && !demand("within=60s").allows("within", "61s")
        );
        assert!(demand("within=2m").allows("within", "120s") && !demand("within=2s").allows("within", "2m"));
        assert!(!demand("within").allows("settle", "0s"));
        assert!("flow=1".parse::<Allowed>().unwrap_err().contains("known: flows"));
        assert!("flows=few".parse::<Allowed>().is_err());
    }

    #[test]
    fn the_guides_figures_are_asked_unless_others_are() {
        let mut least = MinFlows::default();
        let of = |least: &MinFlows| {
            let (payments, matches) =
                (least.of(Kind::Payments, "payments"), least.of(Kind::Matches, "matches"));
            (payments, matches, least.of(Kind::Other, "orders"), least.of(Kind::Other, "refunds"))
        };
        assert_eq!(of(&least), (Some(10), Some(5), None, None));
        least.add("3").unwrap();
        least.add("matches=4").unwrap();
        least.add("orders=20").unwrap();
        assert_eq!(of(&least), (Some(3), Some(4), Some(20), None));
        assert_eq!((least.of_load("orders"), least.of_load("webhooks")), (Some(20), Some(3)));
        assert!(least.add("goals=few").is_err() && least.add("many").is_err() && least.add("=3").is_err());
    }

    #[test]
    fn what_is_asked_of_nothing_is_told() {
        let asked = |text: &str, judged: &[FlowsOf]| {
            let mut least = MinFlows::default();
            least.add(text).unwrap();
            least.asked_of_none(&judged.iter().collect::<Vec<_>>())
        };
        let of = |kind, scenario: &str| FlowsOf::of(kind, Some(scenario)).into_iter().collect::<Vec<_>>();
        let payments = of(Kind::Payments, "payments");
        assert_eq!(asked("payments=50", &payments), None);
        assert_eq!(asked("50", &payments), None);
        assert_eq!(asked("matches=50", &payments), Some("matches=…".to_owned()));
        assert_eq!(asked("50", &of(Kind::Other, "orders")), Some("50".to_owned()));
        assert_eq!(asked("orders=50", &of(Kind::Other, "orders")), None);
        assert_eq!(asked("50", &of(Kind::Probe, "")), Some("50".to_owned()));
        let load = [FlowsOf::of_load("payments")];
        assert!(asked("50", &load).is_none() && asked("payments=50", &load).is_none());
        assert_eq!(asked("matches=50", &load), Some("matches=…".to_owned()));
    }
}
