//! Threads that serve connections. Each connection stays with one of them, which never has to wake another: that is a fifth of what a
//! webhook costs where threads share their work.

use std::io;
use std::sync::Arc;
use std::thread;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// More are of no use: all of them write to one journal.
const MOST: usize = 8;

/// The threads; without any, connections are served where they are accepted. All that still runs there ends when they are dropped.
#[derive(Debug, Default)]
pub struct Lanes(Vec<Lane>);

/// One thread.
#[derive(Debug)]
struct Lane {
    runtime: Handle,
    /// Held by each of its connections.
    connections: Arc<()>,
    /// The thread ends when this is dropped.
    _end: oneshot::Sender<()>,
}

impl Lanes {
    /// One for each core.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (0..cores.min(MOST)).map(Lane::start).collect::<io::Result<_>>().map(Self)
    }

    /// Serves a connection with `attend`, on the thread that has the fewest.
    pub(super) fn serve<F>(
        &self,
        tcp: TcpStream,
        open: &mut JoinSet<()>,
        attend: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(lane) = self.0.iter().min_by_key(|lane| Arc::strong_count(&lane.connections)) else {
            open.spawn(attend(tcp));
            return;
        };
        // It leaves the event queue of this thread for the one of the other.
        let Ok(tcp) = tcp.into_std() else { return };
        let counted = Arc::clone(&lane.connections);
        let attended = async move {
            if let Ok(tcp) = TcpStream::from_std(tcp) {
                attend(tcp).await;
            }
            drop(counted);
        };
        open.spawn_on(attended, &lane.runtime);
    }
}

impl Lane {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        thread::Builder::new().name(format!("receive-{number}")).spawn(move || {
            // Only the drop of the other end comes.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self { runtime: handle, connections: Arc::default(), _end: end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn connections_are_shared_out() {
        let lanes = Lanes((0..2).map(Lane::start).collect::<io::Result<_>>().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (mut open, mut clients) = (JoinSet::new(), Vec::new());
        let (tell, mut told) = mpsc::channel(4);
        let mut connections: HashMap<thread::ThreadId, u32> = HashMap::new();
        for _ in 0..4 {
            clients.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
            let (tcp, _) = listener.accept().await.unwrap();
            let tell = tell.clone();
            lanes.serve(tcp, &mut open, move |mut tcp| async move {
                tell.send(thread::current().id()).await.unwrap();
                assert_eq!(tcp.read(&mut [0]).await.unwrap(), 0);
            });
            *connections.entry(told.recv().await.unwrap()).or_default() += 1;
        }
        assert_eq!(connections.into_values().collect::<Vec<_>>(), [2, 2]);
        drop(clients);
        while let Some(ended) = open.join_next().await {
            ended.unwrap();
        }
    }
}
