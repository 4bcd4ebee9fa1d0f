// Waiting, and trying again.
const LONGEST_PAUSE = 5e3, MEDIA_PATIENCE = 4e3;

export const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const end = () => (clearTimeout(timer), signal?.removeEventListener("abort", end), resolve());
    const timer = setTimeout(end, ms);
    signal?.aborted ? end() : signal?.addEventListener("abort", end);
  });
export const pause = (tries) => Math.min(LONGEST_PAUSE, 250 * 2 ** tries) * (0.5 + Math.random() / 2);
export const patient = (promise) => Promise.race([promise, sleep(MEDIA_PATIENCE)]);
export const attempt = async (does, fail = () => {}) => {
  try {
    return await does();
  } catch (cause) {
    fail(cause);
  }
};
