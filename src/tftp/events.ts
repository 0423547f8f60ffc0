// The events of the TFTP room, for the log and the timeline, and its counters, for the metrics.
//
// 1. Kinds are stable strings.
// 2. Events that a single forged datagram can cause are sampled: `count` says how many occurrences an event represents.

import type { EventKind, RackEvent } from '../event.ts';

/** Why a request is refused. */
export type TftpRefusal =
  | 'path-not-allowed'
  | 'write'
  | 'mode'
  | 'netascii-too-large'
  | 'busy'
  | 'network-not-served'
  | 'blind';

/** Every kind of event of this room, for the operator. */
export const TFTP_EVENTS = {
  'tftp.listening': {
    level: 'info',
    message: 'TFTP listens',
    explanation: 'The TFTP server has opened this address. Nothing to do.',
  },
  'tftp.sent': {
    level: 'info',
    message: 'File sent by TFTP',
    explanation:
      'A machine has loaded this file and acknowledged its last block. If repeatedBlocks is above a few per cent of the file, the network loses ' +
      'packets. With blockBytes 512 and windowBlocks 1 a transfer is slow on any server; the loader chose these values.',
  },
  'tftp.probed': {
    level: 'debug',
    message: 'File size requested by TFTP',
    explanation:
      'A client asked for the size of the file and ended the transfer before the first block. UEFI firmware does so before each ' +
      'download. Nothing to do.',
  },
  'tftp.missing': {
    level: 'info',
    message: 'File requested by TFTP does not exist',
    explanation:
      'The boot tree has no such file, and none is rendered under this name; the server told the client so at once. Loaders try ' +
      'several names (pxelinux.cfg/…, revocations.efi, *.lst) and continue. If a machine stops here, put the file into boot.tree, or ' +
      'import the image that reason names.',
  },
  'tftp.refused': {
    level: 'warning',
    message: 'TFTP request refused',
    explanation:
      'reason says why: path-not-allowed (the name leads out of the tree), write (this server is read-only), mode (neither octet nor ' +
      'netascii), netascii-too-large (request octet mode), busy (too many transfers at once, in all or from this address; the client retries), ' +
      'blind (too many requests without options from this address, or its /24, were never acknowledged: another host probably sends them), ' +
      'network-not-served (the client is in no network of cluster_interfaces and was not answered; if it should load from here, add its ' +
      'network to tftp.allow: for instance a machine behind a router that gets its address from another DHCP server).',
  },
  'tftp.gave-way': {
    level: 'warning',
    message: 'TFTP transfer gave way to another',
    explanation:
      'All places for transfers, or all of one address, were taken, so the address with the most transfers lost one to a newcomer; its ' +
      'client retries. If bytes is above 0, that address had more transfers than its share: check what runs there. If bytes is 0 or absent, the ' +
      'client had never answered, and a host sends requests in great numbers, perhaps with forged addresses. Only a few such events are ' +
      'published; count says how many transfers each represents.',
  },
  'tftp.aborted': {
    level: 'warning',
    message: 'TFTP transfer ended by the client',
    explanation:
      'The client sent an error; code and reason are its own. Common causes: the client ran out of memory, its disk is full, or a person ' +
      'pressed a key.',
  },
  'tftp.timed-out': {
    level: 'warning',
    message: 'TFTP client stopped answering',
    explanation:
      'The client did not answer although the packet was sent several times. bytes says how far it came. Usually the machine was ' +
      'switched off or continued without the rest. If bytes is 0 every time, a firewall drops packets from ports above 1023, or ' +
      'blockBytes does not fit the path.',
  },
  'tftp.flooded': {
    level: 'warning',
    message: 'TFTP transfer ended because its client floods it',
    explanation:
      'The client sent far more packets than it received: it may send two for each of ours, five a second, and at least 64 besides. The ' +
      'transfer ended, so that the rest of the flood meets a closed port. Check what runs on this host: no loader does so. Only a few such ' +
      'events are published; count says how many transfers each represents.',
  },
  'tftp.unreachable': {
    level: 'info',
    message: 'TFTP client is not listening',
    explanation:
      "The client's host reported by ICMP that its port is closed, so the transfer ended at once. If bytes is above 0, the client went away " +
      'during the transfer. Otherwise it never asked: another host sent the request with its address.',
  },
  'tftp.restarted': {
    level: 'info',
    message: 'TFTP transfer restarted by the client',
    explanation:
      'The client sent another request from the same port before the earlier transfer was over, and acknowledged the new transfer. ' +
      'That ended the earlier one.',
  },
  'tftp.failed': {
    level: 'error',
    message: 'File could not be read for TFTP',
    explanation:
      "The file exists but could not be opened or read to its end; reason is the operating system's text. Check the disk and the " +
      'permissions of boot.tree. To replace a file that may be in use, rename a new file into place; do not overwrite it.',
  },
  'tftp.malformed': {
    level: 'debug',
    message: 'Datagram is not a TFTP request',
    explanation: 'A datagram to the TFTP port was not a TFTP request and was ignored: a scanner, or another program.',
  },
} as const satisfies Record<string, EventKind>;

export type TftpEventKind = keyof typeof TFTP_EVENTS;

/** An event of this room. */
export interface TftpEvent extends RackEvent {
  readonly kind: TftpEventKind;
  /** The requested path, cleaned and cut to FILE_CHARACTERS_MAX. */
  readonly file?: string | undefined;
  /** The client's port, or the local one (listening). */
  readonly port?: number | undefined;
  /** Payload that the client acknowledged. */
  readonly bytes?: number | undefined;
  /** From the request to the end. */
  readonly milliseconds?: number | undefined;
  /** The payload of each block but the last. */
  readonly blockBytes?: number | undefined;
  /** How many blocks are sent before the client must acknowledge them. */
  readonly windowBlocks?: number | undefined;
  /** Blocks that were sent more than once. */
  readonly repeatedBlocks?: number | undefined;
  /** The purpose of rendered text: what it tells the machine to do. */
  readonly purpose?: string | undefined;
  /** The client's error code. */
  readonly code?: number | undefined;
  /** A stable word, or the cleaned text of the operating system or the client. */
  readonly reason?: string | undefined;
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
