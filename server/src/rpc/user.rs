//! UserService: unwrap, call, wrap.

use std::sync::Arc;

use guildhall_proto::v1;
use tonic::{Request, Response, Status};

use super::{generated::user_service_server::UserService, parts};
use crate::chat::Chat;

/// Profiles and blocks.
pub(super) struct Users(pub(super) Arc<Chat>);

#[tonic::async_trait]
impl UserService for Users {
    async fn get_me(&self, request: Request<v1::GetMeRequest>) -> Result<Response<v1::GetMeResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.get_me(&caller, request).await?))
    }

    async fn update_me(&self, request: Request<v1::UpdateMeRequest>) -> Result<Response<v1::UpdateMeResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.update_me(&caller, request).await?))
    }

    async fn batch_get_users(
        &self,
        request: Request<v1::BatchGetUsersRequest>,
    ) -> Result<Response<v1::BatchGetUsersResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.batch_get_users(&caller, request).await?))
    }

    async fn block_user(
        &self,
        request: Request<v1::BlockUserRequest>,
    ) -> Result<Response<v1::BlockUserResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.block_user(&caller, request).await?))
    }

    async fn unblock_user(
        &self,
        request: Request<v1::UnblockUserRequest>,
    ) -> Result<Response<v1::UnblockUserResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.unblock_user(&caller, request).await?))
    }

    async fn list_blocks(
        &self,
        request: Request<v1::ListBlocksRequest>,
    ) -> Result<Response<v1::ListBlocksResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_blocks(&caller, request).await?))
    }
}
