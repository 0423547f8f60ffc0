// The sentences of racks' events: for each kind, a function of the event's fields. The region and the rack's log write them.
//
// 1. A sentence begins with a capital letter, unless it begins with a name, and has no full stop at its end.

import type { RackEventParams, ReportedEvent } from '../../records/rack-event-params.ts';
import { DHCP_SENTENCES, lowerFirst } from './rack-dhcp.ts';
import { HTTP_SENTENCES, TFTP_SENTENCES } from './rack-files.ts';
import { DNS_SENTENCES, SERVICE_SENTENCES } from './rack-service.ts';
import type { Writers } from './table.ts';

/** By kind. */
export const RACK_EVENTS: Writers<RackEventParams> = {
  ...DHCP_SENTENCES,
  ...TFTP_SENTENCES,
  ...HTTP_SENTENCES,
  ...DNS_SENTENCES,
  ...SERVICE_SENTENCES,
};

/** The kinds with sentences about a client; the others are about a listener or a file. */
const ABOUT_CLIENT = /^(?:tftp|http)\.(?!listening$|failed$)/;

/**
 * Completes the sentence of a rack's event. Without a hardware address the event belongs to no machine, so the sentence itself names the
 * client's IP address. An event that stands for several similar ones gives their number.
 */
export function ofReport(sentence: string, { code, params: { mac, address, count, isAway } }: ReportedEvent): string {
  const isNamed = mac === undefined && address !== undefined && ABOUT_CLIENT.test(code);
  const named = isNamed ? `${address} ${lowerFirst(sentence)}` : sentence;
  // The sentences of boot policy events name the home themselves.
  const whole = isAway === true && !code.startsWith('boot.') ? `${named} (in another network than its home)` : named;
  return count === undefined || count < 2 ? whole : `${whole} (1 of ${count} similar events)`;
}
