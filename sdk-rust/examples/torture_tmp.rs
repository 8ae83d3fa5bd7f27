//! tmp
use guildhall::*;
use futures_util::TryStreamExt;
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mode = std::env::args().nth(1).unwrap();
    let url = std::env::var("GUILDHALL_SERVER")?;
    let nobody = Client::builder(url).build()?;
    if mode == "setup" {
        let login = nobody.auth().register("ada", "correct horse").await?;
        let ada = nobody.with_token(&login.token)?;
        let new = ada.guilds().create("Hall").await?;
        let bot = ada.auth().create_bot("echo").await?;
        let invite = ada.guild(new.guild.id).create_invite().await?;
        nobody.with_token(&bot.token)?.guilds().accept_invite(invite.code).await?;
        println!("{} {} {}", login.token.expose(), bot.token.expose(), new.channel_id);
        return Ok(());
    }
    let ada = nobody.with_token(std::env::args().nth(2).unwrap())?;
    let channel: ChannelId = std::env::args().nth(3).unwrap().parse()?;
    let n: usize = std::env::args().nth(4).unwrap().parse()?;
    if mode == "send" {
        let (gateway, events) = ada.gateway().connect().await?;
        drop(events);
        for i in 0..n {
            let r = gateway.send(channel, format!("m{i}")).enqueue_when_free().await;
            tokio::spawn(async move { if let Err(e) = r.await { println!("send failed: {e:?}"); } });
        }
        gateway.flush().await;
        return Ok(());
    }
    let all: Vec<Message> = ada.channel(channel).history().after(MessageId(0)).page_size(100).stream().try_collect().await?;
    let mine: Vec<_> = all.iter().filter(|m| !m.author.bot).collect();
    let bots: Vec<_> = all.iter().filter(|m| m.author.bot).collect();
    println!("mine {} bots {}", mine.len(), bots.len());
    if bots.len() < n { std::process::exit(1); }
    for (i, m) in mine.iter().enumerate() { assert_eq!(m.content, format!("m{i}")); }
    for (i, m) in bots.iter().enumerate() { assert_eq!(m.content, format!("m{i}")); assert_eq!(m.reply_to, Some(mine[i].id)); }
    assert_eq!((mine.len(), bots.len()), (n, n));
    println!("all once, in order");
    Ok(())
}
