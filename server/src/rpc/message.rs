//! MessageService: unwrap, call, wrap.

use std::sync::Arc;

use guildhall_proto::v1;
use tonic::{Request, Response, Status};

use super::{generated::message_service_server::MessageService, parts};
use crate::chat::Chat;

/// Writing.
pub(super) struct Messages(pub(super) Arc<Chat>);

#[tonic::async_trait]
impl MessageService for Messages {
    async fn send_message(
        &self,
        request: Request<v1::SendMessageRequest>,
    ) -> Result<Response<v1::SendMessageResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.send_message(&caller, request).await?))
    }

    async fn edit_message(
        &self,
        request: Request<v1::EditMessageRequest>,
    ) -> Result<Response<v1::EditMessageResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.edit_message(&caller, request).await?))
    }

    async fn delete_message(
        &self,
        request: Request<v1::DeleteMessageRequest>,
    ) -> Result<Response<v1::DeleteMessageResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.delete_message(&caller, request).await?))
    }

    async fn bulk_delete_messages(
        &self,
        request: Request<v1::BulkDeleteMessagesRequest>,
    ) -> Result<Response<v1::BulkDeleteMessagesResponse>, Status> {
        let (caller, request) = parts(request)?;
        Ok(Response::new(self.0.bulk_delete_messages(&caller, request).await?))
    }
}
