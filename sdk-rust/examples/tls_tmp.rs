//! tmp
use guildhall::*;
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let pem = std::fs::read("/tmp/tort/tls/ca.pem")?;
    let c = Client::builder("https://localhost:7544").ca_certificate(pem).build()?;
    let l = c.auth().register("ada", "correct horse").await?;
    let c = c.with_token(l.token)?;
    let ch = c.guilds().create("Hall").await?.channel_id;
    let (g, mut e) = c.gateway().subscribe(ch).connect().await?;
    g.ready().await?;
    println!("{:?}", g.send(ch, "over tls").await?);
    while let Some(ev) = e.next().await { println!("{}", ev.name()); if ev.name()=="message_created" {break} }
    let c = Client::builder("https://localhost:7544").build()?;
    println!("untrusted: {}", c.users().me().await.unwrap_err());
    let (g, _) = c.gateway().connect().await?;
    let mut s = g.state(); let s = s.wait_for(|s| matches!(s, ConnectionState::Waiting{..})).await?; println!("{}", *s);
    Ok(())
}
