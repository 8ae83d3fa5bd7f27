//! AuthService: unwrap, call, wrap.

use std::sync::Arc;

use guildhall_proto::v1;
use tonic::{Request, Response, Status};

use super::{generated::auth_service_server::AuthService, parts, peer};
use crate::chat::Chat;

/// Accounts, login sessions and bots.
pub(super) struct Auth(pub(super) Arc<Chat>);

#[tonic::async_trait]
impl AuthService for Auth {
    async fn register(&self, request: Request<v1::RegisterRequest>) -> Result<Response<v1::RegisterResponse>, Status> {
        let from = peer(&request);
        Ok(Response::new(self.0.register(from, request.into_inner()).await?))
    }

    async fn login(&self, request: Request<v1::LoginRequest>) -> Result<Response<v1::LoginResponse>, Status> {
        let from = peer(&request);
        Ok(Response::new(self.0.login(from, request.into_inner()).await?))
    }

    async fn logout(&self, request: Request<v1::LogoutRequest>) -> Result<Response<v1::LogoutResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.logout(&caller, request).await?))
    }

    async fn list_sessions(
        &self,
        request: Request<v1::ListSessionsRequest>,
    ) -> Result<Response<v1::ListSessionsResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_sessions(&caller, request).await?))
    }

    async fn revoke_session(
        &self,
        request: Request<v1::RevokeSessionRequest>,
    ) -> Result<Response<v1::RevokeSessionResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.revoke_session(&caller, request).await?))
    }

    async fn create_bot(
        &self,
        request: Request<v1::CreateBotRequest>,
    ) -> Result<Response<v1::CreateBotResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.create_bot(&caller, request).await?))
    }

    async fn rotate_bot_token(
        &self,
        request: Request<v1::RotateBotTokenRequest>,
    ) -> Result<Response<v1::RotateBotTokenResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.rotate_bot_token(&caller, request).await?))
    }

    async fn revoke_other_sessions(
        &self,
        request: Request<v1::RevokeOtherSessionsRequest>,
    ) -> Result<Response<v1::RevokeOtherSessionsResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.revoke_other_sessions(&caller, request).await?))
    }

    async fn change_password(
        &self,
        request: Request<v1::ChangePasswordRequest>,
    ) -> Result<Response<v1::ChangePasswordResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.change_password(&caller, request).await?))
    }

    async fn delete_account(
        &self,
        request: Request<v1::DeleteAccountRequest>,
    ) -> Result<Response<v1::DeleteAccountResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.delete_account(&caller, request).await?))
    }

    async fn list_bots(&self, request: Request<v1::ListBotsRequest>) -> Result<Response<v1::ListBotsResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_bots(&caller, request).await?))
    }

    async fn revoke_bot_tokens(
        &self,
        request: Request<v1::RevokeBotTokensRequest>,
    ) -> Result<Response<v1::RevokeBotTokensResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.revoke_bot_tokens(&caller, request).await?))
    }

    async fn delete_bot(
        &self,
        request: Request<v1::DeleteBotRequest>,
    ) -> Result<Response<v1::DeleteBotResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.delete_bot(&caller, request).await?))
    }
}
