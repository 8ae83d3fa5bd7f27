//! GuildService: unwrap, call, wrap.

use std::sync::Arc;

use guildhall_proto::v1;
use tonic::{Request, Response, Status};

use super::{generated::guild_service_server::GuildService, parts};
use crate::chat::Chat;

/// Guilds, members and invites.
pub(super) struct Guilds(pub(super) Arc<Chat>);

#[tonic::async_trait]
impl GuildService for Guilds {
    async fn create_guild(
        &self,
        request: Request<v1::CreateGuildRequest>,
    ) -> Result<Response<v1::CreateGuildResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.create_guild(&caller, request).await?))
    }

    async fn get_guild(&self, request: Request<v1::GetGuildRequest>) -> Result<Response<v1::GetGuildResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.get_guild(&caller, request).await?))
    }

    async fn list_my_guilds(
        &self,
        request: Request<v1::ListMyGuildsRequest>,
    ) -> Result<Response<v1::ListMyGuildsResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_my_guilds(&caller, request).await?))
    }

    async fn update_guild(
        &self,
        request: Request<v1::UpdateGuildRequest>,
    ) -> Result<Response<v1::UpdateGuildResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.update_guild(&caller, request).await?))
    }

    async fn delete_guild(
        &self,
        request: Request<v1::DeleteGuildRequest>,
    ) -> Result<Response<v1::DeleteGuildResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.delete_guild(&caller, request).await?))
    }

    async fn list_members(
        &self,
        request: Request<v1::ListMembersRequest>,
    ) -> Result<Response<v1::ListMembersResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_members(&caller, request).await?))
    }

    async fn remove_member(
        &self,
        request: Request<v1::RemoveMemberRequest>,
    ) -> Result<Response<v1::RemoveMemberResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.remove_member(&caller, request).await?))
    }

    async fn leave_guild(
        &self,
        request: Request<v1::LeaveGuildRequest>,
    ) -> Result<Response<v1::LeaveGuildResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.leave_guild(&caller, request).await?))
    }

    async fn create_invite(
        &self,
        request: Request<v1::CreateInviteRequest>,
    ) -> Result<Response<v1::CreateInviteResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.create_invite(&caller, request).await?))
    }

    async fn accept_invite(
        &self,
        request: Request<v1::AcceptInviteRequest>,
    ) -> Result<Response<v1::AcceptInviteResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.accept_invite(&caller, request).await?))
    }

    async fn revoke_invite(
        &self,
        request: Request<v1::RevokeInviteRequest>,
    ) -> Result<Response<v1::RevokeInviteResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.revoke_invite(&caller, request).await?))
    }

    async fn list_invites(
        &self,
        request: Request<v1::ListInvitesRequest>,
    ) -> Result<Response<v1::ListInvitesResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_invites(&caller, request).await?))
    }

    async fn transfer_guild(
        &self,
        request: Request<v1::TransferGuildRequest>,
    ) -> Result<Response<v1::TransferGuildResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.transfer_guild(&caller, request).await?))
    }

    async fn add_bot(&self, request: Request<v1::AddBotRequest>) -> Result<Response<v1::AddBotResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.add_bot(&caller, request).await?))
    }

    async fn get_member(
        &self,
        request: Request<v1::GetMemberRequest>,
    ) -> Result<Response<v1::GetMemberResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.get_member(&caller, request).await?))
    }
}
