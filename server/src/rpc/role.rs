//! RoleService: unwrap, call, wrap.

use std::sync::Arc;

use guildhall_proto::v1;
use tonic::{Request, Response, Status};

use super::{generated::role_service_server::RoleService, parts};
use crate::chat::Chat;

/// Roles, overwrites and explanations.
pub(super) struct Roles(pub(super) Arc<Chat>);

#[tonic::async_trait]
impl RoleService for Roles {
    async fn create_role(
        &self,
        request: Request<v1::CreateRoleRequest>,
    ) -> Result<Response<v1::CreateRoleResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.create_role(&caller, request).await?))
    }

    async fn list_roles(
        &self,
        request: Request<v1::ListRolesRequest>,
    ) -> Result<Response<v1::ListRolesResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_roles(&caller, request).await?))
    }

    async fn update_role(
        &self,
        request: Request<v1::UpdateRoleRequest>,
    ) -> Result<Response<v1::UpdateRoleResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.update_role(&caller, request).await?))
    }

    async fn delete_role(
        &self,
        request: Request<v1::DeleteRoleRequest>,
    ) -> Result<Response<v1::DeleteRoleResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.delete_role(&caller, request).await?))
    }

    async fn reorder_roles(
        &self,
        request: Request<v1::ReorderRolesRequest>,
    ) -> Result<Response<v1::ReorderRolesResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.reorder_roles(&caller, request).await?))
    }

    async fn add_member_role(
        &self,
        request: Request<v1::AddMemberRoleRequest>,
    ) -> Result<Response<v1::AddMemberRoleResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.add_member_role(&caller, request).await?))
    }

    async fn remove_member_role(
        &self,
        request: Request<v1::RemoveMemberRoleRequest>,
    ) -> Result<Response<v1::RemoveMemberRoleResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.remove_member_role(&caller, request).await?))
    }

    async fn set_overwrite(
        &self,
        request: Request<v1::SetOverwriteRequest>,
    ) -> Result<Response<v1::SetOverwriteResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.set_overwrite(&caller, request).await?))
    }

    async fn delete_overwrite(
        &self,
        request: Request<v1::DeleteOverwriteRequest>,
    ) -> Result<Response<v1::DeleteOverwriteResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.delete_overwrite(&caller, request).await?))
    }

    async fn put_in_step(
        &self,
        request: Request<v1::PutInStepRequest>,
    ) -> Result<Response<v1::PutInStepResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.put_in_step(&caller, request).await?))
    }

    async fn explain_permission(
        &self,
        request: Request<v1::ExplainPermissionRequest>,
    ) -> Result<Response<v1::ExplainPermissionResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.explain_permission(&caller, request).await?))
    }
}
