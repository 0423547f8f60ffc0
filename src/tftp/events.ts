// What the TFTP room tells: to operators through the log and the timeline, to the metrics through counters.
//
// 1. Kinds are stable strings.
// 2. What a single forged datagram can cause is sampled: `count` says how many happenings the event stands for.

import type { EventKind, RackEvent } from '../event.ts';

/** Why a request is refused, in a sentence with the remedy where there is one. */
export const TFTP_REFUSALS = {
  'path-not-allowed': 'The name leads out of the boot tree, is too long, or holds a control character.',
  write: 'This server is read-only.',
  mode: 'The transfer mode is neither octet nor netascii.',
  'netascii-too-large': 'The file is too large to be translated; the client must ask in octet mode.',
  busy: 'The bound on transfers at a time is reached, of all or of this address; the client tries again by itself.',
  'network-not-served': 'The client is in no network of cluster_interfaces, and in none of tftp.allow.',
} as const;

/** Every kind of event of this room, for the operator. */
export const TFTP_EVENTS = {
  'tftp.listening': {
    level: 'info',
    message: 'TFTP listens',
    explanation: 'The TFTP server has opened this address. Nothing needs to be done.',
  },
  'tftp.sent': {
    level: 'info',
    message: 'File sent by TFTP',
    explanation:
      'A machine has loaded this file and acknowledged its last block. repeatedBlocks above a few per cent of the file means that ' +
      'packets are lost on the way; blockBytes of 512 with windowBlocks of 1 is what the loader asked for and is slow on any server.',
  },
  'tftp.probed': {
    level: 'debug',
    message: 'File size asked by TFTP',
    explanation:
      'A client asked how large the file is and ended the transfer before the first block. UEFI firmware does so before each ' +
      'download. Nothing needs to be done.',
  },
  'tftp.missing': {
    level: 'info',
    message: 'File asked by TFTP does not exist',
    explanation:
      'There is no such file in the boot tree and none is rendered under this name; the client was told so at once. Loaders try ' +
      'several names (pxelinux.cfg/…, revocations.efi, *.lst) and go on. If a machine stops here, put the file into boot.tree, or ' +
      'import the image that reason speaks of.',
  },
  'tftp.refused': {
    level: 'warning',
    message: 'TFTP request refused',
    explanation:
      'reason says why: path-not-allowed (the name leads out of the tree), write (this server is read-only), mode (neither octet nor ' +
      'netascii), netascii-too-large (ask in octet mode), busy (the bound on transfers at a time is reached, of all or of this address; the client tries again), ' +
      'network-not-served (the client is in no network of cluster_interfaces, and was not answered; add its network to tftp.allow if ' +
      'it should load from here: a machine behind a router whose addresses another DHCP server gives).',
  },
  'tftp.gave-way': {
    level: 'warning',
    message: 'TFTP transfer gave way to another',
    explanation:
      'All places for transfers, or all of one address, were taken, so one of the address that held the most gave way to a newcomer; its ' +
      'client asks again. With bytes, that address had more transfers than its share: look what runs there. Without, the client had never answered, and ' +
      'somebody sends requests in great numbers, perhaps in the name of others. At most a few such events are published; count ' +
      'says how many transfers each stands for.',
  },
  'tftp.aborted': {
    level: 'warning',
    message: 'TFTP transfer ended by the client',
    explanation:
      'The client sent an error; code and reason are its own words. Out of memory and a full disk show here, and so does a person who ' +
      'pressed a key.',
  },
  'tftp.timed-out': {
    level: 'warning',
    message: 'TFTP client stopped answering',
    explanation:
      'Nothing was heard from the client although the packet was sent several times. bytes says how far it came. Usually the machine ' +
      'was switched off or has gone on with what it had; if it happens with bytes 0 again and again, a firewall drops packets ' +
      'from ports above 1023, or blockBytes does not fit the path.',
  },
  'tftp.unreachable': {
    level: 'info',
    message: 'TFTP client does not listen any more',
    explanation:
      "The client's host answered that nobody takes the file there (ICMP), so the transfer ended at once. With bytes, the client went away " +
      'while it loaded. Without, it never asked: somebody sent the request in its name.',
  },
  'tftp.restarted': {
    level: 'info',
    message: 'TFTP transfer started again by the client',
    explanation:
      'The client sent another request from the same port before the former transfer was over, and acknowledged what it was sent for it. ' +
      'The former transfer ended with that.',
  },
  'tftp.failed': {
    level: 'error',
    message: 'File could not be read for TFTP',
    explanation:
      'The file exists and could not be opened or read to its end; reason holds the words of the operating system. Check the disk and the ' +
      'permissions of boot.tree. A file that is replaced while it is being sent must be renamed into place, not written over.',
  },
  'tftp.malformed': {
    level: 'debug',
    message: 'Datagram is not a TFTP request',
    explanation:
      'Something else than a TFTP request was sent to the TFTP port and was ignored: a scanner, or another program.',
  },
} as const satisfies Record<string, EventKind>;

export type TftpEventKind = keyof typeof TFTP_EVENTS;

/** An event of this room. */
export interface TftpEvent extends RackEvent {
  readonly kind: TftpEventKind;
  /** The path as asked, cut to FILE_CHARACTERS_MAX and clean. */
  readonly file?: string | undefined;
  /** The client's port, or the local one (listening). */
  readonly port?: number | undefined;
  /** Payload that the client acknowledged. */
  readonly bytes?: number | undefined;
  /** From the request to the end. */
  readonly milliseconds?: number | undefined;
  readonly blockBytes?: number | undefined;
  readonly windowBlocks?: number | undefined;
  /** Blocks that were sent more than once. */
  readonly repeatedBlocks?: number | undefined;
  /** What rendered text tells the machine to do. */
  readonly purpose?: string | undefined;
  /** The client's error code. */
  readonly code?: number | undefined;
  /** A stable word, or the words of the operating system, or those of the client, clean. */
  readonly reason?: string | undefined;
}

/** The longest file name in an event. */
export const FILE_CHARACTERS_MAX = 255;

/** What happened, each a counter that only grows. */
export const TFTP_COUNTERS = [
  'requests',
  'requests-repeated',
  'sent',
  'probed',
  'missing',
  'refused-path',
  'refused-write',
  'refused-mode',
  'refused-busy',
  'refused-network',
  'gave-way',
  'aborted',
  'timed-out',
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
