// The upstream DNS servers of which racks report that they do not answer. In memory: after a start
// of the region, an upstream counts as answering until a rack reports its next failure.

import { BoundedMap } from '../../ground/bounded-map.ts';
import type { RackReport } from '../records/machine-event.ts';

/** Failures that are known at once; beyond it, the oldest is forgotten. */
const FAILURES_MAX = 1024;

export interface UpstreamFailure {
  /** `address:port`. */
  readonly server: string;
  /** The rack's name. */
  readonly rack: string;
  /** Wall time in milliseconds. */
  readonly sinceMs: number;
}

export class UpstreamStates {
  readonly #failures = new BoundedMap<string, UpstreamFailure>(FAILURES_MAX, 'set longest ago');

  /** @param rack its name */
  note(rack: string, reports: readonly RackReport[]): void {
    for (const { kind, address = '', params, at } of reports) {
      const server = `${address}:${params?.port ?? ''}`;
      const key = `${rack} ${server}`;
      if (kind === 'dns.upstream-recovered') this.#failures.delete(key);
      if (kind === 'dns.upstream-failed' && this.#failures.get(key) === undefined)
        this.#failures.set(key, { server, rack, sinceMs: at });
    }
  }

  failures(): readonly UpstreamFailure[] {
    return [...this.#failures].map(([, failure]) => failure);
  }
}
