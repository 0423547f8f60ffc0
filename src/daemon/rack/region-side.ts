// The rack's side of its region, as the daemon needs it: which thread stands for the region, by what the rack is known to it, and what is
// done while it does not answer.
//
// 1. What is wrong with the rack's identity, its key or a certificate file is told before anything is served.
// 2. The region starts after the rack answers, and never holds it up. It is told of what the rack did before that, too.
// 3. A damaged database of the region takes no building down: leases, names and boots of known machines go on, and the region is tried again.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Clock, newUuid } from '../../clock.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import type { UplinkConfig } from '../../config/region-place.ts';
import { errorText, osErrorCode, RackError } from '../../errors.ts';
import { readRegularFile } from '../../files/regular-file.ts';
import type { RegionEndpoint } from '../../http/proxy.ts';
import type { RegionStandIn } from '../../http/region-stand-in.ts';
import type { DesiredState } from '../../machines/machine.ts';
import { formatIpv4, formatMac, networkContains } from '../../net/address.ts';
import type { EventStream } from '../../observe/event-stream.ts';
import { OPERATOR_SOCKET, type RegionConfig } from '../../region/config.ts';
import { RateLimiter } from '../../region/rate-limit.ts';
import type { RackDescription } from '../../region/records/rack-description.ts';
import { startRegionThread } from '../../region-thread/worker.ts';
import { openOutboxStore } from '../../store/outbox-database.ts';
import { desiredStateTime } from '../../uplink/desired-state-cache.ts';
import { readRackUuid } from '../../uplink/rack-identity.ts';
import { RackUplink, type UplinkStatus } from '../../uplink/rack-uplink.ts';
import { type RegionKey, readRegionKey } from '../../uplink/region-key.ts';
import type { Acquaintance } from '../../uplink/stranger-events.ts';
import type { UplinkThreadData } from '../../uplink/thread-data.ts';
import { EVENT_KINDS } from './event-kinds.ts';
import type { DaemonEvent } from './events.ts';
import type { Rack } from './rack.ts';
import { checkRegion, doorsOf } from './region-preflight.ts';

/** How long the region may take to store what it has and to end. */
const REGION_STOP_MS = 5000;
/** Memory of the thread: old and young generation, in MiB. */
const UPLINK_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 } as const;
const SECRET_BYTES = 24;
/**
 * Reports of machines that are kept while the region is away: a hall that is switched on at once, and then no flood. A few hosts together
 * can use it up; then a machine is told 503, and asks again. It fills with time.
 */
export const KEPT_RATE = { perSecond: 5, burst: 2000 } as const;
/** The same of one address, which may be that of a router with a rack of machines behind it. */
export const KEPT_PER_ADDRESS = { perSecond: 1, burst: 250 } as const;
/** Ample for a bundle of all authorities that a system trusts. */
const CERTIFICATES_BYTES_MAX = 4 * 1024 * 1024;
const AGENT = join(import.meta.dirname, '..', '..', 'images', 'agent');

export interface RegionSideParts {
  readonly clock: Clock;
  readonly version: string;
  readonly stream: EventStream;
  readonly config: () => RackConfig;
  readonly regionConfig: (config: RackConfig) => RegionConfig;
  readonly describe: (uuid: string) => RackDescription;
  /** Of whose leases the region is told each event. */
  readonly acquaintance: Acquaintance;
  /** Puts a desired state into force. */
  readonly apply: (state: DesiredState) => Promise<void>;
  /** The region cannot start, and never did. */
  readonly onFatal: (error: RackError) => void;
}

/** Whom a rack knows: the machines of the desired state in force, and who has leases of it. */
export const acquaintanceOf = (rack: () => Pick<Rack, 'machines' | 'leasesOf'> | undefined): Acquaintance => ({
  isMachine: (mac) => rack()?.machines.findByMac(mac) !== undefined,
  leasesOf: (macs) => rack()?.leasesOf(macs) ?? [],
});

/** How the region is reached: opened before anything is served. */
interface Access {
  readonly uplink: UplinkConfig;
  readonly uuid: string;
  /** Undefined: the region is embedded. */
  readonly key: RegionKey | undefined;
  readonly ca: string | undefined;
}

export class RegionSide {
  readonly #parts: RegionSideParts;
  /** Tells an embedded region that the caller is this process. */
  readonly secret: string;
  #access: Access | undefined;
  #uplink: RackUplink | undefined;
  #wasUp = false;
  /** What is wrong with the region's database; the rack starts without its region then. */
  #damage: string | undefined;

  constructor(parts: RegionSideParts) {
    this.#parts = parts;
    this.secret = Buffer.from(parts.clock.randomBytes(SECRET_BYTES)).toString('base64url');
  }

  /**
   * Reads by what the rack is known. The state directory must exist.
   * @throws RackError as reading the identity, the key and the certificates does
   */
  identify(): void {
    const { stateDir, uplink } = this.#parts.config();
    const uuid = readRackUuid(stateDir);
    const remote = uplink.mode === 'remote' ? uplink : undefined;
    this.#access = {
      uplink,
      uuid,
      key: remote === undefined ? undefined : readRegionKey(remote.keyFile, this.#parts.clock),
      ca: remote?.caFile === undefined ? undefined : readCertificates(remote.caFile),
    };
  }

  /**
   * Whether the region will be able to start. A damaged database is none of the rack's: it serves by the machines that it knew last.
   * @throws RackError as the region would
   */
  async check(): Promise<void> {
    const config = this.#parts.config();
    if (config.uplink.mode === 'embedded') this.#damage = await checkRegion(config.region, doorsOf(config));
    else checkOutbox(config.stateDir);
  }

  get uuid(): string {
    return this.#access?.uuid ?? '';
  }
  /** Undefined: nothing is gathered yet. */
  get uplink(): RackUplink | undefined {
    return this.#uplink;
  }
  status(): UplinkStatus | undefined {
    return this.#uplink?.status();
  }
  /** By what the boot listener says that a request comes from this rack: `X-Rackboot-Rack`. */
  get rackSecret(): string {
    const key = this.#access?.key;
    return key === undefined ? this.secret : `${key.token}:${key.secret}`;
  }
  /** The region as the control socket asks it: by a door of its own, so that nobody else's connections stand in its way. */
  get door(): RegionEndpoint | undefined {
    const { http, stateDir } = this.#parts.config();
    const socketPath = join(stateDir, OPERATOR_SOCKET);
    return http.region === undefined ? undefined : { ...http.region, secure: false, socketPath };
  }
  get certificates(): string | undefined {
    return this.#access?.ca;
  }
  /** Where people ask the region instead of here; undefined: here. */
  get elsewhere(): string | undefined {
    const { uplink } = this.#parts.config();
    return uplink.mode === 'remote' ? uplink.url : undefined;
  }

  /** What the boot listener does while the region does not answer; undefined: the region is embedded. */
  standIn(): RegionStandIn | undefined {
    if (this.#access?.key === undefined) return undefined;
    const { clock, config } = this.#parts;
    const limiter = new RateLimiter(KEPT_PER_ADDRESS, KEPT_RATE);
    return {
      agent: readScript('agent.sh'),
      preseed: readScript('enlist.preseed'),
      isAway: () => this.#uplink?.status().state !== 'up',
      isManaged: (address) => config().clusterInterfaces.some(({ network }) => networkContains(network, address)),
      keep: async ({ peer, contentType, path, body, token, bootMac }) => {
        if (this.#uplink?.status().state === 'rejected') return 'the region refuses this rack';
        if (!limiter.allows(formatIpv4(peer), clock.now())) return 'too many reports at a time';
        const post = {
          at: Math.round(clock.wallTimeMs()),
          peer: formatIpv4(peer),
          contentType,
          path,
          body: Buffer.from(body).toString('base64'),
          ...(token === undefined ? {} : { token }),
          ...(bootMac === undefined ? {} : { bootMac: formatMac(bootMac) }),
        };
        return this.#uplink === undefined ? 'the rack has just started' : await this.#uplink.queuePost(post);
      },
    };
  }

  /**
   * From now on the events of the rack are kept for the region.
   * @param state what was cached, and is in force
   */
  gather({ version }: DesiredState): void {
    const { clock, stream, config, describe, acquaintance, apply } = this.#parts;
    this.#uplink = new RackUplink({
      mode: config().uplink.mode,
      startThread: () => this.#startThread(),
      rack: () => describe(this.uuid),
      imageTree: () => config().boot.tree,
      life: newUuid(),
      clock,
      stream,
      kinds: EVENT_KINDS,
      acquaintance,
      publish: stream.publish,
      cached: { version, sinceMs: desiredStateTime(config().stateDir) },
      onDesiredState: apply,
      onListening: (addresses) => {
        this.#wasUp = true;
        // A remote region says by itself when it answers.
        if (config().uplink.mode === 'embedded')
          this.#publish({ kind: 'region.up', at: clock.now(), addresses: addresses.join(' ') });
      },
      onProblem: (id, text) => this.#publish({ kind: 'region.problem', at: clock.now(), id, text }),
      onTrouble: (reason, retryMs) => this.#trouble(reason, retryMs),
    });
  }

  /** Starts the thread and returns at once. */
  start(): void {
    this.#uplink?.start();
  }

  async close(): Promise<void> {
    await this.#uplink?.close(REGION_STOP_MS);
  }

  #startThread(): Worker {
    const { config, regionConfig, version } = this.#parts;
    const { uplink, stateDir } = config();
    const key = this.#access?.key;
    if (uplink.mode === 'embedded' || key === undefined) return startRegionThread(regionConfig(config()));
    const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
    const { url, keyFile } = uplink;
    const workerData: UplinkThreadData = { stateDir, url, key, keyFile, ca: this.certificates, version };
    return new Worker(new URL(`../../uplink-thread.${extension}`, import.meta.url), {
      name: 'uplink',
      workerData,
      resourceLimits: UPLINK_LIMITS,
    });
  }

  #trouble(reason: string, retryMs: number | undefined): void {
    if (retryMs !== undefined) {
      this.#publish({ kind: 'region.down', at: this.#parts.clock.now(), reason, retryMs });
      return;
    }
    // A region that was up and now refuses ends, which is reported with its reason, and is tried again; so is one whose database is damaged.
    if (!this.#wasUp && this.#damage === undefined) this.#parts.onFatal(new RackError('region-failed', reason));
  }

  #publish(event: DaemonEvent): void {
    this.#parts.stream.publish(event);
  }
}

function readScript(name: 'agent.sh' | 'enlist.preseed'): string | undefined {
  try {
    return readFileSync(join(AGENT, name), 'utf8');
  } catch {
    // A machine is told 503 then, as by a region without it.
    return undefined;
  }
}

/** @throws RackError when the outbox cannot be used, and will not be by waiting */
function checkOutbox(stateDir: string): void {
  try {
    openOutboxStore({ stateDir }).close();
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
  }
}

function readCertificates(path: string): string {
  let text: string;
  try {
    text = readRegularFile(path, CERTIFICATES_BYTES_MAX);
  } catch (cause) {
    throw new RackError(
      'config-invalid',
      `region.ca_file: ${path} cannot be read (${osErrorCode(cause) ?? errorText(cause)}): correct the key, or the file`,
      { cause },
    );
  }
  if (/-----BEGIN CERTIFICATE-----/.test(text)) return text;
  throw new RackError('config-invalid', `region.ca_file: ${path} holds no certificate in PEM form`);
}
