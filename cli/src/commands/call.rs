//! `call`: any method of the contract, in JSON, by the embedded descriptors. The way out when no other command does it.

use clap::Args;
use futures_util::StreamExt as _;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor, ServiceDescriptor};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

use crate::app::{App, Server};
use crate::fault::{Fault, Result};
use crate::input;
use crate::output::{Record, line, pool};

const PACKAGE: &str = "guildhall.v1";

/// Call any method.
#[derive(Args, Debug)]
pub(crate) struct Call {
    /// Service and method, such as GuildService/ListMyGuilds
    #[arg(value_name = "SERVICE/METHOD", required_unless_present = "list")]
    method: Option<String>,
    /// The request as protobuf JSON; `-` reads it from stdin
    #[arg(default_value = "{}", hide_default_value = true)]
    request: String,
    /// List all methods instead
    #[arg(long, conflicts_with = "method")]
    list: bool,
}

impl Call {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let Some(name) = self.method.filter(|_| !self.list) else {
            return list();
        };
        let method = find(&name)?;
        if method.is_client_streaming() {
            let fault = Fault::usage(format!("{name} streams both ways"));
            return Err(fault.remedy("`guildhall listen` does, or GatewayService/Listen with GatewayService/Push"));
        }
        let choice = app.choice()?;
        let token = app.token(&choice)?;
        let json = if self.request == "-" { input::all()? } else { self.request };
        let request = read(method.input(), &json)?;
        let mut client = app.stranger(&choice)?;
        // Register and Login need no token; for the others the server says so.
        if let Some((token, _)) = token {
            client = client.with_token(token)?;
        }
        let server = app.reach(client).await?;
        if method.is_server_streaming() {
            return follow(&server, &method, request).await;
        }
        let limit = app.globals.patience();
        let answered = tokio::time::timeout(limit, ask(&server, &method, request)).await;
        answered.unwrap_or_else(|_| Err(Fault::unavailable(format!("no answer within {} s", limit.as_secs()))))
    }
}

fn services() -> impl Iterator<Item = ServiceDescriptor> {
    pool().services().filter(|service| service.package_name() == PACKAGE)
}

fn list() -> Result<()> {
    for service in services() {
        for method in service.methods() {
            let kind = match (method.is_client_streaming(), method.is_server_streaming()) {
                (true, _) => "  (streams both ways)",
                (false, true) => "  (streams)",
                (false, false) => "",
            };
            line(&format!("{}/{}{kind}", service.name(), method.name()))?;
        }
    }
    Ok(())
}

/// Finds a method by `Service/Method`, with or without the package.
fn find(name: &str) -> Result<MethodDescriptor> {
    let path = name.trim_start_matches('/');
    let path = path.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('.')).unwrap_or(path);
    let (wanted_service, wanted_method) = path.split_once(['/', '.']).unwrap_or(("", path));
    let service = services().find(|service| service.name() == wanted_service);
    let method = service.and_then(|service| service.methods().find(|method| method.name() == wanted_method));
    method.ok_or_else(|| {
        let fault = Fault::usage(format!("no method `{name}`"));
        fault.remedy("list them: `guildhall call --list`")
    })
}

fn read(descriptor: MessageDescriptor, json: &str) -> Result<DynamicMessage> {
    let name = descriptor.full_name().to_owned();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(descriptor, &mut deserializer);
    let message = message.and_then(|message| deserializer.end().map(|()| message));
    message.map_err(|error| Fault::usage(format!("not a {name}: {error}")))
}

async fn ask(server: &Server, method: &MethodDescriptor, request: DynamicMessage) -> Result<()> {
    let mut grpc = tonic::client::Grpc::new(server.client.grpc());
    grpc.ready().await.map_err(|error| Fault::unavailable(error.to_string()))?;
    let (path, codec) = route(method)?;
    let response = grpc.unary(Request::new(request), path, codec).await.map_err(fault)?;
    line(&Record::from(response.into_inner()).json()?)
}

async fn follow(server: &Server, method: &MethodDescriptor, request: DynamicMessage) -> Result<()> {
    let mut grpc = tonic::client::Grpc::new(server.client.grpc());
    grpc.ready().await.map_err(|error| Fault::unavailable(error.to_string()))?;
    let (path, codec) = route(method)?;
    let response = grpc.server_streaming(Request::new(request), path, codec).await.map_err(fault)?;
    let mut messages = response.into_inner();
    while let Some(message) = messages.next().await {
        line(&Record::from(message.map_err(fault)?).json()?)?;
    }
    Ok(())
}

fn route(method: &MethodDescriptor) -> Result<(http::uri::PathAndQuery, Dynamic)> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let path = path.parse().map_err(|_| Fault::local(format!("{path} is no path")))?;
    Ok((path, Dynamic { output: method.output() }))
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn fault(status: Status) -> Fault {
    Fault::from(guildhall::Error::from_status(&status))
}

/// Messages that are known by their descriptors only.
#[derive(Clone, Debug)]
struct Dynamic {
    output: MessageDescriptor,
}

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let encoded = message.encode(buffer);
        encoded.map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let decoded = DynamicMessage::decode(self.output.clone(), buffer);
        decoded.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_however_it_is_written() {
        for name in [
            "GuildService/GetGuild",
            "GuildService.GetGuild",
            "guildhall.v1.GuildService/GetGuild",
            "/guildhall.v1.GuildService/GetGuild",
        ] {
            assert_eq!(find(name).unwrap().full_name(), "guildhall.v1.GuildService.GetGuild");
        }
        for name in ["GetGuild", "GuildService", "GuildService/Nothing", "other.v1.GuildService/GetGuild"] {
            assert_eq!(find(name).unwrap_err().exit() as u8, 2, "{name}");
        }
    }

    #[test]
    fn requests_are_protobuf_json() {
        let input = || find("MessageService/SendMessage").unwrap().input();
        let message = read(input(), r#"{"channel_id": "18446744073709551615", "content": "hi"}"#).unwrap();
        assert_eq!(Record::from(message).text("channel_id"), u64::MAX.to_string());
        read(input(), r#"{"channelId": "1"}"#).unwrap();
        for wrong in ["", "[]", r#"{"nothing": 1}"#, "{} {}", r#"{"channel_id": "x"}"#] {
            assert_eq!(read(input(), wrong).unwrap_err().exit() as u8, 2, "{wrong}");
        }
    }
}
