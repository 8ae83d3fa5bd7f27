//! HTTP/2 and gRPC as bytes: just as much as a benchmark's client needs to open streams, send messages and count what
//! comes back, without a copy and without decoding anything. Pure: no socket is known in here.

const FLAG_END_STREAM: u8 = 0x1;
const FLAG_ACK: u8 = 0x1;
const FLAG_END_HEADERS: u8 = 0x4;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const FRAME_HEAD: usize = 9;
const MESSAGE_HEAD: usize = 5;
/// What hyper's client grants by default.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 5 << 20;
/// What every connection begins with.
const INITIAL_WINDOW: u32 = 65_535;

/// The first bytes of a connection.
pub(crate) fn preface() -> Vec<u8> {
    let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    head(&mut out, 12, SETTINGS, 0, 0);
    // No pushes; the window of each stream.
    out.extend([0, 2, 0, 0, 0, 0, 0, 4]);
    out.extend(STREAM_WINDOW.to_be_bytes());
    window_update(&mut out, 0, CONNECTION_WINDOW - INITIAL_WINDOW);
    out
}

/// Opens a stream: the head of a gRPC call. `number` counts the connection's streams from 0.
pub(crate) fn open(out: &mut Vec<u8>, number: u32, path: &str, token: Option<&str>) {
    let mut block = vec![0x83, 0x86, 0x04];
    text(&mut block, path);
    block.push(0x01);
    text(&mut block, "localhost");
    block.extend([0x0f, 0x10]);
    text(&mut block, "application/grpc");
    block.push(0x00);
    text(&mut block, "te");
    text(&mut block, "trailers");
    if let Some(token) = token {
        block.extend([0x1f, 0x08]);
        text(&mut block, &format!("Bearer {token}"));
    }
    head(out, block.len(), HEADERS, FLAG_END_HEADERS, id(number));
    out.extend(block);
}

/// One message; `last`: the stream's request ends with it.
pub(crate) fn message(out: &mut Vec<u8>, number: u32, message: &[u8], last: bool) {
    let flags = if last { FLAG_END_STREAM } else { 0 };
    head(out, MESSAGE_HEAD + message.len(), DATA, flags, id(number));
    out.push(0);
    out.extend((message.len() as u32).to_be_bytes());
    out.extend(message);
}

/// What a connection heard.
pub(crate) enum Heard<'a> {
    /// A whole gRPC message.
    Message(&'a [u8]),
    /// The stream is over.
    End,
}

/// The state of what comes in on one connection.
#[derive(Default)]
pub(crate) struct Parser {
    streams: Vec<Stream>,
    consumed: u32,
    /// What is to be sent in answer.
    pub(crate) replies: Vec<u8>,
}

#[derive(Default)]
struct Stream {
    /// The beginning of a message whose rest is in a later frame.
    partial: Vec<u8>,
    consumed: u32,
}

impl Parser {
    /// Takes in whole frames and returns how many bytes they were; the rest is to be given again with what follows it.
    ///
    /// # Errors
    /// When the server ends the connection.
    pub(crate) fn take(&mut self, bytes: &[u8], hear: &mut dyn FnMut(usize, Heard<'_>)) -> anyhow::Result<usize> {
        let mut at = 0;
        while let Some(head) = bytes.get(at..at + FRAME_HEAD) {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some(payload) = bytes.get(at + FRAME_HEAD..at + FRAME_HEAD + length) else {
                break;
            };
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            self.frame(head[3], head[4], stream, payload, hear)?;
            at += FRAME_HEAD + length;
        }
        Ok(at)
    }

    fn frame(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
        hear: &mut dyn FnMut(usize, Heard<'_>),
    ) -> anyhow::Result<()> {
        let number = (stream as usize).saturating_sub(1) / 2;
        match kind {
            DATA => self.data(number, stream, payload, hear),
            SETTINGS if flags & FLAG_ACK == 0 => head(&mut self.replies, 0, SETTINGS, FLAG_ACK, 0),
            PING if flags & FLAG_ACK == 0 => {
                head(&mut self.replies, payload.len(), PING, FLAG_ACK, 0);
                self.replies.extend(payload);
            }
            GOAWAY => anyhow::bail!("the server ended the connection: {}", String::from_utf8_lossy(payload)),
            _ => {}
        }
        let ends = matches!(kind, DATA | HEADERS) && flags & FLAG_END_STREAM != 0;
        if ends || kind == RST_STREAM {
            hear(number, Heard::End);
        }
        Ok(())
    }

    fn data(&mut self, number: usize, id: u32, payload: &[u8], hear: &mut dyn FnMut(usize, Heard<'_>)) {
        if self.streams.len() <= number {
            self.streams.resize_with(number + 1, Stream::default);
        }
        let stream = &mut self.streams[number];
        let length = payload.len() as u32;
        grant(&mut self.replies, &mut stream.consumed, length, (id, STREAM_WINDOW));
        grant(&mut self.replies, &mut self.consumed, length, (0, CONNECTION_WINDOW));
        stream.messages(payload, |message| hear(number, Heard::Message(message)));
    }
}

impl Stream {
    fn messages(&mut self, mut bytes: &[u8], mut hear: impl FnMut(&[u8])) {
        while !self.partial.is_empty() {
            let want = length(&self.partial).unwrap_or(MESSAGE_HEAD);
            let (now, rest) = bytes.split_at(bytes.len().min(want - self.partial.len()));
            self.partial.extend(now);
            bytes = rest;
            if length(&self.partial) == Some(self.partial.len()) {
                hear(&self.partial[MESSAGE_HEAD..]);
                self.partial = Vec::new();
            } else if bytes.is_empty() {
                return;
            }
        }
        while let Some(message) = length(bytes).and_then(|length| bytes.get(..length)) {
            hear(&message[MESSAGE_HEAD..]);
            bytes = &bytes[message.len()..];
        }
        self.partial.extend(bytes);
    }
}

/// The length of a message with its head, once that is there.
fn length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.get(..MESSAGE_HEAD)?;
    Some(MESSAGE_HEAD + u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize)
}

/// Grants what was consumed anew, in portions of half a window.
fn grant(replies: &mut Vec<u8>, consumed: &mut u32, length: u32, (id, window): (u32, u32)) {
    *consumed += length;
    if *consumed >= window / 2 {
        window_update(replies, id, *consumed);
        *consumed = 0;
    }
}

fn window_update(out: &mut Vec<u8>, id: u32, by: u32) {
    head(out, 4, WINDOW_UPDATE, 0, id);
    out.extend(by.to_be_bytes());
}

fn id(number: u32) -> u32 {
    2 * number + 1
}

fn head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, id: u32) {
    out.extend(&(length as u32).to_be_bytes()[1..]);
    out.extend([kind, flags]);
    out.extend(id.to_be_bytes());
}

/// A text of HPACK, not compressed.
fn text(block: &mut Vec<u8>, text: &str) {
    const PREFIX_MAX: usize = 127;
    if text.len() < PREFIX_MAX {
        block.push(text.len() as u8);
    } else {
        let mut rest = text.len() - PREFIX_MAX;
        block.push(PREFIX_MAX as u8);
        while rest >= 128 {
            block.push((rest % 128) as u8 | 128);
            rest /= 128;
        }
        block.push(rest as u8);
    }
    block.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_the_bytes_are_cut() {
        let mut bytes = Vec::new();
        let texts: [&[u8]; 4] = [b"", b"a", &[7; 300], b"last"];
        texts.iter().for_each(|text| message(&mut bytes, 0, text, false));
        for cut in 0..bytes.len() {
            let mut parser = Parser::default();
            let mut heard: Vec<Vec<u8>> = Vec::new();
            let mut hear = |_: usize, what: Heard<'_>| {
                if let Heard::Message(message) = what {
                    heard.push(message.to_vec());
                }
            };
            let taken = parser.take(&bytes[..cut], &mut hear).expect("frames");
            parser.take(&bytes[taken..], &mut hear).expect("frames");
            assert_eq!(heard, texts);
        }
    }

    #[test]
    fn messages_may_span_frames() {
        let mut whole = Vec::new();
        [&b"one"[..], &[1; 20]].iter().for_each(|text| message(&mut whole, 0, text, false));
        let body: Vec<u8> = [&whole[FRAME_HEAD..FRAME_HEAD + 8], &whole[2 * FRAME_HEAD + 8..]].concat();
        for size in 1..body.len() {
            let mut bytes = Vec::new();
            for piece in body.chunks(size) {
                head(&mut bytes, piece.len(), DATA, 0, 1);
                bytes.extend(piece);
            }
            let mut lengths = Vec::new();
            let mut hear = |_: usize, what: Heard<'_>| {
                if let Heard::Message(message) = what {
                    lengths.push(message.len());
                }
            };
            Parser::default().take(&bytes, &mut hear).expect("frames");
            assert_eq!(lengths, [3, 20]);
        }
    }
}
