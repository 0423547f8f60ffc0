// Which racks are away: logs each rack once when it goes away, and once when it is back.
//
//   heard ─ lookForAway: silent for AWAY_AFTER_MS ─► away ─ heard, or lookForAway: another process has heard it ─► heard

import type { Clock } from '../../clock.ts';
import type { Happening } from '../records/event-params.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import { isAway, type Rack } from '../records/rack.ts';
import type { RegionStore } from '../records/store.ts';

/** The part of the racks that this file uses. */
interface KnownRacks {
  list(): readonly Rack[];
  find(uuid: string): Rack | undefined;
}

/** Whether the racks of one region report. */
export class RackPresence {
  readonly #racks: KnownRacks;
  readonly #store: RegionStore;
  readonly #clock: Clock;
  readonly #startedMs: number;
  /** Racks reported as away. */
  readonly #away = new Set<string>();

  constructor(racks: KnownRacks, store: RegionStore, clock: Clock) {
    this.#racks = racks;
    this.#store = store;
    this.#clock = clock;
    this.#startedMs = clock.wallTimeMs();
  }

  /** Call it after each heartbeat. */
  async heard(uuid: string): Promise<void> {
    const rack = this.#away.has(uuid) ? this.#racks.find(uuid) : undefined;
    if (rack !== undefined) await this.#welcome(rack);
  }

  /** Forgets racks that are removed: otherwise the data of registrations under invented UUIDs would accumulate. */
  forgetRemoved(): void {
    const there = new Set(this.#racks.list().map(({ uuid }) => uuid));
    for (const uuid of this.#away) if (!there.has(uuid)) this.#away.delete(uuid);
  }

  /** Logs racks that have gone away; call it periodically. */
  async lookForAway(): Promise<void> {
    const nowMs = this.#clock.wallTimeMs();
    for (const rack of this.#racks.list()) {
      // After a start of the region, its racks get time to report.
      const heard = { ...rack, seenMs: Math.max(rack.seenMs ?? rack.stateSinceMs, this.#startedMs) };
      const wasAway = this.#away.has(rack.uuid);
      // Another process of the region has heard it.
      if (wasAway && !isAway(rack, nowMs)) await this.#welcome(rack);
      if (wasAway || !isAway(heard, nowMs)) continue;
      const params = { rack: rack.name, heardMs: heard.seenMs };
      await this.#record('RACK_AWAY', { code: 'rack-away', params });
      this.#away.add(rack.uuid);
    }
  }

  /** Logs that a rack has reported again. */
  async #welcome({ uuid, name }: Rack): Promise<void> {
    // Delete it first, so that a concurrent call does not report the rack too.
    this.#away.delete(uuid);
    await this.#record('RACK_BACK', { code: 'rack-back', params: { rack: name } });
  }

  #record(type: NewMachineEvent['type'], happening: Happening): Promise<void> {
    const event = { type, ...happening, atMs: this.#clock.wallTimeMs(), username: '' };
    return this.#store.recordEvent(event, undefined);
  }
}
