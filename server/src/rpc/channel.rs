//! ChannelService: unwrap, call, wrap.

use std::sync::Arc;

use guildhall_proto::v1;
use tonic::{Request, Response, Status};

use super::{generated::channel_service_server::ChannelService, parts};
use crate::chat::Chat;

/// Channels.
pub(super) struct Channels(pub(super) Arc<Chat>);

#[tonic::async_trait]
impl ChannelService for Channels {
    async fn create_channel(
        &self,
        request: Request<v1::CreateChannelRequest>,
    ) -> Result<Response<v1::CreateChannelResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.create_channel(&caller, request).await?))
    }

    async fn get_channel(
        &self,
        request: Request<v1::GetChannelRequest>,
    ) -> Result<Response<v1::GetChannelResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.get_channel(&caller, request).await?))
    }

    async fn list_channels(
        &self,
        request: Request<v1::ListChannelsRequest>,
    ) -> Result<Response<v1::ListChannelsResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_channels(&caller, request).await?))
    }

    async fn update_channel(
        &self,
        request: Request<v1::UpdateChannelRequest>,
    ) -> Result<Response<v1::UpdateChannelResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.update_channel(&caller, request).await?))
    }

    async fn delete_channel(
        &self,
        request: Request<v1::DeleteChannelRequest>,
    ) -> Result<Response<v1::DeleteChannelResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.delete_channel(&caller, request).await?))
    }

    async fn reorder_channels(
        &self,
        request: Request<v1::ReorderChannelsRequest>,
    ) -> Result<Response<v1::ReorderChannelsResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.reorder_channels(&caller, request).await?))
    }
}
