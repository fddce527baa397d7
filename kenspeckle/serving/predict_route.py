"""`POST /predict`: a picture, or several as a form, and what the model says of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from kenspeckle.serving.answer import Answer, document
from kenspeckle.serving.asgi import Message, Receive, Send, error_answer
from kenspeckle.serving.batching import Input, Refused, Told
from kenspeckle.serving.bodies import Unfit, Upload, admitted, content_type, is_raw, uploads
from kenspeckle.serving.desk import ServingDesk


class Predict:
    """An ASGI application of its own: routing by Starlette would take as long as the rest."""

    def __init__(self, desk: ServingDesk) -> None:
        self._desk = desk

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, or say in one line why not."""
        try:
            body = await self._answer(scope, receive)
        except Unfit as unfit:
            answer = error_answer(unfit.status, unfit.text, [])
        except Refused as refused:
            after = [(b"retry-after", str(refused.after).encode())]
            answer = error_answer(refused.status, refused.reason, after)
        else:
            if body is None:
                return  # the client has gone
            answer = _ANSWERED, {"type": "http.response.body", "body": body}
        for message in answer:
            await send(message)

    async def _answer(self, scope: Message, receive: Receive) -> bytes | None:
        kind = content_type(scope["headers"])
        raw = is_raw(kind)
        body = await admitted(scope, receive, admit=self._desk.batcher.admit)
        if body is None:
            return None
        given = [Upload("", body)] if raw else uploads(kind, body)
        del body
        told = await self._desk.told([Input(each.data) for each in given])
        answers = _named(told.answers, given)
        self._desk.remember(answers, given, told)
        if raw and answers[0].error:
            raise Unfit(422, answers[0].error)
        return self._text(answers, told)

    def _text(self, answers: Sequence[Answer], told: Told) -> bytes:
        return json.dumps(
            {
                "model": self._desk.name,
                "version": told.version,
                "predictions": [document(answer, told.class_names) for answer in answers],
            }
        ).encode()


def _named(answers: Sequence[Answer], given: Sequence[Upload]) -> list[Answer]:
    return [
        replace(answer, name=upload.name) if upload.name else answer
        for answer, upload in zip(answers, given, strict=True)
    ]


_ANSWERED: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json")],
}
