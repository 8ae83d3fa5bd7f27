//! As much of Cassandra's protocol (version 4) as it takes to ask a node how it is: no driver, because a driver would ask
//! whichever node it likes.

use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

const PATIENCE: Duration = Duration::from_secs(5);
/// More than any answer to these questions.
const FRAME_BYTES_MAX: usize = 1 << 20;
const REQUEST: u8 = 0x04;
const STARTUP: u8 = 0x01;
const QUERY: u8 = 0x07;
const READY: u8 = 0x02;
const RESULT: u8 = 0x08;
const CONSISTENCY_ONE: u16 = 1;
const KIND_ROWS: i32 = 2;
const GLOBAL_TABLE: i32 = 1;

/// A connection to one node.
pub(super) struct Node(TcpStream);

/// Rows of cells; the bytes mean what the column's type says.
pub(super) type Rows = Vec<Vec<Vec<u8>>>;

impl Node {
    pub(super) fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address.parse()?, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut node = Self(stream);
        let (opcode, _) = node.ask(STARTUP, b"\x00\x01\x00\x0bCQL_VERSION\x00\x053.0.0")?;
        ensure!(opcode == READY, "the node is not ready (answer {opcode:#x})");
        Ok(node)
    }

    /// Asks for columns of simple types.
    pub(super) fn rows(&mut self, query: &str) -> Result<Rows> {
        let mut body = u32::try_from(query.len())?.to_be_bytes().to_vec();
        body.extend(query.as_bytes());
        body.extend(CONSISTENCY_ONE.to_be_bytes());
        body.push(0);
        let (opcode, body) = self.ask(QUERY, &body)?;
        ensure!(opcode == RESULT, "`{query}` failed: {}", String::from_utf8_lossy(&body));
        parse(&body).with_context(|| format!("the answer to `{query}` is not understood"))
    }

    fn ask(&mut self, opcode: u8, body: &[u8]) -> Result<(u8, Vec<u8>)> {
        let mut frame = vec![REQUEST, 0, 0, 0, opcode];
        frame.extend(u32::try_from(body.len())?.to_be_bytes());
        frame.extend(body);
        self.0.write_all(&frame)?;
        let mut header = [0; 9];
        self.0.read_exact(&mut header)?;
        let length = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize;
        ensure!(length <= FRAME_BYTES_MAX, "an answer of {length} bytes");
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((header[4], body))
    }
}

fn parse(mut body: &[u8]) -> Result<Rows> {
    let kind = int(&mut body)?;
    ensure!(kind == KIND_ROWS, "kind {kind} is not rows");
    let flags = int(&mut body)?;
    let columns = int(&mut body)?;
    if flags & GLOBAL_TABLE == 0 {
        bail!("columns of several tables");
    }
    for _ in 0..2 {
        text(&mut body)?;
    }
    for _ in 0..columns {
        text(&mut body)?;
        bytes(&mut body, 2)?;
    }
    let count = int(&mut body)?;
    (0..count).map(|_| (0..columns).map(|_| cell(&mut body)).collect()).collect()
}

fn bytes(body: &mut &[u8], count: usize) -> Result<Vec<u8>> {
    let mut taken = vec![0; count.min(FRAME_BYTES_MAX)];
    body.read_exact(&mut taken)?;
    Ok(taken)
}

fn int(body: &mut &[u8]) -> Result<i32> {
    let mut four = [0; 4];
    body.read_exact(&mut four)?;
    Ok(i32::from_be_bytes(four))
}

fn text(body: &mut &[u8]) -> Result<Vec<u8>> {
    let mut two = [0; 2];
    body.read_exact(&mut two)?;
    bytes(body, u16::from_be_bytes(two).into())
}

/// A cell without a value is as good as an empty one here.
fn cell(body: &mut &[u8]) -> Result<Vec<u8>> {
    let length = int(body)?;
    bytes(body, usize::try_from(length).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read() {
        let body = b"\0\0\0\x02\0\0\0\x01\0\0\0\x02\0\x06system\0\x05local\0\x01a\0\x0d\0\x01b\0\x0c\
                     \0\0\0\x01\0\0\0\x02hi\xff\xff\xff\xff";
        assert_eq!(parse(body).unwrap(), vec![vec![b"hi".to_vec(), Vec::new()]]);
        for cut in 0..body.len() {
            assert!(parse(&body[..cut]).is_err(), "cut at {cut}");
        }
    }
}
