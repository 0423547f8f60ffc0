// Whose turn it is to be probed for. New clients come hundreds at once, and an offer does not leave before the wire was asked: an unprobed
// one could put two machines on one address, and the firmware of most machines does not look itself (RFC 2131 §2.2).
//
//   take ─┬─ a probe may begin ────────────────────────▶ true
//         ├─ too many run ─ waiting ─ a probe ends ─────▶ true
//         └─ too many of its wire wait ─────────────────▶ false: no offer; the client asks again
//
// 1. Wires take turns, so that a flood on one of them does not delay the clients of another. Strangers make no wires.
// 2. A wait is short: PROBES_RUNNING_MAX and PROBES_WAITING_MAX probes of one wire take three times as long as one.

/** Probes for clients that run at a time. New clients fill it, and others wait for a turn. Each ends after 400 ms. */
export const PROBES_RUNNING_MAX = 256;
/**
 * Clients of one wire that wait for a turn: the burst of new clients that one interface may have. A flood of invented clients fills it, and
 * newcomers of that wire get no offer until they ask again. It empties by PROBES_RUNNING_MAX every 400 ms.
 */
export const PROBES_WAITING_MAX = 512;

/** Turns at the wires. */
export class ProbeTurns {
  /** By wire, the wire that had a turn last at the end; none is empty. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #running = 0;

  /** Takes a turn, or waits for one. @returns false: too many wait; a turn that was taken ends with `end` */
  take(wire: string): true | false | Promise<true> {
    if (this.#running < PROBES_RUNNING_MAX) {
      this.#running += 1;
      return true;
    }
    const queue = this.#waiting.get(wire) ?? [];
    if (queue.length >= PROBES_WAITING_MAX) return false;
    this.#waiting.set(wire, queue);
    return new Promise((resolve) => {
      queue.push(() => resolve(true));
    });
  }

  /** A turn is over: it is the next one's. */
  end(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    const [wire, queue] = next;
    const begin = queue.shift();
    this.#waiting.delete(wire);
    if (queue.length > 0) this.#waiting.set(wire, queue);
    begin?.();
  }
}
