//! HistoryService: unwrap, call, wrap.

use std::sync::Arc;

use guildhall_proto::v1;
use tonic::{Request, Response, Status};

use super::{generated::history_service_server::HistoryService, parts};
use crate::chat::Chat;

/// Reading.
pub(super) struct History(pub(super) Arc<Chat>);

#[tonic::async_trait]
impl HistoryService for History {
    async fn list_messages(
        &self,
        request: Request<v1::ListMessagesRequest>,
    ) -> Result<Response<v1::ListMessagesResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_messages(&caller, request).await?))
    }

    async fn get_message(
        &self,
        request: Request<v1::GetMessageRequest>,
    ) -> Result<Response<v1::GetMessageResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.get_message(&caller, request).await?))
    }

    async fn list_changes(
        &self,
        request: Request<v1::ListChangesRequest>,
    ) -> Result<Response<v1::ListChangesResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.list_changes(&caller, request).await?))
    }
}
