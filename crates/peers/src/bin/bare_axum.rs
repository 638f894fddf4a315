//! The bare axum handler that `benches/receive.sh` measures `smoke receive` against: it takes the body and answers.
#![expect(clippy::print_stdout, reason = "prints the address for the script that started it")]

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use std::error::Error;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let app = Router::new().route("/webhooks/inbound", post(|_: Bytes| async { r#"{"status":"received"}"# }));
    axum::serve(listener, app).await?;
    Ok(())
}
