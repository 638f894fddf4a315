//! `smoke load webhooks` over https.

use crate::load::{counters, fine, load, read, receiver};
use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn https_works_with_a_certificate_that_is_trusted_and_not_without() {
    let (url, certificate) = tls_receiver();
    let dir = tempfile::tempdir().unwrap();
    let pem = dir.path().join("ca.pem");
    std::fs::write(&pem, certificate).unwrap();
    let rate = ["--rate", "50/s", "--duration", "1s"];
    let ran = load(&url, &rate).args(&["--cacert", pem.to_str().unwrap()]).run().exits(0);
    assert_eq!(counters(&ran)["ok"], 50);
    load(&url, &rate).run().exits(4).says("TLS handshake");
}

#[test]
fn what_is_wrong_with_tls_is_said_in_words_and_in_time() {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let (url, certificate) = tls_receiver_of(&params);
    let dir = tempfile::tempdir().unwrap();
    let pem = dir.path().join("ca.pem");
    std::fs::write(&pem, certificate).unwrap();
    let args = ["--rate", "5/s", "--duration", "1s", "--timeout", "300ms", "--cacert", pem.to_str().unwrap()];
    load(&url, &args).run().exits(4).says("basicConstraints=CA:FALSE");
    // A plain port waits for the rest of what it takes for a request.
    let (plain, _) = receiver(fine);
    let begun = Instant::now();
    load(&plain.replace("http:", "https:"), &args).run().exits(4).says("TLS");
    assert!(begun.elapsed() < Duration::from_secs(4), "the limit is that of --timeout");
}

/// An https receiver with a certificate of its own; its URL and the certificate as PEM.
fn tls_receiver() -> (String, String) {
    tls_receiver_of(&rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap())
}

fn tls_receiver_of(params: &rcgen::CertificateParams) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    let pem = cert.pem();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let session = rustls::ServerConnection::new(config).unwrap();
                let mut reader = BufReader::new(rustls::StreamOwned::new(session, stream));
                while read(&mut reader).is_some() {
                    let stream = reader.get_mut();
                    let written = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                    if written.and_then(|()| stream.flush()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, pem)
}
