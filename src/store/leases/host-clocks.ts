// The host's clocks, with which lease records are stamped. Source: `dhcp/leases/lease-clock.ts`.

import type { HostMoment } from '../../dhcp/leases/lease-clock.ts';
import { type Clock, readBootId, readUptimeSeconds } from '../../ground/clock.ts';

/** How old a reading may be, in milliseconds. */
const READING_AGE_MAX_MS = 1000;
/** A smaller difference between the clocks is a measuring error, not a step. */
const STEP_MS = 100;

/** Reads all clocks of the host. */
export const readHostMoment = (clock: Clock, bootId = readBootId()): HostMoment => ({
  now: clock.now(),
  wallMs: clock.wallTimeMs(),
  bootId,
  uptimeS: readUptimeSeconds(),
});

/** Reads all clocks together, and caches the result. */
export class HostClocks {
  readonly #clock: Clock;
  readonly #bootId = readBootId();
  #moment: HostMoment | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Rereads the clocks once a second and after a step of the wall clock only, because reading the
   * uptime opens a file.
   */
  read(): HostMoment {
    const [now, wallMs] = [this.#clock.now(), this.#clock.wallTimeMs()];
    const moment = this.#moment;
    if (moment !== undefined && now - moment.now <= READING_AGE_MAX_MS) {
      if (Math.abs(wallMs - now - (moment.wallMs - moment.now)) < STEP_MS) return moment;
    }
    this.#moment = readHostMoment(this.#clock, this.#bootId);
    return this.#moment;
  }
}
