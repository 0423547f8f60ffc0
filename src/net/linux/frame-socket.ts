// A packet socket of the net worker, which pauses after a flood while the kernel drops the excess.

import { type Instant, later } from '../../ground/clock.ts';
import { errorText } from '../../ground/errors.ts';
import type { PacketSocket, ReceivedFrame } from './packet-socket.ts';

/**
 * Frames read in one wake. A flood of ARP or of router messages fills it: other frames of the same
 * kind may then be lost, except answers to probes. It empties with the next wake.
 */
const FRAMES_MAX = 256;
/** How long a socket pauses after FRAMES_MAX frames, in milliseconds. */
const PAUSE_MS = 10;

/** Whether all frames were read, too many came, or the socket failed. */
type DrainResult = 'all' | 'flooded' | 'failed';

export class FrameSocket {
  readonly #mayPause: boolean;
  #socket: PacketSocket | undefined;
  #problem = '';
  #pausedUntil: Instant | undefined;

  /** @param mayPause false if no frame may be lost */
  constructor(open: () => PacketSocket, mayPause = true) {
    this.#mayPause = mayPause;
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

  /** The descriptor to wait for; `undefined` while there is nothing to wait for. */
  findDescriptor(now: Instant): number | undefined {
    return this.isPaused(now) ? undefined : this.#socket?.fd;
  }

  get pausedUntil(): Instant | undefined {
    return this.#pausedUntil;
  }

  isPaused(now: Instant): boolean {
    if (this.#pausedUntil !== undefined && this.#pausedUntil > now) return true;
    this.#pausedUntil = undefined;
    return false;
  }

  /** Reads up to FRAMES_MAX frames, unless the socket pauses. */
  drain(onFrame: (frame: ReceivedFrame) => void, now: Instant): DrainResult {
    const socket = this.#socket;
    if (socket === undefined || this.isPaused(now)) return 'all';
    try {
      for (let count = 0; count < FRAMES_MAX; count += 1) {
        const frame = socket.receive();
        if (frame === undefined) return 'all';
        onFrame(frame);
      }
      if (this.#mayPause) this.#pausedUntil = later(now, PAUSE_MS);
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
