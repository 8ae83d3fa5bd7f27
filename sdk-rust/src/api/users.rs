//! Profiles and blocks.

use guildhall_proto::ids::UserId;
use guildhall_proto::v1::{self, user_service_client::UserServiceClient};

use crate::client::{Call, Client, Rpc, rpc};
use crate::error::Result;
use crate::model::{Block, User, required};

/// Profiles and blocks; from [`Client::users`].
#[derive(Clone, Debug)]
pub struct Users(pub(super) Client);

/// The caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Me {
    /// The caller's profile.
    pub user: User,
    /// Whether the caller administers the server.
    pub admin: bool,
}

impl Users {
    /// The caller.
    pub fn me(&self) -> Call<v1::GetMeRequest> {
        self.0.call(v1::GetMeRequest {})
    }

    /// Changes the caller's profile; what is not set stays, an empty text clears.
    pub fn update_me(&self) -> Call<v1::UpdateMeRequest> {
        self.0.call(v1::UpdateMeRequest::default())
    }

    /// Profiles by id, 1 to 100 of them; unknown ones are left out.
    pub fn get(&self, ids: impl IntoIterator<Item = UserId>) -> Call<v1::BatchGetUsersRequest> {
        let user_ids = ids.into_iter().map(u64::from).collect();
        self.0.call(v1::BatchGetUsersRequest { user_ids })
    }

    /// Blocks somebody: neither is shown the presence or the typing of the other any more.
    pub fn block(&self, id: UserId) -> Call<v1::BlockUserRequest> {
        let user_id = id.0;
        self.0.call(v1::BlockUserRequest { user_id })
    }

    /// Ends a block.
    pub fn unblock(&self, id: UserId) -> Call<v1::UnblockUserRequest> {
        let user_id = id.0;
        self.0.call(v1::UnblockUserRequest { user_id })
    }

    /// Whom the caller has blocked, newest first.
    pub fn blocks(&self) -> Call<v1::ListBlocksRequest> {
        self.0.call(v1::ListBlocksRequest {})
    }
}

impl Call<v1::UpdateMeRequest> {
    /// The name to show, up to 64 characters.
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.request.display_name = Some(name.into());
        self
    }

    /// Address of a picture, `http` or `https`, up to 512 characters.
    pub fn avatar_url(mut self, url: impl Into<String>) -> Self {
        self.request.avatar_url = Some(url.into());
        self
    }

    /// A short line, up to 128 characters.
    pub fn custom_status(mut self, text: impl Into<String>) -> Self {
        self.request.custom_status = Some(text.into());
        self
    }
}

impl Call<v1::UpdateMeRequest> {
    /// The unique name, 2 to 32 characters of `a-z0-9._-`.
    pub fn username(mut self, name: impl Into<String>) -> Self {
        self.request.username = Some(name.into());
        self
    }
}

impl Rpc for v1::GetMeRequest {
    type Answer = Me;
    rpc!("UserService" "GetMe", UserServiceClient::get_me -> GetMeResponse, repeatable: true);

    fn answer(&self, response: v1::GetMeResponse) -> Result<Me> {
        let user = required(response.user, "user")?.into();
        let admin = response.admin;
        Ok(Me { user, admin })
    }
}

impl Rpc for v1::UpdateMeRequest {
    type Answer = User;
    rpc!("UserService" "UpdateMe", UserServiceClient::update_me -> UpdateMeResponse, repeatable: false);

    fn answer(&self, response: v1::UpdateMeResponse) -> Result<User> {
        Ok(required(response.user, "user")?.into())
    }
}

impl Rpc for v1::BatchGetUsersRequest {
    type Answer = Vec<User>;
    rpc!("UserService" "BatchGetUsers", UserServiceClient::batch_get_users -> BatchGetUsersResponse, repeatable: true);

    fn answer(&self, response: v1::BatchGetUsersResponse) -> Result<Vec<User>> {
        Ok(response.users.into_iter().map(Into::into).collect())
    }
}

impl Rpc for v1::BlockUserRequest {
    type Answer = ();
    rpc!("UserService" "BlockUser", UserServiceClient::block_user -> BlockUserResponse, repeatable: false);

    fn answer(&self, _: v1::BlockUserResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::UnblockUserRequest {
    type Answer = ();
    rpc!("UserService" "UnblockUser", UserServiceClient::unblock_user -> UnblockUserResponse, repeatable: false);

    fn answer(&self, _: v1::UnblockUserResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::ListBlocksRequest {
    type Answer = Vec<Block>;
    rpc!("UserService" "ListBlocks", UserServiceClient::list_blocks -> ListBlocksResponse, repeatable: true);

    fn answer(&self, response: v1::ListBlocksResponse) -> Result<Vec<Block>> {
        Ok(response.blocks.into_iter().map(Into::into).collect())
    }
}
