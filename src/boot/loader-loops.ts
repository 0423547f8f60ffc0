// iPXE that is given iPXE again, for ever: a build that does not say in DHCP what it is, or `boot.loaders` that names a loader for it.
// It is found out by what the machine loads, and led out of its circle.
//
//   DHCP tells a loader that may start itself ─ check ─┬─ loaded fewer than LOOP_LOADS_MAX times ──→ the plan as it is
//                                                      └─ else: iPXE's script in its place, and an event
//   the file was sent ─ look ─ counted;  a configuration, a kernel, any other file ─ look ─ progress: forgotten
//
// 1. Only loads that came to their end count, and only those within LOOP_MS_MAX of each other.
// 2. Progress ends it: the next boot of the machine begins as every boot, and costs the same rounds again until its cause is mended.
// 3. Firmware that is no iPXE and fails on its loader gets the script as well, cannot start it, and goes on to its next boot device.
// 4. Machines of the region, other known clients and strangers are remembered apart (`kept-apart.ts`), LOOPS_MAX of each. A query in which
//    nobody boots leaves no trace.

import type { Instant } from '../clock.ts';
import { counted } from '../counted.ts';
import type { Publish, RackEvent } from '../event.ts';
import { KeptApart } from '../kept-apart.ts';
import type { MacAddress } from '../net/address.ts';
import type { BootConfig } from './config.ts';
import { findEndpointFor, formatBaseUrl } from './endpoint.ts';
import type { BootEvent } from './events.ts';
import { type BootPlan, type BootQuery, IPXE_SCRIPT } from './plan.ts';

/** So many loads of one loader without progress are a circle. */
export const LOOP_LOADS_MAX = 3;
/** The longest time that a circle of that many rounds takes. */
export const LOOP_MS_MAX = 600_000;
/**
 * Machines of each rank that are watched. Strangers fill theirs by inventing hardware addresses; a stranger that is forgotten for them
 * loads its loader for as long as the flood goes on. The one that was told of a loader longest ago goes first.
 */
export const LOOPS_MAX = 4096;

interface Watched {
  /** The last part of the loader's name. */
  readonly file: string;
  loads: number;
  firstAt: Instant;
  told: boolean;
}

const baseName = (file: string): string => file.slice(file.lastIndexOf('/') + 1);
/** True for the names under which iPXE is built and shipped. */
const isIpxeBuild = (name: string): boolean =>
  /(?:^|[^a-z])(?:ipxe|snp|snponly|undionly)\b.*\.(?:efi|k?pxe|0|lkrn|krn)$/i.test(name);

/** What is read of an event: which file a machine has got, and what a configuration told it. */
interface FileSent extends RackEvent {
  readonly file?: string | undefined;
  readonly purpose?: string | undefined;
}
const SENT = new Set(['tftp.sent', 'http.file-sent', 'http.rendered']);
const isFileSent = (event: RackEvent): event is FileSent => SENT.has(event.kind);

/** Watches the machines that are told a loader which may start itself again. */
export class LoaderLoops {
  readonly #publish: Publish;
  readonly #watched = new KeptApart<MacAddress, Watched>(LOOPS_MAX);

  /** @param publish where a circle that was found is told */
  constructor(publish: Publish) {
    this.#publish = publish;
  }

  /** The plan, or in the middle of a circle the one that leads out of it. */
  check(query: BootQuery, plan: BootPlan, config: BootConfig, now: Instant): BootPlan {
    const file = baseName(plan.file);
    const mayLoop = query.client.kind === 'ipxe' ? file !== IPXE_SCRIPT : isIpxeBuild(file);
    if (!mayLoop) return plan;
    const { asker, mac } = query;
    if (asker === undefined) return this.foresee(query, plan, config, now);
    const before = this.#watched.get(mac);
    const watched = before?.file === file ? before : { file, loads: 0, firstAt: now, told: false };
    this.#watched.set(mac, watched, asker);
    const instead = leadOut(query, plan, config, watched, now);
    if (instead === undefined) return plan;
    if (!watched.told) this.#tell(mac, watched, plan, instead, now);
    watched.told = true;
    return instead;
  }

  /** What `check` would answer; nothing is remembered or told. */
  foresee(query: BootQuery, plan: BootPlan, config: BootConfig, now: Instant): BootPlan {
    const watched = this.#watched.get(query.mac);
    return (watched === undefined ? undefined : leadOut(query, plan, config, watched, now)) ?? plan;
  }

  /** Takes note of what a machine has got. */
  look(event: RackEvent): void {
    if (event.mac === undefined || !isFileSent(event)) return;
    const watched = this.#watched.get(event.mac);
    if (watched === undefined || event.purpose === 'chain') return;
    if (event.purpose !== undefined || baseName(event.file ?? '') !== watched.file) {
      this.#watched.delete(event.mac);
      return;
    }
    if (watched.loads === 0 || event.at - watched.firstAt > LOOP_MS_MAX) {
      watched.loads = 0;
      watched.firstAt = event.at;
      watched.told = false;
    }
    watched.loads += 1;
  }

  #tell(mac: MacAddress, { loads }: Watched, plan: BootPlan, instead: BootPlan, at: Instant): void {
    const event: BootEvent = { kind: 'boot.loader-loop', at, mac, file: plan.file, instead: instead.file, loads };
    this.#publish(event);
  }
}

/** iPXE's script in place of the loader; undefined: this is no circle. */
function leadOut(
  { client, serverAddress }: BootQuery,
  plan: BootPlan,
  config: BootConfig,
  watched: Watched,
  now: Instant,
): BootPlan | undefined {
  if (watched.file !== baseName(plan.file)) return undefined;
  if (watched.loads < LOOP_LOADS_MAX || now - watched.firstAt > LOOP_MS_MAX) return undefined;
  const endpoint = findEndpointFor(config.http, serverAddress);
  // What asks as a BIOS may be one, which loads by TFTP only.
  const byTftp = endpoint === undefined || (client.kind !== 'ipxe' && client.kind !== 'uefi-http');
  return {
    ...plan,
    file: byTftp ? IPXE_SCRIPT : `${formatBaseUrl(endpoint)}/${IPXE_SCRIPT}`,
    pathPrefix: undefined,
    reason: `${plan.reason}, and ${watched.file} was loaded ${counted(watched.loads, 'time')} without end`,
  };
}
