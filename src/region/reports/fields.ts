// The content of a rack's event as the region stores it: the code is the event's kind, the parameters are its fields. The rack's log makes
// its sentence from the same parameters, so region and log agree (`observe/event-text.ts`).
//
// 1. A field is left out if the sentence of its kind does not need it.
// 2. Addresses are text.

import type { BOOT_EVENTS, BootEvent } from '../../boot/events.ts';
import type { DhcpEvent, DhcpEventKind } from '../../dhcp/events/events.ts';
import type { DnsEvent, DnsEventKind } from '../../dns/events.ts';
import type { RackEvent } from '../../event.ts';
import type { HttpEvent, HttpEventKind } from '../../http/events.ts';
import type { TftpEvent, TftpEventKind } from '../../tftp/events.ts';
import type { Form, Forms, ParamsOf } from './forms.ts';
import { NOTE_FIELDS } from './notes.ts';

/**
 * The fields that every event may have. The region sets `isAway`: the report came from outside the machine's home network, so it proves
 * nothing about the machine (`racks/machine-homes.ts`).
 */
const COMMON = { mac: 'text?', address: 'text?', count: 'number?', isAway: 'flag?' } as const satisfies Forms;
type Common = ParamsOf<typeof COMMON>;

/** The form of a protocol's field by its type; every such field is optional. */
type FormOf<V> = [V] extends [number | undefined]
  ? 'number?'
  : [V] extends [boolean | undefined]
    ? 'flag?'
    : string extends V
      ? 'text?'
      : readonly Exclude<V, undefined>[];
/** @typeParam Unused the fields that no sentence needs */
type FormsOf<E extends RackEvent, Unused extends keyof E = never> = {
  readonly [N in Exclude<keyof E, keyof RackEvent | Unused>]-?: FormOf<E[N]>;
};

/** The fields of a protocol that the sentence of each kind needs. */
type FieldsOf<Kind extends string, F> = Readonly<Record<Kind, readonly (keyof F)[]>>;

const DHCP = {
  subnet: 'text?',
  interfaceName: 'text?',
  leaseSeconds: 'number?',
  source: ['machine', 'reservation', 'own', 'requested', 'unused', 'reclaimed'],
  renewal: 'flag?',
  client: 'text?',
  architecture: 'number?',
  contradiction: 'text?',
  hardwareType: 'number?',
  clientId: 'text?',
  file: 'text?',
  loaderKey: 'text?',
  loaderClass: 'text?',
  quirk: 'text?',
  quirkArchitecture: 'number?',
  loopFile: 'text?',
  loopLoads: 'number?',
  fileServer: 'text?',
  hostname: 'text?',
  classes: 'text?',
  circuitId: 'text?',
  remoteId: 'text?',
  relay: 'text?',
  wanted: 'text?',
  from: 'text?',
  waitedSeconds: 'number?',
  proxied: 'flag?',
  server: 'text?',
  usedBy: 'text?',
  range: 'text?',
  used: 'number?',
  usable: 'number?',
  place: 'text?',
  reason: 'text?',
  imported: 'number?',
  offered: 'text?',
  evidence: ['probe', 'client', 'reply'],
  field: 'text?',
  offset: 'number?',
  database: 'text?',
  milliseconds: 'number?',
  said: 'text?',
  isBootOnly: 'flag?',
} as const satisfies FormsOf<DhcpEvent, 'vendorClass' | 'omitted'>;

const PLAN = ['loaderKey', 'loaderClass', 'quirk', 'quirkArchitecture', 'loopFile', 'loopLoads'] as const;
const BOOT_FILE = ['client', 'architecture', 'contradiction', 'file', 'fileServer', ...PLAN] as const;
const PORT = ['circuitId', 'remoteId'] as const;
const RANGE = ['subnet', 'range', 'used', 'usable'] as const;

const DHCP_FIELDS: FieldsOf<DhcpEventKind, typeof DHCP> = {
  'dhcp.offer': ['source', ...BOOT_FILE, 'proxied', 'classes', 'waitedSeconds'],
  'dhcp.ack': ['renewal', 'leaseSeconds', 'hostname', 'classes', ...PORT],
  'dhcp.elsewhere': ['server'],
  'dhcp.boot-server': BOOT_FILE,
  'dhcp.nak': ['reason'],
  'dhcp.release': [],
  'dhcp.decline': [],
  'dhcp.declines-limited': [],
  'dhcp.declined-back': [],
  'dhcp.new-clients-limited': ['place'],
  'dhcp.range-filling': RANGE,
  'dhcp.range-full': RANGE,
  'dhcp.range-eased': RANGE,
  'dhcp.conflict': ['usedBy'],
  'dhcp.fixed-address-used': ['usedBy'],
  'dhcp.still-used': ['usedBy'],
  'dhcp.cleared': [],
  'dhcp.probes-distrusted': ['subnet', 'usedBy'],
  'dhcp.inform': [],
  'dhcp.refused': [
    'reason',
    'relay',
    'wanted',
    'from',
    'hardwareType',
    'clientId',
    'classes',
    ...PORT,
    'waitedSeconds',
  ],
  'dhcp.malformed': ['reason', 'field', 'offset', 'interfaceName', 'from'],
  'dhcp.expired': [],
  'dhcp.foreign-server': ['interfaceName', 'subnet', 'evidence', 'offered', 'leaseSeconds', 'file', 'isBootOnly'],
  'dhcp.probe-blind': [],
  'dhcp.foreign-server-gone': ['interfaceName', 'subnet'],
  'dhcp.ended': [],
  'dhcp.imported': ['imported'],
  'dhcp.store-unavailable': ['reason', 'database', 'milliseconds', 'said'],
  'dhcp.store-restored': [],
  'dhcp.ballast-freed': [],
  'dhcp.ballast-kept': [],
  'dhcp.socket-open': ['interfaceName'],
  'dhcp.socket-failed': ['interfaceName', 'reason'],
  'dhcp.send-failed': ['interfaceName', 'reason'],
};

const TFTP = {
  file: 'text?',
  port: 'number?',
  bytes: 'number?',
  milliseconds: 'number?',
  blockBytes: 'number?',
  windowBlocks: 'number?',
  repeatedBlocks: 'number?',
  purpose: 'text?',
  code: 'number?',
  reason: 'text?',
} as const satisfies FormsOf<TftpEvent>;

const TERMS = ['blockBytes', 'windowBlocks', 'repeatedBlocks'] as const;

const TFTP_FIELDS: FieldsOf<TftpEventKind, typeof TFTP> = {
  'tftp.listening': ['port'],
  'tftp.sent': ['file', 'purpose', 'bytes', 'milliseconds', ...TERMS],
  'tftp.probed': ['file'],
  'tftp.missing': ['file', 'reason'],
  'tftp.refused': ['file', 'reason'],
  'tftp.gave-way': ['file', 'bytes'],
  'tftp.aborted': ['file', 'bytes', 'code', 'reason'],
  'tftp.timed-out': ['file', 'bytes', ...TERMS],
  'tftp.flooded': ['file', 'bytes'],
  'tftp.unreachable': ['file', 'bytes'],
  'tftp.restarted': ['file', 'bytes'],
  'tftp.failed': ['file', 'reason'],
  'tftp.malformed': ['reason'],
};

const HTTP = {
  file: 'text?',
  status: 'number?',
  bytes: 'number?',
  milliseconds: 'number?',
  operation: 'text?',
  purpose: 'text?',
  port: 'number?',
  reason: 'text?',
  region: 'text?',
  said: 'text?',
} as const satisfies FormsOf<HttpEvent>;

const EXCHANGE = ['file', 'operation', 'status', 'milliseconds', 'reason', 'said'] as const;

const HTTP_FIELDS: FieldsOf<HttpEventKind, typeof HTTP> = {
  'http.listening': ['port'],
  'http.file-sent': ['file', 'status', 'bytes', 'milliseconds'],
  'http.probed': ['file'],
  'http.rendered': ['file', 'purpose'],
  'http.missing': ['file', 'reason'],
  'http.refused': ['file', 'reason'],
  'http.aborted': ['file', 'bytes', 'milliseconds'],
  'http.stalled': ['file', 'bytes', 'milliseconds'],
  'http.timed-out': ['file', 'bytes'],
  'http.failed': ['file', 'reason'],
  'http.posted': EXCHANGE,
  'http.forwarded': EXCHANGE,
  'http.region-unreachable': ['file', 'reason', 'region', 'said'],
};

/** The sources of a claim to a name. */
const OWNERS = ['configured', 'rack', 'machine', 'reservation', 'lease'] as const;

const DNS = {
  port: 'number?',
  name: 'text?',
  winner: OWNERS,
  winnerAddress: 'text?',
  winnerMac: 'text?',
  loser: OWNERS,
  type: 'text?',
  data: 'text?',
  reason: 'text?',
} as const satisfies FormsOf<DnsEvent>;

const DNS_FIELDS: FieldsOf<DnsEventKind, typeof DNS> = {
  'dns.listening': ['port'],
  'dns.listener-waiting': ['port'],
  'dns.refused': ['port'],
  'dns.upstream-failed': ['port'],
  'dns.upstream-recovered': ['port'],
  'dns.overloaded': ['name'],
  'dns.answers-forged': ['port', 'name'],
  'dns.name-conflict': ['name', 'winner', 'winnerAddress', 'winnerMac', 'loser'],
  'dns.record-invalid': ['name', 'type', 'data', 'reason'],
};

const BOOT = {
  'boot.token-withheld': { machine: 'text' },
  'boot.not-at-home': {
    machine: 'text',
    network: 'text',
    rack: 'text',
    home: 'text?',
    homeAddress: 'text?',
  },
  'boot.loader-loop': { file: 'text', instead: 'text', loads: 'number' },
} as const satisfies {
  readonly [K in keyof typeof BOOT_EVENTS]: { readonly [N in Exclude<keyof BootEvent, keyof RackEvent>]?: Form };
};

/** The fields of an event with a note: the note's code and its parameters. */
const NOTED = { note: 'text', ...NOTE_FIELDS } as const;

/** The fields of the events of the process and its parts. */
const SERVICE = {
  ...BOOT,
  // `seconds`: how long the client had been asking; `times`: how often the pattern was seen (offers, loads, transfers, repeated blocks).
  'boot.hint': {
    hint: 'text',
    client: 'text?',
    architecture: 'number?',
    file: 'text?',
    purpose: 'text?',
    proxied: 'flag?',
    seconds: 'number?',
    times: 'number?',
    blocks: 'number?',
    blockBytes: 'number?',
    status: 'number?',
    reason: 'text?',
    said: 'text?',
  },
  'daemon.ready': { name: 'text', version: 'text', startMs: 'number' },
  'daemon.stopping': { signal: 'text' },
  'daemon.finishing': { replies: 'number', transfers: 'number', graceMs: 'number' },
  'daemon.stopped': { milliseconds: 'number', cut: 'number' },
  'daemon.note': NOTED,
  'daemon.leases-lost': NOTED,
  'daemon.leases-restored': NOTED,
  'daemon.leases-damaged': NOTED,
  'daemon.close-failed': { reason: 'text' },
  'clock.stepped': { byMs: 'number' },
  'tree.problem': { reason: 'text' },
  'tree.served': { tree: 'text' },
  'interface.waiting': { ...NOTED, interface: 'text' },
  'interface.serving': { interface: 'text', network: 'text' },
  'config.applied': { file: 'text', source: 'text', changes: 'number' },
  'config.changed': { key: 'text', before: 'text', after: 'text' },
  'config.stranded': { leases: 'number', addresses: 'text' },
  'config.refused': { file: 'text', source: 'text', problems: 'text' },
  'config.networks-lost': { networks: 'text', command: 'text' },
  'config.needs-restart': { keys: 'text' },
  'net.neighbour-new': { interface: 'text' },
  'net.neighbour-moved': { interface: 'text', previous: 'text?' },
  'net.host-found': { interface: 'text' },
  'net.own-address-used': { interface: 'text' },
  'net.router-seen': { interface: 'text', reason: 'text' },
  'net.router-answered': { interface: 'text' },
  'net.router-answer-failed': { interface: 'text', reason: 'text' },
  'metrics.listening': { port: 'number' },
  'metrics.failed': { port: 'number', reason: 'text' },
  'region.up': { addresses: 'text', page: 'text' },
  'region.down': { ...NOTED, retryMs: 'number' },
  'region.linked': { url: 'text', waiting: 'number' },
  'region.away': { ...NOTED, since: 'text' },
  'region.back': { awayMs: 'number', waiting: 'number' },
  'region.moved': { url: 'text', former: 'text' },
  'region.pending': NOTED,
  'region.rejected': NOTED,
  'region.incompatible': NOTED,
  'region.problem': NOTED,
  'region.unconfirmed': NOTED,
  'region.confirmed': {},
  'region.database-away': NOTED,
  'region.database-back': { awayMs: 'number' },
  'region.database-accepts': { refusedMs: 'number' },
  'region.duties-here': { former: 'text?', hasLeft: 'flag?' },
  'region.duties-elsewhere': { holder: 'text' },
  'region.duties-lost': { holder: 'text' },
  'region.cache': NOTED,
  'region.desired-state': { version: 'number' },
  'region.post-queued': { bytes: 'number' },
  'region.post-refused': { reason: 'text' },
  'outbox.full': { waiting: 'number', dropped: 'number' },
  'outbox.dead-letter': { what: 'text', peer: 'text?', reason: 'text' },
  'outbox.renumbered': { id: 'text' },
  'outbox.unavailable': { reason: 'text' },
  'outbox.available': { waiting: 'number' },
  'machine.known': { name: 'text', status: 'text', purpose: 'text' },
  'machine.changed': { name: 'text', status: 'text', purpose: 'text' },
  'machine.forgotten': { name: 'text' },
  'log.gap': { missed: 'number' },
  'log.limited': { missed: 'number' },
  'log.level-changed': { room: 'text', logLevel: 'text', seconds: 'number' },
  'log.level-restored': { room: 'text' },
} as const satisfies Readonly<Record<string, Forms>>;
type Service = typeof SERVICE;

/** The parameters of DHCP events; each kind has some of them. */
export type DhcpParams = Common & ParamsOf<typeof DHCP>;
/** The parameters of TFTP events. */
export type TftpParams = Common & ParamsOf<typeof TFTP>;
/** The parameters of HTTP events. */
export type HttpParams = Common & ParamsOf<typeof HTTP>;
/** The parameters of DNS events. */
export type DnsParams = Common & ParamsOf<typeof DNS>;
/** The parameters of all other events, by kind. */
export type ServiceParams = { readonly [K in keyof Service]: Common & ParamsOf<Service[K]> };

/** The parameters of a hint's sentence; each pattern has some of these (`observe/hints.ts`). */
export type HintParams = Omit<ServiceParams['boot.hint'], keyof Common | 'hint'>;

/** The parameters of a rack's events, by kind. */
export type RackEventParams = { readonly [K in DhcpEventKind]: DhcpParams } & {
  readonly [K in TftpEventKind]: TftpParams;
} & { readonly [K in HttpEventKind]: HttpParams } & { readonly [K in DnsEventKind]: DnsParams } & ServiceParams;

/** A rack's event: its kind and its fields. */
export type ReportedEvent<Code extends keyof RackEventParams = keyof RackEventParams> = {
  readonly [K in Code]: { readonly code: K; readonly params: RackEventParams[K] };
}[Code];

/** The fields of a rack's event on their way to the region. */
export type RackFields = Readonly<Record<string, string | number | boolean | undefined>>;

const picked = (kinds: Readonly<Record<string, readonly string[]>>, forms: Forms): (readonly [string, Forms])[] =>
  Object.entries(kinds).map(([kind, names]) => [
    kind,
    Object.fromEntries(Object.entries(forms).filter(([name]) => names.includes(name))),
  ]);

/** The fields of each kind, besides its addresses. */
export const RACK_EVENT_FORMS: ReadonlyMap<string, Forms> = new Map([
  ...picked(DHCP_FIELDS, DHCP),
  ...picked(TFTP_FIELDS, TFTP),
  ...picked(HTTP_FIELDS, HTTP),
  ...picked(DNS_FIELDS, DNS),
  ...Object.entries(SERVICE),
]);
