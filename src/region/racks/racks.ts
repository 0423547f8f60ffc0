// The racks of a region: their registrations, verdicts and heartbeats. The API, the link and the
// page use this class.
//
// 1. The list in memory mirrors the store. `refresh` reads it again if any process has changed its
//    version. It runs before each request, after each change by this process, and periodically.
// 2. A secret is compared in constant time, even if there is no such rack.
// 3. The event of a rack's absence and the mark on the rack (`awayMs`) are stored together, so each
//    absence is logged once, whichever process is on duty.

import { type Ipv4, type Ipv4Network, networkContains } from '../../ground/address.ts';
import { BoundedMap } from '../../ground/bounded-map.ts';
import type { Clock } from '../../ground/clock.ts';
import { reachesStore } from '../../ground/errors.ts';
import { equalSecrets, findApiKey } from '../accounts/accounts.ts';
import { hashSha256 } from '../records/digest.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import {
  isAway,
  LINK_VERSION,
  RACKS_MAX,
  type Rack,
  type RackImage,
  type RackPulse,
  REFUSED_KEPT_MAX,
  type RefusedEntry,
} from '../records/rack.ts';
import type { RackDescription } from '../records/rack-description.ts';
import { type RackMeasures, type RackSample, withMeasure } from '../records/rack-measures.ts';
import type { RackChange, RackKeyHolder } from '../records/rack-store.ts';
import type { RefusalWord } from '../records/refusal.ts';
import type { RegionStore } from '../records/store.ts';
import { LatestRun } from '../shares/latest-run.ts';
import { LoopTurns } from '../shares/loop-turns.ts';
import { RateLimiter } from '../shares/request-rates.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { type Introduction, Introductions, UnknownRackRates } from './introductions.ts';
import { MachineHomes } from './machine-homes.ts';
import {
  decideRegistration,
  decideVerdict,
  isNews,
  type RackRegistration,
  type RackVerdict,
  type RegistrationOutcome,
} from './rack-admission.ts';
import { believedNetworks, doubtEvent, ownNetworks, weighNetworks } from './rack-networks.ts';
import { RackRequests } from './rack-requests.ts';

const UNCHANGED = { put: [], events: [], result: undefined } as const;

const returnEvents = ({ name, awayMs }: Rack, atMs: number): readonly NewMachineEvent[] =>
  awayMs === undefined ? [] : [{ type: 'RACK_BACK', code: 'rack-back', params: { rack: name }, atMs, username: '' }];

// The record of the rack in the region's own process.

const NO_PULSE = { life: '', applied: 0, waiting: 0, dropped: 0, deadLetters: 0, startedMs: 0 } as const;

/**
 * Replaces the process's own rack. A former own rack must then register like any other, and gets
 * the settings stored for it.
 * @param description undefined: the process has no rack
 */
function decideOwnRack(
  description: RackDescription | undefined,
  racks: readonly Rack[],
  atMs: number,
): RackChange<void> {
  const remove = racks.filter((rack) => rack.isEmbedded && rack.uuid !== description?.uuid).map(({ uuid }) => uuid);
  if (description === undefined) return { ...UNCHANGED, remove };
  const { uuid, name, version, interfaces, pinned, settingsRefused, addresses } = description;
  const existing = racks.find((rack) => rack.uuid === uuid);
  const rack: Rack = {
    uuid,
    name,
    version,
    interfaces,
    agreed: [],
    disputed: [],
    state: 'accepted',
    isEmbedded: true,
    uplink: LINK_VERSION,
    address: '',
    registeredMs: existing?.registeredMs ?? atMs,
    stateSinceMs: existing?.stateSinceMs ?? atMs,
    seenMs: atMs,
    refused: [],
    // The own rack sends no heartbeats; only these fields of one are needed.
    ...(settingsRefused === undefined && addresses === undefined
      ? {}
      : { pulse: { ...NO_PULSE, pinned, settingsRefused, addresses } }),
  };
  return { put: [rack], remove, events: [], result: undefined };
}

// The order in which the racks' batches are stored: one batch at a time for each rack, in parts,
// with the racks in rotation.

class BatchTurns {
  readonly #racks = new Set<string>();
  readonly #turns = new LoopTurns();

  enter(uuid: string): boolean {
    if (this.#racks.has(uuid)) return false;
    this.#racks.add(uuid);
    return true;
  }

  has(uuid: string): boolean {
    return this.#racks.has(uuid);
  }

  leave(uuid: string): void {
    this.#racks.delete(uuid);
  }

  get isAlone(): boolean {
    return this.#racks.size <= 1;
  }

  next(uuid: string): Promise<void> {
    return this.#turns.next(uuid);
  }
}

/**
 * The rate of events about disputed networks. An accepted rack could otherwise cause one with each
 * heartbeat and registration.
 */
export const DISPUTES_PER_RACK = { perSecond: 1 / 3600, burst: 4 } as const;
export const DISPUTES_IN_TOTAL = { perSecond: 0.1, burst: 256 } as const;

interface RackNews extends Pick<Rack, 'version' | 'uplink' | 'interfaces'> {
  readonly pulse: RackPulse;
  readonly images?: readonly RackImage[] | undefined;
  readonly measures?: RackMeasures | undefined;
}

interface WeighedNetworks {
  readonly disputed: readonly string[];
  readonly believed: readonly Ipv4Network[];
  readonly own: readonly Ipv4Network[];
}

const isAccepted = ({ state }: Rack): boolean => state === 'accepted';

function weighingKey(racks: readonly Rack[]): string {
  return racks
    .filter(isAccepted)
    .map(({ uuid, isEmbedded, interfaces, agreed, disputed }) => {
      const networks = interfaces.map(({ network }) => network).join(' ');
      return [uuid, isEmbedded, networks, agreed.join(' '), disputed.join(' ')].join(';');
    })
    .join('\n');
}

export class Racks {
  readonly acknowledgements: Acknowledgements;
  readonly homes: MachineHomes;
  /** Changes of leases that persons have racks make. */
  readonly requests: RackRequests;
  readonly turns = new BatchTurns();
  readonly #store: RegionStore;
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #unknownRackRates: UnknownRackRates;
  readonly #introductions = new Introductions();
  readonly #disputes = new RateLimiter(DISPUTES_PER_RACK, DISPUTES_IN_TOTAL);
  readonly #reads = new LatestRun(
    () => this.#read(),
    () => this.#store.isInTransaction(),
  );
  /** By rack. Lost with the process: charts of a day are worth no writes to the disk. */
  readonly #samples = new BoundedMap<string, readonly RackSample[]>(RACKS_MAX, 'set longest ago');
  readonly #listeners = new Set<() => void>();
  #list: readonly Rack[] = [];
  #weighed: ReadonlyMap<string, WeighedNetworks> = new Map();
  #weighedKey = '';
  #networksVersion = 0;
  #version = -1;
  #keys: ReadonlyMap<string, RackKeyHolder> = new Map();

  constructor(store: RegionStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#unknownRackRates = new UnknownRackRates(clock, store.rates);
    this.acknowledgements = new Acknowledgements(this, clock);
    this.requests = new RackRequests(clock);
    this.homes = new MachineHomes(this, store, clock);
    this.#startedMs = clock.wallTimeMs();
  }

  /** All racks, in the order of their registration, as last read. */
  list(): readonly Rack[] {
    return this.#list;
  }

  accepted(): readonly Rack[] {
    return this.#list.filter(isAccepted);
  }

  /** The rack in the region's process. */
  get own(): Rack | undefined {
    return this.#list.find(({ isEmbedded }) => isEmbedded);
  }

  /** Counts the changes of the believed networks that this process has seen. */
  get networksVersion(): number {
    return this.#networksVersion;
  }

  /** Reads what has changed in the store. While the store is unavailable, the last known list stays. */
  refresh(): Promise<void> {
    return this.#reads.run();
  }

  async #read(): Promise<void> {
    await reachesStore(async () => {
      const seen = await this.#store.racks.look(this.#version);
      if (seen === undefined) return;
      this.#list = this.#weigh(seen.racks);
      this.#keys = new Map(seen.keys.map((key) => [key.uuid, key]));
      this.#version = seen.version;
      // Another process may have received a rack's acknowledgement.
      this.acknowledgements.reported();
    });
  }

  /** Decides on all networks again if those of any rack have changed; a mere heartbeat costs nothing. */
  #weigh(racks: readonly Rack[]): readonly Rack[] {
    const key = weighingKey(racks);
    if (key !== this.#weighedKey) {
      this.#weighed = new Map(
        racks.filter(isAccepted).map((rack) => {
          const weighed = weighNetworks(rack, rack, racks);
          const { disputed } = weighed;
          return [rack.uuid, { disputed, believed: believedNetworks(weighed), own: ownNetworks(weighed) }];
        }),
      );
      this.#weighedKey = key;
      this.#networksVersion += 1;
    }
    return racks.map((rack) => ({ ...rack, disputed: this.#weighed.get(rack.uuid)?.disputed ?? rack.disputed }));
  }

  find(uuid: string): Rack | undefined {
    return this.list().find((rack) => rack.uuid === uuid);
  }

  findAccepted(uuid: string): Rack | undefined {
    const rack = this.find(uuid);
    return rack?.state === 'accepted' ? rack : undefined;
  }

  /**
   * True if an address is in a network of an accepted rack. The management of the network does not
   * matter, as in `managedNetworks`.
   */
  serves(address: Ipv4): boolean {
    return this.list().some((rack) => rack.state === 'accepted' && this.isOf(rack, address));
  }

  isOf(rack: Rack, address: Ipv4): boolean {
    return (this.#weighed.get(rack.uuid)?.believed ?? []).some((network) => networkContains(network, address));
  }

  /** Like `isOf`, but including agreed networks that the rack does not report at present. */
  isHome(rack: Rack, address: Ipv4): boolean {
    return (this.#weighed.get(rack.uuid)?.own ?? []).some((network) => networkContains(network, address));
  }

  /**
   * The UUID of the accepted rack with this key, `token:secret`, that serves this address;
   * undefined: none.
   */
  speakerFor(key: string, address: Ipv4): string | undefined {
    const colon = key.indexOf(':');
    const token = key.slice(0, colon);
    const secret = key.slice(colon + 1);
    const holders = this.list().filter((rack) => rack.state === 'accepted' && rack.token === token);
    // Compare once in any case, so that the time does not reveal whether there is such a rack.
    if (holders.length === 0) this.#isSecretOf(undefined, token, secret);
    const speaker = holders.find((rack) => this.#isSecretOf(rack, token, secret) && this.isOf(rack, address));
    return speaker === undefined || this.demotedOwnerOf(speaker) !== undefined ? undefined : speaker.uuid;
  }

  /** The rack that generated this key, in any state. */
  holderOf(credentials: { readonly tokenKey: string; readonly secret: string }): Rack | undefined {
    const rack = this.list().find(
      ({ token, secretDigest }) => token === credentials.tokenKey && secretDigest !== undefined,
    );
    return this.#isSecretOf(rack, credentials.tokenKey, credentials.secret) ? rack : undefined;
  }

  /** True if these are this rack's credentials. Records the use of an API key. */
  async isKeyOf(
    rack: Rack | undefined,
    credentials: { readonly consumerKey: string; readonly tokenKey: string; readonly secret: string },
  ): Promise<boolean> {
    if (rack?.token !== undefined && rack.secretDigest === undefined) {
      if (rack.token !== credentials.tokenKey) return false;
      return (await findApiKey(this.#store, this.#clock, credentials)) !== undefined;
    }
    return this.#isSecretOf(rack, credentials.tokenKey, credentials.secret);
  }

  ownerOf({ uuid }: Rack): string | undefined {
    return this.#keys.get(uuid)?.username;
  }

  /**
   * The user whose API key a rack uses, if the user is no longer an administrator; undefined: the
   * key is still accepted.
   */
  demotedOwnerOf({ uuid }: Rack): string | undefined {
    const key = this.#keys.get(uuid);
    return key?.isAdmin === true ? undefined : key?.username;
  }

  #isSecretOf(rack: Rack | undefined, token: string, secret: string): boolean {
    const digest = hashSha256(secret);
    const expected = rack?.secretDigest ?? this.#keys.get(rack?.uuid ?? '')?.secretDigest;
    const matches = equalSecrets(digest, expected ?? '');
    return rack !== undefined && rack.token === token && expected !== undefined && matches;
  }

  async introduce(
    registration: Omit<RackRegistration, 'interfaces'>,
    text: string,
  ): Promise<RegistrationOutcome | Exclude<Introduction, { kind: 'interfaces' }>> {
    const mayAsk = this.#isTrusted(registration)
      ? undefined
      : () => this.#unknownRackRates.allows(registration.address);
    const read = await this.#introductions.read(registration.uuid, text, mayAsk);
    if (read.kind !== 'interfaces') return read;
    const { interfaces } = read;
    const outcome = await this.#admit({ ...registration, interfaces });
    if (outcome.kind === 'pending' && mayAsk !== undefined) {
      const isWaiting = (uuid: string): boolean => this.find(uuid)?.state === 'pending';
      this.#introductions.remember(registration.uuid, { text, interfaces }, isWaiting);
    }
    return outcome;
  }

  #isTrusted({ uuid, key }: Pick<RackRegistration, 'uuid' | 'key'>): boolean {
    if (key.kind === 'administrator') return true;
    const rack = this.find(uuid);
    return rack?.state === 'accepted' && rack.token === key.token && rack.secretDigest === key.secretDigest;
  }

  async #admit(registration: RackRegistration): Promise<RegistrationOutcome> {
    const atMs = this.#clock.wallTimeMs();
    const racks = this.list();
    const decided = decideRegistration(registration, racks, atMs);
    if (!isNews(decided, racks, atMs)) return decided.result;
    return await this.#change((now) => {
      const decision = decideRegistration(registration, now, atMs);
      const rack = now.find(({ uuid, state }) => uuid === registration.uuid && state === 'accepted');
      const [next] = decision.put;
      if (rack === undefined || next === undefined) return decision;
      return { ...decision, events: [...decision.events, ...this.#disputeEvents(next, rack, now)] };
    });
  }

  /**
   * Accepts, rejects or removes either all of these racks, or none of them.
   * @param shared disputed networks to which the administrator agrees by name
   * @returns the refusal, or undefined
   */
  judge(
    uuids: readonly string[],
    verdict: RackVerdict,
    username: string,
    shared: readonly string[] = [],
  ): Promise<RefusalWord | undefined> {
    const by = { username, atMs: this.#clock.wallTimeMs(), shared };
    return this.#store.transact(async () => {
      const refusal = await this.#change((racks) => decideVerdict(uuids, verdict, racks, by));
      if (refusal !== undefined) return refusal;
      await this.#store.afterCommit(() => {
        for (const listener of this.#listeners) listener();
      });
      return undefined;
    });
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async describe(uuid: string, description: string, event: NewMachineEvent): Promise<void> {
    await this.#store.racks.describe(uuid, description, event);
    await this.#store.afterCommit(() => this.refresh());
  }

  putOwn(description: RackDescription): Promise<void> {
    return this.#change((racks) => decideOwnRack(description, racks, this.#clock.wallTimeMs()));
  }

  /** Removes the own rack of an earlier process on this store; call it if this process has no rack. */
  removeOwn(): Promise<void> {
    return this.#change((racks) => decideOwnRack(undefined, racks, this.#clock.wallTimeMs()));
  }

  async hear(uuid: string, news: RackNews): Promise<void> {
    const atMs = this.#clock.wallTimeMs();
    const { images, measures, ...rest } = news;
    await this.#change((racks) => {
      const rack = racks.find((rack) => rack.uuid === uuid);
      if (rack === undefined) return UNCHANGED;
      const next = weighNetworks({ ...rack, ...rest, seenMs: atMs, awayMs: undefined }, rack, racks);
      const events = [...returnEvents(rack, atMs), ...this.#disputeEvents(next, rack, racks)];
      return { put: [next], events, result: undefined };
    });
    this.acknowledgements.reported();
    if (measures !== undefined) this.#measured(uuid, measures);
    if (images !== undefined) await this.#store.racks.putImages(uuid, images);
  }

  /** The measures of the rack in this process. */
  measuredOwn(measures: RackMeasures): void {
    if (this.own !== undefined) this.#measured(this.own.uuid, measures);
  }

  #measured(uuid: string, measures: RackMeasures): void {
    this.#samples.set(uuid, withMeasure(this.samplesOf(uuid), measures, this.#clock.wallTimeMs()));
  }

  /** What a rack measured of itself in the last day, as far as this process heard it; oldest first. */
  samplesOf(uuid: string): readonly RackSample[] {
    return this.#samples.get(uuid) ?? [];
  }

  async images(among: readonly Rack[] = this.#list): Promise<ReadonlyMap<string, readonly RackImage[]>> {
    const remote = among.filter((rack) => isAccepted(rack) && !rack.isEmbedded);
    return remote.length === 0 ? new Map() : await this.#store.racks.images(remote.map(({ uuid }) => uuid));
  }

  async logAway(): Promise<void> {
    const nowMs = this.#clock.wallTimeMs();
    for (const { uuid } of this.#list.filter((rack) => this.#isNewlyAway(rack, nowMs))) {
      await this.#change((racks) => {
        // Another process may have heard the rack, or logged its absence.
        const rack = racks.find((rack) => rack.uuid === uuid);
        if (rack === undefined || !this.#isNewlyAway(rack, nowMs)) return UNCHANGED;
        const params = { rack: rack.name, heardMs: this.#heardMs(rack) };
        const event: NewMachineEvent = { type: 'RACK_AWAY', code: 'rack-away', params, atMs: nowMs, username: '' };
        return { put: [{ ...rack, awayMs: nowMs }], events: [event], result: undefined };
      });
    }
  }

  #isNewlyAway(rack: Rack, nowMs: number): boolean {
    return rack.awayMs === undefined && isAway({ ...rack, seenMs: this.#heardMs(rack) }, nowMs);
  }

  /**
   * When the rack was last heard, or the region's start if that is later: after a start, racks get
   * time to report.
   */
  #heardMs({ seenMs, stateSinceMs }: Rack): number {
    return Math.max(seenMs ?? stateSinceMs, this.#startedMs);
  }

  async keepRefused(uuid: string, source: string, refused: readonly RefusedEntry[]): Promise<void> {
    await this.#change((racks) => {
      const rack = racks.find((rack) => rack.uuid === uuid);
      if (rack === undefined) return UNCHANGED;
      const before = rack.source === source ? rack.refused : [];
      const put = [{ ...rack, source, refused: [...before, ...refused].slice(-REFUSED_KEPT_MAX) }];
      return { put, events: [], result: undefined };
    });
  }

  #disputeEvents(next: Rack, before: Rack, racks: readonly Rack[]): readonly NewMachineEvent[] {
    const previous = before.disputed;
    if (next.disputed.every((network) => previous.includes(network))) return [];
    const atMs = this.#clock.wallTimeMs();
    const event = doubtEvent(next, racks, atMs);
    return event === undefined || !this.#disputes.allows(next.uuid, this.#clock.now()) ? [] : [event];
  }

  async #change<R>(decide: (racks: readonly Rack[]) => RackChange<R>): Promise<R> {
    const result = await this.#store.racks.change(decide);
    await this.#store.afterCommit(() => this.refresh());
    return result;
  }
}

const OWNED_NAMED_MAX = 10;

/**
 * The event for a user who loses administrator's rights, or the account, while racks use the user's
 * API keys; undefined: no rack uses one of them.
 */
export function ownerLostEvent(
  racks: Pick<Racks, 'list' | 'ownerOf'>,
  user: string,
  by: { readonly username: string; readonly atMs: number },
): NewMachineEvent | undefined {
  const names = racks
    .list()
    .filter((rack) => racks.ownerOf(rack) === user)
    .map(({ name }) => name);
  if (names.length === 0) return undefined;
  const params = { user, racks: names.slice(0, OWNED_NAMED_MAX), more: Math.max(0, names.length - OWNED_NAMED_MAX) };
  return { type: 'RACK_CHANGED', level: 'warning', code: 'rack-owner-lost', params, ...by };
}
