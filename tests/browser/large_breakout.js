// A server in the page: a breakout of 500 rooms and 5,000 people, and 500 events a second once `flood` is set.
(() => {
  const ROOMS = 500, EACH = 10, RATE = 500;
  const uuid = (kind, n) => `0199${kind}-0000-7000-8000-${String(n).padStart(12, "0")}`;
  const now = new Date().toISOString();
  const rooms = Array.from({ length: ROOMS }, (_, r) => ({
    id: uuid("aaaa", r), index: r, name: `Room ${r + 1}`, state: "open", max_participants: null, deleted: false,
    realtimekit_meeting_id: uuid("bbbb", r), closes_at: null, paused: false, remaining_seconds: null, facilitators: [],
    recording: null, error: null,
    participants: Array.from({ length: EACH }, (_, p) => ({ custom_participant_id: `p${r * EACH + p}`, name: `Person ${r * EACH + p}`, state: "joined", pinned: false })),
  }));
  const B = { id: uuid("cccc", 1), meeting_id: uuid("dddd", 1), series_id: null, round: null, name: "Large", state: "open", seed: 1,
    plan: { state: "ready", spread: 0, unbalanced: {}, optimal: null }, rooms, unassigned: [], assignment: { mode: "even", seed: 1, who: "registered", include_hosts: false, deal: "now", together: [], apart: [], balance_by: [] },
    room_size: null, duration_seconds: 900, countdown_seconds: 60, warn_before_seconds: [], record: false, recording: { max_seconds: null, file_name_prefix: null },
    allow_switch: false, allow_return: true, late_join: "least_filled", on_room_failure: "redistribute", room_presets: { host: null, participant: null },
    scheduled_for: null, starts_at: now, opened_at: now, closes_at: new Date(Date.now() + 900000).toISOString(), empties_at: null, paused: false, remaining_seconds: null,
    closed_at: null, close_reason: null, created_at: now, version: 1, problems: [],
    progress: { rooms: { total: ROOMS, ready: 0, open: ROOMS, closed: 0, failed: 0 }, participants: { total: ROOMS * EACH, admitted: 0, joined: ROOMS * EACH, returned: 0, lost: 0, never_joined: 0 }, recordings: { total: 0, recording: 0, stopped: 0, uploaded: 0, failed: 0, skipped: 0 } } };
  const people = rooms.flatMap((room) => room.participants.map((p) => ({ id: p.custom_participant_id, custom_participant_id: p.custom_participant_id, name: p.name, role: "participant", preset_name: null, attributes: {}, present: true, location: "room", room_id: room.id })));
  const json = (body) => new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
  window.sent = 0;
  const events = () => new Response(new ReadableStream({
    start(out) {
      const text = new TextEncoder();
      let id = 0, begun = performance.now();
      out.enqueue(text.encode(": hello\n\n"));
      setInterval(() => {
        if (!window.flood) return (begun = performance.now(), id = window.sent = 0);
        let lines = "";
        const due = ((performance.now() - begun) / 1000) * RATE;
        while (window.sent < due) {
          const n = Math.floor(Math.random() * ROOMS * EACH), room = rooms[Math.floor(n / EACH)], p = room.participants[n % EACH];
          const to = p.state === "joined" ? "away" : "joined";
          const data = { id: ++id, type: "participant.state", at: now, actor: "system", data: { custom_participant_id: p.custom_participant_id, room_id: room.id, from: p.state, to } };
          p.state = to; window.sent++;
          lines += `event: participant.state\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
        }
        out.enqueue(text.encode(lines));
      }, 20);
    },
  }), { headers: { "Content-Type": "text/event-stream" } });
  const real = window.fetch;
  window.fetch = async (url, options = {}) => {
    const path = new URL(url, location.href).pathname + new URL(url, location.href).search;
    if (path === "/console/session") return json({ name: "fake", role: "operator", flower_url: null });
    if (path.includes("/breakouts/") && path.endsWith("/events")) return events();
    if (path.endsWith("/events")) return new Response(new ReadableStream({}), { headers: { "Content-Type": "text/event-stream" } });
    if (path.includes("/participants?")) {
      const at = Number(new URLSearchParams(path.split("?")[1]).get("cursor") ?? 0);
      return json({ items: people.slice(at, at + 200), next_cursor: at + 200 < people.length ? String(at + 200) : null });
    }
    if (path.includes("/log") || path.includes("/help")) return json({ items: [], next_cursor: null });
    if (/\/v1\/breakouts\/[^/]+$/.test(path)) return json(B);
    if (/\/v1\/meetings\/[^/]+$/.test(path)) return json({ id: B.meeting_id, title: "Hall", participant_count: 5000, present_count: 5000, unregistered_present: [], version: 1, ends_at: null });
    return real(url, options);
  };
})();
