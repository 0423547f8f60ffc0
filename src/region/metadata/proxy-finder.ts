// Finds the proxy for machines that install: the configured one; if nothing is configured, port 8000 of the rack, if something answers
// there.
//
// 1. Only addresses of accepted racks are probed, and only at one port, so a machine that names another host in its request cannot make the
//    region connect to it.
// 2. A result is valid for PROBE_HOLDS_MS, so many machines cost one connection; at most HOSTS_MAX results are kept.

import { BoundedMap } from '../../bounded-map.ts';
import type { Clock, Instant } from '../../clock.ts';
import { later } from '../../clock.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../net/address.ts';
import { isRackAddress, type RackList } from '../racks/rack-addresses.ts';

/** The customary port of package proxies. */
const PROXY_PORT = 8000;
const PROBE_MS = 500;
const PROBE_HOLDS_MS = 60_000;
/** Rack addresses with a probe result. Accepted racks fill it; the oldest result is dropped and probed again when needed. */
export const HOSTS_MAX = 256;

/** The port to the network: true if a connection was accepted in time. */
export type AnswersAt = (host: string, port: number, timeoutMs: number) => Promise<boolean>;

export interface ProxyFinderParts {
  readonly clock: Clock;
  readonly racks: RackList;
  readonly answersAt: AnswersAt;
  /** The configured URL; empty: no proxy; `undefined`: not configured. */
  readonly configured: () => string | undefined;
}

interface Probed {
  readonly answers: Promise<boolean>;
  readonly until: Instant;
  /** The result; `undefined` while the probe runs. */
  known: boolean | undefined;
}

export class ProxyFinder {
  readonly #parts: ProxyFinderParts;
  readonly #probed = new BoundedMap<Ipv4, Probed>(HOSTS_MAX, 'set longest ago');

  constructor(parts: ProxyFinderParts) {
    this.#parts = parts;
  }

  /** The proxy for a machine that reaches the region at this origin, `http://10.20.0.1:5248`; empty: none. Never rejects. */
  async find(origin: string): Promise<string> {
    const asked = this.#ask(origin);
    return typeof asked === 'string' ? asked : this.#named(asked.host, await asked.probed.answers);
  }

  /** Like `find`, without waiting; `undefined` while the probe runs. */
  known(origin: string): string | undefined {
    const asked = this.#ask(origin);
    if (typeof asked === 'string') return asked;
    return asked.probed.known === undefined ? undefined : this.#named(asked.host, asked.probed.known);
  }

  #named(host: Ipv4, answers: boolean): string {
    return answers ? `http://${formatIpv4(host)}:${PROXY_PORT}/` : '';
  }

  #ask(origin: string): string | { readonly host: Ipv4; readonly probed: Probed } {
    const configured = this.#parts.configured();
    if (configured !== undefined) return configured;
    const host = parseIpv4(URL.parse(origin)?.hostname ?? '');
    if (host === undefined || !isRackAddress(this.#parts.racks, host)) return '';
    return { host, probed: this.#probe(host) };
  }

  #probe(host: Ipv4): Probed {
    const { clock, answersAt } = this.#parts;
    const now = clock.now();
    const before = this.#probed.get(host);
    if (before !== undefined && before.until > now) return before;
    const answers = answersAt(formatIpv4(host), PROXY_PORT, PROBE_MS);
    const probed: Probed = { answers, until: later(now, PROBE_HOLDS_MS), known: undefined };
    void answers.then((found) => {
      probed.known = found;
    });
    this.#probed.set(host, probed);
    return probed;
  }
}
