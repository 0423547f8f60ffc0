// Detects iPXE that gets iPXE again, forever: a build that hides itself in DHCP, or `boot.loaders`
// that names a loader for `ipxe`. The loaded files reveal the loop, and the rack breaks it.
//
//   DHCP names a loader that may start itself ─ check ─┬─ loaded fewer than LOOP_LOADS_MAX times ──→ the plan as it is
//                                                      └─ else: iPXE's script in its place, and an event
//   the file was sent ─ observe ─ counted;  a configuration, a kernel, any other file ─ observe ─ progress: forgotten
//
// 1. Only complete loads count, and only those within LOOP_MS_MAX of each other.
// 2. Progress ends a loop: the next boot starts as usual, and costs the same rounds until the cause is fixed.
// 3. Other firmware that fails on its loader gets the script too, and continues with its next boot device.
// 4. Machines of the region, other known clients and unknown clients are remembered separately
//    (`net/shares/kept-apart.ts`), LOOPS_MAX of each. A query without a booting client leaves no
//    trace.
// 5. Only loads on the shared network where the machine asked count: another network's hosts can
//    load files under its hardware address.

import type { MacAddress } from '../ground/address.ts';
import type { Instant } from '../ground/clock.ts';
import type { Publish, RackEvent } from '../ground/event.ts';
import { RankedTable } from '../net/shares/kept-apart.ts';
import type { BootConfig } from './config.ts';
import { findEndpointFor, formatBaseUrl } from './endpoint.ts';
import type { BootEvent } from './events.ts';
import { baseName } from './paths.ts';
import { type BootPlan, type BootQuery, IPXE_SCRIPT } from './plan.ts';

/** Loads of one loader without progress that make a loop. */
export const LOOP_LOADS_MAX = 3;
/** The longest time that this many rounds of a loop take. */
export const LOOP_MS_MAX = 600_000;
/**
 * Watched machines of each rank. Unknown clients fill theirs with invented hardware addresses; an
 * unknown client forgotten for them keeps looping as long as the flood lasts. The machine whose
 * loader was named longest ago goes first.
 */
export const LOOPS_MAX = 4096;

interface Watched {
  readonly file: string;
  loads: number;
  firstAt: Instant;
  reported: boolean;
}

const isIpxeBuild = (name: string): boolean =>
  /(?:^|[^a-z])(?:ipxe|snp|snponly|undionly)\b.*\.(?:efi|k?pxe|0|lkrn|krn)$/i.test(name);

/** The file that a machine received, and a configuration's purpose. */
interface FileSent extends RackEvent {
  readonly file?: string | undefined;
  readonly purpose?: string | undefined;
}
const SENT = new Set(['tftp.sent', 'http.file-sent', 'http.rendered']);
const isFileSent = (event: RackEvent): event is FileSent => SENT.has(event.kind);

const watchKey = (sharedNetwork = '', mac: MacAddress): string => [mac, sharedNetwork].join(' ');

export class LoaderLoops {
  readonly #publish: Publish;
  /** By shared network and hardware address. */
  readonly #watched = new RankedTable<string, Watched>(LOOPS_MAX);

  constructor(publish: Publish) {
    this.#publish = publish;
  }

  /** The plan, or inside a loop the plan that breaks it. */
  check(query: BootQuery, plan: BootPlan, config: BootConfig, now: Instant): BootPlan {
    if (plan.file === undefined) return plan;
    const file = baseName(plan.file);
    const mayLoop = query.client.kind === 'ipxe' ? file !== IPXE_SCRIPT : isIpxeBuild(file);
    if (!mayLoop) return plan;
    const { owner, mac } = query;
    if (owner === undefined) return this.forecast(query, plan, config, now);
    const key = watchKey(query.sharedNetwork, mac);
    const before = this.#watched.get(key);
    const watched = before?.file === file ? before : { file, loads: 0, firstAt: now, reported: false };
    this.#watched.set(key, watched, owner);
    const instead = breakLoop(query, plan, config, watched, now);
    if (instead === undefined) return plan;
    if (!watched.reported) this.#report(mac, watched, plan, instead, now);
    watched.reported = true;
    return instead;
  }

  /** Like `check`, but remembers and publishes nothing. */
  forecast(query: BootQuery, plan: BootPlan, config: BootConfig, now: Instant): BootPlan {
    const watched = this.#watched.get(watchKey(query.sharedNetwork, query.mac));
    return (watched === undefined ? undefined : breakLoop(query, plan, config, watched, now)) ?? plan;
  }

  /** @param sharedNetwork that of the machine's address */
  observe(event: RackEvent, sharedNetwork: string | undefined): void {
    if (event.mac === undefined || !isFileSent(event)) return;
    const key = watchKey(sharedNetwork, event.mac);
    const watched = this.#watched.get(key);
    if (watched === undefined || event.purpose === 'chain') return;
    if (event.purpose !== undefined || baseName(event.file ?? '') !== watched.file) {
      this.#watched.delete(key);
      return;
    }
    if (watched.loads === 0 || event.at - watched.firstAt > LOOP_MS_MAX) {
      watched.loads = 0;
      watched.firstAt = event.at;
      watched.reported = false;
    }
    watched.loads += 1;
  }

  #report(mac: MacAddress, { loads }: Watched, plan: BootPlan, instead: BootPlan, at: Instant): void {
    const [file = '', other = ''] = [plan.file, instead.file];
    const event: BootEvent = { kind: 'boot.loader-loop', at, mac, file, instead: other, loads };
    this.#publish(event);
  }
}

/** `undefined` if this is not a loop. */
function breakLoop(
  { client, serverAddress }: BootQuery,
  plan: BootPlan,
  config: BootConfig,
  watched: Watched,
  now: Instant,
): BootPlan | undefined {
  if (plan.file === undefined || watched.file !== baseName(plan.file)) return undefined;
  if (watched.loads < LOOP_LOADS_MAX || now - watched.firstAt > LOOP_MS_MAX) return undefined;
  const endpoint = findEndpointFor(config.http, serverAddress);
  // It may really be a BIOS, which loads only by TFTP.
  const byTftp = endpoint === undefined || (client.kind !== 'ipxe' && client.kind !== 'uefi-http');
  return {
    ...plan,
    file: byTftp ? IPXE_SCRIPT : `${formatBaseUrl(endpoint)}/${IPXE_SCRIPT}`,
    pathPrefix: undefined,
    reason: { ...plan.reason, loopFile: watched.file, loopLoads: watched.loads },
  };
}
