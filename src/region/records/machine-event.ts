// A machine's event log. It uses MAAS's event types where MAAS has one.
//
// Sources: MAAS's event type names and levels.
//
// 1. An event contains no secret, and only cleaned text.
// 2. A published type name keeps its meaning.
// 3. People follow INFO events: state changes, installation steps, disk erasure, power switching.
//    Requests, loads and signals in between are DEBUG. Faults keep their rack's level.
// 4. AUDIT events say who did what, in a list of their own (`rackboot events --level audit`).

import { formatIpv4, formatMac, type Ipv4, type MacAddress, parseIpv4, parseMac } from '../../ground/address.ts';
import type { RackFields } from '../reports/reported.ts';
import { reportedEvent } from '../reports/reported.ts';
import type { Happening, ReportFields } from './events.ts';
import { isBootDecision, isOfferWithFile } from './report-fields.ts';

/** The numbers are those of the API's `level` filter. */
export const EVENT_LEVELS = { audit: 0, debug: 10, info: 20, warning: 30, error: 40, critical: 50 } as const;
export type MachineEventLevel = keyof typeof EVENT_LEVELS;

export const isEventLevel = (value: unknown): value is MachineEventLevel =>
  typeof value === 'string' && Object.hasOwn(EVENT_LEVELS, value);

export const EVENT_TYPES = {
  NEW: { level: 'info', title: 'New' },
  NODE_CHANGED_STATUS: { level: 'info', title: 'Node changed status' },
  NODE_STATUS_EVENT: { level: 'debug', title: 'Node status event' },
  NODE_COMMISSIONING_EVENT: { level: 'debug', title: 'Node commissioning' },
  NODE_TESTING_EVENT: { level: 'debug', title: 'Node testing' },
  NODE_ERASING_EVENT: { level: 'info', title: 'Node disk erasing' },
  NODE_RESCUE_EVENT: { level: 'debug', title: 'Node rescue mode' },
  NODE_PXE_REQUEST: { level: 'debug', title: 'PXE Request' },
  NODE_TFTP_REQUEST: { level: 'debug', title: 'TFTP Request' },
  NODE_HTTP_REQUEST: { level: 'debug', title: 'HTTP Request' },
  NODE_DHCP_EVENT: { level: 'debug', title: 'DHCP' },
  NODE_DNS_EVENT: { level: 'debug', title: 'DNS' },
  NODE_RACK_EVENT: { level: 'debug', title: 'Rack' },
  NODE_POWER_REPORTED: { level: 'info', title: 'BMC reported' },
  NODE_ENLISTMENT_IGNORED: { level: 'warning', title: 'Enlistment report ignored' },
  NODE_ENLISTMENT_REFUSED: { level: 'warning', title: 'Enlistment refused' },
  NODE_SEEN_ELSEWHERE: { level: 'warning', title: 'Seen elsewhere' },
  NODE_ENLISTMENT_CONFLICT: { level: 'warning', title: 'Evidence of another machine' },
  NODE_IDENTITY_CHANGED: { level: 'audit', title: 'Machines merged or split' },
  NODE: { level: 'audit', title: 'Node' },
  NODE_INSTALL_EVENT: { level: 'info', title: 'Node installation' },
  NODE_DISK_WRITTEN: { level: 'info', title: 'Disk written' },
  NODE_POWERED_ON: { level: 'info', title: 'Node powered on' },
  NODE_POWERED_OFF: { level: 'info', title: 'Node powered off' },
  NODE_POWER_ON_FAILED: { level: 'error', title: 'Failed to power on node' },
  NODE_POWER_OFF_FAILED: { level: 'error', title: 'Failed to power off node' },
  NODE_POWER_QUERY_FAILED: { level: 'warning', title: 'Failed to query node power' },
  NODE_HUNG: { level: 'warning', title: 'Started again' },
  TAG: { level: 'audit', title: 'Tag' },
  ZONES: { level: 'audit', title: 'Zones and pools' },
  SCRIPT: { level: 'audit', title: 'Script' },
  NODE_REMOVED: { level: 'audit', title: 'Node' },
  RACK_REGISTERED: { level: 'info', title: 'Rack registered' },
  RACK_CHANGED: { level: 'audit', title: 'Rack' },
  RACK_AWAY: { level: 'warning', title: 'Rack away' },
  RACK_BACK: { level: 'info', title: 'Rack back' },
  RACK_EVENTS_LOST: { level: 'error', title: 'Events lost' },
  SETTINGS: { level: 'audit', title: 'Settings' },
  NETWORKING: { level: 'audit', title: 'Networking' },
  IMAGES: { level: 'audit', title: 'Images' },
  REGION_IMPORT_INFO: { level: 'info', title: 'Region image import' },
  REGION_IMPORT_ERROR: { level: 'error', title: 'Region image import error' },
  AUTHORISATION: { level: 'audit', title: 'Authorisation' },
} as const satisfies Record<string, { readonly level: MachineEventLevel; readonly title: string }>;
export type MachineEventType = keyof typeof EVENT_TYPES;

export const isEventType = (name: string): name is MachineEventType => Object.hasOwn(EVENT_TYPES, name);

export type NewMachineEvent = Happening & {
  readonly type: MachineEventType;
  /** Overrides the type's level. */
  readonly level?: MachineEventLevel | undefined;
  /** Wall time in milliseconds. */
  readonly atMs: number;
  /** The user who caused it; empty: none. */
  readonly username: string;
};

export type MachineEvent = Happening & {
  readonly id: number;
  readonly atMs: number;
  readonly type: MachineEventType;
  readonly level: MachineEventLevel;
  readonly username: string;
  /** `undefined` if it concerns no known machine. */
  readonly systemId?: string | undefined;
  readonly hostname?: string | undefined;
  /** The hardware address of the unknown machine that it concerns. */
  readonly stranger?: MacAddress | undefined;
  /** The rack's, `tftp.transfer-finished`; `undefined` if the region recorded it. */
  readonly kind?: string | undefined;
  /** The remote rack that reported it, empty if that was removed. */
  readonly rack?: string | undefined;
};

export function decodeHappening(event: MachineEvent): Happening {
  const { id: _id, atMs: _at, type: _type, level: _level, username: _by, ...about } = event;
  const { systemId: _own, hostname: _name, stranger: _mac, kind: _kind, rack: _rack, ...happening } = about;
  return happening;
}

export interface RackReport {
  /** Increases by one with each event of a source. */
  readonly sequence: number;
  readonly kind: string;
  /** Wall time in milliseconds. */
  readonly at: number;
  /** Twelve hexadecimal digits with colons. */
  readonly mac?: string | undefined;
  /** Dotted decimal. */
  readonly address?: string | undefined;
  /** Its sentence, shown if the region does not know its kind. */
  readonly text: string;
  /** Its further fields; `undefined`: the sentence says everything. */
  readonly params?: RackFields | undefined;
  /** `undefined`: the level of its type. */
  readonly level?: MachineEventLevel | undefined;
  /**
   * Set by the region: the rack is not the machine's home, so it is not believed
   * (`racks/machine-homes.ts`).
   */
  readonly isElsewhere?: boolean | undefined;
  /** Set by the region: the address is not in the machine's home network, so it is no sign of life. */
  readonly isAway?: boolean | undefined;
  /** Set by the region if the rack may lease the address there, and the region keeps such leases. */
  readonly leaseAddress?: Ipv4 | undefined;
}

/** True for what a machine causes while booting from the network. */
export const isBootEvent = (type: MachineEventType): boolean =>
  type === 'NODE_PXE_REQUEST' || type === 'NODE_TFTP_REQUEST' || type === 'NODE_HTTP_REQUEST';

/**
 * True for the end of a transfer whose machine no longer answered or gave it up: it does not show
 * that a machine runs.
 */
export const isDeadTransfer = (kind: string): boolean =>
  /^(?:tftp|http)\.(?:aborted|timed-out|unreachable|stalled|failed|gave-way)$/.test(kind);

/**
 * True if a machine is starting from the network. Loading a file does not count, nor a client of
 * which the rack knew only the IP address, nor an offer without an address (proxy mode): it may be
 * another network's, where any host can use the machine's hardware address.
 */
export const isNetworkStart = (
  kind: string,
  fields: ReportFields,
  { mac, address }: { readonly mac?: string | undefined; readonly address?: string | undefined },
): boolean =>
  kind === 'dhcp.offer'
    ? isOfferWithFile(fields) && address !== undefined
    : isBootEvent(getEventType(kind)) && fields.purpose !== undefined && mac !== undefined;

/** Kinds that show a host with an address: it took one, or was heard on the wire. */
export const HEARD_KINDS: readonly string[] = [
  'dhcp.ack',
  'net.neighbour-new',
  'net.neighbour-moved',
  'net.host-found',
];

export const ADDRESS_ENDS: readonly string[] = ['dhcp.release', 'dhcp.expired', 'dhcp.ended', 'dhcp.decline'];

/** The machine was denied this address, gave it back or lost it. */
const WITHOUT_ADDRESS: ReadonlySet<string> = new Set([
  'dhcp.nak',
  'dhcp.refused',
  'dhcp.conflict',
  'dhcp.fixed-address-used',
  'dhcp.still-used',
  'dhcp.cleared',
  ...ADDRESS_ENDS,
]);

/** Offered, granted or claimed. */
export const isAddressSeen = (kind: string): boolean => kind.startsWith('dhcp.') && !WITHOUT_ADDRESS.has(kind);

/** The kinds of events after which an address is only offered, or returned to its range. */
const ONLY_OFFERED: ReadonlySet<string> = new Set(['dhcp.offer', 'dhcp.declined-back']);

/** Granted or claimed. Offers do not count, because no event reports their end. */
export const isAddressHeld = (kind: string): boolean => isAddressSeen(kind) && !ONLY_OFFERED.has(kind);

/** Taken from a rack, or from another DHCP server in proxy mode. */
export const isAddressTaken = (kind: string): boolean => kind === 'dhcp.ack' || kind === 'dhcp.elsewhere';

/** About a rack's own listeners and sockets. */
const OF_THE_RACK =
  /\.(?:listening|listener-waiting|socket-open|socket-failed|store-unavailable|store-restored|upstream-failed|upstream-recovered)$/;

/** Another host asked for the machine's configuration: nothing that the machine did. */
const OF_ANOTHER_HOST = /^boot\.(?:token-withheld|asked-by-another)$/;

export function getEventType(kind: string): MachineEventType {
  if (OF_THE_RACK.test(kind)) return 'NODE_RACK_EVENT';
  if (OF_ANOTHER_HOST.test(kind)) return 'NODE_RACK_EVENT';
  if (/^(boot\.|http\.rendered|tftp\.rendered)/.test(kind)) return 'NODE_PXE_REQUEST';
  if (kind.startsWith('tftp.')) return 'NODE_TFTP_REQUEST';
  if (kind.startsWith('http.')) return 'NODE_HTTP_REQUEST';
  if (kind.startsWith('dhcp.')) return 'NODE_DHCP_EVENT';
  if (kind.startsWith('dns.')) return 'NODE_DNS_EVENT';
  return 'NODE_RACK_EVENT';
}

/** Routine traffic. */
const TRAFFIC =
  /^(?:dhcp\.(?:offer|ack|elsewhere|boot-server|release|declined-back|inform|expired)|(?:tftp|http)\.(?:sent|file-sent|rendered|missing|probed|posted|forwarded|restarted)|net\.(?:neighbour-new|host-found|router-answered))$/;

/** A code with parameters, or its sentence if the region cannot write one. */
export function happeningOfReport({ kind, mac, address, text, params, isAway }: RackReport): Happening {
  const from = { ...normalizeAddresses(mac, address), isAway };
  const event = params === undefined ? undefined : reportedEvent(kind, params, from);
  return event ?? { code: 'rack', params: { text, isAway } };
}

/** The addresses of an event as this version writes them; invalid ones are left out. */
function normalizeAddresses(mac = '', address = '') {
  const parsed = { mac: parseMac(mac), address: parseIpv4(address) };
  return {
    mac: parsed.mac === undefined ? undefined : formatMac(parsed.mac),
    address: parsed.address === undefined ? undefined : formatIpv4(parsed.address),
  };
}

/** Traffic is DEBUG, except for the configuration that decides what the machine boots. */
export function levelOfReport({
  kind,
  fields = {},
  level,
}: Pick<RackReport, 'kind' | 'level'> & { readonly fields?: ReportFields }): MachineEventLevel | undefined {
  if (level !== 'info' || !TRAFFIC.test(kind)) return level;
  return isBootDecision(fields) ? 'info' : 'debug';
}

/** The ids of the oldest and the newest event in the store's log; both 0 if there are none. */
export interface EventRange {
  readonly oldest: number;
  readonly newest: number;
  /** In another history the same ids may belong to other events, because a restored backup lacked some. */
  readonly history: number;
}
