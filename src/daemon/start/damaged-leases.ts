// Reports damaged rows of `leases.db`: found at the start, or later while the log is folded.
//
// 1. Each row is reported once, at most DAMAGE_REPORTED_MAX rows in all. Their notes stay until the
//    next start.
// 2. Rows found before the log is open are announced when it is.

import { join } from 'node:path';
import type { Clock } from '../../ground/clock.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';
import { type RackNote, withText } from '../../region/reports/notes.ts';
import { composeDamageNote, DAMAGE_REPORTED_MAX, type LeaseDamage } from '../../store/leases/damaged-row.ts';
import { LEASE_FILE } from '../../store/leases/lease-journal.ts';

/** The damaged rows of one run. */
export class DamagedLeases {
  readonly #path: string;
  readonly #clock: Clock;
  #publish: ((event: DaemonEvent) => void) | undefined;
  /** The notes of the reported rows, by their sentences. */
  readonly #notes = new Map<string, ReturnType<typeof withText>>();

  constructor(stateDir: string, clock: Clock) {
    this.#path = join(stateDir, LEASE_FILE);
    this.#clock = clock;
  }

  /** Publishes the rows reported so far, and each later one at once. */
  announce(publish: (event: DaemonEvent) => void): void {
    this.#publish = publish;
    for (const note of this.#notes.values()) this.#publishNote(note);
  }

  get notes(): readonly RackNote[] {
    return [...this.#notes.values()];
  }

  readonly report = (damage: LeaseDamage): void => {
    const note = withText(composeDamageNote(this.#path, damage));
    if (this.#notes.has(note.text) || this.#notes.size >= DAMAGE_REPORTED_MAX) return;
    this.#notes.set(note.text, note);
    this.#publishNote(note);
  };

  #publishNote(note: ReturnType<typeof withText>): void {
    this.#publish?.({ kind: 'daemon.leases-damaged', at: this.#clock.now(), ...note });
  }
}
