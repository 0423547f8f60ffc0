// The racks of a region: registered, judged, heard. What the API, the link and the page ask.
//
// 1. The list in memory is what the store holds; it is read again when the store's number says that it changed, whoever changed it.
// 2. A rack's secret is compared in constant time, also when there is no such rack.

import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import { type Ipv4, type Ipv4Network, networkContains } from '../../net/address.ts';
import { equalSecrets, findApiKey } from '../accounts/accounts.ts';
import { RateLimiter } from '../rate-limit.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import {
  isAway,
  LINK_VERSION,
  type Rack,
  type RackImage,
  type RackPulse,
  REFUSED_KEPT_MAX,
  type RefusedEntry,
} from '../records/rack.ts';
import type { RackDescription, RackInterface } from '../records/rack-description.ts';
import type { RackChange } from '../records/rack-store.ts';
import type { RegionStore } from '../records/store.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { BatchTurns } from './batch-turns.ts';
import { type Introduction, Introductions } from './introductions.ts';
import { MachineHomes } from './machine-homes.ts';
import {
  decideRegistration,
  decideVerdict,
  type RackRegistration,
  type RackVerdict,
  type RegistrationOutcome,
  type VerdictRefusal,
} from './rack-admission.ts';
import { believedNetworks, doubtEvent, ownNetworks, weighNetworks } from './rack-networks.ts';

/** Racks that nobody knows yet: of one address, of one network, and of all together. A rack that waits asks as one that is known. */
export const REGISTRATIONS_PER_ADDRESS = { perSecond: 1 / 60, burst: 6 } as const;
export const REGISTRATIONS_PER_NETWORK = { perSecond: 0.1, burst: 16 } as const;
export const REGISTRATIONS_IN_TOTAL = { perSecond: 1, burst: 64 } as const;

/** Events about networks of a rack that are another one's, or wide: an accepted rack may say so with each heartbeat and registration. */
export const DISPUTES_PER_RACK = { perSecond: 1 / 3600, burst: 4 } as const;
export const DISPUTES_IN_TOTAL = { perSecond: 0.1, burst: 256 } as const;

/** So often is written down that a rack still waits; it asks every few seconds. */
const WAITING_SEEN_EVERY_MS = 30_000;

/** What a rack says of itself each time. */
export interface RackNews {
  readonly version: string;
  readonly uplink: number;
  readonly interfaces: readonly RackInterface[];
  readonly pulse: RackPulse;
  /** Undefined: as it told them last. */
  readonly images?: readonly RackImage[] | undefined;
}

const NO_PULSE = { life: '', applied: 0, waiting: 0, dropped: 0, deadLetters: 0, startedMs: 0 } as const;

/** What came of weighing a rack's networks. */
interface WeighedNetworks {
  readonly disputed: readonly string[];
  readonly believed: readonly Ipv4Network[];
  readonly own: readonly Ipv4Network[];
}

const isAccepted = ({ state }: Rack): boolean => state === 'accepted';

/** Everything that decides which networks are whose. */
function weighingKey(racks: readonly Rack[]): string {
  return racks
    .filter(isAccepted)
    .map(({ uuid, isEmbedded, interfaces, agreed, disputed }) => {
      const networks = interfaces.map(({ network }) => network).join(' ');
      return [uuid, isEmbedded, networks, agreed.join(' '), disputed.join(' ')].join(';');
    })
    .join('\n');
}

/** False: nothing is to be written, for the rack is refused, or waits as it did a moment ago. */
function isNews({ put, remove = [], events }: RackChange<unknown>, racks: readonly Rack[], atMs: number): boolean {
  const [next] = put;
  if (next === undefined) return events.length > 0 || remove.length > 0;
  const known = racks.find(({ uuid }) => uuid === next.uuid);
  if (known === undefined || next.state !== 'pending' || events.length > 0) return true;
  const isLong = atMs - (known.seenMs ?? known.registeredMs) >= WAITING_SEEN_EVERY_MS;
  return isLong || !isDeepStrictEqual({ ...next, seenMs: 0 }, { ...known, seenMs: 0 });
}

/** The racks of one region. */
export class Racks {
  /** Which desired state they have in force. */
  readonly acknowledgements: Acknowledgements;
  /** Which machines are whose. */
  readonly homes: MachineHomes;
  /** Whose batches are being stored. */
  readonly turns = new BatchTurns();
  readonly #store: RegionStore;
  readonly #clock: Clock;
  readonly #newcomers = new RateLimiter(REGISTRATIONS_PER_ADDRESS, REGISTRATIONS_IN_TOTAL, REGISTRATIONS_PER_NETWORK);
  readonly #introductions = new Introductions();
  /** By rack: how often it is told that it says it has networks of others. */
  readonly #disputes = new RateLimiter(DISPUTES_PER_RACK, DISPUTES_IN_TOTAL);
  readonly #startedMs: number;
  readonly #listeners = new Set<() => void>();
  #list: readonly Rack[] = [];
  #weighed: ReadonlyMap<string, WeighedNetworks> = new Map();
  /** Of which accepted racks `#weighed` is. */
  #weighedKey = '';
  #version = -1;
  readonly #images = new Map<string, readonly RackImage[]>();
  /** Racks that were told to be away. */
  readonly #away = new Set<string>();

  constructor(store: RegionStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#startedMs = clock.wallTimeMs();
    this.acknowledgements = new Acknowledgements(this, clock);
    this.homes = new MachineHomes(this, store, clock);
  }

  /** All racks, in the order in which they came. While the store cannot be read, those that were known last. */
  list(): readonly Rack[] {
    try {
      const version = this.#store.racks.version();
      if (version === this.#version) return this.#list;
      const racks = this.#store.racks.list();
      this.#list = this.#weigh(racks);
      this.#version = version;
      this.#forgetGone();
    } catch (error) {
      if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
    }
    return this.#list;
  }

  /** Forgets what is known of racks that are gone, whoever removed them: strangers register under UUIDs that they make up. */
  #forgetGone(): void {
    const there = new Set(this.#list.map(({ uuid }) => uuid));
    for (const uuid of this.#images.keys()) if (!there.has(uuid)) this.#images.delete(uuid);
    for (const uuid of this.#away) if (!there.has(uuid)) this.#away.delete(uuid);
  }

  /** Weighed anew when another rack, or the region's own, got a network since they were heard; not when one merely says that it is there. */
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
    }
    return racks.map((rack) => ({ ...rack, disputed: this.#weighed.get(rack.uuid)?.disputed ?? rack.disputed }));
  }

  find(uuid: string): Rack | undefined {
    return this.list().find((rack) => rack.uuid === uuid);
  }

  /** True when an address lies in a network of a rack that is accepted, whatever its management, as in `managedNetworks`. */
  serves(address: Ipv4): boolean {
    return this.list().some((rack) => rack.state === 'accepted' && this.isOf(rack, address));
  }

  /** True when an address lies in one of this rack's networks. */
  isOf(rack: Rack, address: Ipv4): boolean {
    return (this.#weighed.get(rack.uuid)?.believed ?? []).some((network) => networkContains(network, address));
  }

  /** The same of its own networks: also of those that it was accepted with and does not report now. */
  isHome(rack: Rack, address: Ipv4): boolean {
    return (this.#weighed.get(rack.uuid)?.own ?? []).some((network) => networkContains(network, address));
  }

  /** The UUID of the accepted rack that holds this key, `token:secret`, and serves this address; undefined: none does. */
  speakerFor(key: string, address: Ipv4): string | undefined {
    const colon = key.indexOf(':');
    const token = key.slice(0, colon);
    const secret = key.slice(colon + 1);
    const holders = this.list().filter((rack) => rack.state === 'accepted' && rack.token === token);
    // Asked once in any case, so that the time does not tell whether there is such a rack.
    if (holders.length === 0) this.#isSecretOf(undefined, token, secret);
    return holders.find((rack) => this.#isSecretOf(rack, token, secret) && this.isOf(rack, address))?.uuid;
  }

  /** The rack that has drawn this key, whatever its state. */
  holderOf(credentials: { readonly tokenKey: string; readonly secret: string }): Rack | undefined {
    const rack = this.list().find(
      ({ token, secretDigest }) => token === credentials.tokenKey && secretDigest !== undefined,
    );
    return this.#isSecretOf(rack, credentials.tokenKey, credentials.secret) ? rack : undefined;
  }

  /** True when these are the credentials of this rack; the use of an API key is recorded. */
  isKeyOf(
    rack: Rack | undefined,
    credentials: { readonly consumerKey: string; readonly tokenKey: string; readonly secret: string },
  ): boolean {
    if (rack?.token !== undefined && rack.secretDigest === undefined) {
      return rack.token === credentials.tokenKey && findApiKey(this.#store, this.#clock, credentials) !== undefined;
    }
    return this.#isSecretOf(rack, credentials.tokenKey, credentials.secret);
  }

  #isSecretOf(rack: Rack | undefined, token: string, secret: string): boolean {
    const given = createHash('sha256').update(secret).digest('hex');
    const kept = rack?.secretDigest ?? (rack === undefined ? undefined : this.#store.findKey(token)?.secretDigest);
    const matches = equalSecrets(given, kept ?? '');
    return rack !== undefined && rack.token === token && kept !== undefined && matches;
  }

  /** As `register`, of a rack whose interfaces are JSON that is not read yet. */
  introduce(
    said: Omit<RackRegistration, 'interfaces'>,
    text: string,
  ): RegistrationOutcome | Exclude<Introduction, { kind: 'interfaces' }> {
    const mayAsk = this.#isTrusted(said) ? undefined : () => this.#newcomers.allows(said.address, this.#clock.now());
    const read = this.#introductions.read(said.uuid, text, mayAsk);
    if (read.kind !== 'interfaces') return read;
    const { interfaces } = read;
    const outcome = this.#admit({ ...said, interfaces });
    if (outcome.kind === 'pending' && mayAsk !== undefined) {
      const isWaiting = (uuid: string): boolean => this.find(uuid)?.state === 'pending';
      this.#introductions.remember(said.uuid, { text, interfaces }, isWaiting);
    }
    return outcome;
  }

  /** Takes the registration of a rack, or says why not. Undefined: too many unknown ones came lately. */
  register(registration: RackRegistration): RegistrationOutcome | undefined {
    const isNew = this.find(registration.uuid) === undefined && registration.key.kind === 'own';
    if (isNew && !this.#newcomers.allows(registration.address, this.#clock.now())) return undefined;
    return this.#admit(registration);
  }

  /** True for whoever has the key of an administrator, and for an accepted rack that shows its own. */
  #isTrusted({ uuid, key }: Pick<RackRegistration, 'uuid' | 'key'>): boolean {
    if (key.kind === 'administrator') return true;
    const known = this.find(uuid);
    return known?.state === 'accepted' && known.token === key.token && known.secretDigest === key.secretDigest;
  }

  #admit(registration: RackRegistration): RegistrationOutcome {
    const atMs = this.#clock.wallTimeMs();
    const racks = this.list();
    const decided = decideRegistration(registration, racks, atMs);
    if (!isNews(decided, racks, atMs)) return decided.result;
    return this.#store.racks.change((now) => {
      const decision = decideRegistration(registration, now, atMs);
      const known = now.find(({ uuid, state }) => uuid === registration.uuid && state === 'accepted');
      const [next] = decision.put;
      if (known === undefined || next === undefined) return decision;
      return { ...decision, events: [...decision.events, ...this.#disputeEvents(next, known, now)] };
    });
  }

  /**
   * Accepts, rejects or removes racks: all of them, or none and the reason.
   * @param shared networks of others that the racks that are accepted shall serve, too
   */
  judge(
    uuids: readonly string[],
    verdict: RackVerdict,
    username: string,
    shared: readonly string[] = [],
  ): VerdictRefusal | undefined {
    const by = { username, atMs: this.#clock.wallTimeMs(), shared };
    const refusal = this.#store.racks.change((racks) => decideVerdict(uuids, verdict, racks, by));
    // Who was removed and comes again tells its images anew.
    for (const uuid of uuids) this.#images.delete(uuid);
    if (refusal === undefined) for (const listener of this.#listeners) listener();
    return refusal;
  }

  /** Calls `listener` after each verdict of this process. @returns how to end that */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Keeps the rack of this very process, which needs no key; one that was here before under another UUID is gone. */
  greet(description: RackDescription): void {
    const atMs = this.#clock.wallTimeMs();
    const { uuid, name, version, interfaces, pinned, settingsRefused } = description;
    this.#store.racks.change((racks) => {
      const known = racks.find((rack) => rack.uuid === uuid);
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
        registeredMs: known?.registeredMs ?? atMs,
        stateSinceMs: known?.stateSinceMs ?? atMs,
        seenMs: atMs,
        refused: [],
        // It sends no heartbeat; only this of one matters here.
        ...(settingsRefused === undefined ? {} : { pulse: { ...NO_PULSE, pinned, settingsRefused } }),
      };
      const gone = racks.filter((one) => one.isEmbedded && one.uuid !== uuid).map((one) => one.uuid);
      return { put: [rack], remove: gone, events: [], result: undefined };
    });
  }

  /** Keeps what a rack's heartbeat said. */
  hear(uuid: string, news: RackNews): void {
    const atMs = this.#clock.wallTimeMs();
    const { images, ...said } = news;
    this.#store.racks.change((racks) => {
      const known = racks.find((rack) => rack.uuid === uuid);
      if (known === undefined) return { put: [], events: [], result: undefined };
      const next = weighNetworks({ ...known, ...said, seenMs: atMs }, known, racks);
      return { put: [next], events: this.#disputeEvents(next, known, racks), result: undefined };
    });
    this.acknowledgements.told();
    if (images !== undefined) {
      this.#store.racks.putImages(uuid, images);
      this.#images.set(uuid, images);
    }
    if (!this.#away.has(uuid)) return;
    const rack = this.find(uuid);
    if (rack !== undefined) this.#tell('RACK_BACK', `rack ${rack.name} is heard again`);
    this.#away.delete(uuid);
  }

  /** The images that a remote rack told last; while the store cannot be read, those that are known here. */
  imagesOf(uuid: string): readonly RackImage[] {
    const known = this.#images.get(uuid);
    if (known !== undefined) return known;
    try {
      const images = this.#store.racks.images(uuid);
      this.#images.set(uuid, images);
      return images;
    } catch (error) {
      if (!(error instanceof RackError && error.code === 'store-unavailable')) throw error;
      return [];
    }
  }

  /** Remembers under which source a rack numbers its events, and what of them was refused. */
  keepRefused(uuid: string, source: string, refused: readonly RefusedEntry[]): void {
    this.#change(uuid, (rack) => {
      const before = rack.source === source ? rack.refused : [];
      return { ...rack, source, refused: [...before, ...refused].slice(-REFUSED_KEPT_MAX) };
    });
  }

  /** Tells of racks that have gone away; asked now and then. */
  lookForAway(): void {
    const nowMs = this.#clock.wallTimeMs();
    for (const rack of this.list()) {
      // A region that was away itself gives its racks time to come back.
      const heard = { ...rack, seenMs: Math.max(rack.seenMs ?? rack.stateSinceMs, this.#startedMs) };
      if (!isAway(heard, nowMs) || this.#away.has(rack.uuid)) continue;
      this.#tell('RACK_AWAY', `rack ${rack.name} was last heard ${new Date(heard.seenMs).toISOString()}`);
      this.#away.add(rack.uuid);
    }
  }

  /** That a rack reports networks which belong to others or are wide, when it did not before; a rack that changes its mind all day is told at a rate. */
  #disputeEvents(next: Rack, before: Rack, racks: readonly Rack[]): readonly NewMachineEvent[] {
    const known = before.disputed;
    if (next.disputed.every((network) => known.includes(network))) return [];
    const atMs = this.#clock.wallTimeMs();
    const event = doubtEvent(next, racks, atMs);
    return event === undefined || !this.#disputes.allows(next.uuid, this.#clock.now()) ? [] : [event];
  }

  #tell(type: NewMachineEvent['type'], description: string): void {
    this.#store.recordEvent({ type, description, atMs: this.#clock.wallTimeMs(), username: '' }, undefined);
  }

  #change(uuid: string, next: (rack: Rack) => Rack): void {
    this.#store.racks.change((racks) => {
      const known = racks.find((rack) => rack.uuid === uuid);
      return { put: known === undefined ? [] : [next(known)], events: [], result: undefined };
    });
  }
}
