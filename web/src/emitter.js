/** Listeners by the names of events; one that fails does not hold up the others. */
export class Emitter {
  #listeners = new Map();
  on(name, fn) {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), fn]);
    return this;
  }
  off(name, fn) {
    const kept = this.#listeners.get(name)?.filter((it) => it !== fn && it.of !== fn);
    this.#listeners.set(name, kept ?? []);
    return this;
  }
  addListener(name, fn) {
    return this.on(name, fn);
  }
  removeListener(name, fn) {
    return this.off(name, fn);
  }
  once(name, fn) {
    const once = (...args) => (this.off(name, once), fn(...args));
    once.of = fn;
    return this.on(name, once);
  }
  emit(name, ...args) {
    const all = this.#listeners.get(name) ?? [];
    for (const fn of all) {
      try {
        fn(...args);
      } catch (error) {
        setTimeout(() => { throw error; });
      }
    }
    return all.length > 0;
  }
}
