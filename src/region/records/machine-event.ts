// The log of a machine: what happened to it, in the words that MAAS's clients know where MAAS has a word.
//
// Sources: MAAS's event type names and levels.
//
// 1. An event holds no secret and no text that was not cleaned.
// 2. A type name, once published, keeps its meaning.
// 3. INFO is what a person follows: how a machine's state changes, the steps of its installation, what erases its disks, who switched it.
//    What it asked, loaded and signalled on the way is DEBUG. Faults keep the level that their rack gave them.

import { isBootDecision, isConfiguration, isOfferWithFile } from './rack-words.ts';

/** How much an event matters; the numbers are those of the API's `level` filter. */
export const EVENT_LEVELS = { audit: 0, debug: 10, info: 20, warning: 30, error: 40, critical: 50 } as const;
export type MachineEventLevel = keyof typeof EVENT_LEVELS;

/** The types that the region itself records, with what people read. */
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
  SCRIPT: { level: 'audit', title: 'Script' },
  NODE_REMOVED: { level: 'audit', title: 'Node' },
  RACK_REGISTERED: { level: 'info', title: 'Rack registered' },
  RACK_CHANGED: { level: 'audit', title: 'Rack' },
  RACK_AWAY: { level: 'warning', title: 'Rack away' },
  RACK_BACK: { level: 'info', title: 'Rack back' },
  RACK_EVENTS_LOST: { level: 'error', title: 'Events lost' },
  SETTINGS: { level: 'audit', title: 'Settings' },
  AUTHORISATION: { level: 'audit', title: 'Authorisation' },
} as const satisfies Record<string, { readonly level: MachineEventLevel; readonly title: string }>;
export type MachineEventType = keyof typeof EVENT_TYPES;

/** An event to be recorded. */
export interface NewMachineEvent {
  readonly type: MachineEventType;
  /** Instead of the type's own level. */
  readonly level?: MachineEventLevel | undefined;
  readonly description: string;
  /** Wall time in milliseconds. */
  readonly atMs: number;
  /** Who did it; empty: nobody but the machine. */
  readonly username: string;
}

/** An event as it was recorded. */
export interface MachineEvent {
  readonly id: number;
  readonly atMs: number;
  readonly type: MachineEventType;
  readonly level: MachineEventLevel;
  readonly description: string;
  readonly username: string;
  /** Undefined: it concerns no machine that is known. */
  readonly systemId?: string | undefined;
  readonly hostname?: string | undefined;
  /** The rack's own name of it, `tftp.transfer-finished`; undefined: the region recorded it. */
  readonly kind?: string | undefined;
  /** The name of the rack elsewhere that told it, empty when that was removed; undefined: the region's own rack told it, or none. */
  readonly rack?: string | undefined;
}

/** An event that a rack sends up. */
export interface RackReport {
  /** Grows by one with each event of one source. */
  readonly sequence: number;
  readonly kind: string;
  /** Wall time in milliseconds. */
  readonly at: number;
  /** Twelve hexadecimal digits with colons. */
  readonly mac?: string | undefined;
  /** Dotted decimal. */
  readonly address?: string | undefined;
  readonly text: string;
  /** How much it matters; undefined: as its type says. */
  readonly level?: MachineEventLevel | undefined;
  /** The region's own note: its machine is not at home with the rack, so nothing of it is believed (`racks/machine-homes.ts`). */
  readonly isElsewhere?: boolean | undefined;
  /** Its address is of another wire than the home of its machine: it is kept, and is no sign of the machine's life. */
  readonly isAway?: boolean | undefined;
}

/** True for what a machine does while it boots from the network. */
export const isBootEvent = (type: MachineEventType): boolean =>
  type === 'NODE_PXE_REQUEST' || type === 'NODE_TFTP_REQUEST' || type === 'NODE_HTTP_REQUEST';

/** True for what a machine does once or a few times as it starts from the network, and not while it loads. */
export const isNetworkStart = ({ kind, text }: Pick<RackReport, 'kind' | 'text'>): boolean =>
  kind === 'dhcp.offer' ? isOfferWithFile(text) : isBootEvent(eventTypeOf(kind)) && isConfiguration(text);

/** They name an address that a machine had by a lease and has no more. */
export const ADDRESS_ENDS: readonly string[] = ['dhcp.release', 'dhcp.expired', 'dhcp.ended', 'dhcp.decline'];

/** They name an address that a machine was denied, gave back, or has no more. */
const WITHOUT_ADDRESS: ReadonlySet<string> = new Set([
  ...['dhcp.nak', 'dhcp.refused', 'dhcp.conflict', 'dhcp.fixed-address-used', 'dhcp.still-used', 'dhcp.cleared'],
  ...ADDRESS_ENDS,
]);

/** True for what names the address with which a machine is seen: what it is offered or granted, or says that it has. */
export const isAddressSeen = (kind: string): boolean => kind.startsWith('dhcp.') && !WITHOUT_ADDRESS.has(kind);

/** True for what tells that a machine has an address: from a rack, or from another DHCP server where a rack only helps to boot. */
export const isAddressTaken = (kind: string): boolean => kind === 'dhcp.ack' || kind === 'dhcp.elsewhere';

/** What a rack tells of its own listeners and sockets, and not of a machine. */
const OF_THE_RACK =
  /\.(?:listening|listener-waiting|socket-open|socket-failed|store-unavailable|store-restored|upstream-failed|upstream-recovered)$/;

/** The type under which a rack's event is shown. */
export function eventTypeOf(kind: string): MachineEventType {
  if (OF_THE_RACK.test(kind)) return 'NODE_RACK_EVENT';
  if (/^(boot\.|http\.rendered|tftp\.rendered)/.test(kind)) return 'NODE_PXE_REQUEST';
  if (kind.startsWith('tftp.')) return 'NODE_TFTP_REQUEST';
  if (kind.startsWith('http.')) return 'NODE_HTTP_REQUEST';
  if (kind.startsWith('dhcp.')) return 'NODE_DHCP_EVENT';
  if (kind.startsWith('dns.')) return 'NODE_DNS_EVENT';
  return 'NODE_RACK_EVENT';
}

/** What machines do all day or on the way to a system: they ask for addresses, load files, look for routers. */
const TRAFFIC =
  /^(?:dhcp\.(?:offer|ack|elsewhere|boot-server|release|declined-back|inform|expired)|(?:tftp|http)\.(?:sent|file-sent|rendered|missing|probed|posted|forwarded|restarted)|net\.(?:neighbour-new|router-answered))$/;

/** The level at which a rack's report is kept: traffic is DEBUG, but for what a machine is told to boot. */
export function levelOfReport(report: Pick<RackReport, 'kind' | 'text' | 'level'>): MachineEventLevel | undefined {
  if (report.level !== 'info' || !TRAFFIC.test(report.kind)) return report.level;
  return isBootDecision(report.text) ? 'info' : 'debug';
}
