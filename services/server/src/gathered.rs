//! A connection whose small frames leave together.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// A socket to which answers that are ready at about the same time are written together. A write costs more than most of what
/// else is done for a verdict, and answers become ready in batches: those of one commit.
///
/// It does two things. It takes one buffer at a time: over a socket that takes several, HTTP/2 hands every message of more than
/// 256 bytes over where it lies and ends a write with it, so that an answer costs two, its trailers being the second. And
/// before it writes, it lets the tasks go first that are ready to run: what they answer joins the write. In a service with
/// nothing else to do that is no wait at all.
pub(crate) struct Gathered {
    socket: TcpStream,
    turn: Turn,
}

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Something is written for the first time since the connection was last looked after: others go first.
    Others,
    /// They have been let go first.
    Next,
    /// Whatever is written now goes out.
    Own,
}

impl Gathered {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket, turn: Turn::Others }
    }
}

impl Connected for Gathered {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.socket.connect_info()
    }
}

impl AsyncRead for Gathered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever looks after a connection reads first.
        if self.turn == Turn::Own {
            self.turn = Turn::Others;
        }
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

/// Whether several buffers are taken at once is left at the answer of the trait: no.
impl AsyncWrite for Gathered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.turn == Turn::Others {
            self.turn = Turn::Next;
            // A task that wakes itself goes to the end of the queue.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.turn = Turn::Own;
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Gathered, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Gathered::new(listener.accept().await.unwrap().0), peer)
    }

    // One thread: what runs before what is certain.
    #[tokio::test]
    async fn whoever_is_ready_goes_before_a_write() {
        const OTHERS: usize = 20;
        let (mut gathered, mut peer) = pair().await;
        for _ in 0..3 {
            let answered = Arc::new(AtomicUsize::new(0));
            for _ in 0..OTHERS {
                let answered = Arc::clone(&answered);
                tokio::spawn(async move { answered.fetch_add(1, Ordering::Relaxed) });
            }
            gathered.write_all(b"ready").await.unwrap();
            assert_eq!(answered.load(Ordering::Relaxed), OTHERS, "they had no chance to join");
            // More of the same write does not wait again.
            tokio::spawn(async move { answered.fetch_add(1, Ordering::Relaxed) });
            gathered.write_all(b"more").await.unwrap();
            let mut received = [0; 9];
            peer.read_exact(&mut received).await.unwrap();
            assert_eq!(&received, b"readymore");
            // The connection is looked after anew: it reads first.
            peer.write_all(b"?").await.unwrap();
            gathered.read_exact(&mut [0]).await.unwrap();
        }
    }

    #[tokio::test]
    async fn small_messages_are_copied_behind_one_another() {
        assert!(!pair().await.0.is_write_vectored());
    }
}
