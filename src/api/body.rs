//! The body of an answer: bytes that are there, or a stream that goes on.

use super::stream::Feed;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The next piece of a stream and what comes after it; `None` at its end.
type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Feed)>> + Send>>;

/// A body. A stream makes its next piece only when the connection has room for it, so a reader that doesn't read costs nothing.
pub(super) enum Body {
    Whole(Full<Bytes>),
    Stream(Next),
}

impl Body {
    pub(super) fn stream(feed: Feed) -> Self {
        Self::Stream(Box::pin(feed.next()))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut *self {
            Self::Whole(whole) => return Pin::new(whole).poll_frame(context),
            Self::Stream(next) => ready!(next.as_mut().poll(context)),
        };
        let (body, piece) = match next {
            Some((piece, feed)) => (Self::stream(feed), Some(Ok(Frame::data(piece)))),
            None => (Self::from(Bytes::new()), None),
        };
        *self = body;
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
