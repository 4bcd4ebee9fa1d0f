"""The official SDK pointed at a sandbox; it keeps the raw answer of the latest call."""

from typing import Any

import httpx
from cloudflare import Cloudflare, DefaultHttpxClient

from tests.support.sandbox_server import SandboxServer

JSON = dict[str, Any]


class Kit:
    """The SDK with short cuts for frequent calls; `account` and `ids` are the arguments that every call needs."""

    def __init__(self, sandbox: SandboxServer, api_token: str | None = None) -> None:
        self.sandbox, self.latest = sandbox, httpx.Response(0)
        self.plain = httpx.Client(verify=False, timeout=5)
        self.account: JSON = {"account_id": sandbox.account_id}
        self.ids: JSON = {"account_id": sandbox.account_id, "app_id": sandbox.app_id}
        http = DefaultHttpxClient(event_hooks={"response": [self._keep]}, verify=False)
        token = api_token or sandbox.api_token
        self.client = Cloudflare(api_token=token, base_url=sandbox.base_url, max_retries=0, timeout=5, http_client=http)
        self.api = self.client.realtime_kit

    def meeting(self, title: str = "Room 1", **settings: Any) -> str:
        """Create a meeting and return its id."""
        answer = self.api.meetings.create(self.sandbox.app_id, **self.account, title=title, **settings)
        assert answer.data is not None
        return answer.data.id

    def participant(self, meeting_id: str, custom_id: str = "ann", **more: Any) -> JSON:
        """Add a participant and return the answer, with the token; the name is made from the id unless given."""
        more = {"name": custom_id.capitalize()} | more
        preset = "group_call_participant"
        self.api.meetings.add_participant(
            meeting_id, **self.ids, custom_participant_id=custom_id, preset_name=preset, **more
        )
        return self.data

    def joined(self, meeting_id: str, custom_id: str = "ann") -> JSON:
        """Add a participant who joins; returns `peer_id`, `session_id` and `meeting_id`."""
        return self.sandbox.join(self.participant(meeting_id, custom_id)["token"])

    def record(self, meeting_id: str, **settings: Any) -> JSON:
        """Start a recording."""
        self.api.recordings.start_recordings(self.sandbox.app_id, **self.account, meeting_id=meeting_id, **settings)
        return self.data

    def recording(self, recording_id: str) -> JSON:
        """Get a recording."""
        self.api.recordings.get_one_recording(recording_id, **self.ids)
        return self.data

    def stop(self, recording_id: str) -> JSON:
        """Stop a recording."""
        self.api.recordings.pause_resume_stop_recording(recording_id, **self.ids, action="stop")
        return self.data

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Make a call that the SDK lacks or would not make, on a path below the app; raises for no status."""
        url = f"{self.sandbox.base_url}/accounts/{self.sandbox.account_id}/realtime/kit/{self.sandbox.app_id}{path}"
        headers = {"Authorization": f"Bearer {self.sandbox.api_token}"} | options.pop("headers", {})
        return self.plain.request(method, url, headers=headers, **options)

    @property
    def body(self) -> JSON:
        """The whole JSON of the latest answer."""
        body: JSON = self.latest.json()
        return body

    @property
    def data(self) -> JSON:
        """The `data` of the latest answer."""
        data: JSON = self.body["data"]
        return data

    def _keep(self, response: httpx.Response) -> None:
        response.read()
        self.latest = response
