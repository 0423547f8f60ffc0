// Logs each rack once when it goes away, and once when it is back.
//
//   heard ─ lookForAway: silent for AWAY_AFTER_MS ─► away (`awayMs`) ─ heard ─► heard
//
// 1. The event and the mark on the rack (`awayMs`) are stored together, so each absence is logged once, whichever process is on duty.

import type { Clock } from '../../clock.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import { isAway, type Rack } from '../records/rack.ts';
import type { RackChange } from '../records/rack-store.ts';

interface KnownRacks {
  list(): readonly Rack[];
  change<R>(decide: (racks: readonly Rack[]) => RackChange<R>): Promise<R>;
}

export class RackPresence {
  readonly #racks: KnownRacks;
  readonly #clock: Clock;
  readonly #startedMs: number;

  constructor(racks: KnownRacks, clock: Clock) {
    this.#racks = racks;
    this.#clock = clock;
    this.#startedMs = clock.wallTimeMs();
  }

  async lookForAway(): Promise<void> {
    const nowMs = this.#clock.wallTimeMs();
    for (const { uuid } of this.#racks.list().filter((rack) => this.#isNewlyAway(rack, nowMs))) {
      await this.#racks.change((racks) => {
        // Another process may have heard the rack, or logged its absence.
        const rack = racks.find((one) => one.uuid === uuid);
        if (rack === undefined || !this.#isNewlyAway(rack, nowMs)) return { put: [], events: [], result: undefined };
        const params = { rack: rack.name, heardMs: this.#heardMs(rack) };
        const event: NewMachineEvent = { type: 'RACK_AWAY', code: 'rack-away', params, atMs: nowMs, username: '' };
        return { put: [{ ...rack, awayMs: nowMs }], events: [event], result: undefined };
      });
    }
  }

  #isNewlyAway(rack: Rack, nowMs: number): boolean {
    return rack.awayMs === undefined && isAway({ ...rack, seenMs: this.#heardMs(rack) }, nowMs);
  }

  /** When the rack was last heard, or the region's start if that is later: after a start, racks get time to report. */
  #heardMs({ seenMs, stateSinceMs }: Rack): number {
    return Math.max(seenMs ?? stateSinceMs, this.#startedMs);
  }
}

export const returnEvents = ({ name, awayMs }: Rack, atMs: number): readonly NewMachineEvent[] =>
  awayMs === undefined ? [] : [{ type: 'RACK_BACK', code: 'rack-back', params: { rack: name }, atMs, username: '' }];
