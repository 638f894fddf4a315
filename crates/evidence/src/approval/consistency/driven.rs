//! Flows that were driven beside a window, held against the scenarios of the checkout. The window has no digest of theirs: another
//! version of a scenario is no lie, so that what differs leaves the window unproven.

use super::Contradictions;
use super::flows::Flows;
use crate::approval::admissibility::Checkout;
use crate::approval::judgement::{Item, evidence};
use crate::gate::Verdict;
use record::{DRIVEN_FLOWS, Header, Record, Watch, WatchBegin};
use scenario::Scenario;
use std::path::Path;

pub(in crate::approval) struct Driven<'a> {
    header: &'a Header,
    checkout: &'a Checkout,
    scenarios: Vec<Told<'a>>,
}

/// One scenario that is driven.
struct Told<'a> {
    name: String,
    /// Nothing where the checkout has none of that name.
    flows: Option<Flows<'a>>,
    begun: u64,
    ended: u64,
    differs: Contradictions,
}

impl<'a> Driven<'a> {
    pub(in crate::approval) const fn new(header: &'a Header, checkout: &'a Checkout) -> Self {
        Self { header, checkout, scenarios: Vec::new() }
    }

    pub(in crate::approval) fn take(&mut self, record: &Record) {
        match record {
            Record::Watch(Watch::Begin(begin)) => self.begins(begin),
            _ if self.scenarios.is_empty() => {}
            Record::FlowStart(_)
            | Record::Learned(_)
            | Record::Expect(_)
            | Record::Step(_)
            | Record::FlowEnd(_) => self.is_played(record.clone()),
            _ => {}
        }
    }

    fn begins(&mut self, begin: &WatchBegin) {
        let told = |typed: &String| {
            let name = name_of(typed);
            let scenario: Option<&'a Scenario> = self.checkout.scenario_named(&name);
            let flows = scenario.map(|scenario| Flows::driven(self.header, scenario));
            Told { name, flows, begun: 0, ended: 0, differs: Contradictions::default() }
        };
        self.scenarios = begin.drive.iter().map(told).collect();
    }

    /// As it was in the run of its own scenario.
    fn is_played(&mut self, mut record: Record) {
        let flow = match &mut record {
            Record::FlowStart(start) => Some(&mut start.flow),
            Record::Learned(learned) => Some(&mut learned.flow),
            Record::Expect(expect) => Some(&mut expect.flow),
            Record::Step(step) => step.flow.as_mut(),
            Record::FlowEnd(end) => Some(&mut end.flow),
            _ => return,
        };
        let number = flow.map(|flow| {
            let number = *flow / DRIVEN_FLOWS;
            *flow %= DRIVEN_FLOWS;
            number
        });
        let step = match &mut record {
            Record::Expect(expect) => Some(&mut expect.step),
            Record::Step(step) => Some(&mut step.step),
            _ => None,
        };
        let of_step = step.and_then(|step| {
            let (scenario, name) = step.split_once('/')?;
            let scenario = self.scenarios.iter().position(|told| told.name == scenario);
            *step = name.to_owned();
            scenario
        });
        let of_flow = number.and_then(|number| usize::try_from(number).ok());
        let Some(told) = of_flow.or(of_step).and_then(|at| self.scenarios.get_mut(at)) else { return };
        told.begun += u64::from(matches!(record, Record::FlowStart(_)));
        told.ended += u64::from(matches!(record, Record::FlowEnd(_)));
        if let Some(flows) = &mut told.flows {
            flows.take(&record, &mut told.differs);
        }
    }

    /// Nothing where none were driven.
    pub(in crate::approval) fn item(self, journal: &str) -> Option<Item> {
        let told: Vec<(Verdict, String)> = self.scenarios.iter().map(Told::said).collect();
        let worst = told.iter().find(|(verdict, _)| *verdict != Verdict::Pass).map(|(verdict, _)| *verdict);
        let figures: Vec<&str> = told.iter().map(|(_, figure)| figure.as_str()).collect();
        let verdict = worst.unwrap_or(Verdict::Pass);
        (!told.is_empty()).then(|| evidence("driven", "Driven flows", verdict, figures.join("; "), journal))
    }
}

impl Told<'_> {
    fn said(&self) -> (Verdict, String) {
        let Self { name, begun, ended, .. } = self;
        let figure = format!("{begun} of {}", pii::shown(name));
        if self.flows.is_none() {
            let why = "is not in the checkout; give its file with --scenario";
            return (Verdict::Unproven, format!("{figure}, which {why}"));
        }
        if let Some((_, first)) = self.differs.kept.first() {
            let why = "are not those of the scenario here, which is another version, or they were changed";
            return (Verdict::Unproven, format!("{figure} {why}: {first}"));
        }
        if ended < begun {
            return (Verdict::Unproven, format!("{figure}, of which {ended} ended"));
        }
        (Verdict::Pass, format!("{figure}, as the scenario here has them"))
    }
}

/// The scenario of `payments=6/m`, or of a file.
fn name_of(typed: &str) -> String {
    let scenario = typed.rsplit_once('=').map_or(typed, |(scenario, _)| scenario);
    let stem = Path::new(scenario).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| scenario.to_owned())
}
