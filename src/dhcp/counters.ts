// What the DHCP server counts: datagrams by what they were, events by kind, refusals by reason.

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

/** What was counted since the start, and how many there are now. */
export interface DhcpCounters {
  /** Datagrams that came, by what they were. */
  readonly messages: Readonly<Record<DhcpMessageName, number>>;
  /** Events told, by kind; of refused and malformed messages only those that were not withheld. */
  readonly events: Readonly<Record<DhcpEventKind, number>>;
  /** Messages without an answer, or with a NAK, by reason; all of them. */
  readonly refusals: Readonly<Record<DhcpRefusal, number>>;
  /** Addresses with a record, running or ended. */
  readonly leases: number;
  /** Addresses kept for clients that make up their mind. */
  readonly offers: number;
  /** Answers that wait for the disk. */
  readonly waiting: number;
}

/** What a message is called. */
export function messageName(message: DhcpMessage): DhcpMessageName {
  const type = optionU8(message.options, OPTION.messageType);
  return (type === undefined ? undefined : NAMES_BY_TYPE.get(type)) ?? 'other';
}
