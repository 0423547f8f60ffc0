// What the DHCP server counts: datagrams by what they were, events by kind, refusals by reason.

import type { WireFault } from '../net/byte-reader.ts';
import type { DhcpEventKind, DhcpRefusal } from './events.ts';
import type { DhcpMessage } from './wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionU8 } from './wire/options.ts';

/** What a datagram on the server's port was. */
export type DhcpMessageName = keyof typeof MESSAGE_TYPE | 'other' | 'malformed';
const NAMES_BY_TYPE: ReadonlyMap<number, DhcpMessageName> = new Map([
  [MESSAGE_TYPE.discover, 'discover'],
  [MESSAGE_TYPE.offer, 'offer'],
  [MESSAGE_TYPE.request, 'request'],
  [MESSAGE_TYPE.decline, 'decline'],
  [MESSAGE_TYPE.ack, 'ack'],
  [MESSAGE_TYPE.nak, 'nak'],
  [MESSAGE_TYPE.release, 'release'],
  [MESSAGE_TYPE.inform, 'inform'],
]);
/** Every name, for counting. */
export const MESSAGE_NAMES: readonly DhcpMessageName[] = [...NAMES_BY_TYPE.values(), 'other', 'malformed'];

/** Why a datagram is no message: the first thing that is wrong with it. */
export const FAULT_NAMES = [
  /** It ends before its options begin. */
  'too-short',
  'too-long',
  /** The length of the hardware address. */
  'hardware-length',
  /** It is no request and does not have the magic cookie. */
  'cookie',
  /** An option goes on behind the end of its field. */
  'option',
  /** Option 52. */
  'overload',
] as const;
export type DhcpFault = (typeof FAULT_NAMES)[number];

/** What was counted since the start, and how many there are now. */
export interface DhcpCounters {
  /** Datagrams that came, by what they were. */
  readonly messages: Readonly<Record<DhcpMessageName, number>>;
  /** Datagrams that were no message, by what was wrong with them. */
  readonly faults: Readonly<Record<DhcpFault, number>>;
  /** Events told, by kind; of refused and malformed messages only those that were not withheld. */
  readonly events: Readonly<Record<DhcpEventKind, number>>;
  /** Messages without an answer, or with a NAK, by reason; all of them. */
  readonly refusals: Readonly<Record<DhcpRefusal, number>>;
  /** Datagrams that were not looked at, because the server was ending. */
  readonly unheard: number;
  /** Addresses with a record, running or ended. */
  readonly leases: number;
  /** Addresses kept for clients that make up their mind. */
  readonly offers: number;
  /** Answers that wait for the disk. */
  readonly waiting: number;
}

/** What the first fault of a datagram is called. */
export function faultName({ code, field }: WireFault): DhcpFault {
  switch (code) {
    case 'too-long':
      return 'too-long';
    case 'bad-length':
      return 'hardware-length';
    case 'bad-value':
      return field === 'cookie' ? 'cookie' : 'overload';
    default:
      return field.startsWith('option') ? 'option' : 'too-short';
  }
}

/** What a message is called. */
export function messageName(message: DhcpMessage): DhcpMessageName {
  const type = optionU8(message.options, OPTION.messageType);
  return (type === undefined ? undefined : NAMES_BY_TYPE.get(type)) ?? 'other';
}
