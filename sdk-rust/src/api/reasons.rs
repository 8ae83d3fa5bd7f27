//! Why something was done: the line that many requests carry for the audit log.

use guildhall_proto::v1;

use crate::client::Call;

macro_rules! reasons {
    ($($request:ident),* $(,)?) => {
        $(impl Call<v1::$request> {
            /// Why, for the audit log; up to 512 characters.
            pub fn reason(mut self, reason: impl Into<String>) -> Self {
                self.request.reason = reason.into();
                self
            }
        })*
    };
}

reasons!(
    CreateRoleRequest,
    UpdateRoleRequest,
    DeleteRoleRequest,
    ReorderRolesRequest,
    AddMemberRoleRequest,
    RemoveMemberRoleRequest,
    SetOverwriteRequest,
    DeleteOverwriteRequest,
    PutInStepRequest,
    BanUserRequest,
    UnbanUserRequest,
    TimeOutMemberRequest,
    SetNicknameRequest,
    RemoveMemberRequest,
    AddBotRequest,
    BulkDeleteMessagesRequest,
);
