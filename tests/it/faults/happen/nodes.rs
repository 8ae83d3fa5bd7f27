//! Faults of nodes: those at other nodes do not notice, and who was at the struck one goes on at another.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::faults::play::Play;

pub(super) async fn killed(play: &mut Play) {
    let (victim, others) = (play.victim, play.others());
    play.scene.deployment.kill9_node(victim);
    if !others.is_empty() {
        play.goes_on(&others).await;
        play.roamer_goes_on().await;
        play.sessions_stay(&others);
    }
    play.scene.deployment.restart_node(victim).await;
}

pub(super) async fn hangs(play: &mut Play, time: Duration) {
    let (victim, others, until) = (play.victim, play.others(), Instant::now() + time);
    play.scene.deployment.pause_node(victim);
    if !others.is_empty() {
        play.goes_on(&others).await;
        // By a heartbeat that is not answered.
        play.roamer_goes_on().await;
    }
    sleep_until(until).await;
    play.sessions_stay(&others);
    play.scene.deployment.resume_node(victim);
}

pub(super) async fn drained(play: &mut Play) {
    let (victim, others) = (play.victim, play.others());
    let exit = play.scene.deployment.terminate_node(victim).await;
    assert!(exit.status.success(), "{exit:?}");
    if !others.is_empty() {
        play.goes_on(&others).await;
        play.roamer_goes_on().await;
        play.sessions_stay(&others);
    }
    play.scene.deployment.restart_node(victim).await;
}

/// As a new version is put in place. There is always a node that serves.
pub(super) async fn restarted_in_turn(play: &mut Play) {
    for node in play.scene.nodes() {
        let exit = play.scene.deployment.terminate_node(node).await;
        assert!(exit.status.success(), "{exit:?}");
        if play.scene.nodes().len() > 1 {
            play.roamer_goes_on().await;
        }
        play.scene.deployment.restart_node(node).await;
    }
}

/// A node starts with a clock that is wrong, works with it beside the others, and starts with the right one: it goes back, or
/// forward, once each way. Nobody notices.
pub(super) async fn clock_off(play: &mut Play, seconds: i64) {
    let (victim, all) = (play.victim, play.scene.nodes());
    for seconds in [seconds, 0] {
        play.scene.deployment.terminate_node(victim).await;
        play.scene.deployment.set_clock(victim, seconds);
        play.scene.deployment.restart_node(victim).await;
        play.goes_on(&all).await;
        play.repeats(&all).await;
    }
    play.sessions_stay(&play.others());
}

pub(super) async fn killed_while_another_hangs(play: &mut Play) {
    let others = play.others();
    let (victim, hanging, left) = (play.victim, others[0], &others[1..]);
    play.scene.deployment.pause_node(hanging);
    play.scene.deployment.kill9_node(victim);
    play.goes_on(left).await;
    play.roamer_goes_on().await;
    play.sessions_stay(left);
    play.scene.deployment.resume_node(hanging);
    play.scene.deployment.restart_node(victim).await;
}
