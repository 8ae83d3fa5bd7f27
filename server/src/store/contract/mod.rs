//! What every engine must do, as named cases. An engine's tests name a way to open an empty store, and get all of them.
//!
//! A case knows nothing of the engine: it speaks the two traits only.

mod accounts;
mod appends;
mod departures;
mod fixtures;
mod guilds;
mod invites;
mod lives;
mod nonces;
mod pages;
mod races;
mod roles;
mod streams;

pub(super) use self::fixtures::{
    AUTHOR, NOW_MS, append, channel, channel_of, commit, create, create_as, delete, edit, event, fresh, guild,
    guild_stream, member, user, user_stream,
};

pub(super) mod cases {
    //! All cases, flat, so that their names are the tests' names.
    pub(crate) use super::accounts::*;
    pub(crate) use super::appends::*;
    pub(crate) use super::departures::*;
    pub(crate) use super::guilds::*;
    pub(crate) use super::invites::*;
    pub(crate) use super::lives::*;
    pub(crate) use super::nonces::*;
    pub(crate) use super::pages::*;
    pub(crate) use super::races::*;
    pub(crate) use super::roles::*;
    pub(crate) use super::streams::*;
}

/// Runs every case against an engine. `$open` is an async function that gives `(Store, guard)`: a store with nothing in
/// it, and whatever must live as long.
macro_rules! store_contract_suite {
    ($open:path) => {
        store_contract_suite! { $open;
            appends_are_read_back, heads_follow_appends, a_moved_head_is_named, a_log_behind_is_gone,
            an_unknown_channel_is_closed, a_long_append_may_be_taken_in_parts, any_unicode_comes_back,
            the_largest_numbers_hurt_nobody, positions_come_in_the_order_asked, reads_are_cut_at_the_limit,
            a_repeated_nonce_is_named, every_repeated_nonce_is_named, a_nonce_is_of_author_and_channel, a_nonce_is_looked_up,
            a_deleted_message_still_holds_its_nonce,
            edits_and_deletes_show_as_they_are_now, messages_bear_the_rights_of_their_last_change, one_append_may_make_edit_and_delete,
            a_deleted_message_stays_deleted, messages_are_found_by_id,
            two_writers_of_a_channel_lose_nothing, a_nonce_raced_by_two_is_written_once,
            many_channels_at_once_keep_apart, an_invites_last_use_is_used_once,
            pages_have_borders, pages_lie_around, deleted_runs_are_stepped_over, an_empty_channel_has_an_empty_page,
            users_are_found, user_names_and_ids_are_unique, profiles_change_alone, tokens_live_and_end,
            an_ended_token_is_not_revived, the_setup_code_works_once,
            passwords_change_from_what_they_are, a_login_waits_for_no_password_of_yesterday, all_tokens_but_one_end, a_user_is_erased, owners_are_not_erased,
            bots_are_listed, blocks_come_and_go, erasures_go_on_where_they_were,
            a_session_begins_with_one_look, a_guild_is_one_picture, guilds_and_channels_change, ids_are_unique, members_come_and_go,
            members_come_in_pages, a_deleted_channel_is_gone_at_once, a_deleted_guild_is_gone_at_once,
            roles_are_part_of_the_picture, roles_change_and_go, channels_have_overwrites,
            whoever_leaves_leaves_nothing_behind, a_banned_user_does_not_come_in, acts_are_written_down,
            invites_are_used_up, invites_are_listed_and_deleted,
            events_follow_the_changes, streams_come_in_the_order_asked, a_moved_stream_writes_nothing, a_taken_row_writes_nothing,
            an_unknown_stream_writes_nothing,
        }
    };
    ($open:path; $($case:ident,)*) => {$(
        #[tokio::test]
        async fn $case() {
            let (store, guard) = $open().await;
            $crate::store::contract::cases::$case(store).await;
            drop(guard);
        }
    )*};
}
pub(super) use store_contract_suite;
