//! The SDK against the contract's descriptors: every unary method is there, and exactly those that change nothing are
//! repeated by themselves.

use std::collections::BTreeMap;

use guildhall_proto::FILE_DESCRIPTOR_SET;
use guildhall_proto::v1;
use prost::Message;
use prost_types::FileDescriptorSet;
use prost_types::method_options::IdempotencyLevel;

use crate::client::Rpc;

fn entry<R: Rpc>() -> (String, bool) {
    (R::METHOD.to_owned(), R::REPEATABLE)
}

macro_rules! methods {
    ($($request:ident),* $(,)?) => {
        [$(entry::<v1::$request>()),*]
    };
}

fn of_the_sdk() -> BTreeMap<String, bool> {
    BTreeMap::from(methods![
        RegisterRequest,
        LoginRequest,
        LogoutRequest,
        ListSessionsRequest,
        RevokeSessionRequest,
        CreateBotRequest,
        RotateBotTokenRequest,
        RevokeOtherSessionsRequest,
        ChangePasswordRequest,
        DeleteAccountRequest,
        ListBotsRequest,
        RevokeBotTokensRequest,
        DeleteBotRequest,
        GetMeRequest,
        UpdateMeRequest,
        BatchGetUsersRequest,
        BlockUserRequest,
        UnblockUserRequest,
        ListBlocksRequest,
        CreateGuildRequest,
        GetGuildRequest,
        ListMyGuildsRequest,
        UpdateGuildRequest,
        DeleteGuildRequest,
        ListMembersRequest,
        RemoveMemberRequest,
        LeaveGuildRequest,
        CreateInviteRequest,
        AcceptInviteRequest,
        RevokeInviteRequest,
        ListInvitesRequest,
        CreateChannelRequest,
        GetChannelRequest,
        ListChannelsRequest,
        UpdateChannelRequest,
        DeleteChannelRequest,
        ReorderChannelsRequest,
        SendMessageRequest,
        EditMessageRequest,
        DeleteMessageRequest,
        ListMessagesRequest,
        GetMessageRequest,
        ListChangesRequest,
        TransferGuildRequest,
        AddBotRequest,
        GetMemberRequest,
        BulkDeleteMessagesRequest,
        CreateRoleRequest,
        ListRolesRequest,
        UpdateRoleRequest,
        DeleteRoleRequest,
        ReorderRolesRequest,
        AddMemberRoleRequest,
        RemoveMemberRoleRequest,
        SetOverwriteRequest,
        DeleteOverwriteRequest,
        PutInStepRequest,
        ExplainPermissionRequest,
        BanUserRequest,
        UnbanUserRequest,
        ListBansRequest,
        TimeOutMemberRequest,
        SetNicknameRequest,
        ListAuditLogRequest,
    ])
}

/// What the protos say. The gateway is left out: it is not made of single calls, and Push is for those without a session.
fn of_the_contract() -> BTreeMap<String, bool> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files = set.file.into_iter().filter(|file| file.package() == "guildhall.v1");
    let services = files.flat_map(|file| file.service);
    let services = services.filter(|service| service.name() != "GatewayService");
    let mut methods = BTreeMap::new();
    for service in services {
        for method in &service.method {
            let name = format!("guildhall.v1.{}/{}", service.name(), method.name());
            let options = method.options.clone().unwrap_or_default();
            let safe = options.idempotency_level() == IdempotencyLevel::NoSideEffects;
            methods.insert(name, safe);
        }
    }
    methods
}

#[test]
fn every_method_is_there_and_only_safe_ones_are_repeated() {
    let mut contract = of_the_contract();
    // It carries a nonce.
    contract.insert("guildhall.v1.MessageService/SendMessage".to_owned(), true);
    assert_eq!(of_the_sdk(), contract);
}
