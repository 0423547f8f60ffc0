// The rack's side of its region: starts the region's or the uplink's thread, holds the rack's
// identity, and stands in for a region that does not answer.
//
// 1. A problem with the rack's identity, its key or a certificate file is reported before anything is served.
// 2. The region starts after the rack answers and never delays it. Events from before that reach it too.
// 3. A region database that is damaged or cannot be used does not stop the rack, at start or later:
//    leases, names and boots of known machines continue, and the region is restarted. The memory of
//    its thread is bounded: a region that exceeds it ends, and the rack continues.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { RackConfig } from '../../config/rack-config.ts';
import { toRegionEndpoint, type UplinkConfig } from '../../config/region-place.ts';
import { parseRegionUrl } from '../../config/region-url.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import { isActive } from '../../dhcp/leases/lease-table.ts';
import type { DhcpSubnet } from '../../dhcp/networks/config.ts';
import { readAuthorities } from '../../files/certificate.ts';
import { formatIpv4, formatMac, type Ipv4, ipv4, networkContains, rangeContains } from '../../ground/address.ts';
import { type Clock, type Instant, newUuid } from '../../ground/clock.ts';
import { isStoreUnavailable, RackError, type RackErrorCode } from '../../ground/errors.ts';
import { threadFile } from '../../ground/thread-file.ts';
import type { RegionEndpoint } from '../../http/proxy.ts';
import type { RegionStandIn } from '../../http/region-stand-in.ts';
import type { RegionPassing } from '../../http/server.ts';
import type { DesiredState } from '../../machines/machine.ts';
import type { EventStream } from '../../observe/event-stream.ts';
import { OPERATOR_SOCKET, type RegionConfig } from '../../region/config.ts';
import { pageUrl } from '../../region/page-url.ts';
import type { NetworkScan, ScanOutcome } from '../../region/records/network-scan.ts';
import type { RackDescription } from '../../region/records/rack-description.ts';
import type { RackMeasures } from '../../region/records/rack-measures.ts';
import type { RackTask, TaskAnswer } from '../../region/records/rack-request.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';
import { noteText, type RackNote, withText } from '../../region/reports/notes.ts';
import { RateLimiter } from '../../region/shares/request-rates.ts';
import { openOutboxStore } from '../../store/outbox/outbox-database.ts';
import { desiredStateTime } from '../../uplink/desired-state-cache.ts';
import type { UplinkStatus } from '../../uplink/link-status.ts';
import { readRackUuid } from '../../uplink/rack-identity.ts';
import { RackUplink } from '../../uplink/rack-uplink.ts';
import { type RegionKey, readRegionKey } from '../../uplink/region-key.ts';
import type { KnownHosts } from '../../uplink/stranger-events.ts';
import type { UplinkThreadData } from '../../uplink/thread-data.ts';
import type { Rack } from './rack.ts';
import { checkRegion } from './region-preflight.ts';
import { readUsedTime } from './threads.ts';

/** How long the region may take to store its data and end, in milliseconds. */
const REGION_STOP_MS = 5000;
/** Heap limits of the uplink thread: old and young generation, in MiB. */
const UPLINK_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 } as const;
/** Failures of the region that a person can fix while the rack serves without it. */
const TOLERATED_CODES: ReadonlySet<RackErrorCode> = new Set<RackErrorCode>([
  'store-broken',
  'store-unavailable',
  'socket-refused',
]);
const SECRET_BYTES = 24;
/**
 * The rate of machine reports that are kept while the region is away: enough for a hall that is
 * powered on at once. A few hosts together can use it up; then a machine gets a 503 and tries
 * again.
 */
export const QUEUED_POST_RATE = { perSecond: 5, burst: 2000 } as const;
/** The rate of kept reports from one address, which may be a router's with many machines behind it. */
export const QUEUED_POST_ADDRESS_RATE = { perSecond: 1, burst: 250 } as const;
const AGENT_DIRECTORY = join(import.meta.dirname, '..', '..', 'images', 'agent');

interface RegionSideDeps {
  readonly clock: Clock;
  readonly version: string;
  readonly stream: EventStream;
  readonly config: () => RackConfig;
  readonly regionConfig: (config: RackConfig) => RegionConfig;
  readonly describe: (uuid: string) => RackDescription;
  readonly measure: () => RackMeasures | undefined;
  /** The machines whose every lease event is sent to the region. */
  readonly knownHosts: KnownHosts;
  readonly apply: (state: DesiredState) => Promise<void>;
  /** Starts a scan of networks for an embedded region. */
  readonly scan: (scan: NetworkScan) => ScanOutcome;
  /** Does what the region asks for. Never rejects. */
  readonly doTask: (task: RackTask) => Promise<TaskAnswer>;
  /** Called when the region cannot start and never did. */
  readonly onFatal: (error: RackError) => void;
}

/** The hosts that a rack knows: the machines of the desired state in force, and the holders of leases. */
export const describeKnownHosts = (
  rack: () => Pick<Rack, 'machines' | 'findRunningLeases' | 'leases' | 'findLease' | 'networks'> | undefined,
): KnownHosts => ({
  isMachine: (mac) => rack()?.machines.findByMac(mac) !== undefined,
  findRunningLeases: (macs) => rack()?.findRunningLeases(macs) ?? [],
  isDeploying: (mac) => rack()?.machines.findByMac(mac)?.statusName === 'Deploying',
  // Of the configured networks, served now or not.
  isDynamic: (address) => rack()?.networks.some((subnet) => isDynamicAddress(subnet, address)) ?? true,
  listLeases: () => rack()?.leases() ?? [],
  findLease: (address) => rack()?.findLease(address),
});

/**
 * The most addresses of former dynamic ranges that are examined after a change. Leases of further
 * addresses are sent when they are renewed.
 */
const FORMER_ADDRESSES_MAX = 65_536;

const isDynamicAddress = ({ dynamic, static: fixed }: DhcpSubnet, address: Ipv4): boolean =>
  dynamic !== undefined && rangeContains(dynamic, address) && !(fixed !== undefined && rangeContains(fixed, address));

/**
 * The running leases of addresses that were in a dynamic range, and are in no dynamic range after a
 * change.
 */
export function findLeasesLeft(
  previousSubnets: readonly DhcpSubnet[],
  currentSubnets: readonly DhcpSubnet[],
  find: (address: Ipv4) => Lease | undefined,
  now: Instant,
): readonly Lease[] {
  const leases: Lease[] = [];
  let examinedCount = 0;
  for (const subnet of previousSubnets) {
    const { dynamic } = subnet;
    if (
      dynamic === undefined ||
      currentSubnets.some((candidate) =>
        isDeepStrictEqual([candidate.dynamic, candidate.static], [dynamic, subnet.static]),
      )
    )
      continue;
    for (
      let value: number = dynamic.low;
      value <= dynamic.high && examinedCount < FORMER_ADDRESSES_MAX;
      value += 1, examinedCount += 1
    ) {
      const address = ipv4(value);
      const lease = find(address);
      if (isActive(lease, now) && !currentSubnets.some((candidate) => isDynamicAddress(candidate, address)))
        leases.push(lease);
    }
  }
  return leases;
}

/** How the region is reached; read before anything is served. */
interface RegionAccess {
  readonly uplink: UplinkConfig;
  readonly uuid: string;
  /** `undefined` for an embedded region. */
  readonly key: RegionKey | undefined;
  readonly ca: string | undefined;
}

export class RegionSide {
  readonly #deps: RegionSideDeps;
  /** Proves to an embedded region that a machine's request comes from this rack. */
  readonly secret: string;
  /** Proves to the region that a request comes from this process's control socket. */
  readonly controlSecret: string;
  #access: RegionAccess | undefined;
  #uplink: RackUplink | undefined;
  #hasBeenUp = false;
  readonly #whenBegun = Promise.withResolvers<void>();
  /** Resolves when an embedded region is up or in trouble, and when the thread for a remote one starts. */
  readonly whenBegun: Promise<void> = this.#whenBegun.promise;

  constructor(deps: RegionSideDeps) {
    this.#deps = deps;
    const drawSecret = (): string => Buffer.from(deps.clock.randomBytes(SECRET_BYTES)).toString('base64url');
    this.secret = drawSecret();
    this.controlSecret = drawSecret();
  }

  /**
   * Reads the rack's identity, key and certificates. The state directory must exist.
   * @throws RackError as these reads do
   */
  identify(): void {
    const { stateDir, uplink } = this.#deps.config();
    const uuid = readRackUuid(stateDir);
    const remoteUplink = uplink.mode === 'remote' ? uplink : undefined;
    this.#access = {
      uplink,
      uuid,
      key: remoteUplink === undefined ? undefined : readRegionKey(remoteUplink.keyFile, this.#deps.clock),
      ca: remoteUplink?.caFile === undefined ? undefined : readRegionAuthorities(remoteUplink.caFile),
    };
  }

  /**
   * Checks that the region will be able to start. A damaged database does not fail the check.
   * @throws RackError as the region would
   */
  async check(): Promise<void> {
    const config = this.#deps.config();
    if (config.uplink.mode === 'embedded') await checkRegion(config.region);
    else checkOutbox(config.stateDir);
  }

  get uuid(): string {
    return this.#access?.uuid ?? '';
  }
  get uplink(): RackUplink | undefined {
    return this.#uplink;
  }
  status(): UplinkStatus | undefined {
    return this.#uplink?.status();
  }
  /** Sent by the boot listener in `X-Rackboot-Rack` to prove that a request comes from this rack. */
  get rackSecret(): string {
    const key = this.#access?.key;
    return key === undefined ? this.secret : `${key.token}:${key.secret}`;
  }
  /**
   * The region's endpoint for the control socket: its own socket, which connections of other
   * clients cannot block.
   */
  get operatorEndpoint(): RegionEndpoint | undefined {
    const { http, stateDir } = this.#deps.config();
    const socketPath = join(stateDir, OPERATOR_SOCKET);
    return http.region === undefined ? undefined : { ...http.region, secure: false, socketPath };
  }
  get certificates(): string | undefined {
    return this.#access?.ca;
  }
  /** The URL of a remote region, to which people's requests belong; `undefined` for an embedded region. */
  get elsewhere(): string | undefined {
    const { uplink } = this.#deps.config();
    return uplink.mode === 'remote' ? (this.#linkedUrl ?? uplink.urls[0]) : undefined;
  }
  /**
   * The endpoint for machines' requests: the address of the remote region to which the rack is
   * linked now; `undefined` for the configured endpoint.
   */
  get linkedEndpoint(): RegionEndpoint | undefined {
    const url = this.#linkedUrl === undefined ? undefined : parseRegionUrl(this.#linkedUrl);
    return url === undefined ? undefined : toRegionEndpoint(url);
  }
  get #linkedUrl(): string | undefined {
    const isRemote = this.#access?.uplink.mode === 'remote';
    return isRemote ? this.#uplink?.status().addresses[0] : undefined;
  }

  makePassing(): RegionPassing {
    return {
      rackSecret: this.rackSecret,
      standIn: this.#makeStandIn(),
      regionCa: this.certificates,
      linkedRegion: () => this.linkedEndpoint,
    };
  }

  /** The boot listener's stand-in for a region that does not answer; `undefined` for an embedded region. */
  #makeStandIn(): RegionStandIn | undefined {
    if (this.#access?.key === undefined) return undefined;
    const { clock, config } = this.#deps;
    const limiter = new RateLimiter(QUEUED_POST_ADDRESS_RATE, QUEUED_POST_RATE);
    return {
      agent: readScript('agent.sh'),
      preseed: readScript('enlist.preseed'),
      isAway: () => this.#uplink?.isUp !== true,
      isManaged: (address) => config().clusterInterfaces.some(({ network }) => networkContains(network, address)),
      keep: async ({ peer, contentType, path, body, token, bootMac }) => {
        if (this.#uplink?.status().state === 'rejected') return 'rack-rejected';
        if (!limiter.allows(formatIpv4(peer), clock.now())) return 'too-many-reports';
        const post = {
          at: Math.round(clock.wallTimeMs()),
          peer: formatIpv4(peer),
          contentType,
          path,
          body: Buffer.from(body).toString('base64'),
          ...(token === undefined ? {} : { token }),
          ...(bootMac === undefined ? {} : { bootMac: formatMac(bootMac) }),
        };
        return this.#uplink === undefined ? 'rack-starting' : await this.#uplink.queuePost(post);
      },
    };
  }

  /**
   * Starts keeping the rack's events for the region.
   * @param state the cached desired state, which is in force
   */
  openUplink({ version }: DesiredState): void {
    const { clock, stream, config, describe, measure, knownHosts, apply, scan, doTask } = this.#deps;
    this.#uplink = new RackUplink({
      mode: config().uplink.mode,
      startThread: () => this.#startThread(),
      readUsedMs: () =>
        readUsedTime('images') ?? readUsedTime(config().uplink.mode === 'embedded' ? 'region' : 'uplink') ?? 0,
      rack: () => describe(this.uuid),
      measure,
      imageTree: () => config().boot.tree,
      copiesImages: () => config().boot.copiesImages,
      life: newUuid(),
      clock,
      stream,
      knownHosts,
      publish: stream.publish,
      cachedState: { version, sinceMs: desiredStateTime(config().stateDir) },
      onDesiredState: apply,
      onScan: scan,
      onTask: doTask,
      onListening: (addresses) => {
        this.#hasBeenUp = true;
        this.#whenBegun.resolve();
        // The uplink publishes its own event for a remote region.
        if (config().uplink.mode === 'embedded')
          this.#publish({
            kind: 'region.up',
            at: clock.now(),
            addresses: addresses.join(' '),
            page: pageUrl(config().region),
          });
      },
      onProblem: (id, note) => this.#publish({ kind: 'region.problem', at: clock.now(), id, ...withText(note) }),
      onTrouble: (...trouble) => this.#handleTrouble(...trouble),
    });
  }

  start(): void {
    this.#uplink?.start();
    if (this.#deps.config().uplink.mode === 'remote') this.#whenBegun.resolve();
  }

  async close(): Promise<void> {
    await this.#uplink?.close(REGION_STOP_MS);
  }

  #startThread(): Worker {
    const { config, regionConfig, version } = this.#deps;
    const { uplink, stateDir } = config();
    const key = this.#access?.key;
    if (uplink.mode === 'embedded' || key === undefined) return startRegionThread(regionConfig(config()));
    const { urls, keyFile } = uplink;
    const workerData: UplinkThreadData = { stateDir, urls, key, keyFile, ca: this.certificates, version };
    return new Worker(threadFile('uplink'), {
      name: 'uplink',
      workerData,
      resourceLimits: UPLINK_LIMITS,
    });
  }

  #handleTrouble(note: RackNote, retryMs: number | undefined, code?: RackErrorCode): void {
    this.#whenBegun.resolve();
    if (retryMs !== undefined) {
      this.#publish({ kind: 'region.down', at: this.#deps.clock.now(), ...withText(note), retryMs });
      return;
    }
    // The thread ends, is reported as down and started again.
    if (this.#hasBeenUp || (code !== undefined && TOLERATED_CODES.has(code))) return;
    this.#deps.onFatal(new RackError('region-failed', noteText(note)));
  }

  #publish(event: DaemonEvent): void {
    this.#deps.stream.publish(event);
  }
}

function readScript(name: 'agent.sh' | 'enlist.preseed'): string | undefined {
  try {
    return readFileSync(join(AGENT_DIRECTORY, name), 'utf8');
  } catch {
    // Machines then get a 503, as from a region without this script.
    return undefined;
  }
}

/** @throws RackError when the outbox cannot be used, and waiting would not help */
function checkOutbox(stateDir: string): void {
  try {
    openOutboxStore({ stateDir }).close();
  } catch (error) {
    if (!isStoreUnavailable(error)) throw error;
  }
}

function readRegionAuthorities(path: string): string {
  try {
    return readAuthorities(path);
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    throw new RackError(error.code, `region.ca_file: ${error.message}`, { cause: error.cause });
  }
}

/**
 * Memory of the region's thread, old and young generation, in MiB. `--max-semi-space-size`
 * overrides the latter in every thread.
 */
const REGION_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32 } as const;

export function startRegionThread(config: RegionConfig): Worker {
  return new Worker(threadFile('region'), {
    name: 'region',
    workerData: config,
    resourceLimits: REGION_LIMITS,
  });
}
