// The admission of racks to this region: registrations and administrators' verdicts. Pure.
//
// Sources: the outcomes of `nodegroups/?op=register`, `op=accept`, `op=reject` of MAAS.
//
// 1. Only an administrator accepts a rack: by the API key with which the rack registers, or by a
//    verdict. A rejected rack stays rejected until it is removed.
// 2. A registration changes a known rack only with that rack's key, or with an administrator's.
//    With any other key it is refused, with the reason.
// 3. Accepted racks have distinct names, because people type them.
// 4. Accepting a rack also agrees to its reported networks that are not in doubt
//    (`rack-networks.ts`), and to those that the administrator names. An administrator's key agrees
//    to all of them.

import { isDeepStrictEqual } from 'node:util';
import { shellWord } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { FairShares } from '../../net/shares/fair-shares.ts';
import type { EventParams } from '../records/events.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import {
  LINK_VERSION,
  PENDING_KEPT_MS,
  PENDING_RACKS_MAX,
  PENDING_RACKS_PER_ADDRESS_MAX,
  RACKS_MAX,
  type Rack,
} from '../records/rack.ts';
import type { RackInterface } from '../records/rack-description.ts';
import type { RackChange } from '../records/rack-store.ts';
import { type RefusalName, type RefusalWord, refusal } from '../records/refusal.ts';
import { agreeTo, doubtEvent, reportedTexts, weighNetworks } from './rack-networks.ts';

/** How often the store records that a pending rack was heard. The rack asks every few seconds. */
const WAITING_SEEN_EVERY_MS = 30_000;

export type RackKey =
  | { readonly kind: 'administrator'; readonly token: string; readonly username: string }
  | { readonly kind: 'own'; readonly token: string; readonly secretDigest: string };

export interface RackRegistration {
  readonly uuid: string;
  readonly name: string;
  readonly version: string;
  readonly uplink: number;
  readonly interfaces: readonly RackInterface[];
  readonly key: RackKey;
  readonly address: string;
  /** The region's configuration file, for the commands in refusals (`namedFile`). */
  readonly regionFile?: string | undefined;
}

export type RegistrationOutcome =
  | { readonly kind: 'accepted'; readonly rack: Rack }
  | { readonly kind: 'pending'; readonly rack: Rack; readonly why: RefusalWord }
  | { readonly kind: 'refuse'; readonly refusal: RefusalWord };

type Decision = RackChange<RegistrationOutcome>;

const refuseAdmission = (name: RefusalName, text: string): Decision => ({
  put: [],
  events: [],
  result: { kind: 'refuse', refusal: refusal(name, text) },
});

/** The refusal of a rack whose link version this region does not support; `undefined` if it does. */
export const refuseVersion = (uplink: number): RefusalWord | undefined =>
  uplink === LINK_VERSION
    ? undefined
    : refusal(
        'rack-version',
        `the rack speaks version ${uplink} of the link, this region version ${LINK_VERSION}: update ${uplink < LINK_VERSION ? 'the rack' : 'the region'}`,
      );

export function decideRegistration(registration: RackRegistration, racks: readonly Rack[], atMs: number): Decision {
  const other = refuseVersion(registration.uplink);
  if (other !== undefined) return refuseAdmission(other.name, other.text);
  const rack = racks.find(({ uuid }) => uuid === registration.uuid);
  return rack === undefined
    ? decideNewRack(registration, racks, atMs)
    : decideKnownRack(registration, rack, racks, atMs);
}

function decideNewRack(registration: RackRegistration, racks: readonly Rack[], atMs: number): Decision {
  const { uuid, name, version, uplink, interfaces, key, address } = registration;
  if (key.kind === 'own' && racks.some(({ token }) => token === key.token)) {
    return refuseAdmission(
      'rack-key',
      'another rack has registered this key: remove the key file to generate a new one',
    );
  }
  const gone = findReplaceable(registration, racks, atMs);
  if (gone !== undefined && 'text' in gone) return refuseAdmission(gone.name, gone.text);
  const rack: Rack = {
    uuid,
    name,
    version,
    uplink,
    interfaces,
    address,
    agreed: [],
    disputed: [],
    state: 'pending',
    isEmbedded: false,
    registeredMs: atMs,
    stateSinceMs: atMs,
    refused: [],
    ...buildKeyFields(key),
  };
  const decision = admit(rack, registration, racks, atMs);
  const params = { rack: name, uuid, address };
  // With an administrator's key, the event names that person; otherwise the sender is unknown.
  const username = key.kind === 'administrator' ? key.username : '';
  const event: NewMachineEvent = { type: 'RACK_REGISTERED', code: 'rack-registered', params, atMs, username };
  if (gone === undefined) return { ...decision, events: [event, ...decision.events] };
  return { ...decision, remove: [gone.uuid], events: [gaveWayEvent(gone, address, atMs), event, ...decision.events] };
}

function gaveWayEvent(gone: Rack, address: string, atMs: number): NewMachineEvent {
  const params = {
    rack: gone.name,
    uuid: gone.uuid,
    address: gone.address,
    newAddress: address,
    isSilent: isSilent(gone, atMs),
    max: PENDING_RACKS_MAX,
  };
  // Without a user name it counts towards the bound on events that unknown senders cause.
  return { type: 'RACK_REGISTERED', level: 'warning', code: 'rack-displaced', params, atMs, username: '' };
}

const heardMs = (rack: Rack): number => rack.seenMs ?? rack.registeredMs;

/** What an administrator does if there is no room. */
const FULL_REMEDY = `accept or remove some on the region (rackboot racks list), or wait: one that was silent for ${counted(PENDING_KEPT_MS / 60_000, 'minute')} gives way`;

/** The pending rack to remove for a new one, or the refusal of the new one; `undefined` if there is room. */
function findReplaceable(
  registration: RackRegistration,
  racks: readonly Rack[],
  atMs: number,
): Rack | RefusalWord | undefined {
  const pending = racks.filter(({ state }) => state === 'pending').toSorted((a, b) => heardMs(a) - heardMs(b));
  const [oldest] = pending;
  const full = (): RefusalWord =>
    refusal(
      'racks-limit',
      `there is no room for another rack: ${counted(racks.length, 'rack is', 'racks are')} known, ${pending.length} pending; ${FULL_REMEDY}`,
    );
  if (racks.length >= RACKS_MAX) return oldest !== undefined && isSilent(oldest, atMs) ? oldest : full();
  if (registration.key.kind !== 'own') return undefined;
  const shares = new FairShares<Rack | undefined>({
    max: PENDING_RACKS_MAX,
    addressMax: PENDING_RACKS_PER_ADDRESS_MAX,
  });
  for (const rack of pending) {
    const admission = shares.admit(rack.address, rack);
    if (admission.kind === 'admitted') shares.touch(admission.place, isSilent(rack, atMs));
  }
  const admission = shares.admit(registration.address, undefined);
  if (admission.kind === 'admitted') return admission.evicted;
  if (admission.bound !== 'address') return full();
  const { address } = registration;
  const near = pending.filter((rack) => rack.address === address).length;
  return refusal(
    'racks-limit',
    `${counted(near, 'rack')} from ${address} ${near === 1 ? 'is' : 'are'} pending, the maximum; ${FULL_REMEDY}`,
  );
}

const isSilent = (rack: Rack, atMs: number): boolean => atMs - heardMs(rack) > PENDING_KEPT_MS;

function buildKeyFields(key: RackKey): Pick<Rack, 'token' | 'secretDigest'> {
  return { token: key.token, secretDigest: key.kind === 'own' ? key.secretDigest : undefined };
}

/**
 * A command on the region's host. @param file the configuration file that the command must name;
 * undefined for the default one
 */
const onRegion = (command: string, file: string | undefined): string =>
  `on the region: sudo rackboot ${command}${file === undefined ? '' : ` --config ${shellWord(file)}`}`;

const removal = (uuid: string, file: string | undefined): string => onRegion(`racks remove ${uuid}`, file);

function decideKnownRack(
  registration: RackRegistration,
  registered: Rack,
  racks: readonly Rack[],
  atMs: number,
): Decision {
  const { uuid, name, version, uplink, interfaces, key, address, regionFile: file } = registration;
  if (registered.state === 'rejected') {
    return refuseAdmission(
      'rack-rejected',
      `an administrator rejected this rack; to let it register again, ${removal(uuid, file)}`,
    );
  }
  if (registered.isEmbedded) {
    return refuseAdmission(
      'rack-key',
      `${uuid} is the region's own rack: a copied rack.json must not be used on another host`,
    );
  }
  const isSame =
    key.kind === 'own'
      ? registered.token === key.token && registered.secretDigest === key.secretDigest
      : registered.token === key.token;
  if (!isSame && key.kind === 'own') {
    return refuseAdmission(
      'rack-key',
      `${uuid} is registered with another key; if this rack has lost its own, ${removal(uuid, file)}`,
    );
  }
  const rack: Rack = {
    ...registered,
    name,
    version,
    uplink,
    interfaces,
    address,
    seenMs: atMs,
    ...(isSame ? {} : buildKeyFields(key)),
  };
  return admit(rack, registration, racks, atMs);
}

export const rackWaitingText = (rack: string, file: string | undefined): string =>
  `waiting for an administrator; ${onRegion(`racks accept ${rack}`, file)}`;

/** Accepts a rack at once if it has an administrator's key and a free name; otherwise its state stays. */
function admit(
  rack: Rack,
  { key, regionFile: file }: RackRegistration,
  racks: readonly Rack[],
  atMs: number,
): Decision {
  const before = racks.find(({ uuid }) => uuid === rack.uuid);
  const namesake = findNamesake(rack, racks);
  if (namesake !== undefined && before?.state === 'accepted') {
    // An accepted rack keeps working under its former name.
    const weighed: Rack = weighNetworks({ ...rack, name: before.name }, before, racks);
    const params = { rack: before.name, uuid: rack.uuid, calledItself: rack.name };
    const event: NewMachineEvent = {
      type: 'RACK_CHANGED',
      level: 'warning',
      atMs,
      username: '',
      code: 'rack-misnamed',
      params,
    };
    return { put: [weighed], events: [event], result: { kind: 'accepted', rack: weighed } };
  }
  if (namesake !== undefined) {
    const why = refusal(
      'rack-pending',
      `a rack named ${rack.name} is already accepted (${namesake.uuid}): give this one another name, or ${removal(namesake.uuid, file)}`,
    );
    return { put: [rack], events: [], result: { kind: 'pending', rack, why } };
  }
  if (rack.state === 'accepted') {
    const accepted =
      key.kind === 'own' ? weighNetworks(rack, before, racks) : agreeTo(rack, reportedTexts(rack), racks);
    return { put: [accepted], events: [], result: { kind: 'accepted', rack: accepted } };
  }
  if (key.kind === 'own') {
    const why = refusal('rack-pending', rackWaitingText(rack.name, file));
    return { put: [rack], events: [], result: { kind: 'pending', rack, why } };
  }
  const accepted: Rack = { ...agreeTo(rack, reportedTexts(rack), racks), stateSinceMs: atMs };
  return {
    put: [accepted],
    events: [verdictEvent('accepted', accepted, key.username, atMs)],
    result: { kind: 'accepted', rack: accepted },
  };
}

function findNamesake(rack: Rack, racks: readonly Rack[]): Rack | undefined {
  return racks.find(({ uuid, name, state }) => uuid !== rack.uuid && name === rack.name && state === 'accepted');
}

function verdictEvent(
  verdict: EventParams['rack-judged']['verdict'],
  { name, uuid }: Rack,
  username: string,
  atMs: number,
  shared: readonly string[] = [],
): NewMachineEvent {
  const params = { verdict, rack: name, uuid, shared };
  return { type: 'RACK_CHANGED', code: 'rack-judged', params, atMs, username };
}

export type RackVerdict = 'accept' | 'reject' | 'remove';

export function decideVerdict(
  uuids: readonly string[],
  verdict: RackVerdict,
  racks: readonly Rack[],
  by: { readonly username: string; readonly atMs: number; readonly shared?: readonly string[] | undefined },
): RackChange<RefusalWord | undefined> {
  const no = (name: RefusalName, text: string) => ({ put: [], events: [], result: refusal(name, text) });
  const put: Rack[] = [];
  const remove: string[] = [];
  const events: NewMachineEvent[] = [];
  let now = racks;
  for (const uuid of new Set(uuids)) {
    const rack = now.find((rack) => rack.uuid === uuid);
    if (rack === undefined) return no('not-found', `there is no rack ${uuid}; rackboot racks list shows all`);
    if (rack.isEmbedded) {
      if (verdict === 'accept') continue;
      return no(
        'rack-embedded',
        `${rack.name} is the rack of the region's own process: it cannot be rejected or removed`,
      );
    }
    if (verdict === 'remove') {
      remove.push(uuid);
      events.push(verdictEvent('removed', rack, by.username, by.atMs));
      continue;
    }
    const namesake = verdict === 'accept' ? findNamesake(rack, now) : undefined;
    if (namesake !== undefined) {
      return no(
        'rack-name',
        `a rack named ${rack.name} is already accepted (${namesake.uuid}): remove or rename one of them`,
      );
    }
    const { shared = [] } = by;
    const unknown = verdict === 'accept' ? shared.filter((network) => !reportedTexts(rack).includes(network)) : [];
    if (unknown.length > 0) {
      const reported = reportedTexts(rack);
      return no(
        'rack-network',
        `rack ${rack.name} has no network ${unknown.join(', ')}: it reports ${reported.join(', ') || 'none'}`,
      );
    }
    const state = verdict === 'accept' ? 'accepted' : 'rejected';
    if (rack.state === state && shared.length === 0) continue;
    const sinceMs = rack.state === state ? rack.stateSinceMs : by.atMs;
    const judged: Rack = {
      ...(state === 'accepted' ? agreeTo(rack, shared, now) : { ...rack, state }),
      stateSinceMs: sinceMs,
    };
    now = now.map((rack) => (rack.uuid === uuid ? judged : rack));
    put.push(judged);
    events.push(verdictEvent(state, rack, by.username, by.atMs, state === 'accepted' ? shared : []));
    const doubt = state === 'accepted' ? doubtEvent(judged, now, by.atMs, by.username) : undefined;
    if (doubt !== undefined) events.push(doubt);
  }
  return { put, remove, events, result: undefined };
}

export function isNews(
  { put, remove = [], events }: RackChange<unknown>,
  racks: readonly Rack[],
  atMs: number,
): boolean {
  const [next] = put;
  if (next === undefined) return events.length > 0 || remove.length > 0;
  const rack = racks.find(({ uuid }) => uuid === next.uuid);
  if (rack === undefined || next.state !== 'pending' || events.length > 0) return true;
  const isLong = atMs - (rack.seenMs ?? rack.registeredMs) >= WAITING_SEEN_EVERY_MS;
  return isLong || !isDeepStrictEqual({ ...next, seenMs: 0 }, { ...rack, seenMs: 0 });
}
