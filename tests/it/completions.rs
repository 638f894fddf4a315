//! Completions in real shells; one that is not on this machine is skipped.

use crate::harness::Smoke;
use std::io::Write;
use std::process::{Command, Stdio};

/// What is typed, and what has to be offered.
const TYPED: [(&str, &str); 12] = [
    ("smoke payments --misbehave drop", "drop-webhook"),
    ("smoke payments --inject reset-a", "reset-after-head"),
    ("smoke payments --scheme str", "stripe"),
    ("smoke payments --sender githu", "github"),
    ("smoke payments --as delta", "deltacrown"),
    ("smoke probe --receiver stale", "stale-accepted"),
    ("smoke run payments_l", "payments_lifecycle"),
    ("smoke load matches_d", "matches_dispute"),
    ("smoke senders slac", "slack"),
    ("smoke probe --case stale-1", "stale-1h"),
    ("smoke probe --only forg", "forgery"),
    ("smoke gate --trust witn", "witness"),
];

/// Runs `script` in a shell that has the completions of smoke; none where the shell is missing.
fn said(shell: &str, script: &str) -> Option<String> {
    let completions = Smoke::new("completions").arg(shell).run().exits(0);
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("completions");
    std::fs::write(&file, &completions.stdout).expect("written");
    let child = Command::new(shell)
        .args(if shell == "zsh" { ["-f", "-s"].as_slice() } else { &[] })
        .env("SMOKE_COMPLETIONS", &file)
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: no {shell} on this machine");
        return None;
    };
    child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("written");
    let out = child.wait_with_output().expect("the shell ends");
    Some(String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

fn each_is_offered(shell: &str, script: impl Fn(&str) -> String) {
    for (typed, wanted) in TYPED {
        let Some(said) = said(shell, &script(typed)) else { return };
        assert!(
            said.split(|c: char| c.is_whitespace() || c == '\'').any(|word| word == wanted),
            "{shell}: {typed}: {said}"
        );
    }
}

#[test]
fn bash_completes_names() {
    each_is_offered("bash", |typed| {
        format!(
            "source \"$SMOKE_COMPLETIONS\"\nCOMP_WORDS=({typed})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}}-1))\n\
             _smoke smoke \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
        )
    });
}

#[test]
fn fish_completes_names() {
    each_is_offered("fish", |typed| format!("source $SMOKE_COMPLETIONS\ncomplete -C '{typed}'\n"));
}

/// A shell in a terminal of its own, in which a tab is pressed; what is waited for is what it has to write.
#[test]
fn zsh_completes_names() {
    each_is_offered("zsh", |typed| {
        let wanted = TYPED.iter().find(|(line, _)| *line == typed).map_or("", |(_, wanted)| wanted);
        format!(
            "zmodload zsh/zpty\nzpty z 'zsh -f -i'\n\
             zpty -w z \"stty -echo; PS1='> '; autoload -Uz compinit; compinit -u -D; source $SMOKE_COMPLETIONS; compdef _smoke smoke; echo READY\"\n\
             zpty -r z out $'*\\nREADY*'\nzpty -w -n z $'{typed}\\t'\nzpty -r z out '*{wanted}*' && print -r -- ' {wanted} '\nzpty -d z\n"
        )
    });
}
