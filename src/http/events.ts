// What the HTTP room tells: to operators through the log and the timeline, to the metrics through counters.
//
// 1. Kinds are stable strings.
// 2. What a stranger can cause at will is sampled: `count` says how many happenings the event stands for.

import { cleanText } from '../clean-text.ts';
import type { EventKind, RackEvent } from '../event.ts';

/** Why a request is refused, in a sentence with the remedy where there is one. */
export const HTTP_REFUSALS = {
  'path-not-allowed': 'The name leads out of the boot tree, is too long, or holds a control character.',
  'machine-unknown': 'The configuration is for a machine that is not known; the loader goes on to its default.',
  'image-missing': 'The kernel or initrd was never imported; import the image.',
  method: 'Only GET and HEAD are for files.',
  'target-too-long': 'The request line is longer than any file name.',
  'target-form': 'The request line names neither a path nor an http URL.',
  'target-escape': 'The request line holds a percent sign that is no escape, or bytes that are no text.',
  'too-many-connections':
    'All connections are taken, and none was free within 20 s; or its address or network held more than its share.',
  'too-slow': 'The body came at less than 1 KiB in 10 s.',
  'tiny-chunks': 'The body came in thousands of pieces of less than 32 octets.',
  'not-accepted': 'The process may open no more files; raise LimitNOFILE.',
  'body-too-large': 'The body is larger than what is passed on to the region.',
  'proxy-busy':
    'Too many requests are with the region, or this one came more slowly than others who waited for its place; the client tries again by itself.',
} as const;

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
      'A machine has loaded this file, or the part of it that it asked for (status 206). bytes divided by milliseconds is the speed ' +
      'of the slower end.',
  },
  'http.probed': {
    level: 'debug',
    message: 'File looked at by HTTP',
    explanation:
      'A client asked how large a file is (HEAD), or whether the copy it has is still good (status 304). UEFI firmware does so ' +
      'before each download. Nothing needs to be done.',
  },
  'http.rendered': {
    level: 'info',
    message: 'Configuration sent by HTTP',
    explanation: 'A loader has got the configuration rendered for this machine; purpose says what it tells it to do.',
  },
  'http.missing': {
    level: 'info',
    message: 'File asked by HTTP does not exist',
    explanation:
      'There is no such file in the boot tree and none is rendered under this name; the client was told so at once. Loaders try ' +
      'several names and go on. If a machine stops here, put the file into boot.tree, or import the image that reason speaks of.',
  },
  'http.refused': {
    level: 'warning',
    message: 'HTTP request refused',
    explanation:
      'reason says why: path-not-allowed (the name leads out of the tree), method (only GET and HEAD are for files), ' +
      'target-too-long, target-form and target-escape (the request line is malformed), too-many-connections (address says whose), ' +
      'too-slow (the body of a request stopped coming), tiny-chunks (it came in thousands of tiny pieces), not-accepted (the process may open no more files: raise LimitNOFILE), ' +
      'body-too-large and proxy-busy (the bounds on what is passed on).',
  },
  'http.aborted': {
    level: 'warning',
    message: 'HTTP download ended by the client',
    explanation:
      'The connection was closed before the file was sent; bytes says how far it came. Usually the machine was switched off, ran out ' +
      'of memory, or read only the beginning on purpose.',
  },
  'http.stalled': {
    level: 'warning',
    message: 'HTTP download stands still',
    explanation:
      'The connection is open, and for half a minute the machine has taken nothing of the file; bytes says how far it came, milliseconds ' +
      'for how long it has stood still. It may hang, have been switched off, or have lost its cable: see its screen. The rack waits two ' +
      'to four minutes, then ends the connection (http.timed-out).',
  },
  'http.timed-out': {
    level: 'warning',
    message: 'HTTP download ended by the rack: nobody took it',
    explanation:
      'For two to four minutes the machine took nothing of the file, so the rack closed the connection; bytes says how far it came. The ' +
      'machine was switched off, hangs, or lost its link. It may ask again by itself; if it does not, see its screen and start it anew.',
  },
  'http.failed': {
    level: 'error',
    message: 'File could not be read for HTTP',
    explanation:
      'The file exists and could not be opened or read to its end; reason holds the words of the operating system. Check the disk and ' +
      'the permissions of boot.tree. A file that is replaced while it is being sent must be renamed into place, not written over.',
  },
  'http.posted': {
    level: 'debug',
    message: 'Report passed on to the region',
    explanation:
      'A machine has sent something to the region through this rack; status is what the region answered, file the path and operation ' +
      'its op. From 400 on the region refused it: reason is the name of its refusal, said how its answer begins.',
  },
  'http.forwarded': {
    level: 'debug',
    message: 'Question passed on to the region',
    explanation:
      'A machine has read something from the region through this rack: its script, its metadata. status is what the region answered; from ' +
      '400 on reason is the name of its refusal, and said how its answer begins.',
  },
  'http.region-unreachable': {
    level: 'error',
    message: 'Region does not answer',
    explanation:
      'A request for /MAAS/ could not be passed on to the region and was answered with 503 or 504; machines try again. The rack goes on ' +
      'serving leases, names and boots of machines it knows. reason says what happened: see whether the region runs and listens there.',
  },
} as const satisfies Record<string, EventKind>;

export type HttpEventKind = keyof typeof HTTP_EVENTS;

/** An event of this room. */
export interface HttpEvent extends RackEvent {
  readonly kind: HttpEventKind;
  /** The path as asked, decoded, cut to FILE_CHARACTERS_MAX and clean. */
  readonly file?: string | undefined;
  readonly status?: number | undefined;
  /** Bytes of content that were handed to the operating system. */
  readonly bytes?: number | undefined;
  /** From the request to the end of the answer. */
  readonly milliseconds?: number | undefined;
  /** The region's operation (`op` of the query), where one is named. */
  readonly operation?: string | undefined;
  /** What rendered text tells the machine to do. */
  readonly purpose?: string | undefined;
  /** The local port (listening). */
  readonly port?: number | undefined;
  /** A stable word, or the words of the operating system. */
  readonly reason?: string | undefined;
  /** How the region's answer begins when it refuses something. */
  readonly said?: string | undefined;
}

/** The longest file name in an event. */
const FILE_CHARACTERS_MAX = 255;

/** What an event says of a path that was asked. */
export const toldFile = (path: string): string => cleanText(path, FILE_CHARACTERS_MAX);

/** What happened, each a counter that only grows. */
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

/** The counter of an answer with this status, 200 to 599; undefined for another. */
export const statusCounter = (status: number): HttpCounter | undefined => STATUS_COUNTERS[Math.floor(status / 100) - 2];
