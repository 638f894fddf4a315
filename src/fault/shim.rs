//! The wiremock shim: HTTP faults are its answers, asked for over loopback and relayed by the inbox.
//!
//! wiremock keeps every request that it was sent and every one that it matched, for as long as an instance lives. So no
//! instance is asked more than [`PER_INSTANCE`] times: the next one takes over, and the old one goes with its last
//! answer. The webhook itself is not sent there, only the number of the rule.

use record::faults::Fault;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use wire::http1::{BodyError, Buffered, LongBody, Response, read_response};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Most requests that one wiremock instance is asked; what it keeps of each is under 1 KiB.
pub const PER_INSTANCE: u32 = 256;
/// Largest answer taken from wiremock, bytes; its own are under 200.
const MAX_ANSWER: usize = 64 * 1024;
/// Headers that belong to the hop between wiremock and us.
const HOP: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

/// Why there is no shim.
#[derive(Debug, thiserror::Error)]
#[error("the fault shim cannot listen on 127.0.0.1: {0}")]
pub struct ShimError(#[from] io::Error);

/// Answers with HTTP faults.
pub struct Shim {
    faults: Vec<Fault>,
    current: Mutex<Arc<Instance>>,
}

struct Instance {
    server: MockServer,
    asked: AtomicU32,
}

impl Shim {
    /// A shim for `faults`. Its redirects point nowhere: each has a `Location` of its own, which the injector adds.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(faults: Vec<Fault>) -> Result<Self, ShimError> {
        let first = Instance::start(&faults).await?;
        Ok(Self { faults, current: Mutex::new(Arc::new(first)) })
    }

    /// The answer for a fault; comes when its delay is over.
    ///
    /// # Errors
    /// When the fault is none of the shim's, or the exchange with wiremock fails.
    pub async fn ask(&self, fault: Fault) -> io::Result<Response> {
        let rule = self.faults.iter().position(|f| *f == fault).ok_or(io::ErrorKind::NotFound)?;
        let instance = self.instance().await?;
        exchange(*instance.server.address(), rule).await
    }

    /// How many requests wiremock holds in memory now (of the instance in use).
    #[cfg(test)]
    async fn remembered(&self) -> usize {
        let instance = Arc::clone(&*self.current.lock().await);
        instance.server.received_requests().await.map_or(0, |all| all.len())
    }

    /// The instance to ask next; a fresh one when the last has been asked often enough.
    async fn instance(&self) -> io::Result<Arc<Instance>> {
        let mut current = self.current.lock().await;
        if current.asked.fetch_add(1, Ordering::Relaxed) >= PER_INSTANCE {
            let next = Instance::start(&self.faults).await?;
            next.asked.store(1, Ordering::Relaxed);
            *current = Arc::new(next);
        }
        Ok(Arc::clone(&current))
    }
}

impl Instance {
    async fn start(faults: &[Fault]) -> io::Result<Self> {
        // Bound here: wiremock itself would panic when there is no port.
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let server = MockServer::builder().listener(listener).start().await;
        for (rule, fault) in faults.iter().enumerate() {
            let template = template(*fault);
            server.register(Mock::given(path(format!("/{rule}"))).respond_with(template)).await;
        }
        Ok(Self { server, asked: AtomicU32::new(0) })
    }
}

fn template(fault: Fault) -> ResponseTemplate {
    match fault {
        Fault::Status { status, retry_after } => {
            let told =
                if status < 300 { r#"{"status":"received"}"# } else { r#"{"error":"injected by smoke"}"# };
            let template = ResponseTemplate::new(status).set_body_raw(told, "application/json");
            match retry_after {
                Some(seconds) => template.insert_header("Retry-After", seconds.to_string()),
                None => template,
            }
        }
        // The answer itself is the inbox's own; wiremock only says when.
        Fault::Delay(time) => ResponseTemplate::new(204).set_delay(time.get()),
        _ => ResponseTemplate::new(501),
    }
}

/// Asks wiremock for a rule's answer, on a connection of its own.
async fn exchange(address: SocketAddr, rule: usize) -> io::Result<Response> {
    let mut stream = TcpStream::connect(address).await?;
    let request =
        format!("POST /{rule} HTTP/1.1\r\nHost: shim\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = read_response(&mut Buffered::new(stream), MAX_ANSWER, LongBody::Refuse).await.map_err(
        |e| match e {
            BodyError::Io(e) => e,
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        },
    )?;
    answer.headers.retain(|(name, _)| !HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop)));
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn fault(text: &str) -> Fault {
        text.parse().unwrap()
    }

    async fn shim(texts: &[&str]) -> Shim {
        Shim::start(texts.iter().map(|t| fault(t)).collect()).await.unwrap()
    }

    #[tokio::test]
    async fn answers_carry_what_the_fault_says() {
        let shim = shim(&["503", "429:retry-after=7", "302", "answer=204", "599"]).await;
        let answer = |text: &'static str| shim.ask(fault(text));
        let busy = answer("503").await.unwrap();
        assert_eq!((busy.status, busy.header("content-type")), (503, Some("application/json")));
        assert_eq!(busy.body, br#"{"error":"injected by smoke"}"#);
        assert_eq!(busy.header("content-length"), None);
        let later = answer("429:retry-after=7").await.unwrap();
        assert_eq!((later.status, later.header("retry-after")), (429, Some("7")));
        assert_eq!(answer("302").await.unwrap().status, 302);
        assert_eq!(answer("answer=204").await.unwrap().body, b"");
        assert_eq!(answer("599").await.unwrap().status, 599);
        assert_eq!(answer("418").await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_delay_is_kept_and_holds_nobody_else_up() {
        let shim = shim(&["delay=300ms", "503"]).await;
        let begun = Instant::now();
        let (slow, quick) = tokio::join!(shim.ask(fault("delay=300ms")), async {
            shim.ask(fault("503")).await.map(|_| begun.elapsed())
        });
        assert_eq!(slow.unwrap().status, 204);
        assert!(begun.elapsed() >= Duration::from_millis(300));
        assert!(quick.unwrap() < Duration::from_millis(200));
    }

    #[tokio::test]
    async fn memory_stays_bounded() {
        let shim = Arc::new(shim(&["503"]).await);
        let mut most = 0;
        for _ in 0..40 {
            let asks = (0..20).map(|_| {
                let shim = Arc::clone(&shim);
                tokio::spawn(async move { shim.ask(fault("503")).await.unwrap().status })
            });
            for ask in asks.collect::<Vec<_>>() {
                assert_eq!(ask.await.unwrap(), 503);
            }
            most = most.max(shim.remembered().await);
        }
        assert!(most > 100 && most <= PER_INSTANCE as usize, "{most} requests kept");
    }
}
