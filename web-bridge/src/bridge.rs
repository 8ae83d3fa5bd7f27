//! One service for one port: native gRPC, gRPC-web and plain HTTP, told apart by the request's content type.
//!
//! Native gRPC goes past the web layers, which cost it a box and some headers. Plain routes stand outside the gRPC-web
//! layer, because over HTTP/1.1 that layer answers 400 to all that it does not know.

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as HttpBody;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{BoxError, Layer, Service};
use tower_http::cors::Cors;

use crate::{Origin, cors};

/// The content types that gRPC-web clients send. tonic-web compares exactly; so must the way to it.
const GRPC_WEB: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];

/// Tells nginx to pass a stream on as it comes; `no-transform` tells others not to gather it for compression.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What `bridge` makes.
#[derive(Clone)]
pub struct Bridge {
    native: Router,
    web: Cors<GrpcWebService<Router>>,
    plain: Cors<Router>,
}

/// Serves gRPC and gRPC-web from `grpc` and everything else from `plain`; pages of `origins` may call.
pub fn bridge(grpc: Router, plain: Router, origins: &[Origin]) -> Bridge {
    let cors = cors(origins);
    Bridge { web: cors.layer(GrpcWebLayer::new().layer(grpc.clone())), plain: cors.layer(plain), native: grpc }
}

/// Which way a request goes.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    Native,
    Web,
    Plain,
    Refuse(StatusCode, &'static str),
}

impl Way {
    fn of<B>(request: &Request<B>) -> Self {
        let content_type = request.headers().get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        if GRPC_WEB.iter().any(|known| known.as_bytes() == content_type) {
            return Self::Web;
        }
        if content_type.starts_with(b"application/grpc-web") {
            return Self::Refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unknown kind of gRPC-web; send application/grpc-web+proto or application/grpc-web-text+proto\n",
            );
        }
        if content_type.starts_with(b"application/grpc") {
            return match request.version() {
                Version::HTTP_2 => Self::Native,
                _ => Self::Refuse(
                    StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                    "gRPC needs HTTP/2; over HTTP/1.1 use gRPC-web\n",
                ),
            };
        }
        match *request.method() {
            Method::POST => Self::Refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send application/grpc (HTTP/2) or application/grpc-web+proto\n",
            ),
            _ => Self::Plain,
        }
    }
}

impl<B> Service<Request<B>> for Bridge
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError> + std::fmt::Display,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routers are always ready, and the layers around them only ask the routers.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match Way::of(&request) {
            Way::Native => Box::pin(self.native.call(request.map(Body::new))),
            Way::Web => {
                let answer = self.web.call(request);
                Box::pin(async move {
                    let mut response = answer.await?.map(Body::new);
                    let headers = response.headers_mut();
                    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
                    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
                    Ok(response)
                })
            }
            Way::Plain => Box::pin(self.plain.call(request.map(Body::new))),
            Way::Refuse(status, text) => Box::pin(ready(Ok((status, text).into_response()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(method: &str, version: Version, content_type: Option<&str>) -> Way {
        let mut request = Request::builder().method(method).version(version);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        Way::of(&request.body(()).expect("a request"))
    }

    #[test]
    fn the_content_type_decides() {
        let http1 = Version::HTTP_11;
        let http2 = Version::HTTP_2;
        for kind in GRPC_WEB {
            assert_eq!(way("POST", http1, Some(kind)), Way::Web);
            assert_eq!(way("POST", http2, Some(kind)), Way::Web);
        }
        assert_eq!(way("POST", http2, Some("application/grpc")), Way::Native);
        assert_eq!(way("POST", http2, Some("application/grpc+proto")), Way::Native);
        assert_eq!(way("GET", http1, None), Way::Plain);
        assert_eq!(way("OPTIONS", http1, None), Way::Plain);
        for (version, kind, status) in [
            (http1, "application/grpc", StatusCode::HTTP_VERSION_NOT_SUPPORTED),
            (http2, "application/json", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            (http1, "application/grpc-web+json", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ] {
            assert!(matches!(way("POST", version, Some(kind)), Way::Refuse(got, _) if got == status), "{kind}");
        }
    }
}
