// Leads RealtimeKit's client to a sandbox that speaks plain HTTP: what it asks of https://x.BASE goes to http://x.BASE,
// and its sockets likewise. BASE is what the page gives to init() as baseURI, "localhost:PORT". Browsers find every
// name below localhost on this machine. A classic script, to be loaded before the client.
(() => {
  const base = new URL(document.currentScript.src).host.replace(/^127\.0\.0\.1/, "localhost");
  const plain = (address) => {
    const url = new URL(address, location.href);
    if (url.host === base || url.host.endsWith(`.${base}`)) {
      url.protocol = { "https:": "http:", "wss:": "ws:" }[url.protocol] ?? url.protocol;
    }
    return url.href;
  };
  const { fetch, WebSocket } = window;
  window.fetch = (input, options) =>
    fetch(input instanceof Request ? new Request(plain(input.url), input) : plain(input), options);
  window.WebSocket = class extends WebSocket {
    constructor(address, protocols) {
      super(plain(address), protocols);
    }
  };
})();
