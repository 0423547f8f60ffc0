// Counters: datagrams by type, events by kind, refusals by reason.

import type { WireFault } from '../net/byte-reader.ts';
import type { DhcpEventKind } from './events/events.ts';
import type { DhcpRefusal } from './events/refusals.ts';
import type { DhcpMessage } from './wire/message.ts';
import { MESSAGE_TYPE, OPTION, optionU8 } from './wire/options.ts';

type DhcpMessageName = keyof typeof MESSAGE_TYPE | 'other' | 'malformed';
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
export const MESSAGE_NAMES: readonly DhcpMessageName[] = [...NAMES_BY_TYPE.values(), 'other', 'malformed'];

/** Why a datagram is no message. */
export const FAULT_NAMES = [
  /** It ends before its options begin. */
  'too-short',
  'too-long',
  /** The length of the hardware address. */
  'hardware-length',
  /** It is not a request and lacks the magic cookie. */
  'cookie',
  /** An option runs past the end of its field. */
  'option',
  /** Option 52. */
  'overload',
] as const;
export type DhcpFault = (typeof FAULT_NAMES)[number];

/** Counters since start, and current numbers. */
export interface DhcpCounters {
  readonly messages: Readonly<Record<DhcpMessageName, number>>;
  readonly faults: Readonly<Record<DhcpFault, number>>;
  /** Without events of our own probes (`own-probes.ts`) and without withheld ones. */
  readonly events: Readonly<Record<DhcpEventKind, number>>;
  /** Messages without an answer or with a NAK, including withheld events. */
  readonly refusals: Readonly<Record<DhcpRefusal, number>>;
  /** Datagrams ignored during shutdown. */
  readonly ignored: number;
  /** Running or ended. */
  readonly leases: number;
  /** Held for clients that have not decided. */
  readonly offers: number;
  /** Replies waiting for the disk. */
  readonly waiting: number;
}

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

export function messageName(message: DhcpMessage): DhcpMessageName {
  const type = optionU8(message.options, OPTION.messageType);
  return (type === undefined ? undefined : NAMES_BY_TYPE.get(type)) ?? 'other';
}
