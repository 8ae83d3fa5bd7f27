//! ModerationService: unwrap, call, wrap.

use std::sync::Arc;

use guildhall_proto::v1;
use tonic::{Request, Response, Status};

use super::{generated::moderation_service_server::ModerationService, parts};
use crate::chat::Chat;

/// Bans, time-outs, nicknames and the audit log.
pub(super) struct Moderation(pub(super) Arc<Chat>);

#[tonic::async_trait]
impl ModerationService for Moderation {
    async fn ban_user(&self, request: Request<v1::BanUserRequest>) -> Result<Response<v1::BanUserResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.ban_user(&caller, request).await?))
    }

    async fn unban_user(
        &self,
        request: Request<v1::UnbanUserRequest>,
    ) -> Result<Response<v1::UnbanUserResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.unban_user(&caller, request).await?))
    }

    async fn list_bans(&self, request: Request<v1::ListBansRequest>) -> Result<Response<v1::ListBansResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_bans(&caller, request).await?))
    }

    async fn time_out_member(
        &self,
        request: Request<v1::TimeOutMemberRequest>,
    ) -> Result<Response<v1::TimeOutMemberResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.time_out_member(&caller, request).await?))
    }

    async fn set_nickname(
        &self,
        request: Request<v1::SetNicknameRequest>,
    ) -> Result<Response<v1::SetNicknameResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.set_nickname(&caller, request).await?))
    }

    async fn list_audit_log(
        &self,
        request: Request<v1::ListAuditLogRequest>,
    ) -> Result<Response<v1::ListAuditLogResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_audit_log(&caller, request).await?))
    }
}
