// The HTTP room's events, for log and timeline, and its counters, for the metrics.
//
// 1. Kinds are stable strings.
// 2. Events that any host can trigger at will are sampled: `count` says how often the event happened.

import { cleanText } from '../clean-text.ts';
import type { EventKind, RackEvent } from '../event.ts';

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

/** Every kind of event of this room, for the operator. */
export const HTTP_EVENTS = {
  'http.listening': {
    level: 'info',
    message: 'HTTP listens',
    explanation: 'The boot HTTP listener has opened this address. Nothing needs to be done.',
  },
  'http.file-sent': {
    level: 'info',
    message: 'File sent by HTTP',
    explanation:
      'A machine has loaded this file, or the requested part of it (status 206). bytes divided by milliseconds is the speed ' +
      'of the slower end.',
  },
  'http.probed': {
    level: 'debug',
    message: 'File checked by HTTP',
    explanation:
      'A client asked for a file’s size (HEAD), or whether its own copy is current (status 304). UEFI firmware does so before each ' +
      'download. Nothing needs to be done.',
  },
  'http.rendered': {
    level: 'info',
    message: 'Configuration sent by HTTP',
    explanation:
      'A loader has received the configuration rendered for this machine; purpose says what the machine will do.',
  },
  'http.missing': {
    level: 'info',
    message: 'File requested by HTTP does not exist',
    explanation:
      'The boot tree has no such file and none is rendered under this name; the client got 404 at once. Loaders try several names in ' +
      'turn. If a machine stops here, put the file into boot.tree, or import the image named in reason.',
  },
  'http.refused': {
    level: 'warning',
    message: 'HTTP request refused',
    explanation:
      'reason says why: path-not-allowed (the name leads out of the tree), method (files accept only GET and HEAD), ' +
      'target-too-long, target-form and target-escape (the request line is malformed), several-hosts (the request has two Host fields), ' +
      'too-many-connections (address names the client), too-slow (the body of a request stopped arriving), tiny-chunks (it arrived in thousands of tiny pieces), not-accepted (the process has ' +
      'reached its limit of open files: raise LimitNOFILE), body-too-large and proxy-busy (the bounds for requests to the region).',
  },
  'http.aborted': {
    level: 'warning',
    message: 'HTTP download ended by the client',
    explanation:
      'The connection closed before the whole file was sent; bytes says how much was. Usually the machine was switched off, ran out ' +
      'of memory, or wanted only the beginning.',
  },
  'http.stalled': {
    level: 'warning',
    message: 'HTTP download stalled',
    explanation:
      'The connection is open, but the machine has taken nothing of the file for half a minute; bytes says how much it has, milliseconds how ' +
      'long it has stalled. It may hang, be switched off, or have lost its cable: look at its screen. The rack waits two to four ' +
      'minutes, then ends the connection (http.timed-out).',
  },
  'http.timed-out': {
    level: 'warning',
    message: 'HTTP download ended: the machine stopped taking it',
    explanation:
      'The machine took nothing of the file for two to four minutes, so the rack closed the connection; bytes says how much was sent. The ' +
      'machine was switched off, hangs, or its interface has no carrier. It may ask again on its own; if not, look at its screen and restart it.',
  },
  'http.failed': {
    level: 'error',
    message: 'File could not be read for HTTP',
    explanation:
      'The file exists but could not be opened or read to its end; reason is the operating system’s error. Check the disk and ' +
      'the permissions of boot.tree. To replace a file while it is being sent, rename the new one into place; do not overwrite it.',
  },
  'http.posted': {
    level: 'debug',
    message: 'Report passed on to the region',
    explanation:
      'A machine has sent something to the region through this rack; status is the region’s answer, file the path and operation its op. ' +
      'From 400 on the region refused it: reason is the name of its refusal, said the beginning of its answer.',
  },
  'http.forwarded': {
    level: 'debug',
    message: 'Question passed on to the region',
    explanation:
      'A machine has read something from the region through this rack: its script, its metadata. status is the region’s answer; from 400 on ' +
      'reason is the name of its refusal, and said the beginning of its answer.',
  },
  'http.region-unreachable': {
    level: 'error',
    message: 'Region does not answer',
    explanation:
      'A request for /MAAS/ could not be passed on to the region and got 503 or 504; machines try again. The rack still serves leases, names ' +
      'and boots of machines it knows. reason and said say what happened: check that the region runs and listens there. region-foreign: another ' +
      'web server answered; correct this address in region.url, or the proxy in front of the region.',
  },
} as const satisfies Record<string, EventKind>;

export type HttpEventKind = keyof typeof HTTP_EVENTS;

/** An event of this room. */
export interface HttpEvent extends RackEvent {
  readonly kind: HttpEventKind;
  /** The requested path: decoded, cut to FILE_CHARACTERS_MAX and cleaned. */
  readonly file?: string | undefined;
  /** The status of the answer. */
  readonly status?: number | undefined;
  /** Bytes of content handed to the operating system. */
  readonly bytes?: number | undefined;
  /** From the request to the end of the answer. */
  readonly milliseconds?: number | undefined;
  /** The region's operation (`op` of the query), if one is named. */
  readonly operation?: string | undefined;
  /** The purpose of rendered text: what the machine does next. */
  readonly purpose?: string | undefined;
  /** The local port (listening). */
  readonly port?: number | undefined;
  /** A stable word, or the operating system's error. */
  readonly reason?: string | undefined;
  /** The host and port where no region answers. */
  readonly region?: string | undefined;
  /** The beginning of the region's answer, if it refuses the request; without an answer of the region, the error or what answered. */
  readonly said?: string | undefined;
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
