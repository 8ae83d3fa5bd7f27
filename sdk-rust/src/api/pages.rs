//! Lists that come a page at a time, as one stream.

use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};

use crate::client::{Call, Rpc};
use crate::error::{Error, Result};

/// A request for one page of a list.
pub(super) trait Paged: Rpc {
    /// What the list is of.
    type Item: Send + 'static;

    /// The things of a page, and the token of the next one.
    fn take(page: Self::Answer) -> (Vec<Self::Item>, Option<String>);

    /// The same request for another page.
    fn turn(&mut self, token: String);
}

/// All things, page after page as they are read. An error ends the stream.
pub(super) fn all<R: Paged>(call: Call<R>) -> impl Stream<Item = Result<R::Item>> + Send + 'static {
    let pages = stream::try_unfold(Some(call), |next| async {
        let Some(mut call) = next else {
            return Ok::<_, Error>(None);
        };
        let (items, token) = R::take(call.clone().await?);
        let next = token.map(|token| {
            call.request.turn(token);
            call
        });
        Ok(Some((stream::iter(items).map(Ok), next)))
    });
    pages.try_flatten()
}

/// The token of the next page; the wire has an empty one if there is none.
pub(super) fn token(text: String) -> Option<String> {
    Some(text).filter(|token| !token.is_empty())
}

/// What the wire calls the size of a page.
pub(super) fn size(size: u32) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}
