//! `smoke diff`, `smoke history` and `--baseline`: real artifacts side by side.

use crate::harness::Smoke;

#[test]
fn a_worse_run_fails_its_baseline_and_the_trend_lists_both() {
    let good = Smoke::new("payments").args(&["--flows", "3"]).run().exits(0);
    let before = good.file("staging_payments_output.json");
    let bad = Smoke::new("payments")
        .args(&["--flows", "3", "--misbehave", "email-in-body", "--baseline"])
        .arg(&before)
        .run()
        .exits(1);
    let after = bad.file("staging_payments_output.json");
    assert!(bad.stdout.contains("WORSE"), "{}", bad.stdout);

    let worse = Smoke::new("diff").arg(&before).arg(&after).run().exits(1);
    assert!(worse.stdout.contains("Personal data in webhooks"), "{}", worse.stdout);
    assert!(worse.stdout.contains("new finding: payment_verified of step verify: email"), "{}", worse.stdout);
    let same = Smoke::new("diff").arg(&before).arg(&before).args(&["--html", "diff.html"]).run().exits(0);
    assert_eq!(same.stderr, "page     diff.html\n");
    assert!(same.stdout.starts_with("NOT WORSE 0 worse"), "{}", same.stdout);

    let listed = Smoke::new("history").arg(good.dir()).args(&["--html", "trend.html"]).run().exits(0);
    assert_eq!(listed.stderr, "page     trend.html\n");
    assert_eq!(listed.stdout.lines().count(), 3, "{}", listed.stdout);
    assert!(listed.stdout.contains("run payments against embedded"), "{}", listed.stdout);
}

#[test]
fn what_cannot_be_compared_is_a_usage_error() {
    let run = Smoke::new("payments").args(&["--flows", "1"]).run().exits(0);
    let artifact = run.file("staging_payments_output.json");
    let journal = run.file("staging_payments_journal.jsonl");
    Smoke::new("diff")
        .arg(&artifact)
        .arg(&journal)
        .run()
        .exits(2)
        .says("not a smoke artifact: an artifact is one JSON");
    let probe = run.dir().join("t.py");
    std::fs::write(&probe, "x = 1\n").unwrap();
    let ran = Smoke::new("diff").arg(&probe).arg(&probe).run().exits(2).says("not a smoke artifact");
    assert!(!ran.stderr.contains("column 1"), "{}", ran.stderr);
    // Told before anything is driven.
    let load = ["load", "payments", "--rate", "1/s", "--duration", "1s"];
    for args in [&["matches"][..], &load] {
        let driven = Smoke::new(args[0]).args(&args[1..]).arg("--baseline").arg(&artifact).run().exits(2);
        assert!(!driven.file("").exists() && driven.stderr.contains("--baseline "), "{}", driven.stderr);
    }
    Smoke::new("history").arg("/nonexistent").run().exits(2).says("cannot be read");
}
