"""RealtimeKit's REST API as we use it: one method for each endpoint, in our own records and errors.

No call is ever repeated here. After OutcomeUnknown the caller looks (`find_meetings`, `participants`,
`active_recording`) before it asks again for something to be made. A read that fails may simply be repeated.
"""

from orchestrator.realtimekit.app_client import AppClient
from orchestrator.realtimekit.meeting_client import MeetingClient
from orchestrator.realtimekit.recording_client import RecordingClient
from orchestrator.realtimekit.session_client import SessionClient


class RealtimeKit(MeetingClient, SessionClient, RecordingClient, AppClient):
    """All endpoints; their coroutines run on this object's own loop thread: hand them to `run` or `submit`.

    Every method raises TryAgain (nothing happened), OutcomeUnknown (it may have happened) or Refused (it never will),
    and takes a `priority` for when the quota is short. `on_call(operation, outcome, seconds)` follows each call.
    """
