// A client in JavaScript, made of @connectrpc/connect-web and stubs that protoc-gen-es generated: what a page in a browser
// is made of, here under Node. Nothing of Guildhall's own is in it.
//
// Does what a stranger would do, and prints one JSON object a line: what came of each step.
//
//     client.mjs URL TOKEN CHANNEL_ID

import { randomUUID } from "node:crypto";
import { create, equals } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { BadRequestSchema, ErrorInfoSchema, RequestInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { GatewayService, PushResponseSchema } from "./gen/guildhall/v1/gateway_pb.js";
import { HistoryService } from "./gen/guildhall/v1/history_pb.js";
import { MessageService } from "./gen/guildhall/v1/message_pb.js";
import { UserService } from "./gen/guildhall/v1/user_pb.js";

const PATIENCE_MS = 20_000;
const TEXT = "grüß dich, 世界 🦀";

const [url, token, channel] = process.argv.slice(2);
const channelId = channel;
const headers = { authorization: `Bearer ${token}` };
const transport = createGrpcWebTransport({ baseUrl: url, useBinaryFormat: true, defaultTimeoutMs: PATIENCE_MS });

function tell(step, facts = {}) {
    console.log(JSON.stringify({ step, ...facts }));
}

function fields(bad) {
    return bad.fieldViolations.map((violation) => [violation.field, violation.reason]);
}

/** What a call that has to fail failed with. */
async function refused(call) {
    try {
        return { answer: String(await call) };
    } catch (thrown) {
        const error = ConnectError.from(thrown);
        const [info] = error.findDetails(ErrorInfoSchema);
        const [bad] = error.findDetails(BadRequestSchema);
        const [request] = error.findDetails(RequestInfoSchema);
        return {
            status: Code[error.code],
            reason: info?.reason,
            domain: info?.domain,
            fields: bad && fields(bad),
            request_id: request?.requestId,
        };
    }
}

function message(content, nonce = randomUUID()) {
    return { channelId, content, nonce };
}

async function unary() {
    const users = createClient(UserService, transport);
    const messages = createClient(MessageService, transport);
    const history = createClient(HistoryService, transport);
    const me = await users.getMe({}, { headers });
    tell("me", { username: me.user.username });
    const request = message(TEXT);
    const sent = await messages.sendMessage(request, { headers });
    const again = await messages.sendMessage(request, { headers });
    tell("send", { first: sent.duplicate, again: again.duplicate, same: sent.messageId === again.messageId });
    const page = await history.listMessages({ channelId, pageSize: 1 }, { headers });
    tell("history", { content: page.messages[0].content, nonce: page.messages[0].nonce === request.nonce });
    tell("empty", await refused(messages.sendMessage(message(""), { headers })));
    const unknown = { ...message("x"), channelId: String(2n ** 64n - 1n) };
    tell("unknown channel", await refused(messages.sendMessage(unknown, { headers })));
    tell("no token", await refused(users.getMe({})));
}

function frame(requestId, name, value) {
    return { requestId: BigInt(requestId), command: { case: name, value } };
}

/** The frames of a downlink, one after the other. */
async function* payloads(downlink) {
    for await (const response of downlink) {
        yield response.frame.payload;
    }
}

async function listen() {
    const gateway = createClient(GatewayService, transport);
    const abort = new AbortController();
    const start = { start: { case: "identify", value: {} } };
    const downlink = payloads(gateway.listen(start, { headers, signal: abort.signal }));
    const first = (await downlink.next()).value;
    tell("first frame", { kind: first.case, max_frame_bytes: first.value.maxFrameBytes });
    const ready = (await downlink.next()).value;
    tell("ready", { kind: ready.case, username: ready.value.me?.username });
    const sessionId = first.value.sessionId;

    const watch = frame(1, "updateSubscriptions", { addChannels: [{ channelId }] });
    const watched = await gateway.push({ sessionId, frames: [watch] }, { headers });
    tell("subscribed", { outcome: watched.results[0].outcome.case });

    const frames = [2, 3, 4].map((id) => frame(id, "sendMessage", message(`number ${id}`)));
    const bad = frame(5, "sendMessage", message("x".repeat(2001), "no uuid"));
    const push = { sessionId, frames: [...frames, bad, frame(6, "sendMessage", message("number 6"))] };
    const pushed = await gateway.push(push, { headers });
    const again = await gateway.push(push, { headers });
    const error = pushed.results[3].outcome.value;
    const details = error.details.map((detail) => anyUnpack(detail, ErrorInfoSchema) ?? anyUnpack(detail, BadRequestSchema));
    tell("push", {
        outcomes: pushed.results.map((result) => [Number(result.requestId), result.outcome.case]),
        same: equals(PushResponseSchema, create(PushResponseSchema, pushed), create(PushResponseSchema, again)),
        reason: details.find((detail) => detail?.reason)?.reason,
        fields: details.filter((detail) => detail?.fieldViolations).flatMap(fields),
    });

    const contents = [];
    const seqs = [];
    while (contents.length < 4) {
        const { value } = await downlink.next();
        if (value.case === "event" && value.value.payload.case === "messageCreated") {
            contents.push(value.value.payload.value.message.content);
            seqs.push(Number(value.value.seq));
        }
    }
    tell("listened", { contents, in_order: seqs.every((seq, place) => place === 0 || seq === seqs[place - 1] + 1) });
    tell("a foreign push", await refused(gateway.push({ sessionId: "0".repeat(32), frames: [watch] }, { headers })));

    const closed = await gateway.push({ sessionId, frames: [frame(7, "close", {})] }, { headers });
    let last;
    for await (const payload of downlink) {
        last = payload;
    }
    tell("goodbye", { outcome: closed.results[0].outcome.case, kind: last.case, reason: last.value.reason });
    abort.abort();
}

await unary();
await listen();
tell("end");
