//! The body of an answer: bytes that are there, or pieces that go on. Every handler makes them; one
//! server sends them.

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A body without an end of its own. Its next piece is made only when the connection can take it, so a reader that
/// doesn't read costs nothing.
pub trait BodyFeed: Send {
    /// The next piece, and the feed after it; `None` at its end.
    fn next(self: Box<Self>) -> NextPiece;
}

/// See [`BodyFeed::next`].
pub type NextPiece = Pin<Box<dyn Future<Output = Option<(Bytes, Box<dyn BodyFeed>)>> + Send>>;

/// A body.
pub enum ResponseBody {
    /// All of it.
    Whole(Bytes),
    /// What comes next of one that goes on.
    Feed(NextPiece),
}

impl ResponseBody {
    /// A body that goes on.
    pub fn feed(feed: Box<dyn BodyFeed>) -> Self {
        Self::Feed(feed.next())
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut *self {
            Self::Whole(bytes) => Some(mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
            Self::Feed(next) => {
                let (body, piece) = match ready!(next.as_mut().poll(context)) {
                    Some((piece, feed)) => (Self::feed(feed), Some(piece)),
                    None => (Self::Whole(Bytes::new()), None),
                };
                *self = body;
                piece
            }
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Feed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Feed(_) => SizeHint::default(),
        }
    }
}
