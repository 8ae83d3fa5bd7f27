//! One call: check the limits, send, repeat where that is safe, and turn the answer into typed values.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::time::Duration;

use backon::Retryable;
use futures_util::future::BoxFuture;
use guildhall_proto::Validate;
use tonic::{Code, Response, Status};

use crate::backoff::Backoff;
use crate::client::{Client, Grpc};
use crate::error::{Error, Result};

/// A request of the contract: which method takes it and what comes back. Implemented for every unary request.
pub trait Rpc: Validate + Clone + fmt::Debug + Send + Sync + Sized + 'static {
    /// The message that comes back.
    type Response: Send + 'static;
    /// What the SDK makes of it.
    type Answer: Send + 'static;
    /// The full name of the method, such as `guildhall.v1.UserService/GetMe`.
    const METHOD: &'static str;
    /// Whether the call may be repeated by itself: it changes nothing, or it carries a nonce.
    const REPEATABLE: bool;

    /// Sends it through the generated stub.
    fn send(self, grpc: Grpc) -> impl Future<Output = Result<Response<Self::Response>, Status>> + Send;

    /// Makes the answer out of the response.
    ///
    /// # Errors
    ///
    /// [`Protocol`](crate::Kind::Protocol) if a part is missing that must be there.
    fn answer(&self, response: Self::Response) -> Result<Self::Answer>;
}

/// Implements the wire's half of [`Rpc`].
macro_rules! rpc {
    ($service:literal $method:literal, $client:ident::$stub:ident -> $response:ident, repeatable: $repeatable:literal) => {
        type Response = guildhall_proto::v1::$response;
        const METHOD: &'static str = concat!("guildhall.v1.", $service, "/", $method);
        const REPEATABLE: bool = $repeatable;

        async fn send(self, grpc: $crate::client::Grpc) -> Result<tonic::Response<Self::Response>, tonic::Status> {
            $client::new(grpc).max_decoding_message_size($crate::client::DECODE_BYTES_MAX).$stub(self).await
        }
    };
}
pub(crate) use rpc;

/// A call that is ready to be made: `.await` it. Its methods set what is optional.
#[must_use = "a call is made by awaiting it"]
pub struct Call<R> {
    client: Client,
    pub(crate) request: R,
}

impl<R: Rpc> Call<R> {
    pub(crate) fn new(client: Client, request: R) -> Self {
        Self { client, request }
    }

    /// The request as it will be sent.
    pub fn request(&self) -> &R {
        &self.request
    }

    /// Makes the call and answers with the message of the wire.
    ///
    /// # Errors
    ///
    /// [`Validation`](crate::Kind::Validation) without a round trip if a limit is broken; else what the server or the
    /// connection says.
    pub async fn raw(self) -> Result<R::Response> {
        self.request.validate()?;
        let mut patience = self.client.limited_max();
        loop {
            let outcome = self.in_time().await;
            // A call that met a rate limit did nothing, so any of them may be made again.
            let wait = outcome.as_ref().err().and_then(Error::limited_for).filter(|wait| *wait <= patience);
            let Some(wait) = wait else { return outcome };
            patience -= wait;
            tokio::time::sleep(wait).await;
        }
    }

    async fn in_time(&self) -> Result<R::Response> {
        let limit = self.client.timeout();
        let answered = tokio::time::timeout(limit, self.repeat()).await;
        answered.unwrap_or_else(|_| Err(Error::timeout(limit)))
    }

    async fn repeat(&self) -> Result<R::Response> {
        let attempt = || async {
            let sent = self.request.clone().send(self.client.grpc()).await;
            sent.map(Response::into_inner).map_err(Error::from)
        };
        if !R::REPEATABLE {
            return attempt().await;
        }
        attempt
            .retry(Backoff::default().take(self.client.retries()))
            .sleep(tokio::time::sleep)
            .when(|error| error.code() == Some(Code::Unavailable) && error.is_retryable())
            .adjust(at_least_as_asked)
            .await
    }

    async fn make(self) -> Result<R::Answer> {
        let request = self.request.clone();
        let response = Box::pin(self.raw()).await?;
        request.answer(response)
    }
}

/// Waits no shorter than the server asks.
fn at_least_as_asked(error: &Error, wait: Option<Duration>) -> Option<Duration> {
    let asked = error.retry_after().unwrap_or_default();
    wait.map(|wait| asked + wait)
}

impl<R: Rpc> IntoFuture for Call<R> {
    type Output = Result<R::Answer>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

impl<R: Clone> Clone for Call<R> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), request: self.request.clone() }
    }
}

impl<R: Rpc> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&R::METHOD).finish()
    }
}
