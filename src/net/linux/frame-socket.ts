// A packet socket of the net worker, which rests after a flood while the kernel drops the excess.

import { type Instant, later } from '../../ground/clock.ts';
import { errorText } from '../../ground/errors.ts';
import type { HeardFrame, PacketSocket } from './packet-socket.ts';

/**
 * Frames read in one wake. A flood of ARP or of router messages fills it: other frames of the same
 * kind may then be lost, except answers to probes. It empties with the next wake.
 */
const FRAMES_MAX = 256;
/** How long a socket rests after FRAMES_MAX frames, in milliseconds. */
const REST_MS = 10;

/** All were read, too many came, or the socket failed. */
type Drained = 'all' | 'flooded' | 'failed';

export class FrameSocket {
  readonly #rests: boolean;
  #socket: PacketSocket | undefined;
  #problem = '';
  #restsUntil: Instant | undefined;

  /** @param rests false if no frame may be lost */
  constructor(open: () => PacketSocket, rests = true) {
    this.#rests = rests;
    try {
      this.#socket = open();
    } catch (error) {
      this.#problem = errorText(error);
    }
  }

  get socket(): PacketSocket | undefined {
    return this.#socket;
  }

  /** Why it failed; empty if it works. */
  get problem(): string {
    return this.#problem;
  }

  /** Undefined while there is nothing to wait for. */
  descriptor(now: Instant): number | undefined {
    return this.isResting(now) ? undefined : this.#socket?.fd;
  }

  get restsUntil(): Instant | undefined {
    return this.#restsUntil;
  }

  isResting(now: Instant): boolean {
    if (this.#restsUntil !== undefined && this.#restsUntil > now) return true;
    this.#restsUntil = undefined;
    return false;
  }

  /** Reads up to FRAMES_MAX frames, unless it rests. */
  drain(take: (frame: HeardFrame) => void, now: Instant): Drained {
    const socket = this.#socket;
    if (socket === undefined || this.isResting(now)) return 'all';
    try {
      for (let count = 0; count < FRAMES_MAX; count += 1) {
        const frame = socket.receive();
        if (frame === undefined) return 'all';
        take(frame);
      }
      if (this.#rests) this.#restsUntil = later(now, REST_MS);
      return 'flooded';
    } catch (error) {
      this.fail(errorText(error));
      return 'failed';
    }
  }

  /** Closes a socket that would fail again at once. */
  fail(problem: string): void {
    this.close();
    this.#problem = problem;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}
