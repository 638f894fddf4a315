//! `smoke report`: the artifact of a journal, again, and the reports that people look at.

use super::outputs::Outputs;
use super::reading::Reading;
use super::secret_source::SecretSource;
use super::signing::{Signed, StatementSigner};
use super::{Exit, Failure, out, output_file};
use evidence::analysis::{Recheck, receiver_clock};
use evidence::approval::Journals;
use evidence::gate::{Check, Verdict};
use evidence::report::{
    Evidence, artifact, load_from_journal, load_html, load_junit, probe_from_journal, probe_html,
    probe_junit, to_bytes, write_whole,
};
use record::RunKind;
use record::{ReadError, Reader};
use signature::Secret;
use std::path::{Path, PathBuf};

/// Options of `smoke report`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The journal
    journal: PathBuf,
    /// Write the artifact to this file instead of stdout
    #[arg(long, short, value_name = "FILE", value_parser = output_file::of(output_file::ARTIFACT))]
    output: Option<PathBuf>,
    /// Write a self-contained HTML page
    #[arg(long, value_name = "FILE", value_parser = output_file::of(output_file::PAGE))]
    html: Option<PathBuf>,
    /// Write JUnit XML: a failed gate is a failure, an unproven one an error, one that was not exercised skipped
    #[arg(long, value_name = "FILE", value_parser = output_file::of(output_file::JUNIT))]
    junit: Option<PathBuf>,
    /// Write a memo in Markdown
    #[arg(long, value_name = "FILE", value_parser = output_file::of(output_file::MEMO))]
    markdown: Option<PathBuf>,
    /// Sign journal and artifact with this private key; the statement (NAME.intoto.jsonl) goes beside the artifact (--output)
    #[arg(long, value_name = "KEYFILE", requires = "output")]
    sign: Option<PathBuf>,
    /// What was tested, for the signed statement: git+COMMIT, git+URL@COMMIT, IMAGE@sha256:HEX; may be given several times
    #[arg(long, value_name = "SUBJECT", requires = "sign")]
    subject: Vec<String>,
    /// With a secret every webhook signature is verified again
    #[command(flatten)]
    secret: SecretSource,
}

/// Writes what was asked for; the verdict in it does not change the exit code, a signature that does not verify again
/// does.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let exit = written(args)?;
    if let Some(file) = &args.output {
        out::chat(format!("artifact {}", file.display()));
    }
    outputs(args).tell();
    // Which journal is found may take reading those of the folder: nothing is looked for that nobody is told.
    if let Some(file) = args.output.as_ref().filter(|_| !out::is_quiet()) {
        tell_how_to_judge(args, file);
    }
    Ok(exit)
}

fn outputs(args: &Args) -> Outputs {
    Outputs { html: args.html.clone(), junit: args.junit.clone(), markdown: args.markdown.clone() }
}

fn written(args: &Args) -> Result<Exit, Failure> {
    let shown = args.journal.display();
    let signer = StatementSigner::asked(args.sign.as_deref(), &args.subject)?;
    output_file::apart(&[
        ("--output", args.output.as_deref()),
        ("--html", args.html.as_deref()),
        ("--junit", args.junit.as_deref()),
        ("--markdown", args.markdown.as_deref()),
    ])?;
    let wrong = |e: &dyn std::fmt::Display| Failure::usage(format!("{shown}: {e}"));
    match Reader::open(&args.journal).map_err(|e| wrong(&e))?.0.kind {
        RunKind::Load => return of_a_load(args, signer.as_ref()),
        RunKind::Probe => return of_a_probe(args, signer.as_ref()),
        RunKind::Run | RunKind::Receive | RunKind::Observe => {}
    }
    let (evidence, recheck) = read(&args.journal, args.secret.read_to_verify()?.as_ref())?;
    if evidence.integrity.torn_bytes > 0 {
        out::say(format!("warning: {shown}: the last line is incomplete and was ignored"));
    }
    let artifact = artifact(&evidence);
    let bytes = to_bytes(&artifact);
    outputs(args).write(&evidence, &artifact)?;
    write(args, &bytes)?;
    sign(args, signer.as_ref(), &bytes, &evidence.integrity.sha256, (&evidence.checks, evidence.verdict))?;
    Ok(recheck.map_or(Exit::Pass, |recheck| told(&recheck)))
}

/// The same for the journal of a load, which has no memo.
fn of_a_load(args: &Args, signer: Option<&StatementSigner>) -> Result<Exit, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::usage(format!("{}: {e}", args.journal.display()));
    if args.markdown.is_some() {
        return Err(wrong(&"--markdown: a load has no memo; use --html or --junit"));
    }
    let (artifact, series, bytes) = load_from_journal(&args.journal).map_err(|e| wrong(&e))?;
    page(args.html.as_deref(), || load_html(&artifact, &series))?;
    page(args.junit.as_deref(), || load_junit(&artifact))?;
    write(args, &bytes)?;
    let gates = &artifact.acceptance_gates;
    sign(args, signer, &bytes, artifact.journal_sha256(), (&gates.checks, gates.verdict))?;
    Ok(Exit::Pass)
}

/// The same for the journal of a probe, which has no memo either.
fn of_a_probe(args: &Args, signer: Option<&StatementSigner>) -> Result<Exit, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::usage(format!("{}: {e}", args.journal.display()));
    if args.markdown.is_some() {
        return Err(wrong(&"--markdown: a probe has no memo; use --html or --junit"));
    }
    let (artifact, bytes) = probe_from_journal(&args.journal).map_err(|e| wrong(&e))?;
    page(args.html.as_deref(), || probe_html(&artifact))?;
    page(args.junit.as_deref(), || probe_junit(&artifact))?;
    write(args, &bytes)?;
    let gates = &artifact.acceptance_gates;
    let sha256 = artifact.provenance.journal_sha256.as_deref().unwrap_or_default();
    sign(args, signer, &bytes, sha256, (&gates.checks, gates.verdict))?;
    Ok(Exit::Pass)
}

/// Signs the artifact that goes to a file, where that is asked for.
fn sign(
    args: &Args,
    signer: Option<&StatementSigner>,
    artifact: &[u8],
    journal_sha256: &str,
    (checks, verdict): (&[Check], Verdict),
) -> Result<(), Failure> {
    let (Some(signer), Some(output)) = (signer, &args.output) else { return Ok(()) };
    let signed = Signed { output, artifact, journal: &args.journal, journal_sha256, checks, verdict };
    signer.sign(&signed)
}

/// Writes a page, where one is asked for.
fn page(file: Option<&Path>, text: impl Fn() -> String) -> Result<(), Failure> {
    let Some(file) = file else { return Ok(()) };
    write_whole(file, text().as_bytes())
        .map_err(|e| Failure::environment(format!("cannot write {}: {e}", file.display())))
}

/// The artifact, to the file or to stdout.
fn write(args: &Args, bytes: &[u8]) -> Result<(), Failure> {
    match &args.output {
        Some(file) => {
            write_whole(file, bytes)
                .map_err(|e| Failure::environment(format!("cannot write {}: {e}", file.display())))?;
        }
        // Whoever asks for a page does not want the artifact on the terminal too.
        None if args.html.is_some() || args.junit.is_some() || args.markdown.is_some() => {}
        None => out::json(bytes),
    }
    Ok(())
}

/// Where `smoke gate` does not find the journal by itself, both have to be given.
fn tell_how_to_judge(args: &Args, artifact: &Path) {
    let same =
        |found: PathBuf| std::fs::canonicalize(found).ok() == std::fs::canonicalize(&args.journal).ok();
    if !Journals::default().of(artifact).is_some_and(same) {
        let (artifact, journal) = (artifact.display(), args.journal.display());
        out::chat(format!("its journal is elsewhere; judge both with `smoke gate {artifact} {journal}`"));
    }
}

fn read(journal: &Path, secret: Option<&Secret>) -> Result<(Evidence, Option<Recheck>), Failure> {
    let shown = journal.display();
    let wrong = |e: &dyn std::fmt::Display| Failure::usage(format!("{shown}: {e}"));
    let file = Reading::open(journal).map_err(|e| wrong(&ReadError::from(e)))?;
    let (header, reader) = Reader::new(file).map_err(|e| wrong(&e))?;
    let mut recheck = match secret {
        Some(secret) => {
            let recheck = Recheck::new(&header, secret).map_err(|e| wrong(&e))?;
            Some(recheck.by_receiver(receiver_clock(journal)))
        }
        None => None,
    };
    let evidence = Evidence::read(header, reader, |record| {
        if let Some(recheck) = &mut recheck {
            recheck.take(record);
        }
    });
    Ok((evidence.map_err(|e| wrong(&e))?, recheck))
}

fn told(recheck: &Recheck) -> Exit {
    let Some(first) = recheck.first else {
        out::say(format!("{} of {} signatures valid, each as recorded", recheck.valid, recheck.checked));
        return Exit::Pass;
    };
    if let Some(why) = recheck.other_secrets() {
        out::say(why);
        return Exit::Unproven;
    }
    if recheck.invalid > 0 {
        out::say(format!(
            "{} of {} signatures are not valid, the first of them attempt {}: {}",
            recheck.invalid, recheck.checked, first.attempt, first.found
        ));
        return Exit::Fail;
    }
    out::say(format!(
        "{} of {} recorded verdicts do not hold under the secret; attempt {}: recorded {}, found {}",
        recheck.disagreements, recheck.checked, first.attempt, first.recorded, first.found
    ));
    Exit::Fail
}
