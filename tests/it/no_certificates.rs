//! A machine without root certificates, as a minimal image is: what goes over http works, and no https server is believed.

use super::harness::Smoke;

fn without(subcommand: &str) -> Smoke {
    // What rustls-native-certs reads in place of the system's.
    Smoke::new(subcommand).env("SSL_CERT_FILE", "/proc/none.pem").env("SSL_CERT_DIR", "/proc/none")
}

#[test]
fn http_needs_no_certificates_and_https_believes_nobody_without() {
    without("payments").args(&["--flows", "1", "--quiet"]).run().exits(0);
    let secret = "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210";
    without("load")
        .args(&[
            "webhooks",
            "--to",
            "https://127.0.0.1:1/",
            "--rate",
            "1/s",
            "--duration",
            "1s",
            "--secret-file",
            "s",
        ])
        .file("s", secret)
        .run()
        .exits(4)
        .says("no root certificates");
}
