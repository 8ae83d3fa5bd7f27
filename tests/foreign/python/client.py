"""A client in Python, made of grpcio and stubs that grpcio-tools generated: nothing of Guildhall's own is in it.

Does what a stranger would do, and prints one JSON object a line: what came of each step.

    client.py ADDRESS TOKEN CHANNEL_ID
"""

import json
import queue
import sys
import uuid

import grpc
from google.rpc import error_details_pb2, status_pb2
from guildhall.v1 import common_pb2, gateway_pb2, gateway_pb2_grpc, history_pb2, history_pb2_grpc
from guildhall.v1 import message_pb2, message_pb2_grpc, user_pb2, user_pb2_grpc

PATIENCE_SECONDS = 20
TEXT = "grüß dich, 世界 🦀"


def tell(step, **facts):
    print(json.dumps({"step": step, **facts}, ensure_ascii=False), flush=True)


def describe(status):
    """A google.rpc.Status with those of its details that a client acts on."""
    facts = {"code": status.code, "message": bool(status.message)}
    for detail in status.details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        request = error_details_pb2.RequestInfo()
        if detail.Unpack(info):
            facts.update(reason=info.reason, domain=info.domain)
        elif detail.Unpack(bad):
            facts["fields"] = [[violation.field, violation.reason] for violation in bad.field_violations]
        elif detail.Unpack(request):
            facts["request_id"] = request.request_id
    return facts


def refused(call, request, **options):
    """What a call that has to fail failed with."""
    try:
        answer = call(request, timeout=PATIENCE_SECONDS, **options)
        return {"answer": str(answer)}
    except grpc.RpcError as error:
        trailers = {key: value for key, value in error.trailing_metadata() or ()}
        status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
        return {"status": error.code().name, **describe(status)}


def message(channel_id, content, nonce=None):
    nonce = nonce or str(uuid.uuid4())
    return message_pb2.SendMessageRequest(channel_id=channel_id, content=content, nonce=nonce)


def unary(channel, metadata, channel_id):
    messages = message_pb2_grpc.MessageServiceStub(channel)
    users = user_pb2_grpc.UserServiceStub(channel)
    me = users.GetMe(user_pb2.GetMeRequest(), metadata=metadata, timeout=PATIENCE_SECONDS)
    tell("me", username=me.user.username)
    request = message(channel_id, TEXT)
    sent = messages.SendMessage(request, metadata=metadata, timeout=PATIENCE_SECONDS)
    again = messages.SendMessage(request, metadata=metadata, timeout=PATIENCE_SECONDS)
    tell("send", first=sent.duplicate, again=again.duplicate, same=sent.message_id == again.message_id)
    history = history_pb2_grpc.HistoryServiceStub(channel)
    page = history.ListMessages(
        history_pb2.ListMessagesRequest(channel_id=channel_id, page_size=1), metadata=metadata, timeout=PATIENCE_SECONDS
    )
    tell("history", content=page.messages[0].content, nonce=page.messages[0].nonce == request.nonce)
    tell("empty", **refused(messages.SendMessage, message(channel_id, ""), metadata=metadata))
    tell("unknown channel", **refused(messages.SendMessage, message(2**64 - 1, "x"), metadata=metadata))
    tell("no token", **refused(users.GetMe, user_pb2.GetMeRequest()))


class Session:
    """One Session: frames go out of a queue, and come in as they come."""

    def __init__(self, stub, metadata):
        self.frames = queue.Queue()
        self.request_id = 0
        requests = iter(self.frames.get, None)
        self.responses = stub.Session(requests, metadata=metadata, timeout=PATIENCE_SECONDS)

    def send(self, **command):
        self.request_id += 1
        frame = gateway_pb2.ClientFrame(request_id=self.request_id, **command)
        self.frames.put(gateway_pb2.SessionRequest(frame=frame))

    def read(self):
        frame = next(self.responses).frame
        kind = frame.WhichOneof("payload")
        return kind, getattr(frame, kind)

    def wait(self, wanted):
        """The next frame of a kind; what comes before it is counted for nothing, except an end."""
        while True:
            kind, payload = self.read()
            if kind == wanted:
                return payload
            if kind == "goodbye":
                raise AssertionError(f"goodbye instead of {wanted}: {payload}")


def session(channel, metadata, channel_id):
    live = Session(gateway_pb2_grpc.GatewayServiceStub(channel), metadata)
    # Before anything was sent: Hello has to force the headers out.
    kind, hello = live.read()
    tell("first frame", kind=kind, heartbeat=hello.heartbeat_interval.seconds, max_frame_bytes=hello.max_frame_bytes)
    live.send(identify=gateway_pb2.Identify())
    ready = live.wait("ready")
    tell("ready", username=ready.me.username, guilds=len(ready.guilds))
    watch = gateway_pb2.UpdateSubscriptions(add_channels=[gateway_pb2.ChannelSubscription(channel_id=channel_id)])
    live.send(update_subscriptions=watch)
    result = live.wait("command_result")
    while result.WhichOneof("outcome") != "subscriptions_updated":
        result = live.wait("command_result")
    cursor = result.subscriptions_updated.cursors[0]
    tell("subscribed", channel=cursor.stream.id == channel_id, kind=common_pb2.StreamKind.Name(cursor.stream.kind))
    live.send(send_message=message(channel_id, TEXT))
    told, event = {}, None
    while event is None or not told:
        kind, payload = live.read()
        if kind == "command_result":
            told = {"outcome": payload.WhichOneof("outcome"), "request_id": payload.request_id}
        elif kind == "event" and payload.WhichOneof("payload") == "message_created":
            event = payload
    content = event.message_created.message.content
    tell("event", **told, content=content, next_seq=event.seq == cursor.seq + 1, epoch=event.epoch == cursor.epoch)
    live.send(send_message=message(channel_id, "x" * 2001, "no uuid"))
    result = live.wait("command_result")
    tell("refused", outcome=result.WhichOneof("outcome"), request_id=result.request_id, error=describe(result.error))
    live.send(close=gateway_pb2.Close())
    goodbye = live.wait("goodbye")
    tell("goodbye", reason=gateway_pb2.GoodbyeReason.Name(goodbye.reason), end=next(live.responses, None) is None)
    live.frames.put(None)


def listen(channel, metadata, channel_id):
    stub = gateway_pb2_grpc.GatewayServiceStub(channel)
    downlink = stub.Listen(
        gateway_pb2.ListenRequest(identify=gateway_pb2.Identify()), metadata=metadata, timeout=PATIENCE_SECONDS
    )
    hello = next(downlink).frame.hello
    frames = [
        gateway_pb2.ClientFrame(
            request_id=1,
            update_subscriptions=gateway_pb2.UpdateSubscriptions(
                add_channels=[gateway_pb2.ChannelSubscription(channel_id=channel_id)]
            ),
        ),
        gateway_pb2.ClientFrame(request_id=2, send_message=message(channel_id, "one")),
        gateway_pb2.ClientFrame(request_id=3, send_message=message(channel_id, "")),
        gateway_pb2.ClientFrame(request_id=4, send_message=message(channel_id, "two")),
    ]
    push = gateway_pb2.PushRequest(session_id=hello.session_id, frames=frames)
    first = stub.Push(push, metadata=metadata, timeout=PATIENCE_SECONDS)
    again = stub.Push(push, metadata=metadata, timeout=PATIENCE_SECONDS)
    tell(
        "push",
        outcomes=[[result.request_id, result.WhichOneof("outcome")] for result in first.results],
        same=first == again,
        error=describe(first.results[2].error),
    )
    contents = []
    while len(contents) < 2:
        frame = next(downlink).frame
        if frame.HasField("event") and frame.event.HasField("message_created"):
            contents.append(frame.event.message_created.message.content)
    downlink.cancel()
    tell("listened", contents=contents)


def main():
    address, token, channel_id = sys.argv[1], sys.argv[2], int(sys.argv[3])
    metadata = (("authorization", f"Bearer {token}"),)
    with grpc.insecure_channel(address) as channel:
        unary(channel, metadata, channel_id)
        session(channel, metadata, channel_id)
        listen(channel, metadata, channel_id)
    tell("end")


main()
