// An app in React, written as for RealtimeKit's native breakouts: the hook follows from room to room by itself.
import RealtimeKitClient from "@cloudflare/realtimekit";
import { RealtimeKitProvider, useRealtimeKitClient, useRealtimeKitSelector } from "@cloudflare/realtimekit-react";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { connectBreakouts } from "https://breakouts.example/sdk/v1/breakouts.js";

const init = { defaults: { audio: false, video: false } };
const ask = async (path) => (await fetch(path, { method: "POST" })).text();

function People() {
  const people = useRealtimeKitSelector((meeting) => meeting.participants.joined).toArray();
  return (
    <ul aria-label="People here">
      {people.map(({ id, name }) => <li key={id}>{name}</li>)}
    </ul>
  );
}

function App() {
  const [meeting, initMeeting] = useRealtimeKitClient();
  const [seat, setSeat] = useState(null);

  useEffect(() => {
    const begin = async () => {
      const first = await initMeeting({ ...init, authToken: await ask("/realtimekit-token") });
      const getClientToken = () => ask("/client-token");
      const session = await connectBreakouts({
        baseUrl: "https://breakouts.example", getClientToken, RealtimeKitClient, meeting: first, init,
      });
      session.on("seat", setSeat);
      await first.join();
    };
    begin();
  }, []);

  return (
    <RealtimeKitProvider value={meeting} fallback={<p role="status">On the way…</p>}>
      <h1>{seat?.room_name ?? "Main room"}</h1>
      <People />
    </RealtimeKitProvider>
  );
}

createRoot(document.getElementById("app")).render(<App />);
