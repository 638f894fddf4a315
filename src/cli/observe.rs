//! `smoke observe`: the observation window, from command line to memo and exit code.

mod args;
mod drive;
mod hook;
mod judge;
mod plan;
mod table;
mod watch;

pub(super) use args::Args;

use super::evidence_files::{EvidenceFiles, Keep};
use super::outputs::Outputs;
use super::sender_breaker::LeftOpen;
use super::{Exit, Failure, github, interrupt, logs, out, telemetry};
use crate::drive::Blocked;
use crate::journal::Journal;
use crate::observe::{LogFollow, Observe, Plan};
use crate::outbound::shown_url;
use crate::receive::header;
use chrono::Utc;
use drive::{Drive, Driving, Watched};
use evidence::analysis::Analysis;
use evidence::gate::Verdict;
use evidence::logs::MAX_LINE;
use evidence::report::{artifact, from_journal, memo, summary};
use judge::{Live, SenderLog};
use plan::ObservePlan;
use record::witness::Registering;
use std::path::PathBuf;
use tokio::sync::watch::{Receiver, channel};
use watch::WindowEnd;
use wire::Clock;

/// Watches, and judges what was seen.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let env = args.drive.environment()?;
    args.drive.check()?;
    let plan = ObservePlan::resolve(args, &env)?;
    telemetry::tell_of_none(&env);
    super::runtime::block_on(execute(plan, args))
}

async fn execute(mut plan: ObservePlan, args: &Args) -> Result<Exit, Failure> {
    let _lock = plan.files.make_ready()?;
    let (stop_receiver, receiver_stops) = channel(false);
    let clock = Clock::start();
    let mut source = plan.open(clock, receiver_stops).await?;
    let mut header = header(&plan.identity, clock).map_err(Failure::environment)?;
    header.learns = args.drive.learns();
    let watched = Watched {
        endpoint: &plan.identity.endpoint,
        secret: plan.secret.as_ref(),
        scheme: plan.identity.scheme,
    };
    let drives = args.drive.prepare(&watched, plan.files.dir(), plan.duration).await?;
    let (interrupt, stopped) = channel(false);
    interrupt::spawn(interrupt)?;
    if !wait_for_breaker(args, &plan.files, &drives, stopped.clone()).await {
        for drive in drives {
            drive.cancel().await?;
        }
        return Ok(Exit::Interrupted);
    }
    // A stand-in that is a server elsewhere is no evidence about staging either.
    header.stand_in = drives.iter().any(Drive::is_about_stand_in);
    let declared = drives.iter().flat_map(|drive| drive.log_errors().iter().cloned()).collect();
    let formats = logs::formats(args.formats.as_deref())?.with_error_loggers(declared);
    let follow = |p: &PathBuf| {
        LogFollow::at_end(p, MAX_LINE)
            .map_err(|e| Failure::usage(format!("--log {}: cannot be read: {e}", p.display())))
    };
    let logs = plan.logs.iter().map(follow).collect::<Result<Vec<_>, _>>()?;
    let analysis = Analysis::new(header.clone()).map_err(Failure::usage)?;
    let log = if logs.is_empty() { None } else { Some(SenderLog::new(&formats, &header)?) };
    // A canary stage takes a day to watch: a window about staging is kept whatever the next one is about.
    plan.files.make_way(Keep::AboutOthers).map_err(Failure::environment)?;
    let path = plan.files.journal();
    let cannot = |e: std::io::Error| Failure::environment(format!("cannot write {}: {e}", path.display()));
    source
        .register(Registering::new(header.run_id, header.kind, &header.scenario.name, header.flows))
        .await
        .map_err(|e| Failure::environment(format!("--inbox: {e}")))?;
    let journal = Journal::create(&path, &header).map_err(cannot)?;
    let (tell, driven) = std::sync::mpsc::channel();
    let judge = Live::new(analysis, plan.gates.gates.clone(), log);
    let begin = plan.begin(clock.now());
    let mut observe =
        Observe::begin(Plan { begin, journal, judge, clock, source, logs, driven }).map_err(cannot)?;
    // A first artifact, unproven, stands there before anything is watched: a crash leaves it.
    plan.files.write("output.json", &from_journal(&path).map_err(Failure::environment)?.1)?;
    let journals = journals(&plan, &drives);
    let driving = Driving::start(drives, clock, &tell);
    let mut end = watch::window(&plan, &mut observe, clock, stopped.clone()).await.map_err(cannot)?;
    if end == WindowEnd::Elapsed {
        end = watch::settle(&plan, &mut observe, &driving, clock, stopped.clone()).await.map_err(cannot)?;
    }
    let (told, whole) = driving.end().await;
    for told in told {
        observe.note(told).map_err(cannot)?;
    }
    if let WindowEnd::OtherSecret(url) = &end {
        let blocked = Blocked::OtherSecret { receiver: shown_url(url) };
        observe.note(blocked.to_string()).map_err(cannot)?;
        let (ended, _) = observe.end(|_| false).await.map_err(cannot)?;
        ended.finish(false).map_err(cannot)?;
        return Err(Failure::environment(blocked));
    }
    let (mut ended, fired) = observe.end(watch::reading_on(stopped.clone())).await.map_err(cannot)?;
    let mut say = |text: &str| out::say(text);
    watch::roll_back(&plan, &mut ended, &fired, &mut stopped.clone(), &mut say).await.map_err(cannot)?;
    ended.finish(whole && end != WindowEnd::Interrupted).map_err(cannot)?;
    let _ = stop_receiver.send(true);
    conclude(&plan.files, args, &end, &journals)
}

/// Waits for a circuit breaker of a driven sender that an earlier run into the folder has left open; false when that was interrupted.
async fn wait_for_breaker(
    args: &Args,
    files: &EvidenceFiles,
    drives: &[Drive],
    mut stop: Receiver<bool>,
) -> bool {
    let recall = |drive: &Drive| LeftOpen::recall(files.dir(), drive.target(), Utc::now());
    for left_open in drives.iter().filter_map(recall) {
        if !left_open.wait(args.drive.no_pause, &mut stop).await {
            return false;
        }
    }
    true
}

/// The journals that are written beside that of the window, each under a name for what it is.
fn journals(plan: &ObservePlan, drives: &[Drive]) -> Vec<(&'static str, PathBuf)> {
    let received = plan.receives().map(|journal| ("received", journal));
    received.into_iter().chain(drives.iter().map(|drive| ("driven  ", drive.journal()))).collect()
}

fn conclude(
    files: &EvidenceFiles,
    args: &Args,
    end: &WindowEnd,
    journals: &[(&str, PathBuf)],
) -> Result<Exit, Failure> {
    let (evidence, bytes) = from_journal(&files.journal()).map_err(Failure::environment)?;
    let made = artifact(&evidence);
    files.write("output.json", &bytes)?;
    files.write("memo.md", memo(&made).as_bytes())?;
    let reports = Outputs::beside(files, &args.report);
    reports.write(&evidence, &made)?;
    github::tell(&evidence, &made);
    out::text(&summary(&evidence, &made, out::screen(args.all)));
    out::chat(format!("artifact {}\njournal  {}", files.output().display(), files.journal().display()));
    for (name, journal) in journals {
        out::chat(format!("{name} {}", journal.display()));
    }
    Outputs { markdown: Some(files.file("memo.md")), ..reports }.tell();
    Ok(match (end, evidence.verdict) {
        (WindowEnd::Interrupted, _) => Exit::Interrupted,
        (WindowEnd::Triggered, _) | (_, Verdict::Fail) => Exit::Fail,
        (_, Verdict::Pass) => Exit::Pass,
        _ => Exit::Unproven,
    })
}
