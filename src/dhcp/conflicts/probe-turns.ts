// Turns for probes. New clients come in hundreds, and an offer leaves only after a probe: an unprobed offer could put two machines on one
// address, and most firmware does not check (RFC 2131 §2.2).
//
//   take ─┬─ a probe may begin ────────────────────────▶ true
//         ├─ too many run ─ waiting ─ a probe ends ─────▶ true
//         └─ too many wait on its shared network ───────▶ false: no offer; the client asks again
//
// 1. Shared networks take turns, so that a flood on one does not delay the clients of another. Strangers cannot create one.
// 2. Waits are short: if one shared network has PROBES_RUNNING_MAX probes running and PROBES_WAITING_MAX waiting, all end within the time
//    of three probes.

/** How many probes for clients run at a time. New clients fill it, and others wait for a turn. Each ends after 400 ms. */
export const PROBES_RUNNING_MAX = 256;
/**
 * Clients of one shared network that wait for a turn: the burst of new clients that one interface may have. A flood of invented clients fills
 * it, and then newcomers there get no offer until they ask again. It empties by PROBES_RUNNING_MAX every 400 ms.
 */
export const PROBES_WAITING_MAX = 512;

/** Shares probe turns among the shared networks. */
export class ProbeTurns {
  /** By interface, in the order of their next turns; none is empty. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #running = 0;

  /** Takes a turn, or waits for one. @returns false if too many wait; a turn that was taken ends with `end` */
  take(interfaceName: string): true | false | Promise<true> {
    if (this.#running < PROBES_RUNNING_MAX) {
      this.#running += 1;
      return true;
    }
    const queue = this.#waiting.get(interfaceName) ?? [];
    if (queue.length >= PROBES_WAITING_MAX) return false;
    this.#waiting.set(interfaceName, queue);
    return new Promise((resolve) => {
      queue.push(() => resolve(true));
    });
  }

  /** Ends a turn and passes it on. */
  end(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    const [interfaceName, queue] = next;
    const begin = queue.shift();
    this.#waiting.delete(interfaceName);
    if (queue.length > 0) this.#waiting.set(interfaceName, queue);
    begin?.();
  }
}
