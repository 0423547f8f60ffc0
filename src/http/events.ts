// The HTTP room's events, for log and timeline, and its counters, for the metrics.
//
// 1. Kinds are stable strings.
// 2. Events that any host can trigger at will are sampled: `count` says how often the event happened.

import {
  configuredText,
  createReasonLookup,
  detailsText,
  FILE_REASONS,
  fileText,
  foundText,
  listenerText,
  loadedSizeText,
  speedText,
} from '../boot/boot-words.ts';
import { cleanText } from '../ground/clean-text.ts';
import { type CommonParams, eventsWith, type Forms, type ParamsOf, type RackEvent } from '../ground/event.ts';
import { formatSpan } from '../ground/quantity.ts';

/** Why a request is refused. */
export type HttpRefusal =
  | 'path-not-allowed'
  | 'machine-unknown'
  | 'image-missing'
  | 'method'
  | 'target-too-long'
  | 'target-form'
  | 'target-escape'
  | 'several-hosts'
  | 'too-many-connections'
  | 'too-slow'
  | 'tiny-chunks'
  | 'not-accepted'
  | 'body-gave-way'
  | 'body-too-large'
  | 'proxy-busy';

/** Why the rack cannot keep a machine's report for a region that is away. */
export type NotKept =
  | 'rack-rejected'
  | 'too-many-reports'
  | 'rack-starting'
  | 'thread-down'
  | 'no-answer'
  | 'too-many-waiting'
  | 'outbox-full'
  | 'outbox-failed';

/** Why a request for the region got no answer of it. */
export type RegionUnreached = 'no-region' | 'region-silent' | 'region-foreign' | NotKept;

export const HTTP_REASONS: Readonly<Record<HttpRefusal, string>> = {
  'path-not-allowed': 'The name leads out of the boot tree, is too long, or holds a control character.',
  'machine-unknown': 'The configuration is for an unknown machine; the loader falls back to its default.',
  'image-missing': 'The kernel or initrd was never imported; import the image.',
  method: 'Files accept only GET and HEAD.',
  'target-too-long': 'The request line is longer than any file name.',
  'target-form': 'The request line names neither a path nor an http URL.',
  'target-escape': 'The request line contains an invalid percent escape, or bytes that are not UTF-8.',
  'several-hosts': 'The request has several Host fields (RFC 9112 §3.2).',
  'too-many-connections':
    'All connections were in use for 20 s; or the client’s address or network held more than its share.',
  'too-slow': 'The body arrived at less than 1 KiB in 10 s.',
  'tiny-chunks': 'The body arrived in thousands of pieces of less than 32 octets.',
  'not-accepted': 'The process has reached its limit of open files; raise LimitNOFILE.',
  'body-gave-way': 'The large body arrived slowly, or was one of too many, while others waited for its place.',
  'body-too-large': 'The body is larger than the rack forwards to the region.',
  'proxy-busy':
    'Too many requests were waiting for the region, or this one was slower than others that waited for its place; the client tries again.',
};

/**
 * The reasons for a request that the region does not answer, and for a report that the rack cannot
 * keep for it.
 */
export const REGION_REASONS: Readonly<Record<RegionUnreached, string>> = {
  'no-region': 'This rack has no region; set region.mode, or region.url, in its configuration.',
  'region-silent': 'The region does not answer.',
  'region-foreign':
    'Another web server than a region answers there; correct this address in region.url, or the proxy between.',
  'rack-rejected': 'The region refuses this rack.',
  'too-many-reports': 'Too many reports are arriving at once; the machine tries again.',
  'rack-starting': 'The rack has just started.',
  'thread-down': 'The thread that stores reports is not running; it is being restarted.',
  'no-answer': 'The thread that stores reports did not answer in time; the disk may be slow.',
  'too-many-waiting': 'Too many reports are waiting to be stored; the disk may be slow.',
  'outbox-full': 'The outbox is full of reports; bring the region back.',
  'outbox-failed': 'The outbox cannot be written; free some disk space.',
};

/** The fields of this room's events. */
const FIELDS = {
  /** The requested path: decoded, cut to FILE_CHARACTERS_MAX and cleaned. */
  file: 'text?',
  /** The status of the answer. */
  status: 'number?',
  /** Bytes of content handed to the operating system. */
  bytes: 'number?',
  /** From the request to the end of the answer. */
  milliseconds: 'number?',
  /** The region's operation (`op` of the query), if one is named. */
  operation: 'text?',
  /** The purpose of rendered text: what the machine does next; none if it is another machine's. */
  purpose: 'text?',
  /** How long rendered text shows a menu before that, in seconds; none without a menu. */
  menuSeconds: 'number?',
  /** The local port (listening). */
  port: 'number?',
  /** A stable word, or the operating system's error. */
  reason: 'text?',
  /** What the boot tree has in the place of the file. */
  found: 'text?',
  /** The host and port where no region answers. */
  region: 'text?',
  /**
   * The beginning of the region's answer, if it refuses the request; without an answer of the
   * region, the error or what answered.
   */
  said: 'text?',
} as const satisfies Forms;
type Params = CommonParams & ParamsOf<typeof FIELDS>;
const event = eventsWith(FIELDS);

const EXCHANGE = ['file', 'operation', 'status', 'milliseconds', 'reason', 'said'] as const;
const reasonText = createReasonLookup(HTTP_REASONS, FILE_REASONS, REGION_REASONS);

/** Why the region refused a request, in the region's own words; undefined if it gave no reason. */
export function refusalText({ said, reason }: Pick<Params, 'said' | 'reason'>): string | undefined {
  if (said === undefined) return reason;
  return reason === undefined ? said : `${said} (${reason})`;
}

/** The report of a machine, by the path of its request. */
const REPORTS: readonly (readonly [RegExp, string])[] = [
  [/\/rackboot\/1\/signal$/, 'Reported progress'],
  [/\/api\/\d\.\d\/(?:machines|nodes)\/$/, 'Reported its hardware'],
  [/\/metadata\/(?:status|.*\/signal)|\/(?:metadata|curtin)\//, 'Reported its progress'],
];

/** `done` with its time or, if the region refused the request, `tried` with the path and the reason. */
function exchanged(event: Params, done: string, tried: string): string {
  const took = event.milliseconds === undefined ? '' : ` (${formatSpan(event.milliseconds)})`;
  const status = event.status ?? 0;
  if (status < 400) return `${done}${took}`;
  const operation = event.operation === undefined ? '' : ` (${event.operation})`;
  const why = refusalText(event);
  return `${tried} ${fileText(event)}${operation}, refused by the region with ${status}${why === undefined ? '' : `: ${why}`}`;
}

function reportedText(event: Params): string {
  const words = REPORTS.find(([path]) => path.test(event.file ?? ''))?.[1];
  return exchanged(event, words ?? 'Sent a report', 'Sent a report to');
}

/** Every kind of event of this room, for the operator. */
export const HTTP_EVENTS = {
  'http.listening': event({
    level: 'info',
    message: 'HTTP listens',
    fields: ['port'],
    text: (event) => `HTTP listens on ${listenerText(event)}`,
    explanation: 'The boot HTTP listener has opened this address. Nothing needs to be done.',
  }),
  'http.file-sent': event({
    level: 'info',
    message: 'File sent by HTTP',
    fields: ['file', 'status', 'bytes', 'milliseconds'],
    text: (event) =>
      `Loaded ${event.status === 206 ? 'part of ' : ''}${fileText(event)} by HTTP${detailsText(speedText(event))}`,
    explanation:
      'A machine has loaded this file, or the requested part of it (status 206). bytes divided by milliseconds is the speed ' +
      'of the slower end.',
  }),
  'http.probed': event({
    level: 'debug',
    message: 'File checked by HTTP',
    fields: ['file'],
    text: (event) => `Checked ${fileText(event)} by HTTP without loading it`,
    explanation:
      'A client asked for a file’s size (HEAD), or whether its own copy is current (status 304). UEFI firmware does so before each ' +
      'download. Nothing needs to be done.',
  }),
  'http.rendered': event({
    level: 'info',
    message: 'Configuration sent by HTTP',
    fields: ['file', 'bytes', 'purpose', 'menuSeconds'],
    text: (event) =>
      event.purpose === undefined
        ? `Loaded ${fileText(event)} by HTTP`
        : configuredText(event.purpose, event.menuSeconds),
    explanation:
      'A loader has received the configuration rendered for this machine; purpose says what the machine will do. Without a purpose, the ' +
      'configuration (file) is another machine’s, and the client only read it.',
  }),
  'http.missing': event({
    level: 'info',
    message: 'File requested by HTTP does not exist',
    fields: ['file', 'reason', 'found'],
    text: (event) => `Requested ${fileText(event)} by HTTP: ${reasonText(event.reason)}${foundText(event)}`,
    explanation:
      'The boot tree has no such file and none is rendered under this name; the client got 404 at once. Loaders try several names in ' +
      'turn. If a machine stops here, put the file into boot.tree, or import the image named in reason.',
  }),
  'http.refused': event({
    level: 'warning',
    message: 'HTTP request refused',
    fields: ['file', 'reason'],
    text: (event) => `Requested ${fileText(event)} by HTTP, which was refused: ${reasonText(event.reason)}`,
    explanation:
      'reason says why: path-not-allowed (the name leads out of the tree), method (files accept only GET and HEAD), ' +
      'target-too-long, target-form and target-escape (the request line is malformed), several-hosts (the request has two Host fields), ' +
      'too-many-connections (address names the client), too-slow (the body of a request stopped arriving), tiny-chunks (it arrived in thousands of tiny pieces), not-accepted (the process has ' +
      'reached its limit of open files: raise LimitNOFILE), body-too-large and proxy-busy (the bounds for requests to the region).',
  }),
  'http.tls-failed': event({
    level: 'info',
    message: 'TLS handshake failed',
    fields: ['reason'],
    text: ({ reason }) => `Could not connect over TLS: ${reason ?? 'unknown'}`,
    explanation:
      'A client connected to a listener of boot.http.tls and ended the connection before it requested anything; reason is the code of the ' +
      'error. An ALERT such as UNKNOWN_CA, or ECONNRESET from firmware, means that it does not trust the certificate: enrol its authority in the ' +
      'machine’s setup menu. Clients that only test whether the port is open cause this event, too.',
  }),
  'http.aborted': event({
    level: 'warning',
    message: 'HTTP download ended by the client',
    fields: ['file', 'bytes', 'milliseconds'],
    text: (event) => `Closed the connection while loading ${fileText(event)} by HTTP${detailsText(speedText(event))}`,
    explanation:
      'The connection closed before the whole file was sent; bytes says how much was. Usually the machine was switched off, ran out ' +
      'of memory, or wanted only the beginning.',
  }),
  'http.stalled': event({
    level: 'warning',
    message: 'HTTP download stalled',
    fields: ['file', 'bytes', 'milliseconds'],
    text: (event) =>
      `Stalled for ${formatSpan(event.milliseconds ?? 0)} loading ${fileText(event)} by HTTP, after ${loadedSizeText(event)}: check its screen`,
    explanation:
      'The connection is open, but the machine has taken nothing of the file for half a minute; bytes says how much it has, milliseconds how ' +
      'long it has stalled. It may hang, be switched off, or have lost its cable: look at its screen. The rack waits two to four ' +
      'minutes, then ends the connection (http.timed-out).',
  }),
  'http.timed-out': event({
    level: 'warning',
    message: 'HTTP download ended: the machine stopped taking it',
    fields: ['file', 'bytes'],
    text: (event) =>
      `Stalled while loading ${fileText(event)} by HTTP, after ${loadedSizeText(event)}, and was disconnected`,
    explanation:
      'The machine took nothing of the file for two to four minutes, so the rack closed the connection; bytes says how much was sent. The ' +
      'machine was switched off, hangs, or its interface has no carrier. It may ask again on its own; if not, look at its screen and restart it.',
  }),
  'http.failed': event({
    level: 'error',
    message: 'File could not be read for HTTP',
    fields: ['file', 'reason'],
    text: (event) => `${fileText(event)} could not be read for HTTP: ${event.reason ?? 'unknown'}; check the disk`,
    explanation:
      'The file exists but could not be opened or read to its end; reason is the operating system’s error. Check the disk and ' +
      'the permissions of boot.tree. To replace a file while it is being sent, rename the new one into place; do not overwrite it.',
  }),
  'http.posted': event({
    level: 'debug',
    message: 'Report passed on to the region',
    fields: EXCHANGE,
    text: reportedText,
    explanation:
      'A machine has sent something to the region through this rack; status is the region’s answer, file the path and operation its op. ' +
      'From 400 on the region refused it: reason is the name of its refusal, said the beginning of its answer.',
  }),
  'http.forwarded': event({
    level: 'debug',
    message: 'Question passed on to the region',
    fields: EXCHANGE,
    text: (event) => exchanged(event, `Read ${fileText(event)} from the region`, 'Requested'),
    explanation:
      'A machine has read something from the region through this rack: its script, its metadata. status is the region’s answer; from 400 on ' +
      'reason is the name of its refusal, and said the beginning of its answer.',
  }),
  'http.region-unreachable': event({
    level: 'error',
    message: 'Region does not answer',
    fields: ['file', 'reason', 'region', 'said'],
    text: ({ region, reason, said, ...event }) => {
      const where = region === undefined ? '' : ` at ${region}`;
      return `Requested ${fileText(event)} from the region${where} without success: ${reasonText(reason)}${said === undefined ? '' : `: ${said}`}`;
    },
    explanation:
      'A request for /MAAS/ could not be passed on to the region and got 503 or 504; machines try again. The rack still serves leases, names ' +
      'and boots of machines it knows. reason and said say what happened: check that the region runs and listens there. region-foreign: another ' +
      'web server answered; correct this address in region.url, or the proxy in front of the region.',
  }),
};

export type HttpEventKind = keyof typeof HTTP_EVENTS;

/** An event of this room. */
export interface HttpEvent extends RackEvent, ParamsOf<typeof FIELDS> {
  readonly kind: HttpEventKind;
}

/** The longest file name in an event. */
const FILE_CHARACTERS_MAX = 255;

/** A requested path as events show it. */
export const cleanFile = (path: string): string => cleanText(path, FILE_CHARACTERS_MAX);

/** Counters of the room; they only grow. */
export const HTTP_COUNTERS = [
  'connections',
  'connections-refused',
  'requests',
  'malformed',
  'tls-failed',
  'sent',
  'probed',
  'rendered',
  'missing',
  'refused',
  'aborted',
  'timed-out',
  'failed',
  'bytes',
  'proxied',
  'proxied-bytes',
  'region-unreachable',
  'status-2xx',
  'status-3xx',
  'status-4xx',
  'status-5xx',
] as const;

export type HttpCounter = (typeof HTTP_COUNTERS)[number];

const STATUS_COUNTERS: readonly HttpCounter[] = ['status-2xx', 'status-3xx', 'status-4xx', 'status-5xx'];

/** The counter for this status, 200 to 599; `undefined` for any other. */
export const statusCounter = (status: number): HttpCounter | undefined => STATUS_COUNTERS[Math.floor(status / 100) - 2];
