// The events of the TFTP room, for the log and the timeline, and its counters, for the metrics.
//
// 1. Kinds are stable strings.
// 2. Events that a single forged datagram can cause are sampled: `count` says how many occurrences
//    an event represents.

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
import { counted } from '../ground/counted.ts';
import { type CommonParams, eventsWith, type Forms, type ParamsOf, type RackEvent } from '../ground/event.ts';
import type { TftpPacket } from './packet.ts';

/** Why a request is refused. */
type TftpRefusal =
  | 'path-not-allowed'
  | 'write'
  | 'mode'
  | 'option'
  | 'netascii-too-large'
  | 'busy'
  | 'network-not-served'
  | 'blind';

export const TFTP_REASONS: Readonly<Record<TftpRefusal, string>> = {
  'path-not-allowed': 'The name leads out of the boot tree, is too long, or holds a control character.',
  write: 'This server is read-only.',
  mode: 'The transfer mode is neither octet nor netascii.',
  option: 'blksize, timeout or windowsize is outside the range that its RFC allows.',
  'netascii-too-large': 'The file is too large for netascii; the client must request it in octet mode.',
  busy: 'Too many transfers at once, in all or from this address; the client retries.',
  'network-not-served': 'The client is in no network of cluster_interfaces or tftp.allow.',
  blind:
    'Too many requests without options from this address were never acknowledged; it may be forged. The client retries.',
};

/** The fields of this room's events. */
const FIELDS = {
  /** The requested path, cleaned and cut to FILE_CHARACTERS_MAX. */
  file: 'text?',
  /** The client's port, or the local one (listening). */
  port: 'number?',
  /** Payload that the client acknowledged. */
  bytes: 'number?',
  /** From the request to the end. */
  milliseconds: 'number?',
  /** The payload of each block but the last. */
  blockBytes: 'number?',
  /** How many blocks are sent before the client must acknowledge them. */
  windowBlocks: 'number?',
  /** Blocks that were sent more than once. */
  repeatedBlocks: 'number?',
  /** The purpose of rendered text: what it tells the machine to do; none if it is another machine's. */
  purpose: 'text?',
  /** How long rendered text shows a menu before that, in seconds; none without a menu. */
  menuSeconds: 'number?',
  /** The client's error code. */
  code: 'number?',
  /** A stable word, or the cleaned text of the operating system or the client. */
  reason: 'text?',
  /** What the boot tree has in the place of the file. */
  found: 'text?',
} as const satisfies Forms;
type Params = CommonParams & ParamsOf<typeof FIELDS>;
const event = eventsWith(FIELDS);

const TERMS = ['blockBytes', 'windowBlocks', 'repeatedBlocks'] as const;
const reasonText = createReasonLookup(TFTP_REASONS, FILE_REASONS);

function transferOptionsText({ blockBytes, windowBlocks, repeatedBlocks }: Params): string {
  if (blockBytes === undefined) return '';
  const windows = windowBlocks === undefined || windowBlocks < 2 ? '' : ` in windows of ${windowBlocks}`;
  const repeated =
    repeatedBlocks === undefined || repeatedBlocks === 0 ? '' : `, ${counted(repeatedBlocks, 'block')} sent again`;
  return `blocks of ${blockBytes}${windows}${repeated}`;
}

/** Packets that are not requests, by their kind (`tftp/packet.ts`). */
const PACKETS: ReadonlySet<string> = new Set<TftpPacket['kind']>(['read', 'write', 'data', 'ack', 'error', 'options']);

/** The client's TFTP error; empty if it sent none. */
function tftpErrorText({ code, reason }: Params): string {
  const words = reason === undefined || reason === '' ? '' : `"${reason}"`;
  return code === undefined ? words : `error ${code} ${words}`.trim();
}

/** Every kind of event of this room, for the operator. */
export const TFTP_EVENTS = {
  'tftp.listening': event({
    level: 'info',
    message: 'TFTP listens',
    fields: ['port'],
    text: (event) => `TFTP listens on ${listenerText(event)}`,
    explanation: 'The TFTP server has opened this address. Nothing to do.',
  }),
  'tftp.sent': event({
    level: 'info',
    message: 'File sent by TFTP',
    fields: ['file', 'purpose', 'menuSeconds', 'bytes', 'milliseconds', ...TERMS],
    text: (event) =>
      event.purpose === undefined
        ? `Loaded ${fileText(event)} by TFTP${detailsText(speedText(event), transferOptionsText(event))}`
        : configuredText(event.purpose, event.menuSeconds),
    explanation:
      'A machine has loaded this file and acknowledged its last block. If repeatedBlocks is above a few per cent of the file, the network loses ' +
      'packets. With blockBytes 512 and windowBlocks 1 a transfer is slow on any server; the loader chose these values.',
  }),
  'tftp.probed': event({
    level: 'debug',
    message: 'File size requested by TFTP',
    fields: ['file'],
    text: (event) => `Asked for the size of ${fileText(event)} by TFTP`,
    explanation:
      'A client asked for the size of the file and ended the transfer before the first block. UEFI firmware does so before each ' +
      'download. Nothing to do.',
  }),
  'tftp.missing': event({
    level: 'info',
    message: 'File requested by TFTP does not exist',
    fields: ['file', 'reason', 'found'],
    text: (event) => `Requested ${fileText(event)} by TFTP: ${reasonText(event.reason)}${foundText(event)}`,
    explanation:
      'The boot tree has no such file, and none is rendered under this name; the server told the client so at once. Loaders try ' +
      'several names (pxelinux.cfg/…, revocations.efi, *.lst) and continue. If a machine stops here, put the file into boot.tree, or ' +
      'import the image that reason names.',
  }),
  'tftp.refused': event({
    level: 'warning',
    message: 'TFTP request refused',
    fields: ['file', 'reason'],
    text: (event) => `Requested ${fileText(event)} by TFTP, which was refused: ${reasonText(event.reason)}`,
    explanation:
      'reason says why: path-not-allowed (the name leads out of the tree), write (this server is read-only), mode (neither octet nor ' +
      'netascii), option (blksize, timeout or windowsize is outside its range), netascii-too-large (request octet mode), busy (too many transfers at once, in all or from this address; the client retries), ' +
      'blind (too many requests without options from this address, or its /24, were never acknowledged: another host probably sends them), ' +
      'network-not-served (the client is in no network of cluster_interfaces and was not answered; if it should load from here, add its ' +
      'network to tftp.allow: for instance a machine behind a router that gets its address from another DHCP server).',
  }),
  'tftp.gave-way': event({
    level: 'warning',
    message: 'TFTP transfer gave way to another',
    fields: ['file', 'bytes'],
    text: (event) =>
      `Gave way to another client while loading ${fileText(event)} by TFTP, after ${loadedSizeText(event)}`,
    explanation:
      'All places for transfers, or all of one address, were taken, so the address with the most transfers lost one to a newcomer; its ' +
      'client retries. If bytes is above 0, that address had more transfers than its share: check what runs there. If bytes is 0 or absent, the ' +
      'client had never answered, and a host sends requests in great numbers, perhaps with forged addresses. Only a few such events are ' +
      'published; count says how many transfers each represents.',
  }),
  'tftp.aborted': event({
    level: 'warning',
    message: 'TFTP transfer ended by the client',
    fields: ['file', 'bytes', 'code', 'reason'],
    text: (event) =>
      `Aborted the transfer of ${fileText(event)} after ${loadedSizeText(event)}${detailsText(tftpErrorText(event))}`,
    explanation:
      'The client sent an error; code and reason are its own. Common causes: the client ran out of memory, its disk is full, or a person ' +
      'pressed a key.',
  }),
  'tftp.timed-out': event({
    level: 'warning',
    message: 'TFTP client stopped answering',
    fields: ['file', 'bytes', ...TERMS],
    text: (event) =>
      `Stopped answering while loading ${fileText(event)} by TFTP, after ${loadedSizeText(event)}${detailsText(transferOptionsText(event))}`,
    explanation:
      'The client did not answer although the packet was sent several times. bytes says how far it came. Usually the machine was ' +
      'switched off or continued without the rest. If bytes is 0 every time, a firewall drops packets from ports above 1023, or ' +
      'blockBytes does not fit the path.',
  }),
  'tftp.flooded': event({
    level: 'warning',
    message: 'TFTP transfer ended because its client floods it',
    fields: ['file', 'bytes'],
    text: (event) =>
      `Sent far more packets than it received while loading ${fileText(event)} by TFTP, after ${loadedSizeText(event)}`,
    explanation:
      'The client sent far more packets than it received: it may send two for each of ours, five a second, and at least 64 besides. The ' +
      'transfer ended, so that the rest of the flood meets a closed port. Check what runs on this host: no loader does so. Only a few such ' +
      'events are published; count says how many transfers each represents.',
  }),
  'tftp.unreachable': event({
    level: 'info',
    message: 'TFTP client is not listening',
    fields: ['file', 'bytes'],
    text: (event) => `Closed its port while loading ${fileText(event)} by TFTP, after ${loadedSizeText(event)}`,
    explanation:
      "The client's host reported by ICMP that its port is closed, so the transfer ended at once. If bytes is above 0, the client went away " +
      'during the transfer. Otherwise it never asked: another host sent the request with its address.',
  }),
  'tftp.restarted': event({
    level: 'info',
    message: 'TFTP transfer restarted by the client',
    fields: ['file', 'bytes'],
    text: (event) => `Restarted the transfer of ${fileText(event)} after ${loadedSizeText(event)}`,
    explanation:
      'The client sent another request from the same port before the earlier transfer was over, and acknowledged the new transfer. ' +
      'That ended the earlier one.',
  }),
  'tftp.failed': event({
    level: 'error',
    message: 'File could not be read for TFTP',
    fields: ['file', 'reason'],
    text: (event) => `${fileText(event)} could not be read for TFTP: ${event.reason ?? 'unknown'}; check the disk`,
    explanation:
      "The file exists but could not be opened or read to its end; reason is the operating system's text. Check the disk and the " +
      'permissions of boot.tree. To replace a file that may be in use, rename a new file into place; do not overwrite it.',
  }),
  'tftp.interrupted': event({
    level: 'error',
    message: 'Thread of the TFTP transfers ended',
    fields: ['reason'],
    text: (event) => `The thread that carries TFTP transfers ended: ${event.reason ?? 'unknown'}; it starts again`,
    explanation:
      'A fault in Rackboot ended the thread that carries all TFTP transfers, and each of them with a tftp.failed; their clients ask again. The ' +
      'next request starts the thread again; DHCP, DNS and HTTP go on. Report it with reason.',
  }),
  'tftp.malformed': event({
    level: 'debug',
    message: 'Datagram is not a TFTP request',
    fields: ['reason'],
    text: ({ reason = 'unknown' }) =>
      `Sent an invalid request to the TFTP port: ${PACKETS.has(reason) ? `${reason} packet` : reason}`,
    explanation: 'A datagram to the TFTP port was not a TFTP request and was ignored: a scanner, or another program.',
  }),
};

export type TftpEventKind = keyof typeof TFTP_EVENTS;

/** An event of this room. */
export interface TftpEvent extends RackEvent, ParamsOf<typeof FIELDS> {
  readonly kind: TftpEventKind;
}

/** The longest file name in an event. */
export const FILE_CHARACTERS_MAX = 255;

/** Counters by what happened; each only grows. */
export const TFTP_COUNTERS = [
  'requests',
  'requests-repeated',
  'sent',
  'probed',
  'missing',
  'refused-path',
  'refused-write',
  'refused-mode',
  'refused-option',
  'refused-busy',
  'refused-network',
  'refused-blind',
  'gave-way',
  'aborted',
  'timed-out',
  'flooded',
  'unreachable',
  'restarted',
  'failed',
  'malformed',
  'strays',
  'send-errors',
  'blocks',
  'blocks-repeated',
  'bytes',
] as const;

export type TftpCounter = (typeof TFTP_COUNTERS)[number];
